/* The cgroups of this process: Linux's limits for a container or a batch job. A limit counts on
 * each level, from the process's own cgroup up to the root. */
#ifndef LYRNN_BASE_CGROUP_H
#define LYRNN_BASE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

/* Calls use(context, folder, is_v2) for the folder of each level that may exist. `controller` is
 * version 1's name for the kind of limit ("memory", "cpu"). `root` comes before /proc and /sys: "",
 * or a test's folder. */
void lyrnn_each_cgroup(const char *root, const char *controller,
                       void (*use)(void *context, const char *folder, bool is_v2), void *context);

/* Reads the start of the file FOLDER/NAME as a string. False: there is no such file. */
bool lyrnn_read_small_file(const char *folder, const char *name, char *text, size_t size);

/* The CPUs that the quotas of all levels grant, rounded up; 0: there is no quota. */
int lyrnn_cgroup_cpus(const char *root);

#endif
