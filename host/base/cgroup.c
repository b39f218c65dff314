/* /proc/self/cgroup has a line for each hierarchy: "0::/path" for version 2, and "4:memory:/path"
 * for a controller of version 1. In a container, the path may be the host's and not exist. Its root
 * is then the container's own cgroup, so all levels are tried and those without files are left out.
 * Source: cgroups(7), and Documentation/admin-guide/cgroup-v2.rst of Linux. */
#include "base/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

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

void lyrnn_each_cgroup(const char *root, const char *controller,
                       void (*use)(void *context, const char *folder, bool is_v2), void *context)
{
    char line[PATH_MAX + 256], mount[PATH_MAX];
    snprintf(mount, sizeof mount, "%s/proc/self/cgroup", root);
    FILE *file = fopen(mount, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':'), *path = list != NULL ? strchr(list + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path++ = '\0';
        list++;
        bool is_v2 = list[0] == '\0';
        if (!is_v2 && !has_controller(list, controller))
            continue;
        /* Where both versions are in use, version 2 is mounted at "unified". */
        const char *const names[] = {is_v2 ? "" : "/", is_v2 ? "/unified" : "/"};
        for (int i = 0; i < (is_v2 ? 2 : 1); i++) {
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s%s", root, names[i],
                     is_v2 ? "" : controller);
            each_level(mount, path, use, is_v2, context);
        }
    }
    if (file != NULL)
        fclose(file);
}

bool lyrnn_read_small_file(const char *folder, const char *name, char *text, size_t size)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return true;
}

/* cpu.max has "QUOTA PERIOD", version 1 a file for each. No quota is "max", or -1. */
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
