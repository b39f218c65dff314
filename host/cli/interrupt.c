/* The only mutable global of the program: a signal handler has no other place for what it
 * learns. */
#include "cli/interrupt.h"

#include <stddef.h>

static volatile sig_atomic_t noted_signal;

static void restore(int signal_number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal_number, &action, NULL);
}

static void note(int signal_number)
{
    noted_signal = signal_number;
    restore(SIGINT);
    restore(SIGTERM);
}

/* Whoever starts the program may make it ignore a signal (nohup, a job in the background of a
 * script). Such a signal stays ignored. */
static void catch_unless_ignored(int signal_number)
{
    struct sigaction old, action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    if (sigaction(signal_number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(signal_number, &action, NULL);
}

const volatile sig_atomic_t *interrupt_catch(void)
{
    catch_unless_ignored(SIGINT);
    catch_unless_ignored(SIGTERM);
    return &noted_signal;
}

int interrupt_signal(void)
{
    return noted_signal;
}
