/* From characters to ids and back: the order of ids, what a model's vocabulary may contain, and how
 * errors name characters that it lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include <cmocka.h>

#include <utf8proc.h>

#include "lyrnn/vocab.h"

/* The characters of a literal and their number, without the terminator. */
#define CHARS(literal) literal, sizeof(literal) / sizeof *(literal)-1

static lyrnn_vocab vocab_of(const char32_t *chars, size_t N)
{
    uint32_t copy[64];
    assert_true(N <= 64);
    memcpy(copy, chars, N * sizeof *copy);
    lyrnn_vocab vocab;
    assert_int_equal(lyrnn_vocab_from_corpus(&vocab, &(lyrnn_corpus){.chars = copy, .N = N}),
                     LYRNN_OK);
    return vocab;
}

static void assert_model_vocab_fails(const uint32_t *chars, size_t V, const char *error_text)
{
    lyrnn_vocab vocab;
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, V), LYRNN_ERR_MODEL_FILE);
    assert_non_null(strstr(lyrnn_error_text(), error_text));
    assert_null(vocab.chars);
    assert_null(vocab.by_char);
    assert_int_equal(vocab.V, 0);
}

static void ids_of_a_corpus_follow_code_points(void **state)
{
    (void)state;
    lyrnn_vocab vocab = vocab_of(CHARS(U"乙a😀\n甲a乙"));
    static const char32_t expected[] = U"\na乙甲😀";
    assert_int_equal(vocab.V, 5);
    assert_memory_equal(vocab.chars, expected, 5 * sizeof *expected);
    for (int32_t id = 0; id < 5; id++)
        assert_int_equal(vocab.by_char[id], id);
    lyrnn_vocab_free(&vocab);
}

static void first_and_last_code_points_have_ids(void **state)
{
    (void)state;
    static const char32_t chars[] = {0x10FFFF, 1, 0xE000, 0xD7FF};
    lyrnn_vocab vocab = vocab_of(chars, 4);
    assert_int_equal(vocab.V, 4);
    assert_int_equal(lyrnn_vocab_id(&vocab, 1), 0);
    assert_int_equal(lyrnn_vocab_id(&vocab, 0xD7FF), 1);
    assert_int_equal(lyrnn_vocab_id(&vocab, 0xE000), 2);
    assert_int_equal(lyrnn_vocab_id(&vocab, 0x10FFFF), 3);
    lyrnn_vocab_free(&vocab);
}

static void ids_of_a_model_keep_its_order(void **state)
{
    (void)state;
    static const uint32_t chars[] = {0x7532, 'z', 0x1F600, 'a', 0x4E59};
    lyrnn_vocab vocab;
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, 5), LYRNN_OK);
    assert_int_equal(vocab.V, 5);
    assert_memory_equal(vocab.chars, chars, sizeof chars);
    assert_ptr_not_equal(vocab.chars, chars);
    static const int32_t by_char[] = {3, 1, 4, 0, 2};
    assert_memory_equal(vocab.by_char, by_char, sizeof by_char);
    for (int32_t id = 0; id < 5; id++)
        assert_int_equal(lyrnn_vocab_id(&vocab, chars[id]), id);
    lyrnn_vocab_free(&vocab);
}

static void one_character_is_a_model_vocabulary(void **state)
{
    (void)state;
    lyrnn_vocab vocab;
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, &(uint32_t){'a'}, 1), LYRNN_OK);
    assert_int_equal(lyrnn_vocab_id(&vocab, 'a'), 0);
    assert_int_equal(lyrnn_vocab_id(&vocab, 'b'), -1);
    lyrnn_vocab_free(&vocab);
}

static void character_outside_has_no_id(void **state)
{
    (void)state;
    lyrnn_vocab vocab = vocab_of(CHARS(U"bdf"));
    static const uint32_t unknown[] = {0, 'a', 'c', 'e', 'g', 0x5206, 0x10FFFF, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(lyrnn_vocab_id(&vocab, unknown[i]), -1);
    lyrnn_vocab_free(&vocab);
}

static void model_vocabulary_without_characters_is_rejected(void **state)
{
    (void)state;
    assert_model_vocab_fails(NULL, 0, "has 0 characters; ");
}

static void model_vocabulary_with_a_character_twice_is_rejected(void **state)
{
    (void)state;
    assert_model_vocab_fails((uint32_t[]){0x5206, 'b', 'a', 0x5206}, 4, "U+5206 twice; ");
    assert_model_vocab_fails((uint32_t[]){'a', 'a'}, 2, "U+0061 twice; ");
}

static void model_vocabulary_with_a_surrogate_is_rejected(void **state)
{
    (void)state;
    assert_model_vocab_fails((uint32_t[]){'a', 0xD800}, 2, "U+D800, which is not a character; ");
    assert_model_vocab_fails((uint32_t[]){'a', 0xDFFF}, 2, "U+DFFF, which is not a character; ");
}

static void model_vocabulary_beyond_unicode_is_rejected(void **state)
{
    (void)state;
    assert_model_vocab_fails((uint32_t[]){0x110000, 'a'}, 2,
                             "U+110000, which is not a character; ");
    assert_model_vocab_fails((uint32_t[]){'a'}, (size_t)INT32_MAX + 2, "has 2147483649 characters");
}

static void model_vocabulary_errors_leave_the_object_to_the_caller(void **state)
{
    (void)state;
    assert_model_vocab_fails((uint32_t[]){'a', 'a'}, 2, "twice; ");
    assert_null(strstr(lyrnn_error_text(), ": "));
}

static void encoding_writes_the_id_of_each_character(void **state)
{
    (void)state;
    lyrnn_vocab vocab = vocab_of(CHARS(U"分开\n不"));
    int32_t ids[5];
    static const int32_t expected[] = {3, 2, 1, 0, 2};
    assert_int_equal(lyrnn_vocab_encode(&vocab, "text",
                                        (const uint32_t[]){0x5F00, 0x5206, 0x4E0D, '\n', 0x5206}, 5,
                                        ids),
                     LYRNN_OK);
    assert_memory_equal(ids, expected, sizeof expected);
    lyrnn_vocab_free(&vocab);
}

static void encoding_nothing_writes_nothing(void **state)
{
    (void)state;
    lyrnn_vocab vocab = vocab_of(CHARS(U"ab"));
    int32_t untouched = 12345;
    assert_int_equal(lyrnn_vocab_encode(&vocab, "text", NULL, 0, &untouched), LYRNN_OK);
    assert_int_equal(untouched, 12345);
    lyrnn_vocab_free(&vocab);
}

static void assert_unknown(const char *object, const char32_t *chars, size_t N,
                           const char *error_text)
{
    int32_t ids[64];
    assert_true(N <= 64);
    lyrnn_vocab vocab = vocab_of(CHARS(U"你a"));
    assert_int_equal(lyrnn_vocab_encode(&vocab, object, chars, N, ids), LYRNN_ERR_UNKNOWN_CHAR);
    assert_string_equal(lyrnn_error_text(), error_text);
    lyrnn_vocab_free(&vocab);
}

static void unknown_characters_are_each_named_with_their_code_points(void **state)
{
    (void)state;
    assert_unknown("--prefix 你好x", CHARS(U"你好x"),
                   "--prefix 你好x: unknown characters 好 (U+597D), x (U+0078); use characters of "
                   "the model's training text");
}

static void one_unknown_character_is_named_in_the_singular(void **state)
{
    (void)state;
    assert_unknown("--prefix a𠮷", CHARS(U"a𠮷"),
                   "--prefix a𠮷: unknown character 𠮷 (U+20BB7); use characters of the model's "
                   "training text");
}

static void repeated_unknown_character_is_named_once(void **state)
{
    (void)state;
    assert_unknown("text", CHARS(U"x好a好x好"),
                   "text: unknown characters x (U+0078), 好 (U+597D); use characters of the "
                   "model's training text");
}

static void invisible_characters_are_named_by_code_point(void **state)
{
    (void)state;
    assert_unknown("text", CHARS(U"\n \u3000\u0301\u200B\x1B"),
                   "text: unknown characters U+000A, U+0020, U+3000, U+0301, U+200B, U+001B; use "
                   "characters of the model's training text");
}

static void known_characters_are_encoded_and_others_left_out(void **state)
{
    (void)state;
    lyrnn_vocab vocab;
    static const uint32_t chars[] = {'a', 0x4F60, '\n'};
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, 3), LYRNN_OK);
    static const uint32_t text[] = {'x', 'a', 0x4F60, 0x732B, '\n', 'a', 'x'};
    int32_t ids[7];
    assert_int_equal(lyrnn_vocab_encode_known(&vocab, text, 7, ids), 4);
    static const int32_t expected[] = {0, 1, 2, 0};
    assert_memory_equal(ids, expected, sizeof expected);

    char list[100];
    size_t num_distinct;
    assert_int_equal(lyrnn_vocab_list_unknown(&vocab, text, 7, list, sizeof list, &num_distinct),
                     LYRNN_OK);
    assert_string_equal(list, "x (U+0078), 猫 (U+732B)");
    assert_int_equal(num_distinct, 2);
    assert_int_equal(lyrnn_vocab_list_unknown(&vocab, chars, 3, list, sizeof list, &num_distinct),
                     LYRNN_OK);
    assert_string_equal(list, "");
    assert_int_equal(num_distinct, 0);
    lyrnn_vocab_free(&vocab);
}

static void a_list_of_unknown_characters_stays_within_its_bytes(void **state)
{
    (void)state;
    lyrnn_vocab vocab;
    static const uint32_t a = 'a';
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, &a, 1), LYRNN_OK);
    enum { NUM = 5000 };
    uint32_t text[NUM];
    for (uint32_t i = 0; i < NUM; i++)
        text[i] = 0x20000 + i;
    for (size_t size = 100; size < 200; size++) {
        char *list = malloc(size); /* ASan guards its end */
        assert_non_null(list);
        size_t num_distinct;
        assert_int_equal(lyrnn_vocab_list_unknown(&vocab, text, NUM, list, size, &num_distinct),
                         LYRNN_OK);
        assert_int_equal(num_distinct, NUM);
        size_t num_named = 0;
        for (const char *name = list; (name = strstr(name, "(U+")) != NULL; name++)
            num_named++;
        char more[40];
        snprintf(more, sizeof more, ") and %zu more", NUM - num_named);
        assert_true(num_named > 2);
        assert_non_null(strstr(list, more));
        free(list);
    }
    lyrnn_vocab_free(&vocab);
}

static void unknown_characters_beyond_a_line_are_counted(void **state)
{
    (void)state;
    enum { NUM_UNKNOWN = 5000 };
    uint32_t chars[NUM_UNKNOWN];
    int32_t ids[NUM_UNKNOWN];
    for (uint32_t i = 0; i < NUM_UNKNOWN; i++)
        chars[i] = 0x20000 + i;
    lyrnn_vocab vocab = vocab_of(CHARS(U"ab"));
    assert_int_equal(lyrnn_vocab_encode(&vocab, "text", chars, NUM_UNKNOWN, ids),
                     LYRNN_ERR_UNKNOWN_CHAR);
    const char *text = lyrnn_error_text();
    size_t num_named = 0;
    for (const char *at = text; (at = strstr(at, "(U+")); at++)
        num_named++;
    char expected[96];
    snprintf(expected, sizeof expected,
             "(U+%05X) and %zu more; use characters of the model's training text",
             (unsigned)(0x20000 + num_named - 1), NUM_UNKNOWN - num_named);
    assert_true(num_named > 20);
    assert_non_null(strstr(text, expected));
    lyrnn_vocab_free(&vocab);
}

static void utf8_of_every_character_is_what_utf8proc_reads_back(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c++) {
        if (c == 0xD800)
            c = 0xE000;
        char utf8[LYRNN_UTF8_MAX];
        size_t length = lyrnn_utf8_encode(c, utf8);
        size_t expected_length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        utf8proc_int32_t back;
        if (length != expected_length ||
            utf8proc_iterate((const utf8proc_uint8_t *)utf8, (utf8proc_ssize_t)length, &back) !=
                (utf8proc_ssize_t)length ||
            (uint32_t)back != c)
            fail_msg("U+%04X took %zu bytes", (unsigned)c, length);
    }
}

static void utf8_equals_the_compilers(void **state)
{
    (void)state;
    char utf8[LYRNN_UTF8_MAX];
    assert_int_equal(lyrnn_utf8_encode(0x5206, utf8), 3);
    assert_memory_equal(utf8, "分", 3);
    assert_int_equal(lyrnn_utf8_encode(0x1F600, utf8), 4);
    assert_memory_equal(utf8, "😀", 4);
}

static void free_takes_a_zeroed_vocabulary_and_leaves_one(void **state)
{
    (void)state;
    lyrnn_vocab vocab = {0};
    lyrnn_vocab_free(&vocab);
    vocab = vocab_of(CHARS(U"ab"));
    lyrnn_vocab_free(&vocab);
    assert_null(vocab.chars);
    assert_null(vocab.by_char);
    assert_int_equal(vocab.V, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_a_corpus_follow_code_points),
        cmocka_unit_test(first_and_last_code_points_have_ids),
        cmocka_unit_test(ids_of_a_model_keep_its_order),
        cmocka_unit_test(one_character_is_a_model_vocabulary),
        cmocka_unit_test(character_outside_has_no_id),
        cmocka_unit_test(model_vocabulary_without_characters_is_rejected),
        cmocka_unit_test(model_vocabulary_with_a_character_twice_is_rejected),
        cmocka_unit_test(model_vocabulary_with_a_surrogate_is_rejected),
        cmocka_unit_test(model_vocabulary_beyond_unicode_is_rejected),
        cmocka_unit_test(model_vocabulary_errors_leave_the_object_to_the_caller),
        cmocka_unit_test(encoding_writes_the_id_of_each_character),
        cmocka_unit_test(encoding_nothing_writes_nothing),
        cmocka_unit_test(unknown_characters_are_each_named_with_their_code_points),
        cmocka_unit_test(one_unknown_character_is_named_in_the_singular),
        cmocka_unit_test(repeated_unknown_character_is_named_once),
        cmocka_unit_test(invisible_characters_are_named_by_code_point),
        cmocka_unit_test(known_characters_are_encoded_and_others_left_out),
        cmocka_unit_test(a_list_of_unknown_characters_stays_within_its_bytes),
        cmocka_unit_test(unknown_characters_beyond_a_line_are_counted),
        cmocka_unit_test(utf8_of_every_character_is_what_utf8proc_reads_back),
        cmocka_unit_test(utf8_equals_the_compilers),
        cmocka_unit_test(free_takes_a_zeroed_vocabulary_and_leaves_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
