/* Decodes strictly, and cleans what is decoded. utf8proc decides what is UTF-8: no overlong forms,
 * no surrogates, nothing above U+10FFFF. Then it normalizes, line by line, so that the memory for
 * decomposed characters is that of the longest line: no character composes with a newline. */
#include "corpus/decode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "corpus/clean.h"
#include "corpus/normalize.h"
#include "corpus/width.h"

enum { BYTE_ORDER_MARK = 0xFEFF };

static lyrnn_status reserve_chars(lyrnn_corpus *corpus, const char *name, size_t num_more)
{
    if (num_more > LYRNN_MAX_TEXT - corpus->N)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: with it the corpus may have more than %d characters, the maximum; "
                          "give less text",
                          name, LYRNN_MAX_TEXT);
    if (corpus->N + num_more <= corpus->capacity)
        return LYRNN_OK;
    /* A corpus of many files grows by halves; one of a single file is as large as the file. */
    size_t capacity = corpus->N + (num_more > corpus->N / 2 ? num_more : corpus->N / 2);
    size_t new_bytes = (capacity - corpus->N) * sizeof *corpus->chars;
    LYRNN_TRY(lyrnn_require_memory(name, new_bytes, "give less text"));
    uint32_t *chars = realloc(corpus->chars, capacity * sizeof *corpus->chars);
    if (chars == NULL)
        return lyrnn_out_of_memory(name, new_bytes, "give less text");
    corpus->chars = chars;
    corpus->capacity = capacity;
    return LYRNN_OK;
}

/* Decodes the character at *position and moves past it. A CR, and a CR LF, count as one newline.
 * Returns whether it is one. */
static bool decode_char(const char *bytes, size_t num_bytes, size_t *position, utf8proc_int32_t *c)
{
    utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)bytes + *position,
                                               (utf8proc_ssize_t)(num_bytes - *position), c);
    if (length < 1 || *c == 0)
        return false;
    *position += (size_t)length;
    if (*c == '\r') {
        *c = '\n';
        if (*position < num_bytes && bytes[*position] == '\n')
            ++*position;
    }
    return true;
}

/* Writes the characters to `chars`, which has room for num_bytes of them, and their number to *N.
 * Returns the offset of the first bad byte, or num_bytes. */
static size_t decode_chars(const char *bytes, size_t num_bytes, const lyrnn_corpus_rules *rules,
                           uint32_t *chars, size_t *N)
{
    static const char mark[3] = {'\xEF', '\xBB', '\xBF'};
    bool has_mark = num_bytes >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0;
    size_t position = has_mark ? sizeof mark : 0;
    *N = 0;
    while (position < num_bytes) {
        utf8proc_int32_t c;
        if (!decode_char(bytes, num_bytes, &position, &c))
            return position;
        if (c == '\n' && rules->newlines == LYRNN_NEWLINES_SPACE)
            c = ' ';
        chars[(*N)++] = (uint32_t)c;
    }
    return num_bytes;
}

/* Removes byte order marks inside the text, which join files that were put together carelessly.
 * Returns the number of characters left. */
static size_t drop_marks(uint32_t *chars, size_t N)
{
    size_t num = 0;
    for (size_t i = 0; i < N; i++)
        if (chars[i] != BYTE_ORDER_MARK)
            chars[num++] = chars[i];
    return num;
}

/* Does what comes before form C. Returns the new number of characters. */
static size_t clean(uint32_t *chars, size_t N, const lyrnn_corpus_rules *rules,
                    lyrnn_corpus_counts *counts)
{
    size_t num_kept = drop_marks(chars, N);
    counts->num_marks += N - num_kept;
    if (rules->width == LYRNN_WIDTH_HALF)
        counts->num_full_width += text_to_half_width(chars, num_kept);
    if (rules->normalize != LYRNN_NORMALIZE_CLEAN)
        return num_kept;
    text_clean_counts cleaned = {0};
    num_kept = text_clean(chars, num_kept, &cleaned);
    counts->num_controls += cleaned.num_controls;
    counts->num_invisible += cleaned.num_invisible;
    counts->num_spaces += cleaned.num_spaces;
    counts->num_separators += cleaned.num_newlines;
    return num_kept;
}

/* The end of the line that begins at `begin`, after its newline. */
static size_t end_of_line(const uint32_t *chars, size_t N, size_t begin)
{
    while (begin < N && chars[begin] != '\n' && chars[begin] != ' ')
        begin++;
    return begin < N ? begin + 1 : N;
}

/* Replaces the last N characters of corpus, which are not counted yet, by their form C, and counts
 * them. */
static lyrnn_status append_normalized(lyrnn_corpus *corpus, const char *name, size_t N)
{
    size_t longest = 0;
    for (size_t i = 0, end; i < N; i = end) {
        end = end_of_line(corpus->chars + corpus->N, N, i);
        longest = end - i > longest ? end - i : longest;
    }
    /* Half of it is where marks are sorted. */
    size_t line_bytes = sizeof(uint32_t) * 2 * TEXT_MAX_COMPOSED * longest;
    uint32_t *given = malloc((N + 1) * sizeof *given), *line = malloc(line_bytes + 1);
    lyrnn_status status =
        given != NULL && line != NULL
            ? LYRNN_OK
            : lyrnn_out_of_memory(name, line_bytes + N * sizeof *given, "give less text");
    if (status == LYRNN_OK)
        memcpy(given, corpus->chars + corpus->N, N * sizeof *given);
    size_t before = corpus->N;
    for (size_t i = 0, end; i < N && status == LYRNN_OK; i = end) {
        end = end_of_line(given, N, i);
        size_t num = text_normalize(given + i, end - i, line);
        status = reserve_chars(corpus, name, num + (N - end));
        if (status == LYRNN_OK)
            memcpy(corpus->chars + corpus->N, line, num * sizeof *line);
        corpus->N += status == LYRNN_OK ? num : 0;
    }
    if (status != LYRNN_OK)
        corpus->N = before;
    free(given);
    free(line);
    return status;
}

lyrnn_status text_decode(lyrnn_corpus *corpus, const char *name, const char *bytes,
                         size_t num_bytes, const lyrnn_corpus_rules *rules, size_t *bad)
{
    size_t N;
    *bad = num_bytes;
    if (num_bytes == 0)
        return LYRNN_OK;
    /* Each character takes at least one byte. */
    LYRNN_TRY(reserve_chars(corpus, name, num_bytes));
    *bad = decode_chars(bytes, num_bytes, rules, corpus->chars + corpus->N, &N);
    if (*bad < num_bytes)
        return LYRNN_OK;
    if (rules->normalize == LYRNN_NORMALIZE_NONE) {
        corpus->N += N;
        return LYRNN_OK;
    }
    N = clean(corpus->chars + corpus->N, N, rules, &corpus->counts);
    return append_normalized(corpus, name, N);
}
