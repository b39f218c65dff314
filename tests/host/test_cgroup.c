/* The limits of a container, read from planted files: on each level, in both versions of cgroups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cgroup.h"

static char root[64];

/* Makes ROOT/PATH with its folders. */
static void plant(const char *path, const char *text)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", root, path);
    for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(name, 0777);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int new_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/lyrnn_cgroup_XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void no_cgroups_mean_no_quota(void **state)
{
    (void)state;
    assert_int_equal(lyrnn_cgroup_cpus(root), 0);
    plant("proc/self/cgroup", "0::/\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 0);
}

static void a_part_of_a_cpu_counts_as_one(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "0::/job/step\n");
    plant("sys/fs/cgroup/job/step/cpu.max", "150000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 2);
    plant("sys/fs/cgroup/job/step/cpu.max", "1000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 1);
    plant("sys/fs/cgroup/job/step/cpu.max", "200000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 2);
    plant("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 0);
}

static void the_smallest_quota_of_all_levels_counts(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "0::/job/step\n");
    plant("sys/fs/cgroup/job/step/cpu.max", "800000 100000\n");
    plant("sys/fs/cgroup/job/cpu.max", "300000 100000\n");
    plant("sys/fs/cgroup/cpu.max", "500000 100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 3);
}

static void version_1_has_a_file_for_each_number(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/job\n0::/\n");
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "250000\n");
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "50000\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 5);
    plant("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 0);
}

static void a_path_of_the_host_leads_to_the_containers_root(void **state)
{
    (void)state;
    plant("proc/self/cgroup", "4:cpu:/docker/0123\n");
    plant("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    plant("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(lyrnn_cgroup_cpus(root), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_cgroups_mean_no_quota, new_root, remove_root),
        cmocka_unit_test_setup_teardown(a_part_of_a_cpu_counts_as_one, new_root, remove_root),
        cmocka_unit_test_setup_teardown(the_smallest_quota_of_all_levels_counts, new_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(version_1_has_a_file_for_each_number, new_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_path_of_the_host_leads_to_the_containers_root, new_root,
                                        remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
