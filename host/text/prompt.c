/* Prefixes become ids. What the model cannot read is refused, or skipped or replaced with a word about it. */
#include "lyrnn/prompt.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "text/nearest.h"

static lyrnn_status make_room(lyrnn_prompt *prompt, size_t length)
{
    *prompt = (lyrnn_prompt){.ids = (int32_t *)calloc(length, sizeof(int32_t))};
    if (prompt->ids == NULL)
        return lyrnn_fail(LYRNN_ERR_MEMORY,
                          "memory: a prefix of %zu characters does not fit; "
                          "give a shorter one",
                          length);
    return LYRNN_OK;
}

/* Whether the same character came before: it is spoken of once. */
static bool is_repeated(const lyrnn_corpus *text, size_t at)
{
    for (size_t i = at; i > 0; i--)
        if (text->chars[i - 1] == text->chars[at])
            return true;
    return false;
}

/* The id that takes the place of an unknown character, or -1. */
static int32_t replace(const lyrnn_vocab *vocab, const char *object, const lyrnn_corpus *text,
                       size_t at, lyrnn_on_unknown on_unknown, FILE *log)
{
    char unknown[LYRNN_CHAR_NAME_BYTES], found[LYRNN_CHAR_NAME_BYTES];
    lyrnn_relation relation = LYRNN_RELATION_NONE;
    int32_t id = -1;
    if (on_unknown == LYRNN_UNKNOWN_NEAREST)
        id = lyrnn_nearest_id(vocab, text->chars[at], &relation);
    if (log == NULL || is_repeated(text, at))
        return id;
    lyrnn_char_name(text->chars[at], unknown, sizeof unknown);
    if (id < 0) {
        fprintf(log, "%s: unknown character %s, skipped%s\n", object, unknown,
                on_unknown == LYRNN_UNKNOWN_NEAREST ? ": the model knows none near it" : "");
        return id;
    }
    lyrnn_char_name(vocab->chars[id], found, sizeof found);
    fprintf(log, "%s: unknown character %s, read as %s, %s\n", object, unknown, found,
            lyrnn_relation_text(relation));
    return id;
}

static lyrnn_status encode(lyrnn_prompt *prompt, const lyrnn_vocab *vocab, const char *object,
                           const lyrnn_corpus *text, lyrnn_on_unknown on_unknown, FILE *log)
{
    if (on_unknown == LYRNN_UNKNOWN_ERROR) {
        prompt->length = text->N;
        return lyrnn_vocab_encode(vocab, object, text->chars, text->N, prompt->ids);
    }
    if (on_unknown == LYRNN_UNKNOWN_NEAREST)
        LYRNN_TRY(lyrnn_nearest_check());
    for (size_t i = 0; i < text->N; i++) {
        int32_t id = lyrnn_vocab_id(vocab, text->chars[i]);
        if (id < 0)
            id = replace(vocab, object, text, i, on_unknown, log);
        if (id >= 0)
            prompt->ids[prompt->length++] = id;
    }
    if (prompt->length == 0)
        return lyrnn_fail(LYRNN_ERR_UNKNOWN_CHAR,
                          "%s: has no character that the model knows; give one of the text that it "
                          "learnt",
                          object);
    return LYRNN_OK;
}

static lyrnn_status fail_empty(const char *object)
{
    return lyrnn_fail(LYRNN_ERR_USAGE, "%s: is empty; give at least one character", object);
}

lyrnn_status lyrnn_prompt_init(lyrnn_prompt *prompt, const lyrnn_vocab *vocab, const char *object,
                               const lyrnn_corpus *text, lyrnn_on_unknown on_unknown, FILE *log)
{
    *prompt = (lyrnn_prompt){0};
    if (text->N == 0)
        return fail_empty(object);
    LYRNN_TRY(make_room(prompt, text->N));
    lyrnn_status status = encode(prompt, vocab, object, text, on_unknown, log);
    if (status != LYRNN_OK)
        lyrnn_prompt_free(prompt);
    return status;
}

lyrnn_status lyrnn_prompt_of_option(lyrnn_prompt *prompt, const lyrnn_vocab *vocab,
                                    const char *option, const char *utf8, lyrnn_newlines newlines,
                                    lyrnn_on_unknown on_unknown, FILE *log)
{
    char object[256];
    lyrnn_corpus text = {0};
    *prompt = (lyrnn_prompt){0};
    if (utf8[0] == '\0')
        return fail_empty(option);
    snprintf(object, sizeof object, "%s %s", option, utf8);
    lyrnn_status status = lyrnn_corpus_append_text(&text, object, utf8, strlen(utf8), newlines);
    if (status == LYRNN_OK)
        status = lyrnn_prompt_init(prompt, vocab, object, &text, on_unknown, log);
    lyrnn_corpus_free(&text);
    return status;
}

lyrnn_status lyrnn_prompt_from_ids(lyrnn_prompt *prompt, const int32_t *ids, size_t length)
{
    LYRNN_TRY(make_room(prompt, length));
    memcpy(prompt->ids, ids, length * sizeof *ids);
    prompt->length = length;
    return LYRNN_OK;
}

void lyrnn_prompt_free(lyrnn_prompt *prompt)
{
    free(prompt->ids);
    *prompt = (lyrnn_prompt){0};
}
