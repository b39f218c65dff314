/* What limits the memory of this process, read from planted files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory_limit.h"
#include "planted_root.h"

static void expect_left(size_t bytes, const char *reason)
{
    lyrnn_memory_left left = lyrnn_find_memory_left(planted_root);
    assert_int_equal(left.bytes, bytes);
    assert_string_equal(left.reason, reason);
}

static void plant_machine(void)
{
    plant("proc/meminfo", "MemTotal:       9 kB\nMemFree:        1 kB\nMemAvailable:   2048 kB\n");
    plant("proc/self/cgroup", "0::/job/step\n");
}

static void the_machine_limits_without_a_reason(void **state)
{
    (void)state;
    expect_left(SIZE_MAX, "");
    plant_machine();
    expect_left(2048 * 1024, "");
}

static void a_cgroup_counts_what_it_uses_but_not_old_files(void **state)
{
    (void)state;
    plant_machine();
    plant("sys/fs/cgroup/job/step/memory.max", "1048576\n");
    plant("sys/fs/cgroup/job/step/memory.current", "600000\n");
    plant("sys/fs/cgroup/job/step/memory.stat", "anon 1\nactive_file 7\ninactive_file 100000\n");
    expect_left(1048576 - 500000, " (the cgroup's memory.max, 1 MiB)");
    plant("sys/fs/cgroup/job/step/memory.current", "9000000\n");
    expect_left(0, " (the cgroup's memory.max, 1 MiB)");
    plant("sys/fs/cgroup/job/step/memory.max", "max\n");
    expect_left(2048 * 1024, "");
}

static void the_least_of_all_levels_counts(void **state)
{
    (void)state;
    plant_machine();
    plant("sys/fs/cgroup/job/step/memory.max", "2000000\n");
    plant("sys/fs/cgroup/job/step/memory.current", "0\n");
    plant("sys/fs/cgroup/job/memory.max", "2000000\n");
    plant("sys/fs/cgroup/job/memory.current", "1500000\n");
    expect_left(500000, " (the cgroup's memory.max, 1 MiB)");
}

static void version_1_has_other_names(void **state)
{
    (void)state;
    plant_machine();
    plant("proc/self/cgroup", "4:memory:/job\n0::/\n");
    plant("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2000000\n");
    plant("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "700000\n");
    plant("sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 200000\n");
    plant("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    plant("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
    expect_left(1500000, " (the cgroup's memory.limit_in_bytes, 1 MiB)");
}

static void a_ulimit_counts_what_is_mapped(void **state)
{
    (void)state;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
    plant_machine();
    /* 10 pages are mapped; one of them is data. */
    plant("proc/self/statm", "10 9 8 7 0 1 0\n");
    const struct rlimit limit = {1 << 20, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
    lyrnn_memory_left left = lyrnn_find_memory_left(planted_root);
    assert_int_equal(setrlimit(RLIMIT_DATA, &old), 0);
    assert_int_equal(left.bytes, (1 << 20) - getpagesize());
    assert_string_equal(left.reason, " (ulimit -d, 1 MiB)");
}

#define LYRNN_PLANTED(test) cmocka_unit_test_setup_teardown(test, planted_setup, planted_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LYRNN_PLANTED(the_machine_limits_without_a_reason),
        LYRNN_PLANTED(a_cgroup_counts_what_it_uses_but_not_old_files),
        LYRNN_PLANTED(the_least_of_all_levels_counts),
        LYRNN_PLANTED(version_1_has_other_names),
        LYRNN_PLANTED(a_ulimit_counts_what_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
