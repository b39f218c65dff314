/* Text that a person reads on a terminal. A model, a path or a corpus may hold characters that a
 * terminal obeys or that change the order of what it shows; none of them may reach it. */
#ifndef LYRNN_PLAIN_TEXT_H
#define LYRNN_PLAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/status.h"

/* Whether a terminal only shows this character. False for controls (C0, DEL and C1, so also for
 * '\n' and '\t') and for bidirectional controls. */
bool lyrnn_is_plain(uint32_t c);

/* Makes `text` of num_bytes plain, in place: a character that is not plain and a byte that is not
 * UTF-8 become '?' each. Returns the number of bytes, which never grows. */
size_t lyrnn_make_plain(char *text, size_t num_bytes);

/* Prints like fprintf, and makes plain what it prints. Only newlines at the end of format stay. It
 * is for logs, warnings and tables; what is not a line of text goes through fprintf. */
void lyrnn_print_plain(FILE *stream, const char *format, ...) LYRNN_PRINTF(2, 3);

/* Prints one character. is_plain: '?' instead, if it is not plain; newlines and tabs stay. */
void lyrnn_print_char(FILE *stream, uint32_t c, bool is_plain);

/* Whether a person reads this stream on a terminal, so that text must be plain. */
bool lyrnn_is_terminal(FILE *stream);

#endif
