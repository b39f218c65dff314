/* A program of several ranks without a training, for the tests of launchers:
 *
 *     rank_probe move          moves bytes of many sizes, and checks each of them
 *     rank_probe fail RANK     as a rank that has an error would end
 *     rank_probe kill RANK     as if the system killed that rank, while the others wait for it
 *
 * Rank 0 prints how the ranks are connected. Errors are printed as lyrnn prints them. */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "lyrnn/ranks.h"

enum { MAX_BYTES = 3 << 20, WAIT_US = 300000 };

typedef struct {
    lyrnn_comm comm;
    uint8_t *sent, *received; /* (size,MAX_BYTES) */
} probe;

/* What rank `from` has for rank `to` at some place. */
static uint8_t byte_of(int from, int to, size_t place)
{
    return (uint8_t)((size_t)(from * 131 + to * 31) + place * 7 + place / 251);
}

static lyrnn_status wrong_byte(const char *what, size_t num_bytes)
{
    return lyrnn_fail(LYRNN_ERR_IO, "%s: a byte of %zu is wrong", what, num_bytes);
}

static lyrnn_status try_exchange(probe *p, size_t num_bytes)
{
    int rank = p->comm.rank, size = p->comm.size;
    for (int to = 0; to < size; to++)
        for (size_t i = 0; i < num_bytes; i++)
            p->sent[(size_t)to * num_bytes + i] = byte_of(rank, to, i);
    LYRNN_TRY(p->comm.exchange(&p->comm, p->sent, p->received, num_bytes));
    for (int from = 0; from < size; from++)
        for (size_t i = 0; i < num_bytes; i++)
            if (p->received[(size_t)from * num_bytes + i] != byte_of(from, rank, i))
                return wrong_byte("exchange", num_bytes);
    return LYRNN_OK;
}

static lyrnn_status try_all_gather(probe *p, size_t num_bytes)
{
    int rank = p->comm.rank, size = p->comm.size;
    for (size_t i = 0; i < num_bytes; i++)
        p->sent[(size_t)rank * num_bytes + i] = byte_of(rank, 0, i);
    LYRNN_TRY(p->comm.all_gather(&p->comm, p->sent, num_bytes));
    for (int from = 0; from < size; from++)
        for (size_t i = 0; i < num_bytes; i++)
            if (p->sent[(size_t)from * num_bytes + i] != byte_of(from, 0, i))
                return wrong_byte("all_gather", num_bytes);
    return LYRNN_OK;
}

static lyrnn_status move(probe *p)
{
    static const size_t sizes[] = {1, 15, 16, 17, 4095, 4096, 65536, MAX_BYTES - 1, MAX_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        LYRNN_TRY(try_exchange(p, sizes[i]));
        LYRNN_TRY(try_all_gather(p, sizes[i]));
    }
    return LYRNN_OK;
}

static lyrnn_status run(probe *p, const char *mode, int chosen)
{
    bool is_chosen = p->comm.rank == chosen;
    if (p->comm.rank == 0)
        printf("%s\n", lyrnn_comm_carrier(&p->comm));
    fflush(stdout);
    if (strcmp(mode, "fail") == 0 && is_chosen)
        return lyrnn_fail(LYRNN_ERR_IO, "the probe: fails; do not ask it to");
    /* mpirun then sends SIGTERM to the others. A training would only note it. */
    if (strcmp(mode, "kill") == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        LYRNN_TRY(try_exchange(p, 1));
        if (is_chosen) {
            usleep(WAIT_US);
            raise(SIGKILL);
        }
    }
    return strcmp(mode, "move") == 0 ? move(p) : try_exchange(p, MAX_BYTES);
}

static void stall(int unused)
{
    (void)unused;
    (void)poll(NULL, 0, WAIT_US / 1000);
}

/* The others wait for rank 1. Rank 0 gets no time of its processor when rank 1 ends, and all others
 * have ended before it. */
static void end_late(int rank)
{
    const struct itimerval soon = {.it_value.tv_usec = WAIT_US / 3};
    if (rank == 0 && signal(SIGALRM, stall) != SIG_ERR)
        (void)setitimer(ITIMER_REAL, &soon, NULL);
    if (rank == 1)
        usleep(WAIT_US * 2 / 3);
}

int main(int argc, char **argv)
{
    probe p = {.sent = NULL};
    lyrnn_ranks ranks;
    lyrnn_status status = lyrnn_ranks_detect(&ranks);
    if (status == LYRNN_OK)
        status = lyrnn_comm_open(&p.comm, &ranks, 30);
    if (status == LYRNN_OK) {
        p.sent = (uint8_t *)calloc((size_t)ranks.size, MAX_BYTES);
        p.received = (uint8_t *)calloc((size_t)ranks.size, MAX_BYTES);
        LYRNN_CHECK(p.sent != NULL && p.received != NULL);
        status = run(&p, argc > 1 ? argv[1] : "move", argc > 2 ? atoi(argv[2]) : -1);
    }
    if (status != LYRNN_OK)
        end_late(ranks.rank);
    status = lyrnn_comm_close(&p.comm, status);
    /* The one that reports is slow, and mpirun stops all ranks when the first has ended. */
    if (status != LYRNN_OK && ranks.rank == 0)
        usleep(WAIT_US);
    if (status != LYRNN_OK && lyrnn_error_text()[0] != '\0')
        fprintf(stderr, "lyrnn: %s\n", lyrnn_error_text());
    free(p.sent);
    free(p.received);
    return status == LYRNN_OK ? 0 : 1;
}
