/* What the command line (options.c) and JSON (options_json.c) share: both set a field from a
 * text. */
#ifndef LYRNN_CLI_OPTIONS_TABLE_H
#define LYRNN_CLI_OPTIONS_TABLE_H

#include "cli/options/options.h"

static inline void *option_field(const option_spec *spec, void *fields)
{
    return (char *)fields + spec->offset;
}

/* Sets the field of an option from text by the rules of its kind. Texts are borrowed.
 * LYRNN_ERR_USAGE or LYRNN_ERR_MEMORY. */
lyrnn_status options_set_value(const option_spec *spec, const char *text, void *fields);

/* Appends a text, which is borrowed. LYRNN_ERR_MEMORY. */
lyrnn_status options_add_text(option_texts *texts, const char *text);

#endif
