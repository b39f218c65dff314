/* The hash that identifies a text: that of xxhsum, for the decoded text, independent of line ends
 * and byte order marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/corpus.h"

static void assert_hash(const char *text, int times, lyrnn_newlines newlines, const char *expected)
{
    lyrnn_corpus corpus = {0};
    char hash[LYRNN_CORPUS_HASH_SIZE];
    for (int i = 0; i < times; i++)
        assert_int_equal(lyrnn_corpus_append_text(&corpus, "text", text, strlen(text),
                                                  &(lyrnn_corpus_rules){.newlines = newlines}),
                         LYRNN_OK);
    lyrnn_corpus_hash(&corpus, hash);
    assert_string_equal(hash, expected);
    lyrnn_corpus_free(&corpus);
}

/* printf TEXT | iconv -f UTF-8 -t UTF-32LE | xxhsum -H2 */
#define SHORT "7e5af5ac511af61f5142bb1018404fa9"
#define LONG  "ff2507ff3a81cd47db888d3bcaed6b90"

static void the_hash_equals_xxhsums(void **state)
{
    (void)state;
    assert_hash("分开\na🎵", 1, LYRNN_NEWLINES_KEEP, SHORT);
    assert_hash("我们分开又相逢\n", 1000, LYRNN_NEWLINES_KEEP, LONG);
}

static void the_text_is_hashed_not_its_bytes(void **state)
{
    (void)state;
    assert_hash("\xEF\xBB\xBF分开\r\na🎵", 1, LYRNN_NEWLINES_KEEP, SHORT);
    assert_hash("分开\ra🎵", 1, LYRNN_NEWLINES_KEEP, SHORT);
    lyrnn_corpus corpus = {0};
    char hash[LYRNN_CORPUS_HASH_SIZE];
    assert_int_equal(
        lyrnn_corpus_append_text(&corpus, "text", "分开\na🎵", strlen("分开\na🎵"),
                                 &(lyrnn_corpus_rules){.newlines = LYRNN_NEWLINES_SPACE}),
        LYRNN_OK);
    lyrnn_corpus_hash(&corpus, hash);
    assert_string_not_equal(hash, SHORT);
    lyrnn_corpus_free(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_equals_xxhsums),
        cmocka_unit_test(the_text_is_hashed_not_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
