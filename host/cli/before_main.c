/* What must happen before the constructors of the libraries run, which is before main.
 *
 * - libgomp chooses how long a thread spins while it waits. On busy cores its default costs several
 *   times the work itself, and on idle ones it gains nothing.
 * - OpenBLAS takes its buffers for as many threads as there are CPUs, although the CPU backend sets
 *   their number later. Versions before 0.3.30 ask for ever if the system refuses them.
 *
 * Both read their settings from the environment when they are loaded. So the program executes
 * itself once more with such settings. As no library has run before, nothing else differs the
 * second time. Where the user sets how threads wait, nothing is done.
 *
 * A function in .preinit_array gets its environment from the loader: getenv has none yet. */
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/address_space.h"

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

/* Returns if the program has the settings, or cannot start again: without /proc, or if a loader
 * was started with the program's name, so that /proc/self/exe is that loader. */
static void restart_with_settings(char **argv, char **environment)
{
    /* A variable of the user comes first, and the first of a name counts. */
    static char spins[] = "GOMP_SPINCOUNT=10000", threads[] = "OPENBLAS_NUM_THREADS=1";
    if (kmp_set_blocktime != NULL || variable(environment, "OMP_WAIT_POLICY") != NULL ||
        variable(environment, "GOMP_SPINCOUNT") != NULL || getauxval(AT_BASE) == 0)
        return;
    /* The name that execve gets becomes the name of the process. */
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return;
    program[length] = '\0';
    size_t num = 0;
    while (environment[num] != NULL)
        num++;
    char *extended[num + 3];
    memcpy(extended, environment, num * sizeof *environment);
    extended[num] = spins;
    extended[num + 1] = threads;
    extended[num + 2] = NULL;
    execve(program, argv, extended);
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
    restart_with_settings(argv, environment);
    check_address_space(environment);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(int, char **, char **) = before_libraries;
