/* What the tests of corpus.h share. */
#ifndef CORPUS_CHECK_H
#define CORPUS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <uchar.h>

#include <cmocka.h>

#include "lyrnn/corpus.h"

#define BOM "\xEF\xBB\xBF"

/* A string literal and its length. The literal may contain NUL. */
#define BYTES(literal) literal, sizeof(literal) - 1
#define CHARS(literal) literal, sizeof(literal) / sizeof *(literal)-1

static inline void assert_chars(const lyrnn_corpus *corpus, const char32_t *chars, size_t N)
{
    assert_int_equal(corpus->N, N);
    if (N > 0)
        assert_memory_equal(corpus->chars, chars, N * sizeof *chars);
}

static inline void assert_empty(const lyrnn_corpus *corpus)
{
    assert_null(corpus->chars);
    assert_int_equal(corpus->N, 0);
}

#endif
