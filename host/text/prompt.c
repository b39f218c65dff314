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

/* Adds a word to a list of words with room for `size` bytes. */
static void add_word(char *list, size_t size, const char *word)
{
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used > 0 ? " " : "", word);
}

/* Logs that num characters were replaced. */
static void log_replaced(const lyrnn_prompt_rules *rules, const char *object, const uint32_t *chars,
                         const lyrnn_nearest *nearest)
{
    char unknown[LYRNN_CHAR_NAME_BYTES], found[LYRNN_CHAR_NAME_BYTES];
    char list[LYRNN_MAX_NEAREST * LYRNN_CHAR_NAME_BYTES] = "", pieces[sizeof list] = "";
    for (size_t i = 0; i < nearest->num_read; i++) {
        lyrnn_char_name(chars[i], unknown, sizeof unknown);
        add_word(list, sizeof list, unknown);
    }
    for (size_t i = 0; i < nearest->num; i++) {
        lyrnn_char_name(rules->vocab->chars[nearest->ids[i]], found, sizeof found);
        add_word(pieces, sizeof pieces, found);
    }
    lyrnn_print_plain(rules->log, "%s: unknown character %s, read as %s, %s\n", object, list,
                      pieces, lyrnn_relation_text(nearest->relation));
}

/* One line for all characters that were left out (num). */
static lyrnn_status log_skipped(const lyrnn_prompt_rules *rules, const char *object,
                                const uint32_t *skipped, size_t num)
{
    char list[400];
    size_t num_distinct;
    if (rules->log == NULL || num == 0)
        return LYRNN_OK;
    LYRNN_TRY(
        lyrnn_vocab_list_unknown(rules->vocab, skipped, num, list, sizeof list, &num_distinct));
    lyrnn_print_plain(
        rules->log, "%s: skipped %zu unknown character%s%s: %s\n", object, num, num > 1 ? "s" : "",
        rules->on_unknown == LYRNN_UNKNOWN_NEAREST ? ", and none near is known" : "", list);
    return LYRNN_OK;
}

/* What encoding a prompt with unknown characters needs. */
typedef struct {
    uint32_t *skipped; /* (text->N) owned */
    size_t num_skipped, capacity;
} prompt_work;

static lyrnn_status append_ids(lyrnn_prompt *prompt, prompt_work *work, const int32_t *ids,
                               size_t num)
{
    if (prompt->length + num > work->capacity) {
        size_t capacity = 2 * work->capacity + num;
        int32_t *more = realloc(prompt->ids, capacity * sizeof *more);
        if (more == NULL)
            return lyrnn_out_of_memory("prefix", capacity * sizeof *more, "give a shorter one");
        prompt->ids = more;
        work->capacity = capacity;
    }
    memcpy(prompt->ids + prompt->length, ids, num * sizeof *ids);
    prompt->length += num;
    return LYRNN_OK;
}

/* Whether the character at `position` is known and no part of one in pieces, whose mark is
 * unknown. */
static bool is_known(const lyrnn_prompt_rules *rules, const lyrnn_corpus *text, size_t position)
{
    bool is_in_pieces = rules->on_unknown == LYRNN_UNKNOWN_NEAREST && position + 1 < text->N &&
                        lyrnn_vocab_id(rules->vocab, text->chars[position + 1]) < 0;
    if (lyrnn_vocab_id(rules->vocab, text->chars[position]) < 0)
        return false;
    if (!is_in_pieces)
        return true;
    lyrnn_nearest nearest;
    lyrnn_nearest_find(rules->vocab, text->chars + position, text->N - position, &nearest);
    return nearest.num_read == 1;
}

/* Replaces or skips the unknown character at *position and moves past it. */
static lyrnn_status replace_char(lyrnn_prompt *prompt, prompt_work *work,
                                 const lyrnn_prompt_rules *rules, const char *object,
                                 const lyrnn_corpus *text, size_t *position)
{
    lyrnn_nearest nearest = {.num_read = 1};
    const uint32_t *chars = text->chars + *position;
    if (rules->on_unknown == LYRNN_UNKNOWN_NEAREST)
        lyrnn_nearest_find(rules->vocab, chars, text->N - *position, &nearest);
    if (nearest.num == 0)
        work->skipped[work->num_skipped++] = *chars;
    else if (rules->log != NULL && !is_repeated(text, *position))
        log_replaced(rules, object, chars, &nearest);
    *position += nearest.num_read;
    return append_ids(prompt, work, nearest.ids, nearest.num);
}

static lyrnn_status encode_leniently(lyrnn_prompt *prompt, prompt_work *work,
                                     const lyrnn_prompt_rules *rules, const char *object,
                                     const lyrnn_corpus *text)
{
    if (rules->on_unknown == LYRNN_UNKNOWN_NEAREST)
        LYRNN_TRY(lyrnn_nearest_check());
    for (size_t i = 0; i < text->N;) {
        if (!is_known(rules, text, i)) {
            LYRNN_TRY(replace_char(prompt, work, rules, object, text, &i));
            continue;
        }
        int32_t id = lyrnn_vocab_id(rules->vocab, text->chars[i++]);
        LYRNN_TRY(append_ids(prompt, work, &id, 1));
    }
    LYRNN_TRY(log_skipped(rules, object, work->skipped, work->num_skipped));
    if (prompt->length == 0)
        return lyrnn_fail(LYRNN_ERR_UNKNOWN_CHAR,
                          "%s: has no character that the model knows; use characters that it "
                          "was trained on",
                          object);
    return LYRNN_OK;
}

static lyrnn_status encode(lyrnn_prompt *prompt, const lyrnn_prompt_rules *rules,
                           const char *object, const lyrnn_corpus *text)
{
    LYRNN_TRY(allocate_ids(prompt, text->N));
    if (rules->on_unknown == LYRNN_UNKNOWN_ERROR) {
        prompt->length = text->N;
        return lyrnn_vocab_encode(rules->vocab, object, text->chars, text->N, prompt->ids);
    }
    prompt_work work = {.skipped = malloc(text->N * sizeof(uint32_t)), .capacity = text->N};
    lyrnn_status status =
        work.skipped != NULL
            ? encode_leniently(prompt, &work, rules, object, text)
            : lyrnn_out_of_memory("prefix", text->N * sizeof(uint32_t), "give a shorter one");
    free(work.skipped);
    return status;
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

/* Names an option and its value in errors. */
typedef char option_name[256];

/* Decodes the value of an option. The caller frees *text, on failure too. */
static lyrnn_status decode_option(const char *option, const char *utf8,
                                  const lyrnn_corpus_rules *rules, option_name object,
                                  lyrnn_corpus *text)
{
    char *plain;
    *text = (lyrnn_corpus){0};
    if (utf8[0] == '\0')
        return fail_empty(option);
    snprintf(object, sizeof(option_name), "%s %s", option, utf8);
    LYRNN_TRY(resolve_escapes(option, utf8, &plain));
    lyrnn_status status = lyrnn_corpus_append_text(text, object, plain, strlen(plain), rules);
    free(plain);
    return status;
}

lyrnn_status lyrnn_prompt_of_option(lyrnn_prompt *prompt, const lyrnn_prompt_rules *rules,
                                    const char *option, const char *utf8)
{
    const lyrnn_corpus_rules as_learned = {.newlines = rules->newlines,
                                           .normalize = rules->vocab->normalize};
    lyrnn_corpus text;
    option_name object;
    *prompt = (lyrnn_prompt){0};
    lyrnn_status status = decode_option(option, utf8, &as_learned, object, &text);
    if (status == LYRNN_OK)
        status = lyrnn_prompt_init(prompt, rules, object, &text);
    lyrnn_corpus_free(&text);
    return status;
}

lyrnn_status lyrnn_prompt_check_option(const char *option, const char *utf8)
{
    const lyrnn_corpus_rules any = {.normalize = LYRNN_NORMALIZE_NONE};
    lyrnn_corpus text;
    option_name object;
    lyrnn_status status = decode_option(option, utf8, &any, object, &text);
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
