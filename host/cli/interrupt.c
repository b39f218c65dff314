/* The only mutable globals of the program: a signal handler has no other place for what it
 * learns. */
#include "cli/interrupt.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

static const int stop_signals[] = {SIGHUP, SIGINT, SIGTERM, SIGXCPU, SIGUSR2};
enum { NUM_STOP_SIGNALS = sizeof stop_signals / sizeof stop_signals[0] };

static lyrnn_train_requests requests;
/* When the first request to stop came; 0: none came. Two threads may handle two signals at once. */
static atomic_llong stop_ns;
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a signal handler must not wait for a lock");

static void set_handler(int signal_number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < NUM_STOP_SIGNALS; i++)
        sigaddset(&action.sa_mask, stop_signals[i]);
    sigaction(signal_number, &action, NULL);
}

static long long monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* A terminal and a scheduler may send several signals for one request, so those of the first second
 * count as one. Beyond its limit on CPU time a process gets SIGXCPU every second, so that one never
 * counts as the second request. */
static void note_stop(int signal_number)
{
    enum { NS_PER_REQUEST = 1000000000 };
    int held_errno = errno;
    long long first = 0, now = monotonic_ns();
    if (atomic_compare_exchange_strong(&stop_ns, &first, now)) {
        requests.stop = signal_number;
    } else if (signal_number != SIGXCPU && now - first > NS_PER_REQUEST) {
        /* The signal is blocked until this handler returns, and then ends the program. */
        set_handler(signal_number, SIG_DFL);
        raise(signal_number);
    }
    errno = held_errno;
}

static void note_save(int signal_number)
{
    requests.save = signal_number;
}

/* Whoever starts the program may make it ignore a signal (nohup, a job in the background of a
 * script). Such a signal stays ignored. */
static void catch_unless_ignored(int signal_number, void (*handler)(int))
{
    struct sigaction old;
    if (sigaction(signal_number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        set_handler(signal_number, handler);
}

void interrupt_catch_saves(void)
{
    catch_unless_ignored(SIGUSR1, note_save);
}

lyrnn_train_requests *interrupt_catch_stops(void)
{
    for (size_t i = 0; i < NUM_STOP_SIGNALS; i++)
        catch_unless_ignored(stop_signals[i], note_stop);
    return &requests;
}

int interrupt_signal(void)
{
    return requests.stop;
}
