/* Why a command line is refused. A refusal is LYRNN_ERR_USAGE with one line that names the
 * mistake, and what was probably meant. */
#ifndef LYRNN_CLI_REFUSALS_H
#define LYRNN_CLI_REFUSALS_H

#include "cli/options/options.h"

/* An argument that begins with '-' and that getopt refused. */
lyrnn_status options_refuse(const option_table *table, const char *argument);

/* One argument too many. `before` is the option right before it, or NULL. */
lyrnn_status options_refuse_argument(const option_table *table, const char *argument,
                                     const option_spec *before);

/* Refuses "yes" or "false" right after a flag, which takes no value. Any other word passes: it may
 * be a file. `before` is the option right before it, or NULL. */
lyrnn_status options_check_word(const option_spec *before, const char *argument);

/* Refuses a value, given as a word of its own, that is an option of the table: then the value is
 * missing. --prefix=--greedy still means that text. */
lyrnn_status options_check_value(const option_table *table, const option_spec *spec,
                                 const char *value);

/* A word that is not a value of an OPTION_CHOICE. */
lyrnn_status options_refuse_choice(const option_spec *spec, const char *text);

#endif
