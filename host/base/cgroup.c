/* /proc/self/cgroup has a line for each hierarchy: "0::/path" for version 2, and "4:memory:/path"
 * for a controller of version 1. In a container, the path may be the host's and not exist. Its root
 * is then the container's own cgroup, so all levels are tried and those without files are left out.
 * Source: cgroups(7), and Documentation/admin-guide/cgroup-v2.rst of Linux. */
#include "base/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether the list "cpu,cpuacct" of a line has the controller. */
static bool has_controller(const char *list, const char *controller)
{
    size_t length = strlen(controller);
    while (list != NULL) {
        if (strncmp(list, controller, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return true;
        list = strchr(list, ',');
        list = list != NULL ? list + 1 : NULL;
    }
    return false;
}

/* From the own cgroup's path to "", the root. */
static void each_level(const char *mount, const char *path,
                       void (*use)(void *context, const char *folder, bool is_v2), bool is_v2,
                       void *context)
{
    char folder[PATH_MAX];
    size_t length = strlen(path);
    while (true) {
        while (length > 0 && path[length - 1] == '/')
            length--;
        int written = snprintf(folder, sizeof folder, "%s%.*s", mount, (int)length, path);
        if (written > 0 && written < (int)sizeof folder)
            use(context, folder, is_v2);
        if (length == 0)
            return;
        while (length > 0 && path[length - 1] != '/')
            length--;
    }
}

/* Handles a line of /proc/self/cgroup. Where both versions are in use, version 2 is mounted at
 * "unified". */
static void each_level_of_line(const char *root, const char *controller, char *line,
                               void (*use)(void *context, const char *folder, bool is_v2),
                               void *context)
{
    char mount[PATH_MAX];
    char *list = strchr(line, ':'), *path = list != NULL ? strchr(list + 1, ':') : NULL;
    if (path == NULL)
        return;
    *path++ = '\0';
    list++;
    if (list[0] == '\0') {
        static const char *const mounts[] = {"", "/unified"};
        for (int i = 0; i < 2; i++) {
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s", root, mounts[i]);
            each_level(mount, path, use, true, context);
        }
    } else if (has_controller(list, controller)) {
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controller);
        each_level(mount, path, use, false, context);
    }
}

void lyrnn_each_cgroup(const char *root, const char *controller,
                       void (*use)(void *context, const char *folder, bool is_v2), void *context)
{
    char folder[128], text[8192], *rest = NULL;
    snprintf(folder, sizeof folder, "%s/proc/self", root);
    if (!lyrnn_read_small_file(folder, "cgroup", text, sizeof text))
        return;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        each_level_of_line(root, controller, line, use, context);
}

/* Not fopen, which needs memory: this is asked when there is none. */
bool lyrnn_read_small_file(const char *folder, const char *name, char *text, size_t size)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t length = 0;
    ssize_t got = 0;
    while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    text[length] = '\0';
    return got >= 0;
}

/* cpu.max has "QUOTA PERIOD". Version 1 has two files. No quota is "max", or -1. */
static void read_quota(void *context, const char *folder, bool is_v2)
{
    int *cpus = (int *)context;
    char text[64], period_text[64];
    long long quota = -1, period = 0;
    if (is_v2 && lyrnn_read_small_file(folder, "cpu.max", text, sizeof text)) {
        sscanf(text, "%lld %lld", &quota, &period);
    } else if (!is_v2 && lyrnn_read_small_file(folder, "cpu.cfs_quota_us", text, sizeof text) &&
               lyrnn_read_small_file(folder, "cpu.cfs_period_us", period_text,
                                     sizeof period_text)) {
        sscanf(text, "%lld", &quota);
        sscanf(period_text, "%lld", &period);
    }
    if (quota <= 0 || period <= 0 || quota / period >= INT_MAX)
        return;
    int granted = (int)(quota / period + (quota % period != 0 ? 1 : 0));
    if (*cpus == 0 || granted < *cpus)
        *cpus = granted;
}

int lyrnn_cgroup_cpus(const char *root)
{
    int cpus = 0;
    lyrnn_each_cgroup(root, "cpu", read_quota, &cpus);
    return cpus;
}
