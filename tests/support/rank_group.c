/* See rank_group.h. Each rank has a slot of shared memory. A collective writes the own slot, waits
 * for all, reads the slots of others and waits again. Longer messages take several turns. */
#include "rank_group.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"

enum { SLOT_BYTES = 1 << 16, MAX_SECONDS = 120, CTEST_SKIPPED = 77 };

typedef struct {
    pthread_barrier_t barrier;
    char slots[RANK_GROUP_MAX][SLOT_BYTES];
} group;

void *rank_group_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

void rank_group_free(void *memory, size_t bytes)
{
    assert_int_equal(munmap(memory, bytes), 0);
}

static void wait_for_all(lyrnn_comm *self)
{
    pthread_barrier_wait(&((group *)self->state)->barrier);
}

static char *slot_of(lyrnn_comm *self, int rank)
{
    return ((group *)self->state)->slots[rank];
}

static size_t min_bytes(size_t a, size_t b)
{
    return a < b ? a : b;
}

static lyrnn_status broadcast(lyrnn_comm *self, void *bytes, size_t num_bytes)
{
    for (size_t at = 0; at < num_bytes; at += SLOT_BYTES) {
        size_t count = min_bytes(num_bytes - at, SLOT_BYTES);
        if (self->rank == 0)
            memcpy(slot_of(self, 0), (char *)bytes + at, count);
        wait_for_all(self);
        if (self->rank != 0)
            memcpy((char *)bytes + at, slot_of(self, 0), count);
        wait_for_all(self);
    }
    return LYRNN_OK;
}

static lyrnn_status gather(lyrnn_comm *self, const void *mine, size_t num_bytes, void *all)
{
    for (size_t at = 0; at < num_bytes; at += SLOT_BYTES) {
        size_t count = min_bytes(num_bytes - at, SLOT_BYTES);
        memcpy(slot_of(self, self->rank), (const char *)mine + at, count);
        wait_for_all(self);
        for (int r = 0; self->rank == 0 && r < self->size; r++)
            memcpy((char *)all + (size_t)r * num_bytes + at, slot_of(self, r), count);
        wait_for_all(self);
    }
    return LYRNN_OK;
}

/* A slot has the same part of the pieces for all ranks. */
static lyrnn_status exchange(lyrnn_comm *self, const void *pieces, void *received, size_t num_bytes)
{
    size_t part = SLOT_BYTES / (size_t)self->size;
    for (size_t at = 0; at < num_bytes; at += part) {
        size_t count = min_bytes(num_bytes - at, part);
        for (int r = 0; r < self->size; r++)
            memcpy(slot_of(self, self->rank) + (size_t)r * part,
                   (const char *)pieces + (size_t)r * num_bytes + at, count);
        wait_for_all(self);
        for (int r = 0; r < self->size; r++)
            memcpy((char *)received + (size_t)r * num_bytes + at,
                   slot_of(self, r) + (size_t)self->rank * part, count);
        wait_for_all(self);
    }
    return LYRNN_OK;
}

static lyrnn_status all_gather(lyrnn_comm *self, void *pieces, size_t num_bytes)
{
    for (size_t at = 0; at < num_bytes; at += SLOT_BYTES) {
        size_t count = min_bytes(num_bytes - at, SLOT_BYTES);
        memcpy(slot_of(self, self->rank), (char *)pieces + (size_t)self->rank * num_bytes + at,
               count);
        wait_for_all(self);
        for (int r = 0; r < self->size; r++)
            if (r != self->rank)
                memcpy((char *)pieces + (size_t)r * num_bytes + at, slot_of(self, r), count);
        wait_for_all(self);
    }
    return LYRNN_OK;
}

static lyrnn_status check(lyrnn_comm *self)
{
    (void)self;
    return LYRNN_OK;
}

/* Each rank needs a GPU of its own. */
static void take_device(int rank)
{
    const char *device = getenv("LYRNN_TEST_DEVICE");
    char own[32];
    snprintf(own, sizeof own, "cuda:%d", rank);
    if (device != NULL && strcmp(device, "cuda") == 0)
        setenv("LYRNN_TEST_DEVICE", own, 1);
}

static void fail_in_test(lyrnn_comm *self, const char *text)
{
    (void)self;
    fail_msg("%s", text);
}

static void end_in_test(lyrnn_comm *self, lyrnn_status failure)
{
    (void)self;
    fail_msg("failure %d: %s", (int)failure, lyrnn_error_text());
}

/* In a child. A failed assertion must end it, instead of returning to its copy of the runner. */
static void run_rank(group *g, int rank, int size, void (*body)(lyrnn_comm *, void *),
                     void *context)
{
    lyrnn_comm comm = {.rank = rank,
                       .size = size,
                       .local_rank = rank,
                       .local_size = size,
                       .state = g,
                       .broadcast = broadcast,
                       .gather = gather,
                       .exchange = exchange,
                       .all_gather = all_gather,
                       .check = check,
                       .fail = fail_in_test,
                       .end = end_in_test};
    alarm(MAX_SECONDS);
    take_device(rank);
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    body(size > 0 ? &comm : NULL, context);
    fflush(NULL);
    _exit(0);
}

void rank_group_join(lyrnn_backend *backend, lyrnn_comm *comm)
{
    lyrnn_status status = comm != NULL ? backend->join(backend, comm) : LYRNN_OK;
    if (status == LYRNN_ERR_UNSUPPORTED) {
        fprintf(stderr, "skipped: %s\n", lyrnn_error_text());
        _exit(CTEST_SKIPPED);
    }
    if (status != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

void rank_group_run(int size, void (*body)(lyrnn_comm *comm, void *context), void *context)
{
    int num = size > 0 ? size : 1;
    pid_t pids[RANK_GROUP_MAX];
    group *g = rank_group_memory(sizeof *g);
    pthread_barrierattr_t shared;
    assert_in_range(num, 1, RANK_GROUP_MAX);
    assert_int_equal(pthread_barrierattr_init(&shared), 0);
    assert_int_equal(pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED), 0);
    assert_int_equal(pthread_barrier_init(&g->barrier, &shared, (unsigned)num), 0);
    fflush(NULL);
    for (int rank = 0; rank < num; rank++) {
        pids[rank] = fork();
        assert_true(pids[rank] >= 0);
        if (pids[rank] == 0)
            run_rank(g, rank, size, body, context);
    }
    int num_failed = 0, num_skipped = 0;
    for (int i = 0; i < num; i++) {
        int status = 0;
        assert_true(waitpid(-1, &status, 0) > 0);
        num_skipped += WIFEXITED(status) && WEXITSTATUS(status) == CTEST_SKIPPED;
        num_failed += status != 0;
        for (int rank = 0; status != 0 && rank < num; rank++)
            kill(pids[rank], SIGKILL);
    }
    rank_group_free(g, sizeof *g);
    /* Fewer GPUs than ranks, or no NCCL. Ranks that waited for the others failed too. */
    if (num_skipped > 0)
        exit(CTEST_SKIPPED);
    assert_int_equal(num_failed, 0);
}
