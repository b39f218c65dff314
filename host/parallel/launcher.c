/* Reads the variables by which launchers tell a process its rank. README.md has the table. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/ranks.h"

enum { FIRST_PORT = 20000, NUM_PORTS = 20000, STEP_PORTS = 7919, MAX_PORT = 65535 };

/* The value of a variable. An empty one counts as not set. */
static const char *get(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static lyrnn_status get_number(const char *name, long least, long most, long *number)
{
    const char *value = get(name);
    if (value == NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: is not set, and the other variables of its "
                          "launcher are; set it to a number from %ld to %ld",
                          name, least, most);
    char *end;
    errno = 0;
    *number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || *number < least || *number > most)
        return lyrnn_fail(LYRNN_ERR_USAGE, "%s: is %s; set it to a number from %ld to %ld", name,
                          value, least, most);
    return LYRNN_OK;
}

static lyrnn_status get_rank(const char *rank_name, const char *size_name, lyrnn_ranks *ranks)
{
    long rank, size;
    LYRNN_TRY(get_number(size_name, 1, LYRNN_RANKS_MAX, &size));
    LYRNN_TRY(get_number(rank_name, 0, size - 1, &rank));
    ranks->rank = (int)rank;
    ranks->size = (int)size;
    return LYRNN_OK;
}

static lyrnn_status get_address(const char *name, lyrnn_ranks *ranks)
{
    const char *value = get(name);
    if (value == NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: is not set; set it to a name or an IP address of the host of rank 0",
                          name);
    if (strlen(value) >= sizeof ranks->address)
        return lyrnn_fail(LYRNN_ERR_USAGE, "%s: is longer than %zu bytes; use an IP address", name,
                          sizeof ranks->address - 1);
    snprintf(ranks->address, sizeof ranks->address, "%s", value);
    return LYRNN_OK;
}

static lyrnn_status get_port(const char *name, int offset, lyrnn_ranks *ranks)
{
    long port;
    LYRNN_TRY(get_number(name, 1, MAX_PORT - offset, &port));
    ranks->port = (int)port + offset;
    return LYRNN_OK;
}

static lyrnn_status get_token(lyrnn_ranks *ranks)
{
    const char *value = get("LYRNN_TOKEN");
    if (value == NULL)
        return LYRNN_OK;
    if (strlen(value) >= sizeof ranks->token)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "LYRNN_TOKEN: is longer than %zu bytes; use a shorter "
                          "random text",
                          sizeof ranks->token - 1);
    snprintf(ranks->token, sizeof ranks->token, "%s", value);
    return LYRNN_OK;
}

static lyrnn_status detect_lyrnn(lyrnn_ranks *ranks)
{
    long listener;
    LYRNN_TRY(get_rank("LYRNN_RANK", "LYRNN_SIZE", ranks));
    if (ranks->size == 1)
        return LYRNN_OK;
    LYRNN_TRY(get_address("LYRNN_ADDRESS", ranks));
    LYRNN_TRY(get_port("LYRNN_PORT", 0, ranks));
    if (ranks->rank != 0 || get("LYRNN_LISTENER") == NULL)
        return LYRNN_OK;
    LYRNN_TRY(get_number("LYRNN_LISTENER", 3, INT_MAX, &listener));
    ranks->listener = (int)listener;
    return LYRNN_OK;
}

/* Whether a launcher says that only a part of the ranks is on this host. */
static bool has_other_hosts(const char *local_size_name, const char *size_name)
{
    const char *local_size = get(local_size_name);
    return local_size != NULL && strcmp(local_size, get(size_name)) != 0;
}

/* torchrun's own store listens at MASTER_PORT, so rank 0 takes the next one. */
static lyrnn_status detect_torchrun(lyrnn_ranks *ranks)
{
    LYRNN_TRY(get_rank("RANK", "WORLD_SIZE", ranks));
    if (ranks->size == 1)
        return LYRNN_OK;
    /* The count of restarts is no part of the token: a host that joins later counts fewer. */
    const char *run = get("TORCHELASTIC_RUN_ID");
    if (run != NULL)
        snprintf(ranks->token, sizeof ranks->token, "%.64s", run);
    ranks->has_other_hosts = has_other_hosts("LOCAL_WORLD_SIZE", "WORLD_SIZE");
    LYRNN_TRY(get_address("MASTER_ADDR", ranks));
    return get_port("MASTER_PORT", 1, ranks);
}

/* Writes the first host of a list such as "gpu[03-07,9],login" (Slurm's scontrol show hostnames
 * expands the whole). Returns false if it cannot be read. */
static bool first_host(const char *list, char *host, size_t size)
{
    size_t at = 0;
    for (const char *c = list; *c != '\0' && *c != ','; c++) {
        if (*c == '[') {
            size_t digits = strspn(c + 1, "0123456789");
            const char *end = strchr(c, ']');
            if (digits == 0 || end == NULL || at + digits >= size)
                return false;
            memcpy(host + at, c + 1, digits);
            at += digits;
            c = end;
        } else {
            if (at + 1 >= size || *c == ']')
                return false;
            host[at++] = *c;
        }
    }
    host[at] = '\0';
    return at > 0;
}

static lyrnn_status find_slurm_address(lyrnn_ranks *ranks)
{
    static const char *const lists[] = {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST",
                                        "SLURM_NODELIST"};
    const char *num_hosts = get("SLURM_STEP_NUM_NODES");
    ranks->has_other_hosts = num_hosts != NULL && strcmp(num_hosts, "1") != 0;
    if (get("MASTER_ADDR") != NULL)
        return get_address("MASTER_ADDR", ranks);
    if (num_hosts != NULL && !ranks->has_other_hosts) {
        snprintf(ranks->address, sizeof ranks->address, "127.0.0.1");
        return LYRNN_OK;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *list = get(lists[i]);
        if (list == NULL)
            continue;
        if (first_host(list, ranks->address, sizeof ranks->address))
            return LYRNN_OK;
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: is %s, which is no list of hosts; set MASTER_ADDR to the host of "
                          "rank 0",
                          lists[i], list);
    }
    return get_address(get("SLURM_LAUNCH_NODE_IPADDR") != NULL ? "SLURM_LAUNCH_NODE_IPADDR"
                                                               : "MASTER_ADDR",
                       ranks);
}

/* Steps of one job may run at the same time, so each has a port of its own. */
static lyrnn_status find_slurm_port(lyrnn_ranks *ranks)
{
    long job, step;
    LYRNN_TRY(get_number("SLURM_JOB_ID", 0, LONG_MAX, &job));
    LYRNN_TRY(get_number("SLURM_STEP_ID", 0, UINT_MAX, &step));
    if (ranks->token[0] == '\0')
        snprintf(ranks->token, sizeof ranks->token, "%ld.%ld", job, step);
    if (get("MASTER_PORT") != NULL)
        return get_port("MASTER_PORT", 0, ranks);
    ranks->port = FIRST_PORT + (int)((job % NUM_PORTS + step * STEP_PORTS) % NUM_PORTS);
    return LYRNN_OK;
}

/* srun's processes form a step. The script of sbatch has SLURM_PROCID and SLURM_NTASKS too, but no
 * step, and is no rank. */
static lyrnn_status detect_srun(lyrnn_ranks *ranks)
{
    LYRNN_TRY(get_rank("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", ranks));
    if (ranks->size == 1)
        return LYRNN_OK;
    LYRNN_TRY(find_slurm_address(ranks));
    return find_slurm_port(ranks);
}

/* A number from 0 to NUM_PORTS - 1 that the processes of one mpirun share (the hash FNV-1a). */
static int hash_text(const char *text)
{
    unsigned hash = 2166136261u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return (int)(hash % NUM_PORTS);
}

static lyrnn_status detect_mpirun(const char *rank_name, const char *size_name,
                                  const char *local_size_name, lyrnn_ranks *ranks)
{
    LYRNN_TRY(get_rank(rank_name, size_name, ranks));
    if (ranks->size == 1)
        return LYRNN_OK;
    ranks->has_mpi = true;
    ranks->has_other_hosts = has_other_hosts(local_size_name, size_name);
    const char *run = get("PMIX_NAMESPACE");
    if (get("MASTER_ADDR") != NULL)
        LYRNN_TRY(get_address("MASTER_ADDR", ranks));
    else if (get(local_size_name) != NULL && !ranks->has_other_hosts)
        snprintf(ranks->address, sizeof ranks->address, "127.0.0.1");
    if (run != NULL)
        snprintf(ranks->token, sizeof ranks->token, "%.64s", run);
    if (get("MASTER_PORT") != NULL)
        return get_port("MASTER_PORT", 0, ranks);
    if (run != NULL)
        ranks->port = FIRST_PORT + hash_text(run);
    return LYRNN_OK;
}

typedef struct {
    const char *name;
    const char *variables[2]; /* the launcher is there if both are set */
} launcher;

enum { LYRNN, LYRNN_HALF, TORCHRUN, OPEN_MPI, HYDRA, SRUN, PMI, NUM_LAUNCHERS };

/* The first that is there counts. In a Slurm job, mpirun starts one process per host by srun, which
 * starts the ranks, so that these have variables of both. Hydra is the mpirun of MPICH and of Intel
 * MPI. srun --mpi=pmi2 sets PMI_RANK and PMI_SIZE too, but not MPI_LOCALNRANKS. */
static const launcher launchers[NUM_LAUNCHERS] = {
    [LYRNN] = {"lyrnn", {"LYRNN_SIZE", "LYRNN_SIZE"}},
    [LYRNN_HALF] = {"lyrnn", {"LYRNN_RANK", "LYRNN_RANK"}},
    [TORCHRUN] = {"torchrun", {"RANK", "WORLD_SIZE"}},
    [OPEN_MPI] = {"mpirun", {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}},
    [HYDRA] = {"mpirun", {"PMI_RANK", "MPI_LOCALNRANKS"}},
    [SRUN] = {"srun", {"SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS"}},
    [PMI] = {"mpirun", {"PMI_RANK", "PMI_SIZE"}},
};

static int find_launcher(void)
{
    for (int i = 0; i < NUM_LAUNCHERS; i++) {
        if (get(launchers[i].variables[0]) != NULL && get(launchers[i].variables[1]) != NULL)
            return i;
    }
    return NUM_LAUNCHERS;
}

static lyrnn_status detect(int kind, lyrnn_ranks *ranks)
{
    switch (kind) {
    case LYRNN:
    case LYRNN_HALF:
        return detect_lyrnn(ranks);
    case TORCHRUN:
        return detect_torchrun(ranks);
    case OPEN_MPI:
        return detect_mpirun("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                             "OMPI_COMM_WORLD_LOCAL_SIZE", ranks);
    case SRUN:
        return detect_srun(ranks);
    default:
        return detect_mpirun("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", ranks);
    }
}

lyrnn_status lyrnn_ranks_detect(lyrnn_ranks *ranks)
{
    int kind = find_launcher();
    *ranks = (lyrnn_ranks){.size = 1, .listener = -1};
    if (kind == NUM_LAUNCHERS)
        return LYRNN_OK;
    ranks->launcher = launchers[kind].name;
    LYRNN_TRY(detect(kind, ranks));
    return get_token(ranks);
}
