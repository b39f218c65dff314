/* What lyrnn generate prints: texts as they are generated, or JSON when a text is complete. Reports
 * go to standard error. */
#ifndef LYRNN_CLI_GENERATE_OUTPUT_H
#define LYRNN_CLI_GENERATE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "generate/suggest.h"
#include "lyrnn/generate.h"
#include "lyrnn/text_report.h"
#include "lyrnn/vocab.h"

typedef enum { FORMAT_TEXT, FORMAT_JSON, FORMAT_JSONL } generate_format;

typedef struct {
    generate_format format;
    const lyrnn_vocab *vocab;
    bool has_several;         /* samples per prompt: an empty line separates them */
    bool has_several_prompts; /* so that the number of a sample does not name it */
    bool is_terminal;         /* standard output is a terminal */
    bool has_seed;            /* characters are sampled at random */
    uint64_t seed;
    lyrnn_reporter *reporter; /* NULL: no reports */
    size_t num_printed;
    uint64_t sample; /* the number of the sample that is being printed */
} generate_output;

/* The listener that prints the samples of all prompts. */
lyrnn_listener generate_output_listener(generate_output *output);

/* Prints the next suggestion for the next line; context is the generate_output. */
lyrnn_status generate_output_suggestion(void *context, const lyrnn_suggestion *suggestion);

/* Print what comes before and after the samples. header, {"model": ..., "options": ...}, is used
 * only by FORMAT_JSON. */
lyrnn_status generate_output_begin(const generate_output *output, const json_t *header);
void generate_output_end(const generate_output *output);

#endif
