/* The limits of a container, read from planted files: on each level, in both versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "planted_root.h"

static void no_cgroups_mean_no_quota(void **state)
{
    (void)state;
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 0);
    plant("proc/self/cgroup", "0::/\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 0);
}

static void a_part_of_a_cpu_counts_as_one(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "0::/job/step\n");
    plant("sys/fs/cgroup/job/step/cpu.max", "150000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 2);
    plant("sys/fs/cgroup/job/step/cpu.max", "1000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 1);
    plant("sys/fs/cgroup/job/step/cpu.max", "200000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 2);
    plant("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 0);
}

static void the_smallest_quota_of_all_levels_counts(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "0::/job/step\n");
    plant("sys/fs/cgroup/job/step/cpu.max", "800000 100000\n");
    plant("sys/fs/cgroup/job/cpu.max", "300000 100000\n");
    plant("sys/fs/cgroup/cpu.max", "500000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 3);
}

static void version_1_has_a_file_for_each_number(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/job\n0::/\n");
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "250000\n");
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "50000\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 5);
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 0);
}

static void a_path_of_the_host_leads_to_the_containers_root(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "4:cpu:/docker/0123\n");
    plant("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    plant("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(planted_root), 1);
}

#define LYRNN_PLANTED(test) cmocka_unit_test_setup_teardown(test, planted_setup, planted_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LYRNN_PLANTED(no_cgroups_mean_no_quota),
        LYRNN_PLANTED(a_part_of_a_cpu_counts_as_one),
        LYRNN_PLANTED(the_smallest_quota_of_all_levels_counts),
        LYRNN_PLANTED(version_1_has_a_file_for_each_number),
        LYRNN_PLANTED(a_path_of_the_host_leads_to_the_containers_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
