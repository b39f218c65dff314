/* Signals as requests to a training, which obeys them at the next safe place:
 *
 *     SIGHUP, SIGINT, SIGTERM, SIGXCPU, SIGUSR2   save a checkpoint and stop
 *     SIGUSR1                                     save a checkpoint and continue
 *
 * No other command has anything to save, and so none catches them. */
#ifndef LYRNN_CLI_INTERRUPT_H
#define LYRNN_CLI_INTERRUPT_H

#include <signal.h>

#include "lyrnn/train.h"

/* From now on SIGUSR1 is only noted. It would end the program otherwise, so a training calls this
 * as soon as it starts. */
void interrupt_catch_saves(void);

/* From now on the first signal that asks to stop is only noted. Those that follow within a second
 * count as the same request; a later one ends the program at once. Returns the place where the
 * requests are noted. */
lyrnn_train_requests *interrupt_catch_stops(void);

/* The signal that asked to stop, or 0. */
int interrupt_signal(void);

#endif
