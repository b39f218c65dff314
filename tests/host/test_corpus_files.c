/* What loading adds to decoding: several files as one text, things that are not files, texts with
 * nothing to learn, and the sample lyrics. Each test that writes files has its own directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "corpus_check.h"

static const lyrnn_corpus_rules keep = {0}, space = {.newlines = LYRNN_NEWLINES_SPACE};

typedef struct {
    char directory[32];
    /* Files in it, which a test may write. */
    char first[48], second[48];
} files;

static int make_directory(void **state)
{
    files *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    strcpy(f->directory, "/tmp/lyrnn-corpus-XXXXXX");
    if (!mkdtemp(f->directory))
        return -1;
    snprintf(f->first, sizeof f->first, "%s/first.txt", f->directory);
    snprintf(f->second, sizeof f->second, "%s/second.txt", f->directory);
    *state = f;
    return 0;
}

static int remove_directory(void **state)
{
    files *f = *state;
    unlink(f->first);
    unlink(f->second);
    int result = rmdir(f->directory);
    free(f);
    return result;
}

static void write_file(const char *path, const char *bytes, size_t num_bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, num_bytes, file), num_bytes);
    assert_int_equal(fclose(file), 0);
}

static void assert_loads(const files *f, size_t num_files, lyrnn_newlines newlines,
                         size_t max_chars, const char32_t *chars, size_t N)
{
    const char *paths[] = {f->first, f->second};
    const lyrnn_corpus_rules rules = {.newlines = newlines, .max_chars = max_chars};
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load(&corpus, paths, num_files, &rules), LYRNN_OK);
    assert_chars(&corpus, chars, N);
    lyrnn_corpus_free(&corpus);
}

static void assert_load_fails(const files *f, size_t num_files, size_t max_chars,
                              lyrnn_status status, const char *error_text)
{
    const char *paths[] = {f->first, f->second};
    const lyrnn_corpus_rules rules = {.max_chars = max_chars};
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load(&corpus, paths, num_files, &rules), status);
    assert_string_equal(lyrnn_error_text(), error_text);
    assert_empty(&corpus);
}

static void one_file_loads_unchanged(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES("分开\n不分"));
    assert_loads(f, 1, LYRNN_NEWLINES_KEEP, 0, CHARS(U"分开\n不分"));
}

static void files_load_in_order(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES("b\n"));
    write_file(f->second, BYTES("a\n"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 0, CHARS(U"b\na\n"));
}

static void file_without_final_newline_gets_one_before_the_next_file(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES("ab"));
    write_file(f->second, BYTES("cd"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 0, CHARS(U"ab\ncd"));
    assert_loads(f, 2, LYRNN_NEWLINES_SPACE, 0, CHARS(U"ab cd"));
}

static void file_with_final_newline_of_any_form_gets_no_second_one(void **state)
{
    files *f = *state;
    static const char *const texts[] = {"ab\n", "ab\r\n", "ab\r"};
    write_file(f->second, BYTES("cd"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(f->first, texts[i], strlen(texts[i]));
        assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 0, CHARS(U"ab\ncd"));
        assert_loads(f, 2, LYRNN_NEWLINES_SPACE, 0, CHARS(U"ab cd"));
    }
}

static void a_final_space_is_not_a_final_newline(void **state)
{
    files *f = *state;
    const char *paths[] = {f->first, f->second};
    const lyrnn_corpus_rules rules = {.newlines = LYRNN_NEWLINES_SPACE,
                                      .normalize = LYRNN_NORMALIZE_NFC};
    lyrnn_corpus corpus;
    write_file(f->first, BYTES("ab "));
    write_file(f->second, BYTES("cd"));
    assert_int_equal(lyrnn_corpus_load(&corpus, paths, 2, &rules), LYRNN_OK);
    assert_chars(&corpus, CHARS(U"ab  cd"));
    lyrnn_corpus_free(&corpus);
}

static void byte_order_mark_of_each_file_is_dropped(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES(BOM "ab\n"));
    write_file(f->second, BYTES(BOM "cd"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 0, CHARS(U"ab\ncd"));
}

static void cr_and_lf_in_different_files_are_two_newlines(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES("a\r"));
    write_file(f->second, BYTES("\nb"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 0, CHARS(U"a\n\nb"));
}

static void max_chars_counts_characters_across_files(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES("分开"));
    write_file(f->second, BYTES("不分"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 2, CHARS(U"分开"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 3, CHARS(U"分开\n"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 4, CHARS(U"分开\n不"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 5, CHARS(U"分开\n不分"));
    assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 6, CHARS(U"分开\n不分"));
}

static void file_larger_than_the_read_buffer_loads_whole(void **state)
{
    files *f = *state;
    static const size_t sizes[] = {65535, 65536, 65537, 131072, 300001};
    char *bytes = malloc(300001);
    assert_non_null(bytes);
    for (size_t i = 0; i < 300001; i++)
        bytes[i] = (char)('a' + i % 23);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const char *paths[] = {f->first};
        lyrnn_corpus corpus;
        write_file(f->first, bytes, sizes[s]);
        assert_int_equal(lyrnn_corpus_load(&corpus, paths, 1, &keep), LYRNN_OK);
        assert_int_equal(corpus.N, sizes[s]);
        for (size_t i = 0; i < corpus.N; i++)
            assert_int_equal(corpus.chars[i], bytes[i]);
        lyrnn_corpus_free(&corpus);
    }
    free(bytes);
}

static void missing_file_is_an_error_that_names_it(void **state)
{
    files *f = *state;
    char expected[160];
    snprintf(expected, sizeof expected,
             "%s: cannot open: No such file or directory; name a text file", f->second);
    write_file(f->first, BYTES("ab"));
    assert_load_fails(f, 2, 0, LYRNN_ERR_IO, expected);
}

static void a_folder_without_texts_is_an_error_that_names_it(void **state)
{
    files *f = *state;
    char expected[160];
    snprintf(expected, sizeof expected, "%s: holds no file that lyrnn reads (", f->directory);
    const char *paths[] = {f->directory};
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load(&corpus, paths, 1, &keep), LYRNN_ERR_CORPUS);
    assert_memory_equal(lyrnn_error_text(), expected, strlen(expected));
    assert_empty(&corpus);
}

static void an_empty_file_among_others_is_skipped(void **state)
{
    files *f = *state;
    static const struct {
        const char *bytes;
        size_t num;
    } empty[] = {{BYTES("")}, {BYTES(BOM)}, {BYTES(" \n\t\u3000\n" BOM)}};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        write_file(f->first, BYTES("ab"));
        write_file(f->second, empty[i].bytes, empty[i].num);
        assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 0, CHARS(U"ab"));
        write_file(f->first, empty[i].bytes, empty[i].num);
        write_file(f->second, BYTES("ab"));
        assert_loads(f, 2, LYRNN_NEWLINES_KEEP, 0, CHARS(U"ab"));
    }
    /* Blanks are text where characters are taken as they are. */
    write_file(f->first, BYTES("ab"));
    write_file(f->second, BYTES(" "));
    const char *paths[] = {f->first, f->second};
    const lyrnn_corpus_rules as_it_is = {.normalize = LYRNN_NORMALIZE_NONE};
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load(&corpus, paths, 2, &as_it_is), LYRNN_OK);
    assert_chars(&corpus, CHARS(U"ab\n "));
    lyrnn_corpus_free(&corpus);
}

static void files_without_any_text_are_an_error(void **state)
{
    files *f = *state;
    char expected[160];
    snprintf(expected, sizeof expected, "%s: is empty; name a file that contains text", f->first);
    write_file(f->first, BYTES(""));
    assert_load_fails(f, 1, 0, LYRNN_ERR_CORPUS, expected);
    write_file(f->first, BYTES(BOM));
    assert_load_fails(f, 1, 0, LYRNN_ERR_CORPUS, expected);
    write_file(f->second, BYTES("\n"));
    assert_load_fails(f, 2, 0, LYRNN_ERR_CORPUS,
                      "corpus: all 2 files are empty; name files that contain text");
}

static void all_bad_files_are_named_at_once(void **state)
{
    files *f = *state;
    char expected[400];
    write_file(f->first, BYTES("abc\n\xFF\x81"));
    snprintf(expected, sizeof expected,
             "corpus: 2 of 2 files cannot be read: %s (byte 4 is not UTF-8), %s (cannot open: No "
             "such file or directory); correct them (to convert one: iconv -f ENCODING -t UTF-8 "
             "FILE > NEW), or leave them out",
             f->first, f->second);
    assert_load_fails(f, 2, 0, LYRNN_ERR_CORPUS, expected);
}

static void invalid_utf8_in_the_second_file_names_it_and_its_own_offset(void **state)
{
    files *f = *state;
    char expected[240];
    snprintf(expected, sizeof expected,
             "%s: byte 1 is not UTF-8; name the encoding with --encoding, or convert the text, for "
             "example with iconv -f ENCODING -t UTF-8 (iconv -l lists encodings)",
             f->second);
    write_file(f->first, BYTES("abcdef"));
    write_file(f->second, BYTES("a\xFF\x81"));
    assert_load_fails(f, 2, 0, LYRNN_ERR_CORPUS, expected);
    /* The error is reported even where max_chars would not reach it. */
    assert_load_fails(f, 2, 3, LYRNN_ERR_CORPUS, expected);
}

static void one_distinct_character_is_an_error(void **state)
{
    files *f = *state;
    const char *expected =
        "corpus: has only one distinct character, U+5206; give a text with at least two";
    write_file(f->first, BYTES("分分分"));
    assert_load_fails(f, 1, 0, LYRNN_ERR_CORPUS, expected);
    write_file(f->first, BYTES("分"));
    assert_load_fails(f, 1, 0, LYRNN_ERR_CORPUS, expected);
}

static void only_newlines_are_one_distinct_character(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES("\r\n\n\r"));
    assert_load_fails(
        f, 1, 0, LYRNN_ERR_CORPUS,
        "corpus: has only one distinct character, U+000A; give a text with at least two");
}

static void one_distinct_character_within_max_chars_is_an_error(void **state)
{
    files *f = *state;
    write_file(f->first, BYTES("aab"));
    assert_load_fails(f, 1, 2, LYRNN_ERR_CORPUS,
                      "corpus: has only one distinct character, U+0061; give a text with at least "
                      "two, or raise --max-chars");
    assert_loads(f, 1, LYRNN_NEWLINES_KEEP, 3, CHARS(U"aab"));
}

static size_t count_char(const lyrnn_corpus *corpus, uint32_t c)
{
    size_t count = 0;
    for (size_t i = 0; i < corpus->N; i++)
        count += corpus->chars[i] == c;
    return count;
}

static void one_file_need_not_be_fit_to_learn_from(void **state)
{
    files *f = *state;
    lyrnn_corpus corpus;
    write_file(f->first, BYTES(BOM "aaa\r\na"));
    assert_int_equal(lyrnn_corpus_load_file(&corpus, f->first, &keep), LYRNN_OK);
    assert_chars(&corpus, CHARS(U"aaa\na"));
    lyrnn_corpus_free(&corpus);
    write_file(f->first, BYTES("a"));
    assert_int_equal(lyrnn_corpus_load_file(&corpus, f->first, &keep), LYRNN_OK);
    assert_chars(&corpus, CHARS(U"a"));
    lyrnn_corpus_free(&corpus);
    write_file(f->first, BYTES("ab\xFF"));
    assert_int_equal(lyrnn_corpus_load_file(&corpus, f->first, &keep), LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "first.txt: byte 2 is not UTF-8"));
    assert_empty(&corpus);
    assert_int_equal(lyrnn_corpus_load_file(&corpus, f->second, &keep), LYRNN_ERR_IO);
    assert_empty(&corpus);
}

static void sample_loads_under_the_same_rules(void **state)
{
    (void)state;
    lyrnn_corpus kept, spaced, cut;
    assert_int_equal(lyrnn_corpus_load_sample(&kept, &keep), LYRNN_OK);
    assert_int_equal(lyrnn_corpus_load_sample(&spaced, &space), LYRNN_OK);
    assert_int_equal(lyrnn_corpus_load_sample(&cut, &(lyrnn_corpus_rules){.max_chars = 100}),
                     LYRNN_OK);

    size_t newlines = count_char(&kept, '\n');
    assert_true(newlines > 0);
    assert_int_equal(spaced.N, kept.N);
    assert_int_equal(count_char(&spaced, '\n'), 0);
    assert_int_equal(count_char(&spaced, ' '), count_char(&kept, ' ') + newlines);
    assert_chars(&cut, kept.chars, 100);

    lyrnn_corpus_free(&kept);
    lyrnn_corpus_free(&spaced);
    lyrnn_corpus_free(&cut);
}

static void sample_fills_a_default_batch(void **state)
{
    (void)state;
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load_sample(&corpus, &keep), LYRNN_OK);
    assert_true(corpus.N >= 32 * (35 + 1));
    lyrnn_corpus_free(&corpus);
}

static void sample_cut_to_one_character_is_an_error(void **state)
{
    (void)state;
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load_sample(&corpus, &(lyrnn_corpus_rules){.max_chars = 1}),
                     LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "raise --max-chars"));
    assert_empty(&corpus);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(one_file_loads_unchanged),
        IN_DIRECTORY(files_load_in_order),
        IN_DIRECTORY(file_without_final_newline_gets_one_before_the_next_file),
        IN_DIRECTORY(file_with_final_newline_of_any_form_gets_no_second_one),
        IN_DIRECTORY(a_final_space_is_not_a_final_newline),
        IN_DIRECTORY(byte_order_mark_of_each_file_is_dropped),
        IN_DIRECTORY(cr_and_lf_in_different_files_are_two_newlines),
        IN_DIRECTORY(max_chars_counts_characters_across_files),
        IN_DIRECTORY(file_larger_than_the_read_buffer_loads_whole),
        IN_DIRECTORY(missing_file_is_an_error_that_names_it),
        IN_DIRECTORY(a_folder_without_texts_is_an_error_that_names_it),
        IN_DIRECTORY(an_empty_file_among_others_is_skipped),
        IN_DIRECTORY(files_without_any_text_are_an_error),
        IN_DIRECTORY(all_bad_files_are_named_at_once),
        IN_DIRECTORY(invalid_utf8_in_the_second_file_names_it_and_its_own_offset),
        IN_DIRECTORY(one_distinct_character_is_an_error),
        IN_DIRECTORY(only_newlines_are_one_distinct_character),
        IN_DIRECTORY(one_distinct_character_within_max_chars_is_an_error),
        IN_DIRECTORY(one_file_need_not_be_fit_to_learn_from),
        cmocka_unit_test(sample_loads_under_the_same_rules),
        cmocka_unit_test(sample_fills_a_default_batch),
        cmocka_unit_test(sample_cut_to_one_character_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
