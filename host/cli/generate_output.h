/* What lyrnn generate prints: texts as they come, or as JSON when they are whole; reports on standard error. */
#ifndef LYRNN_CLI_GENERATE_OUTPUT_H
#define LYRNN_CLI_GENERATE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lyrnn/generate.h"
#include "lyrnn/text_report.h"
#include "lyrnn/vocab.h"

typedef enum { FORMAT_TEXT, FORMAT_JSON, FORMAT_JSONL } generate_format;

typedef struct {
    generate_format format;
    const lyrnn_vocab *vocab;
    bool has_several;         /* samples of a prompt: an empty line parts them */
    bool has_several_prompts; /* their samples have the same numbers */
    bool is_terminal;         /* standard output is one */
    bool has_seed;            /* chance is at work */
    uint64_t seed;
    lyrnn_reporter *reporter; /* NULL: no reports */
    size_t num_printed;
    uint64_t sample; /* the one that is being printed */
} generate_output;

/* The listener of all prompts. */
lyrnn_listener generate_output_listener(generate_output *output);

/* What stands around the samples; header, {"model": ..., "options": ...}, is for FORMAT_JSON alone. */
lyrnn_status generate_output_begin(const generate_output *output, const json_t *header);
void generate_output_end(const generate_output *output);

#endif
