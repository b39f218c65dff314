/* The program's side of MPI: loads liblyrnn_mpi.so if mpirun started this process. */
#include "mpi_module/mpi_module.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* What the handler writes: one that waits for MPI cannot return an error. */
static char too_late[128];

static void end_late(int signal_number)
{
    (void)signal_number;
    ssize_t written = write(STDERR_FILENO, too_late, strlen(too_late));
    (void)written;
    _exit(1);
}

/* A timer that ends this process. 0 stops it. */
static void set_timer(double seconds)
{
    struct itimerval timer = {.it_value.tv_sec = (time_t)seconds};
    timer.it_value.tv_usec = (suseconds_t)(1e6 * (seconds - (double)timer.it_value.tv_sec));
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* MPI waits for all processes of mpirun without limit, also for one that never starts MPI. The
 * lowest rank that is there reports that first, and mpirun then ends the others. Nothing else in
 * this program uses SIGALRM. */
static lyrnn_status begin_in_time(const lyrnn_mpi_entry *mpi, const mpi_world *world,
                                  bool *is_one_host)
{
    const double pause_seconds = 3; /* mpirun needs more than 1 s to end the others */
    const int turn = world->rank < 10 ? world->rank : 10;
    struct sigaction action = {.sa_handler = end_late, .sa_flags = SA_RESTART}, old;
    snprintf(too_late, sizeof too_late,
             "lyrnn: rank %d: MPI did not start within %g s; let mpirun start lyrnn only, and see "
             "its messages\n",
             world->rank, world->timeout_seconds);
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, &old);
    set_timer(world->timeout_seconds + pause_seconds * turn);
    lyrnn_status status = mpi->begin(&lyrnn_this_program, world->rank, world->size, is_one_host);
    set_timer(0);
    sigaction(SIGALRM, &old, NULL);
    return status;
}

lyrnn_status lyrnn_mpi_open(const mpi_world *world, const lyrnn_mpi_entry **mpi, bool *is_one_host)
{
    static const lyrnn_module module = {.name = "liblyrnn_mpi.so",
                                        .entry = "lyrnn_mpi_module",
                                        .object = "mpi",
                                        .needs = "Open MPI and a lyrnn built with it",
                                        .instead = "continue over TCP"};
    const void *entry;
    LYRNN_TRY(lyrnn_module_load(&module, &entry));
    *mpi = (const lyrnn_mpi_entry *)entry;
    return begin_in_time(*mpi, world, is_one_host);
}
