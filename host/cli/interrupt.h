/* SIGINT and SIGTERM as a wish to stop that is heeded at the next safe place. */
#ifndef LYRNN_CLI_INTERRUPT_H
#define LYRNN_CLI_INTERRUPT_H

#include <signal.h>

/* From now on the first of the two signals is only noted; what follows it ends the program at once. Returns
 * where it is noted: nonzero once it came. */
const volatile sig_atomic_t *interrupt_catch(void);

/* The signal that came, or 0. */
int interrupt_signal(void);

#endif
