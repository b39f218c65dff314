/* Standard output may be a full disk, or a pipe whose reader has left. Commands check it after they
 * print, and main flushes it at the end, so that a lost result is an error. */
#ifndef LYRNN_CLI_STANDARD_OUTPUT_H
#define LYRNN_CLI_STANDARD_OUTPUT_H

#include "lyrnn/status.h"

/* LYRNN_ERR_IO if a write failed, now or earlier. */
lyrnn_status standard_output_check(void);

/* Writes what is in the buffer first. */
lyrnn_status standard_output_flush(void);

/* Drops what could not be written. For a command that has warned of it and did its work. */
void standard_output_forgive(void);

#endif
