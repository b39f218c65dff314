/* Refuses one allocation of memory. It is linked into a second lyrnn, which is otherwise the
 * program itself: its malloc, calloc, realloc and aligned_alloc stand in for those of libc, also
 * where libc and jansson call them.
 *
 *     LYRNN_REFUSE=N             allocation N (counted from 1 after the start) returns NULL;
 *                                0: none does
 *     LYRNN_REFUSE_COUNT=FILE    gets the number of allocations
 *
 * The clock runs 100 times as fast, so that measurements by the clock take less time.
 *
 * Allocations of OpenBLAS, of OpenMP's runtime and of the dynamic linker are not counted: the first
 * two end the program with a message of their own ("BLAS : Program is Terminated", "libgomp: Out of
 * memory"), and lyrnn cannot change that. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* glibc's own allocator.
 * NOLINTBEGIN(bugprone-reserved-identifier) */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t num, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
/* NOLINTEND(bugprone-reserved-identifier) */

enum { MAX_UNCOUNTED = 16 };

static struct {
    bool is_on;
    long at, count;
    struct {
        uintptr_t begin, end;
    } uncounted[MAX_UNCOUNTED];
    int num_uncounted;
} refusal;

static int note_library(struct dl_phdr_info *library, size_t size, void *context)
{
    static const char *const names[] = {"blas", "gomp", "libomp", "gfortran", "/ld-"};
    (void)size, (void)context;
    bool is_named = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        is_named = is_named || strstr(library->dlpi_name, names[i]) != NULL;
    for (int i = 0; is_named && i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
            continue;
        if (refusal.num_uncounted == MAX_UNCOUNTED)
            abort();
        uintptr_t begin = library->dlpi_addr + part->p_vaddr;
        refusal.uncounted[refusal.num_uncounted].begin = begin;
        refusal.uncounted[refusal.num_uncounted++].end = begin + part->p_memsz;
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("LYRNN_REFUSE");
    if (at == NULL)
        return;
    refusal.at = strtol(at, NULL, 10);
    dl_iterate_phdr(note_library, NULL);
    refusal.is_on = true;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("LYRNN_REFUSE_COUNT");
    refusal.is_on = false;
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (fd >= 0 && (dprintf(fd, "%ld\n", refusal.count) < 0 || close(fd) != 0))
        abort();
}

/* Whether the call from this place is to fail. */
static bool is_refused(const void *caller)
{
    uintptr_t place = (uintptr_t)caller;
    if (!refusal.is_on)
        return false;
    for (int i = 0; i < refusal.num_uncounted; i++)
        if (place >= refusal.uncounted[i].begin && place < refusal.uncounted[i].end)
            return false;
    if (__atomic_add_fetch(&refusal.count, 1, __ATOMIC_RELAXED) != refusal.at)
        return false;
    errno = ENOMEM;
    return true;
}

#define CALLER __builtin_return_address(0)

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

void *malloc(size_t size)
{
    return is_refused(CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t num, size_t size)
{
    return is_refused(CALLER) ? NULL : __libc_calloc(num, size);
}

void *realloc(void *memory, size_t size)
{
    return is_refused(CALLER) ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_refused(CALLER) ? NULL : __libc_memalign(alignment, size);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const long long ns_per_second = 1000000000, speed = 100;
    int status = (int)syscall(SYS_clock_gettime, clock, now);
    if (status == 0) {
        const long long ns = now->tv_nsec * speed;
        now->tv_sec = now->tv_sec * speed + ns / ns_per_second;
        now->tv_nsec = ns % ns_per_second;
    }
    return status;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
