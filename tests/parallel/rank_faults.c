/* What goes wrong while ranks start, at the request of a test's environment:
 *
 *     LYRNN_TEST_ABSENT=R   rank R is killed before it can meet the others
 *     LYRNN_TEST_FORKS=N    fork fails after N processes */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void end_rank(void)
{
    const char *rank = getenv("LYRNN_RANK"), *absent = getenv("LYRNN_TEST_ABSENT");
    if (rank != NULL && absent != NULL && strcmp(rank, absent) == 0)
        (void)raise(SIGKILL);
}

/* The program calls this one instead of that of the C library. */
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
