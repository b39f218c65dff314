/* What goes wrong with ranks, at the request of a test's environment:
 *
 *     LYRNN_TEST_ABSENT=R   rank R is killed before it can meet the others
 *     LYRNN_TEST_FORKS=N    fork fails after N processes
 *     LYRNN_TEST_SLOW=S     a checkpoint takes S seconds longer, and a debugger looks at the rank
 *     LYRNN_TEST_HURRY=N    the clock of the process that starts the ranks runs N times as fast
 *
 * The program calls these functions, and not the ones of the C library. Their parameters have
 * names of their own.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((constructor)) static void end_rank(void)
{
    const char *rank = getenv("LYRNN_RANK"), *absent = getenv("LYRNN_TEST_ABSENT");
    if (rank != NULL && absent != NULL && strcmp(rank, absent) == 0)
        (void)raise(SIGKILL);
}

pid_t fork(void)
{
    static int num_forks;
    const char *most = getenv("LYRNN_TEST_FORKS");
    if (most != NULL && num_forks++ == atoi(most)) {
        errno = EAGAIN;
        return -1;
    }
    pid_t (*system_fork)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
    return system_fork();
}

/* A checkpoint begins with the numbers of its epochs. */
static bool is_of_checkpoint(int file)
{
    char link[32], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "metrics.jsonl") != NULL;
}

static void sleep_seconds(int seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* Another process stops this one for so long, as a debugger does, or a sanitizer that looks for
 * leaks. Where that is not allowed, this one sleeps. */
static void be_traced(int seconds)
{
    const pid_t rank = getpid();
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    const pid_t tracer = (pid_t)syscall(SYS_fork);
    if (tracer != 0) {
        while (waitpid(tracer, NULL, 0) < 0 && errno == EINTR) {
        }
        return;
    }
    if (ptrace(PTRACE_SEIZE, rank, NULL, NULL) == 0)
        (void)ptrace(PTRACE_INTERRUPT, rank, NULL, NULL);
    sleep_seconds(seconds);
    _exit(0); /* which lets the rank continue */
}

int fsync(int file)
{
    const char *seconds = getenv("LYRNN_TEST_SLOW");
    if (seconds != NULL && is_of_checkpoint(file))
        be_traced(atoi(seconds));
    return (int)syscall(SYS_fsync, file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const char *speed = getenv("LYRNN_TEST_HURRY");
    int status = (int)syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && speed != NULL && getenv("LYRNN_RANK") == NULL)
        now->tv_sec *= atoi(speed);
    return status;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
