#include "cli/rank_threads.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "lyrnn/device.h"

static rank_cpus own_cpus(void)
{
    const char *chosen = getenv("OMP_NUM_THREADS");
    rank_cpus own = {.threads = lyrnn_default_threads(),
                     .is_chosen = chosen != NULL && strtol(chosen, NULL, 10) > 0};
    /* More CPUs than the set has room for: all ranks of the host share them. */
    if (sched_getaffinity(0, sizeof own.cpus, &own.cpus) != 0)
        memset(&own.cpus, 0xff, sizeof own.cpus);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t length = read(fd, own.host, sizeof own.host - 1);
        own.host[length > 0 ? length : 0] = '\0';
        close(fd);
    }
    return own;
}

static bool share_cpus(const rank_cpus *a, const rank_cpus *b)
{
    cpu_set_t both;
    CPU_AND(&both, &a->cpus, &b->cpus);
    return strcmp(a->host, b->host) == 0 && CPU_COUNT(&both) > 0;
}

int rank_threads_of(const rank_cpus *all, int size)
{
    int least = all[0].threads;
    for (int r = 0; r < size; r++) {
        int sharers = 0;
        for (int other = 0; other < size; other++)
            sharers += share_cpus(&all[r], &all[other]) || r == other;
        int threads = all[r].is_chosen ? all[r].threads : all[r].threads / sharers;
        least = threads < least ? threads : least;
    }
    return least > 1 ? least : 1;
}

lyrnn_status rank_threads_agree(lyrnn_comm *comm, int *threads)
{
    rank_cpus *all = (rank_cpus *)calloc((size_t)comm->size, sizeof *all);
    if (all == NULL)
        return lyrnn_out_of_memory("threads", (size_t)comm->size * sizeof *all,
                                   "close other programs");
    all[comm->rank] = own_cpus();
    lyrnn_status status = comm->all_gather(comm, all, sizeof *all);
    if (status == LYRNN_OK)
        *threads = rank_threads_of(all, comm->size);
    free(all);
    return status;
}
