/* Encodes the characters of a prompt. A character that the model does not know is an error, or it
 * is left out or replaced, and the log says so. */
#include "lyrnn/prompt.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "text/nearest.h"

static lyrnn_status allocate_ids(lyrnn_prompt *prompt, size_t length)
{
    *prompt = (lyrnn_prompt){.ids = (int32_t *)calloc(length, sizeof(int32_t))};
    if (prompt->ids == NULL)
        return lyrnn_out_of_memory("prefix", length * sizeof(int32_t), "give a shorter one");
    return LYRNN_OK;
}

/* Whether the character at `position` came before. The log names each character once. */
static bool is_repeated(const lyrnn_corpus *text, size_t position)
{
    for (size_t i = position; i > 0; i--)
        if (text->chars[i - 1] == text->chars[position])
            return true;
    return false;
}

/* Logs that character c was left out (id < 0), or replaced by the character of id. */
static void log_unknown(const lyrnn_prompt_rules *rules, const char *object, uint32_t c, int32_t id,
                        lyrnn_relation relation)
{
    char unknown[LYRNN_CHAR_NAME_BYTES], found[LYRNN_CHAR_NAME_BYTES];
    lyrnn_char_name(c, unknown, sizeof unknown);
    if (id < 0) {
        bool is_nearest = rules->on_unknown == LYRNN_UNKNOWN_NEAREST;
        lyrnn_print_plain(rules->log, "%s: unknown character %s, skipped%s\n", object, unknown,
                          is_nearest ? ": the model knows none near it" : "");
    } else {
        lyrnn_char_name(rules->vocab->chars[id], found, sizeof found);
        lyrnn_print_plain(rules->log, "%s: unknown character %s, read as %s, %s\n", object, unknown,
                          found, lyrnn_relation_text(relation));
    }
}

/* Returns the id that replaces the unknown character at `position`, or -1 to leave it out. */
static int32_t replace_char(const lyrnn_prompt_rules *rules, const char *object,
                            const lyrnn_corpus *text, size_t position)
{
    lyrnn_relation relation = LYRNN_RELATION_NONE;
    int32_t id = -1;
    if (rules->on_unknown == LYRNN_UNKNOWN_NEAREST)
        id = lyrnn_nearest_id(rules->vocab, text->chars[position], &relation);
    if (rules->log != NULL && !is_repeated(text, position))
        log_unknown(rules, object, text->chars[position], id, relation);
    return id;
}

static lyrnn_status encode(lyrnn_prompt *prompt, const lyrnn_prompt_rules *rules,
                           const char *object, const lyrnn_corpus *text)
{
    LYRNN_TRY(allocate_ids(prompt, text->N));
    if (rules->on_unknown == LYRNN_UNKNOWN_ERROR) {
        prompt->length = text->N;
        return lyrnn_vocab_encode(rules->vocab, object, text->chars, text->N, prompt->ids);
    }
    if (rules->on_unknown == LYRNN_UNKNOWN_NEAREST)
        LYRNN_TRY(lyrnn_nearest_check());
    for (size_t i = 0; i < text->N; i++) {
        int32_t id = lyrnn_vocab_id(rules->vocab, text->chars[i]);
        if (id < 0)
            id = replace_char(rules, object, text, i);
        if (id >= 0)
            prompt->ids[prompt->length++] = id;
    }
    if (prompt->length == 0)
        return lyrnn_fail(LYRNN_ERR_UNKNOWN_CHAR,
                          "%s: has no character that the model knows; use characters that it "
                          "was trained on",
                          object);
    return LYRNN_OK;
}

static lyrnn_status fail_empty(const char *object)
{
    return lyrnn_fail(LYRNN_ERR_USAGE, "%s: is empty; give at least one character", object);
}

lyrnn_status lyrnn_prompt_init(lyrnn_prompt *prompt, const lyrnn_prompt_rules *rules,
                               const char *object, const lyrnn_corpus *text)
{
    *prompt = (lyrnn_prompt){0};
    if (text->N == 0)
        return fail_empty(object);
    lyrnn_status status = encode(prompt, rules, object, text);
    if (status != LYRNN_OK)
        lyrnn_prompt_free(prompt);
    return status;
}

/* Replaces \n, \t and \\ as printf does. The caller frees *plain. A file has no escapes: its text
 * is taken as it is. */
static lyrnn_status resolve_escapes(const char *option, const char *text, char **plain)
{
    static const char names[] = "nt\\", values[] = "\n\t\\";
    char *end = *plain = malloc(strlen(text) + 1);
    if (end == NULL)
        return lyrnn_out_of_memory(option, strlen(text) + 1, "give a shorter text");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '\\') {
            *end++ = *c;
            continue;
        }
        c++;
        const char *name = *c != '\0' ? strchr(names, *c) : NULL;
        if (name == NULL) {
            free(*plain);
            *plain = NULL;
            utf8proc_int32_t unknown = 0;
            int length = (int)utf8proc_iterate((const utf8proc_uint8_t *)c, -1, &unknown);
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "%s %s: has the unknown escape \\%.*s; write \\n for a newline, \\t "
                              "for a tab and \\\\ for a backslash",
                              option, text, length > 0 && unknown > 0 ? length : 0, c);
        }
        *end++ = values[name - names];
    }
    *end = '\0';
    return LYRNN_OK;
}

lyrnn_status lyrnn_prompt_of_option(lyrnn_prompt *prompt, const lyrnn_prompt_rules *rules,
                                    const char *option, const char *utf8)
{
    char object[256];
    const lyrnn_corpus_rules as_learned = {.newlines = rules->newlines,
                                           .normalize = rules->vocab->normalize};
    lyrnn_corpus text = {0};
    char *plain;
    *prompt = (lyrnn_prompt){0};
    if (utf8[0] == '\0')
        return fail_empty(option);
    snprintf(object, sizeof object, "%s %s", option, utf8);
    LYRNN_TRY(resolve_escapes(option, utf8, &plain));
    lyrnn_status status =
        lyrnn_corpus_append_text(&text, object, plain, strlen(plain), &as_learned);
    free(plain);
    if (status == LYRNN_OK)
        status = lyrnn_prompt_init(prompt, rules, object, &text);
    lyrnn_corpus_free(&text);
    return status;
}

lyrnn_status lyrnn_prompt_from_ids(lyrnn_prompt *prompt, const int32_t *ids, size_t length)
{
    LYRNN_TRY(allocate_ids(prompt, length));
    memcpy(prompt->ids, ids, length * sizeof *ids);
    prompt->length = length;
    return LYRNN_OK;
}

void lyrnn_prompt_free(lyrnn_prompt *prompt)
{
    free(prompt->ids);
    *prompt = (lyrnn_prompt){0};
}
