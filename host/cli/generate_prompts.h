/* The prompts that lyrnn generate begins its texts with. */
#ifndef LYRNN_CLI_GENERATE_PROMPTS_H
#define LYRNN_CLI_GENERATE_PROMPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options/options.h"
#include "lyrnn/line_rules.h"
#include "lyrnn/prompt.h"

/* What prompts are made of. */
typedef struct {
    const option_texts *prefixes;
    const char *prefix_file;       /* NULL: none */
    lyrnn_encoding encoding;       /* of the file */
    const lyrnn_prompt *acrostic;  /* its first character begins a text that has no prefix */
    lyrnn_prompt_rules rules;      /* of all prefixes */
    const lyrnn_line_rules *lines; /* which each prompt must follow */
    size_t length;                 /* maximum number of characters after a prompt */
    bool ends_line; /* end the last line instead; the rules for lines are then for what follows */
} prompt_sources;

typedef struct {
    lyrnn_prompt *items; /* (num) owned */
    size_t num;
} prompt_list;

/* Makes one prompt per prefix. The caller frees the zeroed list that it gave, after a failure as
 * well. Errors are those of lyrnn/prompt.h and lyrnn/line_rules.h, and of reading the file. */
lyrnn_status prompts_make(const prompt_sources *sources, prompt_list *prompts);
void prompts_free(prompt_list *prompts);

#endif
