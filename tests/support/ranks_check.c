/* Forks ranks, and collects in shared memory how each ends. */
#include "ranks_check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static const double plain_timeout = 20;

/* A rank that hangs is killed after this time. */
enum { ALARM_SECONDS = 60 };

static void be_rank(lyrnn_ranks *ranks, rank_work work, const void *context,
                    const ranks_setup *setup, rank_outcome *outcome)
{
    const double begin = lyrnn_seconds();
    lyrnn_comm comm = {0};
    alarm(ALARM_SECONDS);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ranks->rank != 0) {
        close(ranks->listener);
        ranks->listener = -1;
    }
    if (setup != NULL && setup->prepare != NULL)
        setup->prepare(ranks, context);
    lyrnn_status status = lyrnn_comm_open(
        &comm, ranks,
        setup != NULL && setup->timeout_seconds > 0 ? setup->timeout_seconds : plain_timeout);
    if (status == LYRNN_OK)
        status = work(&comm, context);
    status = lyrnn_comm_close(&comm, status);
    outcome->status = status;
    if (status != LYRNN_OK && status != LYRNN_INTERRUPTED)
        snprintf(outcome->text, sizeof outcome->text, "%s", lyrnn_error_text());
    outcome->seconds = lyrnn_seconds() - begin;
    outcome->has_ended = true;
}

void run_ranks(int size, rank_work work, const void *context, const ranks_setup *setup,
               rank_outcome outcomes[CHECK_MAX_RANKS])
{
    lyrnn_ranks ranks = {.size = size, .launcher = "test", .listener = -1};
    const size_t num_bytes = CHECK_MAX_RANKS * sizeof *outcomes;
    pid_t children[CHECK_MAX_RANKS];
    rank_outcome *shared =
        mmap(NULL, num_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    snprintf(ranks.address, sizeof ranks.address, "%s",
             setup != NULL && setup->address != NULL ? setup->address : "127.0.0.1");
    assert_int_equal(lyrnn_ranks_listen(&ranks), LYRNN_OK);
    fflush(NULL);
    for (int r = 0; r < size; r++) {
        children[r] = fork();
        assert_true(children[r] >= 0);
        if (children[r] == 0) {
            ranks.rank = r;
            be_rank(&ranks, work, context, setup, &shared[r]);
            _exit(0);
        }
    }
    close(ranks.listener);
    for (int r = 0; r < size; r++)
        assert_int_equal(waitpid(children[r], NULL, 0), children[r]);
    memcpy(outcomes, shared, num_bytes);
    munmap(shared, num_bytes);
}
