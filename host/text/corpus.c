/* Reads text strictly. utf8proc decides what is UTF-8: no overlong forms, no surrogates, nothing
 * above U+10FFFF. The first bad byte stops the reading, and the error names its offset, because a
 * character that is silently replaced would enter the vocabulary and be learned. */
#include "lyrnn/corpus.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "base/open_file.h"

/* scripts/build/embed.cmake writes these from host/data/sample_lyrics.txt. */
extern const unsigned char lyrnn_sample_lyrics[];
extern const size_t lyrnn_sample_lyrics_size;

static lyrnn_status reserve_chars(lyrnn_corpus *corpus, const char *name, size_t num_more)
{
    if (num_more > LYRNN_MAX_TEXT - corpus->N)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: with it the corpus may have more than %d characters, the maximum; "
                          "give less text",
                          name, LYRNN_MAX_TEXT);
    size_t num_bytes = (corpus->N + num_more) * sizeof *corpus->chars;
    uint32_t *chars = realloc(corpus->chars, num_bytes);
    if (chars == NULL)
        return lyrnn_out_of_memory(name, num_bytes, "give less text");
    corpus->chars = chars;
    return LYRNN_OK;
}

/* Decodes the character at *position and moves past it. A CR, and a CR LF, count as one newline. */
static lyrnn_status decode_char(const char *name, const char *bytes, size_t num_bytes,
                                size_t *position, utf8proc_int32_t *c)
{
    utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)bytes + *position,
                                               (utf8proc_ssize_t)(num_bytes - *position), c);
    if (length < 1)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: byte %zu is not UTF-8; convert the text, for example with "
                          "iconv -t UTF-8",
                          name, *position);
    if (*c == 0)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: byte %zu is NUL, so this is not a text file; name a UTF-8 text file",
                          name, *position);
    *position += (size_t)length;
    if (*c == '\r') {
        *c = '\n';
        if (*position < num_bytes && bytes[*position] == '\n')
            ++*position;
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_corpus_append_text(lyrnn_corpus *corpus, const char *name, const char *bytes,
                                      size_t num_bytes, lyrnn_newlines newlines)
{
    static const char byte_order_mark[3] = {'\xEF', '\xBB', '\xBF'};
    if (num_bytes == 0)
        return LYRNN_OK;
    /* Each character takes at least one byte. */
    LYRNN_TRY(reserve_chars(corpus, name, num_bytes));
    size_t N = corpus->N, position = 0;
    if (num_bytes >= sizeof byte_order_mark &&
        memcmp(bytes, byte_order_mark, sizeof byte_order_mark) == 0)
        position = sizeof byte_order_mark;
    while (position < num_bytes) {
        utf8proc_int32_t c;
        LYRNN_TRY(decode_char(name, bytes, num_bytes, &position, &c));
        if (c == '\n' && newlines == LYRNN_NEWLINES_SPACE)
            c = ' ';
        corpus->chars[N++] = (uint32_t)c;
    }
    corpus->N = N;
    return LYRNN_OK;
}

/* Unless the file is the last one, its text ends in a newline. */
static lyrnn_status append_bytes(lyrnn_corpus *corpus, const char *name, const lyrnn_bytes *bytes,
                                 lyrnn_newlines newlines, bool is_last)
{
    size_t N = corpus->N;
    LYRNN_TRY(lyrnn_corpus_append_text(corpus, name, bytes->data, bytes->num, newlines));
    if (corpus->N == N)
        return lyrnn_fail(LYRNN_ERR_CORPUS, "%s: is empty; name a file that contains text", name);
    /* The last character may be a newline that has become a space, so the bytes decide. */
    char end = bytes->data[bytes->num - 1];
    if (is_last || end == '\n' || end == '\r')
        return LYRNN_OK;
    return lyrnn_corpus_append_text(corpus, name, "\n", 1, newlines);
}

static lyrnn_status append_file(lyrnn_corpus *corpus, const char *path,
                                const lyrnn_corpus_rules *rules, bool is_last)
{
    lyrnn_bytes bytes = {0};
    const lyrnn_input input = {.path = path,
                               .is_named_by_user = rules->is_named_by_user,
                               .max_bytes = LYRNN_MAX_TEXT,
                               .remedy = "name a text file",
                               .log = rules->log};
    lyrnn_status status = lyrnn_input_read(&input, &bytes);
    if (status == LYRNN_OK)
        status = append_bytes(corpus, lyrnn_input_name(&input), &bytes, rules->newlines, is_last);
    free(bytes.data);
    return status;
}

/* Truncates the corpus to max_chars characters (0: all), and refuses it if nothing can be
 * learned. */
static lyrnn_status limit_chars(lyrnn_corpus *corpus, size_t max_chars)
{
    if (max_chars > 0 && corpus->N > max_chars)
        corpus->N = max_chars;
    for (size_t i = 1; i < corpus->N; i++)
        if (corpus->chars[i] != corpus->chars[0])
            return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "corpus: has only one distinct character, U+%04X; give a text with at least "
                      "two%s",
                      (unsigned)corpus->chars[0], max_chars > 0 ? ", or raise --max-chars" : "");
}

/* Standard input can be read only once. */
static lyrnn_status check_paths(const char *const *paths, size_t num_paths)
{
    size_t num = 0;
    for (size_t i = 0; i < num_paths; i++)
        num += strcmp(paths[i], "-") == 0;
    return num < 2 ? LYRNN_OK
                   : lyrnn_fail(LYRNN_ERR_USAGE,
                                "-: names standard input %zu times, and it can be read only once; "
                                "name it once",
                                num);
}

static lyrnn_status append_files(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                                 const lyrnn_corpus_rules *rules)
{
    if (rules->is_named_by_user)
        LYRNN_TRY(check_paths(paths, num_paths));
    for (size_t i = 0; i < num_paths; i++)
        LYRNN_TRY(append_file(corpus, paths[i], rules, i + 1 == num_paths));
    return limit_chars(corpus, rules->max_chars);
}

static lyrnn_status append_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    LYRNN_TRY(lyrnn_corpus_append_text(corpus, "sample lyrics", (const char *)lyrnn_sample_lyrics,
                                       lyrnn_sample_lyrics_size, rules->newlines));
    return limit_chars(corpus, rules->max_chars);
}

/* Passes status on, and empties the corpus if it is a failure. */
static lyrnn_status empty_on_failure(lyrnn_corpus *corpus, lyrnn_status status)
{
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}

lyrnn_status lyrnn_corpus_load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                               const lyrnn_corpus_rules *rules)
{
    LYRNN_CHECK(num_paths > 0);
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, append_files(corpus, paths, num_paths, rules));
}

lyrnn_status lyrnn_corpus_load_file(lyrnn_corpus *corpus, const char *path,
                                    const lyrnn_corpus_rules *rules)
{
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, append_file(corpus, path, rules, true));
}

lyrnn_status lyrnn_corpus_load_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, append_sample(corpus, rules));
}

void lyrnn_corpus_free(lyrnn_corpus *corpus)
{
    free(corpus->chars);
    *corpus = (lyrnn_corpus){0};
}
