/* How ranks share the CPUs of their hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/rank_threads.h"

/* A rank that may run on CPUs first to last and would take one thread on each. */
static rank_cpus rank_on(const char *host, int first, int last)
{
    rank_cpus rank = {.threads = last - first + 1};
    snprintf(rank.host, sizeof rank.host, "%s", host);
    for (int cpu = first; cpu <= last; cpu++)
        CPU_SET((size_t)cpu, &rank.cpus);
    return rank;
}

static void ranks_of_a_host_share_its_cpus(void **state)
{
    (void)state;
    const rank_cpus all[] = {rank_on("a", 0, 7), rank_on("a", 0, 7)};
    assert_int_equal(rank_threads_of(all, 1), 8);
    assert_int_equal(rank_threads_of(all, 2), 4);
}

/* As mpirun and srun bind them. */
static void ranks_that_are_bound_share_nothing(void **state)
{
    (void)state;
    const rank_cpus all[] = {rank_on("a", 0, 3), rank_on("a", 4, 7), rank_on("b", 0, 3)};
    assert_int_equal(rank_threads_of(all, 3), 4);
}

static void all_take_the_smallest_share(void **state)
{
    (void)state;
    const rank_cpus all[] = {rank_on("a", 0, 15), rank_on("b", 0, 5), rank_on("b", 0, 5)};
    assert_int_equal(rank_threads_of(all, 3), 3);
    const rank_cpus crowded[] = {rank_on("a", 0, 1), rank_on("a", 0, 1), rank_on("a", 0, 1)};
    assert_int_equal(rank_threads_of(crowded, 3), 1);
}

static void a_chosen_number_is_not_divided(void **state)
{
    (void)state;
    rank_cpus all[] = {rank_on("a", 0, 7), rank_on("a", 0, 7)};
    all[0].is_chosen = all[1].is_chosen = true;
    all[0].threads = all[1].threads = 6;
    assert_int_equal(rank_threads_of(all, 2), 6);
}

/* One rank of a group that exists only here: the others have said what this one will say. */
static lyrnn_status gather_alike(lyrnn_comm *self, void *pieces, size_t num_bytes)
{
    rank_cpus *all = (rank_cpus *)pieces;
    assert_int_equal(num_bytes, sizeof *all);
    for (int r = 0; r < self->size; r++)
        all[r] = all[self->rank];
    return LYRNN_OK;
}

static void what_a_rank_says_of_itself_is_shared(void **state)
{
    (void)state;
    lyrnn_comm comm = {.rank = 2, .size = 1024, .all_gather = gather_alike};
    int threads = 0;
    unsetenv("OMP_NUM_THREADS");
    assert_int_equal(rank_threads_agree(&comm, &threads), LYRNN_OK);
    assert_int_equal(threads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranks_of_a_host_share_its_cpus),
                                       cmocka_unit_test(ranks_that_are_bound_share_nothing),
                                       cmocka_unit_test(all_take_the_smallest_share),
                                       cmocka_unit_test(a_chosen_number_is_not_divided),
                                       cmocka_unit_test(what_a_rank_says_of_itself_is_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
