/* Decomposes each character, sorts the marks that follow a base by their combining class, and
 * composes. utf8proc has the data and composes. Its own sort takes quadratic time, and a hostile
 * text may be one base with a million marks, so the marks are sorted here. */
#include "corpus/normalize.h"

#include <stdlib.h>

#include <utf8proc.h>

#include "lyrnn/status.h"

static int combining_class(uint32_t c)
{
    return utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* Sorts marks (num) by combining class; equal ones keep their order. Their classes are below 256,
 * so this counts them. `sorted` has room for num. */
static void sort_marks(uint32_t *marks, size_t num, uint32_t *sorted)
{
    enum { NUM_CLASSES = 256 };
    size_t next[NUM_CLASSES + 1] = {0};
    for (size_t i = 0; i < num; i++)
        next[combining_class(marks[i]) + 1]++;
    for (int i = 1; i <= NUM_CLASSES; i++)
        next[i] += next[i - 1];
    for (size_t i = 0; i < num; i++)
        sorted[next[combining_class(marks[i])]++] = marks[i];
    for (size_t i = 0; i < num; i++)
        marks[i] = sorted[i];
}

/* `free_space` has room for N. */
static void sort_all_marks(uint32_t *chars, size_t N, uint32_t *free_space)
{
    for (size_t i = 0, begin; i < N; i++) {
        for (begin = i; i < N && combining_class(chars[i]) > 0;)
            i++;
        if (i - begin > 1)
            sort_marks(chars + begin, i - begin, free_space);
    }
}

static size_t decompose(const uint32_t *chars, size_t N, uint32_t *decomposed)
{
    size_t length = 0;
    for (size_t i = 0; i < N; i++) {
        int last_class = 0;
        utf8proc_ssize_t num = utf8proc_decompose_char(
            (utf8proc_int32_t)chars[i], (utf8proc_int32_t *)decomposed + length, TEXT_MAX_COMPOSED,
            UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &last_class);
        LYRNN_CHECK(num > 0 && num <= TEXT_MAX_COMPOSED);
        length += (size_t)num;
    }
    return length;
}

size_t text_normalize(const uint32_t *chars, size_t N, uint32_t *composed)
{
    size_t length = decompose(chars, N, composed);
    sort_all_marks(composed, length, composed + length);
    utf8proc_ssize_t num = utf8proc_normalize_utf32(
        (utf8proc_int32_t *)composed, (utf8proc_ssize_t)length, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    LYRNN_CHECK(num >= 0);
    return (size_t)num;
}
