/* What must happen before the constructors of the libraries run, which is before main.
 *
 * - libgomp chooses how long a thread spins while it waits. On busy cores its default costs several
 *   times the work itself, and on idle ones it gains nothing. There is no call to change it, and
 *   the environment is read too early. But where a process has fewer CPUs than threads, libgomp
 *   spins only briefly. So this process has one CPU while libgomp counts them, and all of them
 *   again before main. Where the user sets how threads wait or on which CPUs they run, nothing is
 *   done.
 * - OpenBLAS before 0.3.30 asks for its buffers for ever if the system refuses them.
 *
 * A function in .preinit_array gets its environment from the loader: getenv has none yet. */
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/address_space.h"

/* The CPUs of this process; .size is 0 if it keeps them. */
static struct {
    unsigned long bits[1024];
    size_t size;
} all_cpus;

static const char *variable(char **environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

/* LLVM's OpenMP has this call, and host/cpu uses it. GNU's has not. */
__attribute__((weak)) void kmp_set_blocktime(int milliseconds);

static void take_one_cpu(char **environment)
{
    if (kmp_set_blocktime != NULL)
        return;
    static const char *const settings[] = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND",
                                           "OMP_PLACES", "GOMP_CPU_AFFINITY"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (variable(environment, settings[i]) != NULL)
            return;
    cpu_set_t *all = (cpu_set_t *)all_cpus.bits;
    static unsigned long one_bits[sizeof all_cpus.bits / sizeof all_cpus.bits[0]];
    cpu_set_t *one = (cpu_set_t *)one_bits;
    int cpu = sched_getcpu();
    if (cpu < 0 || sched_getaffinity(0, sizeof all_cpus.bits, all) != 0 ||
        CPU_COUNT_S(sizeof all_cpus.bits, all) == 1)
        return;
    CPU_SET_S((size_t)cpu, sizeof one_bits, one);
    if (sched_setaffinity(0, sizeof one_bits, one) == 0)
        all_cpus.size = sizeof all_cpus.bits;
}

/* The number of threads for which OpenBLAS takes buffers when it is loaded. */
static size_t threads_of_openblas(char **environment)
{
    static const char *const settings[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS",
                                           "OMP_NUM_THREADS"};
    const size_t max = 128; /* what distributions build it for */
    cpu_set_t cpus;
    size_t threads = 0;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const char *text = variable(environment, settings[i]);
        size_t number = text != NULL ? strtoul(text, NULL, 10) : 0;
        threads = number > threads ? number : threads;
    }
    if (threads == 0)
        threads = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;
    return threads < max ? threads : max;
}

/* Ends the process if OpenBLAS could not get its buffers. Asks the system for as much, because a
 * limit on the address space, one on data, and strict accounting can each refuse it. */
static void check_address_space(char **environment)
{
    size_t threads = threads_of_openblas(environment);
    if (lyrnn_can_map(lyrnn_openblas_bytes(threads)))
        return;
    char line[256];
    int length =
        snprintf(line, sizeof line,
                 "lyrnn: memory: OpenBLAS needs %zu MiB of address space for %zu thread%s, "
                 "and a limit forbids it; raise ulimit -v and ulimit -d%s\n",
                 lyrnn_openblas_bytes(threads) >> 20, threads, threads == 1 ? "" : "s",
                 threads == 1 ? "" : ", or lower OMP_NUM_THREADS");
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written;
    _exit(1);
}

static void before_libraries(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    take_one_cpu(environment);
    check_address_space(environment);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(int, char **, char **) = before_libraries;

/* A program's constructors run after those of its libraries. */
__attribute__((constructor)) static void after_libraries(void)
{
    if (all_cpus.size != 0)
        sched_setaffinity(0, all_cpus.size, (const cpu_set_t *)all_cpus.bits);
}
