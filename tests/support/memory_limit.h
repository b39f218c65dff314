/* Limits how much more memory a test may allocate, so that a test of huge requests fails instead of
 * using all memory. Sanitizers reserve more address space than any limit allows, so their builds
 * run without the limit and print that. */
#ifndef MEMORY_LIMIT_H
#define MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_HAS_LIMIT false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_HAS_LIMIT false
#endif
#endif
#ifndef MEMORY_HAS_LIMIT
#define MEMORY_HAS_LIMIT true
#endif

/* Returns the size of this process's address space in bytes, or 0 if the system does not provide
 * it. */
static inline size_t memory_in_use(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Returns the old limit, which memory_limit_lift restores. */
static inline struct rlimit memory_limit_set(size_t more_bytes)
{
    struct rlimit old, limit;
    getrlimit(RLIMIT_AS, &old);
    limit = old;
    limit.rlim_cur = memory_in_use() + more_bytes;
    if (!MEMORY_HAS_LIMIT)
        puts("AddressSanitizer: no limit on memory");
    else if (memory_in_use() == 0 || setrlimit(RLIMIT_AS, &limit) != 0)
        puts("no limit on memory: the system sets none");
    return old;
}

static inline void memory_limit_lift(const struct rlimit *old)
{
    setrlimit(RLIMIT_AS, old);
}

#endif
