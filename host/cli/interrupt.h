/* SIGINT and SIGTERM as a request to stop at the next safe place. Only a training asks for this: it
 * polls the request after each step, saves a checkpoint and ends. */
#ifndef LYRNN_CLI_INTERRUPT_H
#define LYRNN_CLI_INTERRUPT_H

#include <signal.h>

/* From now on the first of these signals is only noted, and the next one ends the program at once.
 * Returns the place where the signal is noted, which is nonzero from then on. */
const volatile sig_atomic_t *interrupt_catch(void);

/* The signal that was noted, or 0. */
int interrupt_signal(void);

#endif
