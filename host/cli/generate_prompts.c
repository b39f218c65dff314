/* Makes the prompts of lyrnn generate from options, a file or the acrostic. */
#include "cli/generate_prompts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The last line end belongs to the file, not to the prefix. */
static lyrnn_status prompt_of_file(const prompt_sources *sources, lyrnn_prompt *prompt)
{
    const char *path = sources->prefix_file;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    lyrnn_normalize normalize = sources->rules.vocab->normalize;
    /* A prefix keeps its spaces, also those at the end of a line. */
    const lyrnn_corpus_rules as_is = {
        .encoding = sources->encoding,
        .is_plain_text = true,
        .songs = LYRNN_SONGS_NONE,
        .keep_duplicates = true,

        .normalize = normalize == LYRNN_NORMALIZE_CLEAN ? LYRNN_NORMALIZE_NFC : normalize,
        .width = LYRNN_WIDTH_KEEP,
        .is_named_by_user = true,
        .log = sources->rules.log};
    lyrnn_corpus text;
    LYRNN_TRY(lyrnn_corpus_load_file(&text, path, &as_is));
    if (text.N > 0 && text.chars[text.N - 1] == '\n')
        text.N--;
    for (size_t i = 0; i < text.N && sources->rules.newlines == LYRNN_NEWLINES_SPACE; i++)
        if (text.chars[i] == '\n')
            text.chars[i] = ' ';
    lyrnn_status status = lyrnn_prompt_init(prompt, &sources->rules, name, &text);
    lyrnn_corpus_free(&text);
    return status;
}

/* Ends the last line of a prompt, unless it has ended. */
static lyrnn_status end_line(lyrnn_prompt *prompt, int32_t newline)
{
    if (prompt->ids[prompt->length - 1] == newline)
        return LYRNN_OK;
    size_t bytes = (prompt->length + 1) * sizeof *prompt->ids;
    int32_t *ids = realloc(prompt->ids, bytes);
    if (ids == NULL)
        return lyrnn_out_of_memory("prefix", bytes, "give a shorter one");
    ids[prompt->length++] = newline;
    prompt->ids = ids;
    return LYRNN_OK;
}

/* Adds the prompt of a prefix. NULL: of the file, or if there is none of the acrostic. */
static lyrnn_status add_prompt(const prompt_sources *sources, const char *prefix,
                               prompt_list *prompts)
{
    lyrnn_prompt *prompt = &prompts->items[prompts->num];
    if (prefix != NULL)
        LYRNN_TRY(lyrnn_prompt_of_option(prompt, &sources->rules, "--prefix", prefix));
    else if (sources->prefix_file != NULL)
        LYRNN_TRY(prompt_of_file(sources, prompt));
    else
        LYRNN_TRY(lyrnn_prompt_from_ids(prompt, sources->acrostic->ids, 1));
    prompts->num++;
    return sources->ends_line ? end_line(prompt, sources->lines->newline)
                              : lyrnn_line_rules_check_prompt(sources->lines, sources->rules.vocab,
                                                              prompt, sources->length);
}

lyrnn_status prompts_make(const prompt_sources *sources, prompt_list *prompts)
{
    size_t num = sources->prefixes->num;
    prompts->items = calloc(num + 1, sizeof *prompts->items);
    if (prompts->items == NULL)
        return lyrnn_out_of_memory("--prefix", (num + 1) * sizeof *prompts->items, "give fewer");
    for (size_t i = 0; i < num; i++)
        LYRNN_TRY(add_prompt(sources, sources->prefixes->items[i], prompts));
    if (sources->prefix_file != NULL || num == 0)
        LYRNN_TRY(add_prompt(sources, NULL, prompts));
    return LYRNN_OK;
}

void prompts_free(prompt_list *prompts)
{
    for (size_t i = 0; i < prompts->num; i++)
        lyrnn_prompt_free(&prompts->items[i]);
    free(prompts->items);
    *prompts = (prompt_list){0};
}
