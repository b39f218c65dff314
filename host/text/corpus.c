/* Reads text strictly: utf8proc decides what is UTF-8 (no overlong forms, no surrogates, nothing above
 * U+10FFFF), and the first bad byte ends the reading with its offset. A character that is silently
 * replaced would enter the vocabulary and be learnt. */
#include "lyrnn/corpus.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

extern const unsigned char lyrnn_sample_lyrics[];
extern const size_t lyrnn_sample_lyrics_size;

static lyrnn_status fail_memory(const char *name)
{
    return lyrnn_fail(LYRNN_ERR_MEMORY, "%s: larger than the memory at hand; bring less text",
                      name);
}

static lyrnn_status reserve_chars(lyrnn_corpus *corpus, const char *name, size_t num_more)
{
    if (num_more > SIZE_MAX / sizeof *corpus->chars - corpus->N)
        return fail_memory(name);
    uint32_t *chars = realloc(corpus->chars, (corpus->N + num_more) * sizeof *chars);
    if (!chars)
        return fail_memory(name);
    corpus->chars = chars;
    return LYRNN_OK;
}

lyrnn_status lyrnn_corpus_append_text(lyrnn_corpus *corpus, const char *name, const char *bytes,
                                      size_t num_bytes, lyrnn_newlines newlines)
{
    static const char byte_order_mark[3] = {'\xEF', '\xBB', '\xBF'};
    if (num_bytes == 0)
        return LYRNN_OK;
    /* A character takes at least one byte. */
    LYRNN_TRY(reserve_chars(corpus, name, num_bytes));

    size_t N = corpus->N;
    size_t at = 0;
    if (num_bytes >= sizeof byte_order_mark &&
        memcmp(bytes, byte_order_mark, sizeof byte_order_mark) == 0)
        at = sizeof byte_order_mark;
    while (at < num_bytes) {
        utf8proc_int32_t c;
        utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)bytes + at,
                                                   (utf8proc_ssize_t)(num_bytes - at), &c);
        if (length < 1)
            return lyrnn_fail(LYRNN_ERR_CORPUS,
                              "%s: byte %zu is not UTF-8; convert the text, for example with "
                              "iconv -t UTF-8",
                              name, at);
        if (c == 0)
            return lyrnn_fail(LYRNN_ERR_CORPUS,
                              "%s: byte %zu is NUL, which no text holds; name a text in UTF-8",
                              name, at);
        at += (size_t)length;
        if (c == '\r') {
            c = '\n';
            if (at < num_bytes && bytes[at] == '\n')
                at++;
        }
        if (c == '\n' && newlines == LYRNN_NEWLINES_SPACE)
            c = ' ';
        corpus->chars[N++] = (uint32_t)c;
    }
    corpus->N = N;
    return LYRNN_OK;
}

/* Reads a stream to its end; a pipe does not tell its size beforehand. *bytes is the caller's to free,
 * on failure too. */
static lyrnn_status read_stream(FILE *stream, const char *path, char **bytes, size_t *num_bytes)
{
    size_t capacity = 0;
    *bytes = NULL;
    *num_bytes = 0;
    do {
        if (*num_bytes == capacity) {
            if (capacity > SIZE_MAX / 2)
                return fail_memory(path);
            capacity = capacity ? 2 * capacity : 65536;
            char *grown = realloc(*bytes, capacity);
            if (!grown)
                return fail_memory(path);
            *bytes = grown;
        }
        *num_bytes += fread(*bytes + *num_bytes, 1, capacity - *num_bytes, stream);
    } while (*num_bytes == capacity);
    if (ferror(stream))
        return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot be read: %s; name a text file", path,
                          strerror(errno));
    return LYRNN_OK;
}

static lyrnn_status append_stream(lyrnn_corpus *corpus, FILE *stream, const char *name,
                                  lyrnn_newlines newlines, bool is_last)
{
    size_t N = corpus->N;
    char *bytes;
    size_t num_bytes;
    lyrnn_status status = read_stream(stream, name, &bytes, &num_bytes);
    if (status == LYRNN_OK)
        status = lyrnn_corpus_append_text(corpus, name, bytes, num_bytes, newlines);
    if (status == LYRNN_OK && corpus->N == N)
        status = lyrnn_fail(LYRNN_ERR_CORPUS, "%s: is empty; name a file with text in it", name);
    /* Asked of the bytes: as a character, a newline may have become a space. */
    if (status == LYRNN_OK && !is_last && bytes[num_bytes - 1] != '\n' &&
        bytes[num_bytes - 1] != '\r')
        status = lyrnn_corpus_append_text(corpus, name, "\n", 1, newlines);
    free(bytes);
    return status;
}

static lyrnn_status append_file(lyrnn_corpus *corpus, const char *path, lyrnn_newlines newlines,
                                bool is_last)
{
    if (path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "text: its name is empty; name a text file");
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot be opened: %s; name a text file", path,
                          strerror(errno));
    lyrnn_status status = append_stream(corpus, stream, path, newlines, is_last);
    fclose(stream);
    return status;
}

static lyrnn_status keep_first(lyrnn_corpus *corpus, size_t max_chars)
{
    if (max_chars > 0 && corpus->N > max_chars)
        corpus->N = max_chars;
    for (size_t i = 1; i < corpus->N; i++)
        if (corpus->chars[i] != corpus->chars[0])
            return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "corpus: has one distinct character, U+%04X, and nothing to learn; bring a "
                      "text with two or more%s",
                      (unsigned)corpus->chars[0], max_chars > 0 ? ", or raise --max-chars" : "");
}

lyrnn_status lyrnn_corpus_load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                               lyrnn_newlines newlines, size_t max_chars)
{
    LYRNN_CHECK(num_paths > 0);
    *corpus = (lyrnn_corpus){0};
    lyrnn_status status = LYRNN_OK;
    for (size_t i = 0; i < num_paths && status == LYRNN_OK; i++)
        status = append_file(corpus, paths[i], newlines, i + 1 == num_paths);
    if (status == LYRNN_OK)
        status = keep_first(corpus, max_chars);
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}

lyrnn_status lyrnn_corpus_load_file(lyrnn_corpus *corpus, const char *path, lyrnn_newlines newlines)
{
    *corpus = (lyrnn_corpus){0};
    lyrnn_status status = strcmp(path, "-") == 0
                              ? append_stream(corpus, stdin, "standard input", newlines, true)
                              : append_file(corpus, path, newlines, true);
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}

lyrnn_status lyrnn_corpus_load_sample(lyrnn_corpus *corpus, lyrnn_newlines newlines,
                                      size_t max_chars)
{
    *corpus = (lyrnn_corpus){0};
    lyrnn_status status =
        lyrnn_corpus_append_text(corpus, "sample lyrics", (const char *)lyrnn_sample_lyrics,
                                 lyrnn_sample_lyrics_size, newlines);
    if (status == LYRNN_OK)
        status = keep_first(corpus, max_chars);
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}

void lyrnn_corpus_free(lyrnn_corpus *corpus)
{
    free(corpus->chars);
    *corpus = (lyrnn_corpus){0};
}
