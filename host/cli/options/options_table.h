/* What the two ways into a command's fields share, the command line (options.c) and JSON (options_json.c). */
#ifndef LYRNN_CLI_OPTIONS_TABLE_H
#define LYRNN_CLI_OPTIONS_TABLE_H

#include "cli/options/options.h"

static inline void *option_field(const option_spec *spec, void *fields)
{
    return (char *)fields + spec->offset;
}

/* Sets an option's field from text by the rules of its kind; texts are borrowed. LYRNN_ERR_USAGE. */
lyrnn_status options_set_value(const option_spec *spec, const char *text, void *fields);

/* Appends a text, borrowed. LYRNN_ERR_MEMORY. */
lyrnn_status options_add_text(option_texts *texts, const char *text);

#endif
