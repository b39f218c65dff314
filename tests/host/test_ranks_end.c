/* How a group of ranks ends: whatever happens to one of them, all end soon, and exactly one reports
 * it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "parallel/links.h"
#include "ranks_check.h"

enum { SIZE = 3, LONG_BYTES = 4 << 20 };

/* The most that a rank may live on after another has died or failed. */
static const double soon_seconds = 3;

typedef enum { BROADCAST, GATHER, EXCHANGE, ALL_GATHER, CHECK, NUM_WAITS } wait_kind;

typedef struct {
    int rank;       /* that fails */
    wait_kind wait; /* what the others do */
    size_t num_bytes;
} accident;

/* Waits as the others do, for a rank that does not take part. */
static lyrnn_status wait_in(lyrnn_comm *comm, wait_kind wait, size_t num_bytes)
{
    static uint8_t mine[SIZE * LONG_BYTES], other[SIZE * LONG_BYTES];
    for (;;) {
        switch (wait) {
        case BROADCAST:
            LYRNN_TRY(comm->broadcast(comm, mine, num_bytes));
            break;
        case GATHER:
            LYRNN_TRY(comm->gather(comm, mine, num_bytes, other));
            break;
        case EXCHANGE:
            LYRNN_TRY(comm->exchange(comm, mine, other, num_bytes));
            break;
        case ALL_GATHER:
            LYRNN_TRY(comm->all_gather(comm, mine, num_bytes));
            break;
        default:
            LYRNN_TRY(comm->check(comm));
            usleep(1000);
        }
    }
}

/* One rank reports, and all end soon. */
static const rank_outcome *find_report(int size, const rank_outcome *outcomes, int without)
{
    const rank_outcome *report = NULL;
    for (int r = 0; r < size; r++) {
        if (r == without)
            continue;
        assert_true(outcomes[r].has_ended);
        assert_int_not_equal(outcomes[r].status, LYRNN_OK);
        assert_true(outcomes[r].seconds < soon_seconds);
        if (outcomes[r].text[0] == '\0') {
            assert_int_equal(outcomes[r].status, LYRNN_ERR_RANK);
            continue;
        }
        assert_null(report);
        report = &outcomes[r];
    }
    assert_non_null(report);
    return report;
}

static lyrnn_status die(lyrnn_comm *comm, const void *context)
{
    const accident *accident = context;
    if (comm->rank == accident->rank) {
        usleep(20000);
        raise(SIGKILL);
    }
    return wait_in(comm, accident->wait, accident->num_bytes);
}

static void a_dead_rank_ends_all_others(void **state)
{
    (void)state;
    static const size_t lengths[] = {4, LONG_BYTES};
    for (accident accident = {0}; accident.rank < SIZE; accident.rank++) {
        for (accident.wait = 0; accident.wait < NUM_WAITS; accident.wait++) {
            for (int i = 0; i < 2; i++) {
                char begin[32];
                rank_outcome outcomes[CHECK_MAX_RANKS];
                accident.num_bytes = lengths[i];
                run_ranks(SIZE, die, &accident, NULL, outcomes);
                const rank_outcome *report = find_report(SIZE, outcomes, accident.rank);
                snprintf(begin, sizeof begin, "rank %d (", accident.rank);
                assert_ptr_equal(report, &outcomes[accident.rank == 0]);
                assert_int_equal(report->status, LYRNN_ERR_RANK);
                assert_memory_equal(report->text, begin, strlen(begin));
                assert_non_null(strstr(report->text, ", process "));
                assert_non_null(strstr(report->text, "): is gone; "));
            }
        }
    }
}

static lyrnn_status fail_one(lyrnn_comm *comm, const void *context)
{
    const accident *accident = context;
    if (comm->rank == accident->rank)
        return lyrnn_fail(LYRNN_ERR_IO, "disk of %d: is full; free some space", comm->rank);
    return wait_in(comm, accident->wait, accident->num_bytes);
}

static void a_failure_is_reported_once(void **state)
{
    (void)state;
    char host[65] = "", expected[256];
    gethostname(host, sizeof host - 1);
    for (accident accident = {.num_bytes = LONG_BYTES}; accident.rank < SIZE; accident.rank++) {
        for (accident.wait = 0; accident.wait < NUM_WAITS; accident.wait++) {
            rank_outcome outcomes[CHECK_MAX_RANKS];
            run_ranks(SIZE, fail_one, &accident, NULL, outcomes);
            const rank_outcome *report = find_report(SIZE, outcomes, -1);
            assert_ptr_equal(report, &outcomes[0]);
            assert_int_equal(report->status, LYRNN_ERR_IO);
            if (accident.rank == 0)
                snprintf(expected, sizeof expected, "disk of 0: is full; free some space");
            else
                snprintf(expected, sizeof expected, "rank %d (%s): disk of %d: is full; %s",
                         accident.rank, host, accident.rank, "free some space");
            assert_string_equal(report->text, expected);
        }
    }
}

/* Waits until rank 0 ends. */
static void wait_for_end(lyrnn_comm *comm)
{
    rank_group *group = comm->state;
    const double begin = lyrnn_seconds();
    while (!group->links[0].is_closing) {
        LYRNN_CHECK(lyrnn_seconds() < begin + 2);
        links_poll(group, NULL, 0, 10);
    }
}

/* A backend of rank 1 fails, and the caller learns of it by a later call. */
static lyrnn_status fail_in_backend(lyrnn_comm *comm, const void *context)
{
    const accident *accident = context;
    if (comm->rank == accident->rank) {
        (comm->fail)(comm, "NCCL: has no network; check it"); /* cmocka has a macro "fail" */
        LYRNN_CHECK(comm->check(comm) == LYRNN_ERR_IO);
        wait_for_end(comm);
        int number = 0;
        return comm->broadcast(comm, &number, sizeof number);
    }
    return wait_in(comm, accident->wait, accident->num_bytes);
}

/* Rank 1 has an error, and closes only after the others know it. */
static lyrnn_status announce(lyrnn_comm *comm, const void *context)
{
    const accident *accident = context;
    if (comm->rank == accident->rank) {
        const lyrnn_status status = lyrnn_fail(LYRNN_ERR_IO, "NCCL: has no network; check it");
        lyrnn_comm_announce(comm, status);
        wait_for_end(comm);
        LYRNN_CHECK(comm->check(comm) == status);
        return status;
    }
    return wait_in(comm, accident->wait, accident->num_bytes);
}

/* The failure has no other way than an early closing: rank 1 waits for the end of the others. */
static void a_failure_is_known_before_its_rank_closes(void **state)
{
    (void)state;
    char host[65] = "", expected[256];
    const rank_work works[] = {fail_in_backend, announce};
    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected, "rank 1 (%s): NCCL: has no network; check it", host);
    for (int i = 0; i < 2; i++) {
        for (wait_kind wait = 0; wait < NUM_WAITS; wait++) {
            const accident accident = {.rank = 1, .wait = wait, .num_bytes = LONG_BYTES};
            rank_outcome outcomes[CHECK_MAX_RANKS];
            run_ranks(SIZE, works[i], &accident, NULL, outcomes);
            const rank_outcome *report = find_report(SIZE, outcomes, -1);
            assert_ptr_equal(report, &outcomes[0]);
            assert_int_equal(report->status, LYRNN_ERR_IO);
            assert_string_equal(report->text, expected);
        }
    }
}

/* A backend cannot return to its caller. */
static lyrnn_status end_in_backend(lyrnn_comm *comm, const void *context)
{
    const accident *accident = context;
    if (comm->rank == accident->rank)
        comm->end(comm, lyrnn_fail(LYRNN_ERR_IO, "NCCL: has no network; check it"));
    return wait_in(comm, accident->wait, accident->num_bytes);
}

static void a_rank_may_end_in_a_backend(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const accident accident = {.rank = 1, .wait = CHECK};
    run_ranks(SIZE, end_in_backend, &accident, NULL, outcomes);
    const rank_outcome *report = find_report(SIZE, outcomes, accident.rank);
    assert_false(outcomes[1].has_ended);
    assert_ptr_equal(report, &outcomes[0]);
    assert_int_equal(report->status, LYRNN_ERR_IO);
    assert_non_null(strstr(report->text, "): NCCL: has no network; check it"));
}

/* Rank 0 finds the failure later than the others. Until then it sees none of theirs. */
static lyrnn_status fail_everywhere(lyrnn_comm *comm, const void *context)
{
    (void)context;
    for (int i = 0; comm->rank == 0 && i < 20; i++) {
        LYRNN_TRY(comm->check(comm));
        usleep(1000);
    }
    return lyrnn_fail(LYRNN_ERR_DIVERGED, "the loss of %d", comm->rank);
}

static void a_failure_of_all_is_reported_once(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    bool is_by_leader = false;
    /* On a busy machine rank 0 may be too late. */
    for (int i = 0; i < 5 && !is_by_leader; i++) {
        run_ranks(5, fail_everywhere, NULL, NULL, outcomes);
        const rank_outcome *report = find_report(5, outcomes, -1);
        assert_int_equal(report->status, LYRNN_ERR_DIVERGED);
        is_by_leader = strcmp(report->text, "the loss of 0") == 0;
    }
    assert_true(is_by_leader);
}

/* Rank 0 dies, and the others fail. */
static lyrnn_status die_and_fail(lyrnn_comm *comm, const void *context)
{
    if (comm->rank == 0)
        raise(SIGKILL);
    usleep(20000);
    return fail_everywhere(comm, context);
}

static void the_lowest_rank_left_reports(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    run_ranks(4, die_and_fail, NULL, NULL, outcomes);
    const rank_outcome *report = find_report(4, outcomes, 0);
    assert_string_equal(report->text, "the loss of 1");
}

/* Rank 0 computes for longer than the others wait for it. */
static lyrnn_status be_busy(lyrnn_comm *comm, const void *context)
{
    ((rank_group *)comm->state)->close_seconds = 0.2;
    if (comm->rank == 0)
        usleep(600000);
    return fail_one(comm, context);
}

static void a_busy_rank_0_does_not_report_again(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const accident accident = {.rank = 1, .wait = GATHER, .num_bytes = 4};
    run_ranks(SIZE, be_busy, &accident, NULL, outcomes);
    const rank_outcome *report = find_report(SIZE, outcomes, -1);
    assert_ptr_equal(report, &outcomes[1]);
    assert_int_equal(report->status, LYRNN_ERR_IO);
    assert_string_equal(report->text, "disk of 1: is full; free some space");
}

static lyrnn_status leave_with(lyrnn_comm *comm, const void *context)
{
    (void)comm;
    /* An old text is of no meaning. */
    (void)lyrnn_fail(LYRNN_ERR_IO, "a failure that was handled");
    return *(const lyrnn_status *)context;
}

static void an_end_without_failure_keeps_its_status(void **state)
{
    (void)state;
    static const lyrnn_status ends[] = {LYRNN_OK, LYRNN_INTERRUPTED};
    for (int i = 0; i < 2; i++) {
        rank_outcome outcomes[CHECK_MAX_RANKS];
        run_ranks(SIZE, leave_with, &ends[i], NULL, outcomes);
        for (int r = 0; r < SIZE; r++) {
            assert_true(outcomes[r].has_ended);
            assert_int_equal(outcomes[r].status, ends[i]);
            assert_true(outcomes[r].seconds < soon_seconds);
        }
    }
    lyrnn_comm alone = {0};
    assert_int_equal(lyrnn_comm_close(&alone, LYRNN_ERR_IO), LYRNN_ERR_IO);
}

/* Shared by all ranks: what was reported. */
static char *reported;

static void report_slowly(const char *text)
{
    usleep(300000);
    strcat(reported, text);
}

static lyrnn_status end_with_report(lyrnn_comm *comm, const void *context)
{
    const lyrnn_status end = *(const lyrnn_status *)context;
    comm->report = report_slowly;
    if (end == LYRNN_INTERRUPTED || comm->rank == 1)
        return lyrnn_fail(end, "the end");
    return wait_in(comm, CHECK, 0);
}

static void the_others_wait_for_the_report(void **state)
{
    (void)state;
    static const lyrnn_status ends[] = {LYRNN_ERR_IO, LYRNN_INTERRUPTED};
    reported = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(reported != MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        rank_outcome outcomes[CHECK_MAX_RANKS];
        reported[0] = '\0';
        run_ranks(SIZE, end_with_report, &ends[i], NULL, outcomes);
        const char *last = strstr(reported, "the end");
        assert_non_null(last);
        assert_string_equal(last, "the end"); /* once */
        for (int r = 0; r < SIZE; r++) {
            assert_string_equal(outcomes[r].text, "");
            assert_true(outcomes[r].seconds >= 0.3);
        }
    }
    munmap(reported, 4096);
}

/* Rank 2 fails after the others have done all their work. */
static lyrnn_status fail_last(lyrnn_comm *comm, const void *context)
{
    (void)context;
    if (comm->rank != 2)
        return LYRNN_OK;
    usleep(100000);
    return lyrnn_fail(LYRNN_ERR_MEMORY, "the end: out of memory");
}

static void a_failure_at_the_end_is_reported(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    run_ranks(SIZE, fail_last, NULL, NULL, outcomes);
    const rank_outcome *report = find_report(SIZE, outcomes, -1);
    assert_ptr_equal(report, &outcomes[0]);
    assert_int_equal(report->status, LYRNN_ERR_MEMORY);
    assert_non_null(strstr(report->text, "): the end: out of memory"));
}

static lyrnn_status leave_early(lyrnn_comm *comm, const void *context)
{
    const accident *accident = context;
    if (comm->rank == accident->rank)
        return LYRNN_OK;
    return wait_in(comm, accident->wait, accident->num_bytes);
}

static void a_rank_that_leaves_early_is_named(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const accident accident = {.rank = 1, .wait = EXCHANGE, .num_bytes = 4};
    run_ranks(SIZE, leave_early, &accident, NULL, outcomes);
    const rank_outcome *report = find_report(SIZE, outcomes, -1);
    assert_memory_equal(report->text, "rank 1 (", 8);
    assert_non_null(strstr(report->text, "): has left before rank "));
}

/* Rank 2 fails. Rank 1 only sends, so that nothing makes it wait. */
static lyrnn_status only_send(lyrnn_comm *comm, const void *context)
{
    const char byte = 0;
    const accident *accident = context;
    if (comm->rank != 1)
        return fail_one(comm, accident);
    usleep(400000);
    lyrnn_status status = comm->gather(comm, &byte, 1, NULL);
    LYRNN_CHECK(status == LYRNN_ERR_RANK);
    /* A failure lasts. */
    LYRNN_CHECK(comm->check(comm) == LYRNN_ERR_RANK);
    return status;
}

static void a_rank_that_only_sends_notices(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const accident accident = {.rank = 2, .wait = GATHER, .num_bytes = 1};
    run_ranks(SIZE, only_send, &accident, NULL, outcomes);
    assert_int_equal(find_report(SIZE, outcomes, -1)->status, LYRNN_ERR_IO);
}

static lyrnn_status disagree(lyrnn_comm *comm, const void *context)
{
    static const size_t lengths[][SIZE] = {{4, 8, 4}, {4, LONG_BYTES, 4}, {LONG_BYTES, 4, 4}};
    const int i = *(const int *)context;
    uint8_t *bytes = calloc(SIZE, LONG_BYTES);
    LYRNN_CHECK(bytes != NULL);
    lyrnn_status status = LYRNN_OK;
    if (i == 3)
        status =
            comm->rank == 1 ? comm->gather(comm, bytes, 4, NULL) : comm->all_gather(comm, bytes, 4);
    else
        status = comm->all_gather(comm, bytes, lengths[i][comm->rank]);
    free(bytes);
    return status == LYRNN_OK ? wait_in(comm, GATHER, 4) : status;
}

static void different_collectives_are_named(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        rank_outcome outcomes[CHECK_MAX_RANKS];
        run_ranks(SIZE, disagree, &i, NULL, outcomes);
        const rank_outcome *report = find_report(SIZE, outcomes, -1);
        assert_int_equal(report->status, LYRNN_ERR_RANK);
        assert_non_null(
            strstr(report->text, i == 3 ? "calls gather of 4 bytes" : "calls all_gather"));
        assert_non_null(strstr(report->text, "; run the same lyrnn with the same options"));
    }
}

static lyrnn_status compare(lyrnn_comm *comm, const void *context)
{
    const char *const *texts = context;
    return lyrnn_comm_compare(comm, "--batch-size", texts[comm->rank],
                              "give all ranks the same options");
}

static void texts_are_compared(void **state)
{
    (void)state;
    char host[65] = "", expected[700], long_text[600];
    const char *const same[SIZE] = {"a", "a", "a"}, *different[SIZE] = {"12", "12", "24"};
    rank_outcome outcomes[CHECK_MAX_RANKS];
    gethostname(host, sizeof host - 1);
    run_ranks(SIZE, compare, same, NULL, outcomes);
    for (int r = 0; r < SIZE; r++)
        assert_int_equal(outcomes[r].status, LYRNN_OK);
    run_ranks(SIZE, compare, different, NULL, outcomes);
    const rank_outcome *report = find_report(SIZE, outcomes, -1);
    snprintf(expected, sizeof expected, "rank 2 (%s): --batch-size is 24 and rank 0 has 12; %s",
             host, "give all ranks the same options");
    assert_int_equal(report->status, LYRNN_ERR_USAGE);
    assert_string_equal(report->text, expected);
    /* A difference behind the part that is shown counts too. */
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    different[0] = different[2] = long_text;
    different[1] = long_text + 1;
    run_ranks(SIZE, compare, different, NULL, outcomes);
    report = find_report(SIZE, outcomes, -1);
    assert_memory_equal(report->text, "rank 1 (", 8);
    assert_non_null(strstr(report->text, "xxx... and rank 0 has xxx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_rank_ends_all_others),
        cmocka_unit_test(a_failure_is_reported_once),
        cmocka_unit_test(a_failure_is_known_before_its_rank_closes),
        cmocka_unit_test(a_rank_may_end_in_a_backend),
        cmocka_unit_test(a_failure_of_all_is_reported_once),
        cmocka_unit_test(the_lowest_rank_left_reports),
        cmocka_unit_test(a_busy_rank_0_does_not_report_again),
        cmocka_unit_test(an_end_without_failure_keeps_its_status),
        cmocka_unit_test(the_others_wait_for_the_report),
        cmocka_unit_test(a_failure_at_the_end_is_reported),
        cmocka_unit_test(a_rank_that_leaves_early_is_named),
        cmocka_unit_test(a_rank_that_only_sends_notices),
        cmocka_unit_test(different_collectives_are_named),
        cmocka_unit_test(texts_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
