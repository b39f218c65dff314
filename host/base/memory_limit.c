/* A cgroup that reaches its limit gives up the pages of files that it has not used for long, so
 * they do not count as used. Source: cgroup-v2.rst and cgroup-v1/memory.rst of Linux. */
#include "base/memory_limit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"

/* `limit` and `used` are of one kind, and `name` is the limit's. */
static void apply(lyrnn_memory_left *left, const char *name, uint64_t limit, uint64_t used)
{
    uint64_t bytes = limit > used ? limit - used : 0;
    if (bytes >= left->bytes)
        return;
    left->bytes = (size_t)bytes;
    snprintf(left->reason, sizeof left->reason, " (%s, %llu MiB)", name,
             (unsigned long long)(limit >> 20));
}

/* The number after `key` in a file of "KEY NUMBER" lines, or the only number if key is "". */
static bool read_number(const char *folder, const char *name, const char *key, uint64_t *number)
{
    char text[8192], pattern[64];
    unsigned long long value;
    if (!lyrnn_read_small_file(folder, name, text, sizeof text))
        return false;
    const char *at = text;
    if (key[0] != '\0') {
        snprintf(pattern, sizeof pattern, "\n%s", key);
        size_t length = strlen(key);
        at = strncmp(text, key, length) == 0 ? text : strstr(text, pattern);
        if (at == NULL)
            return false;
        at += at == text ? length : length + 1;
    }
    if (sscanf(at, " %llu", &value) != 1)
        return false;
    *number = value;
    return true;
}

/* Reads the limit of one level. Version 1 says "none" by a number of nearly 2^63. */
static void read_level(void *context, const char *folder, bool is_v2)
{
    const char *name = is_v2 ? "memory.max" : "memory.limit_in_bytes";
    uint64_t limit, used = 0, cache = 0;
    if (!read_number(folder, name, "", &limit) || limit > INT64_MAX / 2 ||
        !read_number(folder, is_v2 ? "memory.current" : "memory.usage_in_bytes", "", &used))
        return;
    read_number(folder, "memory.stat", is_v2 ? "inactive_file" : "total_inactive_file", &cache);
    char text[64];
    snprintf(text, sizeof text, "the cgroup's %s", name);
    apply((lyrnn_memory_left *)context, text, limit, used > cache ? used - cache : 0);
}

/* /proc/self/statm counts pages: all that are mapped first, then five others, the sixth is data. */
static void apply_ulimits(lyrnn_memory_left *left, const char *root)
{
    char folder[128], text[256];
    unsigned long long mapped, data;
    snprintf(folder, sizeof folder, "%s/proc/self", root);
    if (!lyrnn_read_small_file(folder, "statm", text, sizeof text) ||
        sscanf(text, "%llu %*u %*u %*u %*u %llu", &mapped, &data) != 2)
        return;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        apply(left, "ulimit -v", limit.rlim_cur, mapped * page);
    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        apply(left, "ulimit -d", limit.rlim_cur, data * page);
}

lyrnn_memory_left lyrnn_find_memory_left(const char *root)
{
    lyrnn_memory_left left = {.bytes = SIZE_MAX};
    char folder[128];
    uint64_t kib;
    snprintf(folder, sizeof folder, "%s/proc", root);
    if (read_number(folder, "meminfo", "MemAvailable:", &kib))
        left.bytes = (size_t)(kib * 1024);
    lyrnn_each_cgroup(root, "memory", read_level, &left);
    apply_ulimits(&left, root);
    return left;
}

lyrnn_status lyrnn_require_memory(const char *object, size_t bytes, const char *remedy)
{
    /* Asking takes 8 files, which is more work than to read a small one. */
    enum { SMALL = 64 * 1024 };
    if (bytes <= SMALL)
        return LYRNN_OK;
    lyrnn_memory_left left = lyrnn_find_memory_left("");
    if (bytes <= left.bytes)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_MEMORY, "%s: %zu bytes requested, %zu available%s; %s", object,
                      bytes, left.bytes, left.reason, remedy);
}
