/* lyrnn_ranks_detect finds the rank in the variables of each launcher, and names the variable that
 * is wrong or missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/ranks.h"

enum { MAX_VARIABLES = 20 };

typedef struct {
    const char *variables[MAX_VARIABLES]; /* "NAME=VALUE" */
    int rank, size;
    const char *launcher; /* NULL: none */
    const char *address;
    int port, listener;
    const char *token;
    bool has_mpi;
} launch;

#define SRUN "SLURM_PROCID=3", "SLURM_STEP_NUM_TASKS=8", "SLURM_JOB_ID=4711", "SLURM_STEP_ID=0"
#define TORCH                                                                                      \
    "RANK=1", "WORLD_SIZE=4", "MASTER_ADDR=node1", "MASTER_PORT=29500",                            \
        "TORCHELASTIC_RUN_ID=none", "TORCHELASTIC_RESTART_COUNT=2"
#define OPEN_MPI "OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=2"
#define OWN                                                                                        \
    "LYRNN_RANK=0", "LYRNN_SIZE=2", "LYRNN_ADDRESS=127.0.0.1", "LYRNN_PORT=4000", "LYRNN_TOKEN=t"

static const launch launches[] = {
    {{NULL}, 0, 1, NULL, "", 0, -1, "", false},
    {{OWN, "LYRNN_LISTENER=7"}, 0, 2, "lyrnn", "127.0.0.1", 4000, 7, "t", false},
    {{OWN, TORCH, SRUN, OPEN_MPI}, 0, 2, "lyrnn", "127.0.0.1", 4000, -1, "t", false},
    /* Only rank 0 inherits the listener. */
    {{"LYRNN_RANK=1", "LYRNN_SIZE=2", "LYRNN_ADDRESS=::1", "LYRNN_PORT=4000", "LYRNN_LISTENER=7"},
     1,
     2,
     "lyrnn",
     "::1",
     4000,
     -1,
     "",
     false},
    {{"LYRNN_RANK=0", "LYRNN_SIZE=1"}, 0, 1, "lyrnn", "", 0, -1, "", false},
    /* A token without a rank is for the other launchers. */
    {{"LYRNN_TOKEN=t"}, 0, 1, NULL, "", 0, -1, "", false},
    {{TORCH}, 1, 4, "torchrun", "node1", 29501, -1, "none", false},
    {{TORCH, "LYRNN_TOKEN=secret"}, 1, 4, "torchrun", "node1", 29501, -1, "secret", false},
    {{TORCH, SRUN, OPEN_MPI}, 1, 4, "torchrun", "node1", 29501, -1, "none", false},
    {{"RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=a", "MASTER_PORT=1"},
     0,
     2,
     "torchrun",
     "a",
     2,
     -1,
     "",
     false},
    {{"RANK=0", "WORLD_SIZE=1"}, 0, 1, "torchrun", "", 0, -1, "", false},
    /* People set these for programs of their own. */
    {{"RANK=5"}, 0, 1, NULL, "", 0, -1, "", false},
    {{"WORLD_SIZE=8", "MASTER_ADDR=node1", "MASTER_PORT=29500"}, 0, 1, NULL, "", 0, -1, "", false},
    {{SRUN, "SLURM_STEP_NODELIST=gpu[03-07,9]", "SLURM_LAUNCH_NODE_IPADDR=10.0.0.1"},
     3,
     8,
     "srun",
     "gpu03",
     24711,
     -1,
     "4711.0",
     false},
    {{SRUN, "SLURM_STEP_NODELIST=login,gpu[03-07,9]"},
     3,
     8,
     "srun",
     "login",
     24711,
     -1,
     "4711.0",
     false},
    {{SRUN, "SLURM_JOB_NODELIST=rack[1-2]n[07-08].site"},
     3,
     8,
     "srun",
     "rack1n07.site",
     24711,
     -1,
     "4711.0",
     false},
    {{SRUN, "SLURM_LAUNCH_NODE_IPADDR=10.0.0.1"},
     3,
     8,
     "srun",
     "10.0.0.1",
     24711,
     -1,
     "4711.0",
     false},
    {{SRUN, "SLURM_STEP_NODELIST=gpu1", "SLURM_STEP_NUM_NODES=1"},
     3,
     8,
     "srun",
     "127.0.0.1",
     24711,
     -1,
     "4711.0",
     false},
    {{SRUN, "SLURM_STEP_NODELIST=gpu1", "MASTER_ADDR=head", "MASTER_PORT=1234"},
     3,
     8,
     "srun",
     "head",
     1234,
     -1,
     "4711.0",
     false},
    {{"SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=2", "SLURM_JOB_ID=40001", "SLURM_STEP_ID=2",
      "SLURM_STEP_NODELIST=a"},
     0,
     2,
     "srun",
     "a",
     35839,
     -1,
     "40001.2",
     false},
    /* The script of sbatch is no rank, and a shell of srun --pty is a step of one. */
    {{"SLURM_PROCID=0", "SLURM_NTASKS=8", "SLURM_JOB_ID=4711", "SLURM_JOB_NODELIST=gpu[1-2]"},
     0,
     1,
     NULL,
     "",
     0,
     -1,
     "",
     false},
    {{"SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1", "SLURM_JOB_ID=4711", "SLURM_STEP_ID=4294967290"},
     0,
     1,
     "srun",
     "",
     0,
     -1,
     "",
     false},
    {{OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE=2", "PMIX_NAMESPACE=prterun-a-1@1"},
     1,
     2,
     "mpirun",
     "127.0.0.1",
     21482,
     -1,
     "prterun-a-1@1",
     true},
    {{OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE=1"}, 1, 2, "mpirun", "", 0, -1, "", true},
    {{OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE=1", "MASTER_ADDR=a", "MASTER_PORT=7"},
     1,
     2,
     "mpirun",
     "a",
     7,
     -1,
     "",
     true},
    /* mpirun's daemons were started by srun. */
    {{OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE=1", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=2",
      "SLURM_JOB_ID=4711", "SLURM_STEP_ID=0"},
     1,
     2,
     "mpirun",
     "",
     0,
     -1,
     "",
     true},
    {{"PMI_RANK=3", "PMI_SIZE=4", "MPI_LOCALNRANKS=4", "MASTER_PORT=7"},
     3,
     4,
     "mpirun",
     "127.0.0.1",
     7,
     -1,
     "",
     true},
    /* So were the proxies of Hydra. With srun --mpi=pmi2 there is no Hydra. */
    {{SRUN, "SLURM_STEP_NODELIST=gpu[1-2]", "PMI_RANK=1", "PMI_SIZE=4", "MPI_LOCALNRANKS=2"},
     1,
     4,
     "mpirun",
     "",
     0,
     -1,
     "",
     true},
    {{SRUN, "SLURM_STEP_NODELIST=gpu[1-2]", "PMI_RANK=3", "PMI_SIZE=8"},
     3,
     8,
     "srun",
     "gpu1",
     24711,
     -1,
     "4711.0",
     false},
    {{"PMI_RANK=1", "PMI_SIZE=4", "MASTER_ADDR=a", "MASTER_PORT=7"},
     1,
     4,
     "mpirun",
     "a",
     7,
     -1,
     "",
     true},
    {{"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=1"}, 0, 1, "mpirun", "", 0, -1, "", false},
};

static void set_variables(const char *const variables[])
{
    clearenv();
    for (int i = 0; i < MAX_VARIABLES && variables[i] != NULL; i++) {
        char name[64];
        size_t length = strcspn(variables[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)length, variables[i]);
        assert_int_equal(setenv(name, variables[i] + length + 1, 1), 0);
    }
}

static void each_launcher_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof launches / sizeof *launches; i++) {
        const launch *expected = &launches[i];
        lyrnn_ranks ranks;
        set_variables(expected->variables);
        lyrnn_status status = lyrnn_ranks_detect(&ranks);
        if (status != LYRNN_OK)
            fail_msg("launch %zu: %s", i, lyrnn_error_text());
        if (ranks.rank != expected->rank || ranks.size != expected->size ||
            ranks.port != expected->port || ranks.listener != expected->listener ||
            ranks.has_mpi != expected->has_mpi)
            fail_msg("launch %zu: rank %d of %d, port %d, listener %d", i, ranks.rank, ranks.size,
                     ranks.port, ranks.listener);
        if (expected->launcher == NULL)
            assert_null(ranks.launcher);
        else
            assert_string_equal(ranks.launcher, expected->launcher);
        assert_string_equal(ranks.address, expected->address);
        assert_string_equal(ranks.token, expected->token);
    }
}

static void other_hosts_are_noticed(void **state)
{
    (void)state;
    static const struct {
        const char *variables[MAX_VARIABLES];
        bool has_other_hosts;
    } cases[] = {
        {{OWN}, false},
        {{TORCH}, false},
        {{TORCH, "LOCAL_WORLD_SIZE=4"}, false},
        {{TORCH, "LOCAL_WORLD_SIZE=2"}, true},
        {{SRUN, "SLURM_STEP_NODELIST=a"}, false},
        {{SRUN, "SLURM_STEP_NODELIST=a", "SLURM_STEP_NUM_NODES=1"}, false},
        {{SRUN, "SLURM_STEP_NODELIST=a", "SLURM_STEP_NUM_NODES=2"}, true},
        {{SRUN, "MASTER_ADDR=a", "SLURM_STEP_NUM_NODES=2"}, true},
        {{OPEN_MPI}, false},
        {{OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE=2"}, false},
        {{OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE=1"}, true},
        {{"PMI_RANK=0", "PMI_SIZE=2", "MPI_LOCALNRANKS=1"}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lyrnn_ranks ranks;
        set_variables(cases[i].variables);
        assert_int_equal(lyrnn_ranks_detect(&ranks), LYRNN_OK);
        if (ranks.has_other_hosts != cases[i].has_other_hosts)
            fail_msg("case %zu: %d", i, ranks.has_other_hosts);
    }
}

typedef struct {
    const char *variables[MAX_VARIABLES];
    const char *text;
} mistake;

#define NOT_SET "is not set, and the other variables of its launcher are; set it to a number from "

static const mistake mistakes[] = {
    {{"LYRNN_SIZE=2"}, "LYRNN_RANK: " NOT_SET "0 to 1"},
    {{"LYRNN_RANK=1"}, "LYRNN_SIZE: " NOT_SET "1 to 512"},
    {{"LYRNN_RANK=2", "LYRNN_SIZE=2"}, "LYRNN_RANK: is 2; set it to a number from 0 to 1"},
    {{"LYRNN_RANK=-1", "LYRNN_SIZE=2"}, "LYRNN_RANK: is -1; set it to a number from 0 to 1"},
    {{"LYRNN_RANK=0", "LYRNN_SIZE=2x"}, "LYRNN_SIZE: is 2x; set it to a number from 1 to 512"},
    {{"LYRNN_RANK=0", "LYRNN_SIZE=99999999999999999999"},
     "LYRNN_SIZE: is 99999999999999999999; set it to a number from 1 to 512"},
    {{"LYRNN_RANK=0", "LYRNN_SIZE=2"},
     "LYRNN_ADDRESS: is not set; set it to a name or an IP address of the host of rank 0"},
    {{"LYRNN_RANK=0", "LYRNN_SIZE=2", "LYRNN_ADDRESS=a"}, "LYRNN_PORT: " NOT_SET "1 to 65535"},
    {{OWN, "LYRNN_LISTENER=2"}, "LYRNN_LISTENER: is 2; set it to a number from 3 to 2147483647"},
    {{"RANK=0", "WORLD_SIZE=2", "MASTER_PORT=1"},
     "MASTER_ADDR: is not set; set it to a name or an IP address of the host of rank 0"},
    {{"RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=a"}, "MASTER_PORT: " NOT_SET "1 to 65534"},
    {{"RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=a", "MASTER_PORT=65535"},
     "MASTER_PORT: is 65535; set it to a number from 1 to 65534"},
    {{"SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=2", "SLURM_STEP_ID=0", "SLURM_STEP_NODELIST=a"},
     "SLURM_JOB_ID: " NOT_SET "0 to 9223372036854775807"},
    {{SRUN, "SLURM_STEP_NODELIST=gpu["},
     "SLURM_STEP_NODELIST: is gpu[, which is no list of hosts; set MASTER_ADDR to the host of rank "
     "0"},
    {{SRUN}, "MASTER_ADDR: is not set; set it to a name or an IP address of the host of rank 0"},
};

static void a_mistake_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        lyrnn_ranks ranks;
        set_variables(mistakes[i].variables);
        assert_int_equal(lyrnn_ranks_detect(&ranks), LYRNN_ERR_USAGE);
        assert_string_equal(lyrnn_error_text(), mistakes[i].text);
    }
}

static void long_values_are_refused(void **state)
{
    (void)state;
    char text[400];
    lyrnn_ranks ranks;
    static const char *const own[MAX_VARIABLES] = {OWN};
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    set_variables(own);
    setenv("LYRNN_TOKEN", text, 1);
    assert_int_equal(lyrnn_ranks_detect(&ranks), LYRNN_ERR_USAGE);
    assert_string_equal(lyrnn_error_text(),
                        "LYRNN_TOKEN: is longer than 64 bytes; use a shorter random text");
    set_variables(own);
    setenv("LYRNN_ADDRESS", text, 1);
    assert_int_equal(lyrnn_ranks_detect(&ranks), LYRNN_ERR_USAGE);
    assert_string_equal(lyrnn_error_text(),
                        "LYRNN_ADDRESS: is longer than 255 bytes; use an IP address");
}

/* Nobody but rank 0 can choose, and there is no MPI that could pass it on. */
static void an_unknown_place_is_an_error_at_once(void **state)
{
    (void)state;
    lyrnn_comm comm;
    lyrnn_ranks ranks = {.rank = 1, .size = 2, .launcher = "mpirun", .listener = -1, .port = 7};
    assert_int_equal(lyrnn_comm_open(&comm, &ranks, 100), LYRNN_ERR_USAGE);
    assert_string_equal(lyrnn_error_text(),
                        "MASTER_ADDR: is not set, and mpirun does not say which host rank 0 is on; "
                        "set it for all ranks");
    assert_int_equal(lyrnn_comm_close(&comm, LYRNN_ERR_USAGE), LYRNN_ERR_USAGE);
    snprintf(ranks.address, sizeof ranks.address, "127.0.0.1");
    ranks.port = 0;
    assert_int_equal(lyrnn_comm_open(&comm, &ranks, 100), LYRNN_ERR_USAGE);
    assert_string_equal(lyrnn_error_text(),
                        "MASTER_PORT: is not set, and mpirun does not name a free port; set it for "
                        "all ranks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_launcher_is_found),
        cmocka_unit_test(other_hosts_are_noticed),
        cmocka_unit_test(a_mistake_is_named),
        cmocka_unit_test(long_values_are_refused),
        cmocka_unit_test(an_unknown_place_is_an_error_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
