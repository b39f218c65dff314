/* Reads text strictly. utf8proc decides what is UTF-8: no overlong forms, no surrogates, nothing
 * above U+10FFFF. The first bad byte stops the reading, and the error names its offset, because a
 * character that is silently replaced would enter the vocabulary and be learned. */
#include "lyrnn/corpus.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"

/* scripts/build/embed.cmake writes these from host/data/sample_lyrics.txt. */
extern const unsigned char lyrnn_sample_lyrics[];
extern const size_t lyrnn_sample_lyrics_size;

static lyrnn_status reserve_chars(lyrnn_corpus *corpus, const char *name, size_t num_more)
{
    if (num_more > SIZE_MAX / sizeof *corpus->chars - corpus->N)
        return lyrnn_out_of_memory(name, 0, "give less text");
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

/* The bytes of a file. The caller frees them, after a failure as well. */
typedef struct {
    char *data;
    size_t num, capacity;
} file_bytes;

static lyrnn_status grow(file_bytes *bytes, const char *name)
{
    if (bytes->capacity > SIZE_MAX / 2)
        return lyrnn_out_of_memory(name, 0, "give less text");
    size_t capacity = bytes->capacity > 0 ? 2 * bytes->capacity : 65536;
    char *data = realloc(bytes->data, capacity);
    if (data == NULL)
        return lyrnn_out_of_memory(name, capacity, "give less text");
    bytes->data = data;
    bytes->capacity = capacity;
    return LYRNN_OK;
}

/* Reads a stream to its end. The buffer grows as it is read, because a pipe has no known size. */
static lyrnn_status read_stream(FILE *stream, const char *name, file_bytes *bytes)
{
    do {
        if (bytes->num == bytes->capacity)
            LYRNN_TRY(grow(bytes, name));
        bytes->num += fread(bytes->data + bytes->num, 1, bytes->capacity - bytes->num, stream);
    } while (bytes->num == bytes->capacity);
    if (ferror(stream))
        return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot read: %s; name a text file", name,
                          strerror(errno));
    return LYRNN_OK;
}

/* Unless the file is the last one, its text ends in a newline. */
static lyrnn_status append_bytes(lyrnn_corpus *corpus, const char *name, const file_bytes *bytes,
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

static lyrnn_status append_stream(lyrnn_corpus *corpus, FILE *stream, const char *name,
                                  lyrnn_newlines newlines, bool is_last)
{
    file_bytes bytes = {0};
    lyrnn_status status = read_stream(stream, name, &bytes);
    if (status == LYRNN_OK)
        status = append_bytes(corpus, name, &bytes, newlines, is_last);
    free(bytes.data);
    return status;
}

/* Opens with fopen, and not as a regular file only: a corpus may be a pipe. */
static lyrnn_status append_file(lyrnn_corpus *corpus, const char *path, lyrnn_newlines newlines,
                                bool is_last)
{
    if (path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "text: its name is empty; name a text file");
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open: %s; name a text file", path,
                          strerror(errno));
    lyrnn_status status = append_stream(corpus, stream, path, newlines, is_last);
    fclose(stream);
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

static lyrnn_status append_files(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                                 lyrnn_newlines newlines, size_t max_chars)
{
    for (size_t i = 0; i < num_paths; i++)
        LYRNN_TRY(append_file(corpus, paths[i], newlines, i + 1 == num_paths));
    return limit_chars(corpus, max_chars);
}

static lyrnn_status append_sample(lyrnn_corpus *corpus, lyrnn_newlines newlines, size_t max_chars)
{
    LYRNN_TRY(lyrnn_corpus_append_text(corpus, "sample lyrics", (const char *)lyrnn_sample_lyrics,
                                       lyrnn_sample_lyrics_size, newlines));
    return limit_chars(corpus, max_chars);
}

/* Passes status on, and empties the corpus if it is a failure. */
static lyrnn_status empty_on_failure(lyrnn_corpus *corpus, lyrnn_status status)
{
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}

lyrnn_status lyrnn_corpus_load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                               lyrnn_newlines newlines, size_t max_chars)
{
    LYRNN_CHECK(num_paths > 0);
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, append_files(corpus, paths, num_paths, newlines, max_chars));
}

lyrnn_status lyrnn_corpus_load_file(lyrnn_corpus *corpus, const char *path, lyrnn_newlines newlines)
{
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus,
                            strcmp(path, "-") == 0
                                ? append_stream(corpus, stdin, "standard input", newlines, true)
                                : append_file(corpus, path, newlines, true));
}

lyrnn_status lyrnn_corpus_load_sample(lyrnn_corpus *corpus, lyrnn_newlines newlines,
                                      size_t max_chars)
{
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, append_sample(corpus, newlines, max_chars));
}

void lyrnn_corpus_free(lyrnn_corpus *corpus)
{
    free(corpus->chars);
    *corpus = (lyrnn_corpus){0};
}
