/* What the songs of a corpus are: of files, of paragraphs, and after the text is cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corpus_check.h"
#include "temp_dir.h"

#define FILE_OF(name, text) assert_true(write_file(name, text, strlen(text)))

/* Loads the num files by the rules, which must give songs that begin at these characters. */
static void assert_songs(const char *const *paths, size_t num, const lyrnn_corpus_rules *rules,
                         const size_t *starts, size_t num_songs)
{
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load(&corpus, paths, num, rules), LYRNN_OK);
    assert_int_equal(corpus.num_songs, num_songs);
    for (size_t i = 0; i < num_songs; i++)
        assert_int_equal(corpus.starts[i], starts[i]);
    lyrnn_corpus_free(&corpus);
}

#define STARTS(...) (const size_t[]){__VA_ARGS__}, sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)

static const char *const a_and_b[] = {"a.txt", "b.txt"};

static void each_small_file_of_several_is_a_song(void **state)
{
    (void)state;
    FILE_OF("a.txt", "ab\n\ncd");
    FILE_OF("b.txt", "e\n\nf\n");
    const lyrnn_corpus_rules by_file = {.songs = LYRNN_SONGS_FILE};
    assert_songs(a_and_b, 2, &(lyrnn_corpus_rules){0}, STARTS(0, 7));
    assert_songs(a_and_b, 2, &by_file, STARTS(0, 7));
}

static void each_paragraph_of_the_only_file_is_a_song(void **state)
{
    (void)state;
    FILE_OF("a.txt", "ab\n\ncd\nef\n \n\ng");
    const lyrnn_corpus_rules by_file = {.songs = LYRNN_SONGS_FILE};
    assert_songs(a_and_b, 1, &(lyrnn_corpus_rules){.normalize = LYRNN_NORMALIZE_NFC},
                 STARTS(0, 4, 13));
    assert_songs(a_and_b, 1, &by_file, STARTS(0));
    /* A file without text does not make it one of several. */
    FILE_OF("b.txt", " \n");
    assert_songs(a_and_b, 2, &(lyrnn_corpus_rules){.normalize = LYRNN_NORMALIZE_NFC},
                 STARTS(0, 4, 13));
}

static void each_paragraph_of_a_large_file_is_a_song(void **state)
{
    (void)state;
    enum { LARGE = 64 * 1024 };
    char *text = malloc(LARGE + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    memcpy(text, "ab\n\n", 4);
    text[LARGE] = '\0';
    FILE_OF("b.txt", "cd");
    assert_true(write_file("a.txt", text, LARGE));
    assert_songs(a_and_b, 2, &(lyrnn_corpus_rules){0}, STARTS(0, 4, LARGE + 1));
    assert_true(write_file("a.txt", text, LARGE - 1));
    assert_songs(a_and_b, 2, &(lyrnn_corpus_rules){0}, STARTS(0, LARGE));
    free(text);
}

static void blank_lines_separate_songs_and_belong_to_the_one_before(void **state)
{
    (void)state;
    static const lyrnn_corpus_rules rules = {.songs = LYRNN_SONGS_BLANK_LINE,
                                             .normalize = LYRNN_NORMALIZE_NFC};
    static const struct {
        const char *text;
        size_t starts[3], num;
    } cases[] = {
        {"ab", {0}, 1},
        {"ab\n\n\n", {0}, 1},
        {"\n\nab\n\ncd", {0, 6}, 2},
        {"ab\r\n\r\ncd\r\n", {0, 4}, 2},
        {"ab\n\xE3\x80\x80\t\ncd\n\nef\n", {0, 6, 10}, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE_OF("a.txt", cases[i].text);
        assert_songs(a_and_b, 1, &rules, cases[i].starts, cases[i].num);
    }
}

static void no_songs_make_the_text_one(void **state)
{
    (void)state;
    FILE_OF("a.txt", "ab\n\ncd");
    FILE_OF("b.txt", "ef");
    assert_songs(a_and_b, 2, &(lyrnn_corpus_rules){.songs = LYRNN_SONGS_NONE}, STARTS(0));
}

static void max_chars_cuts_songs(void **state)
{
    (void)state;
    FILE_OF("a.txt", "ab\n\ncd\n\nef");
    assert_songs(a_and_b, 1, &(lyrnn_corpus_rules){.max_chars = 5}, STARTS(0, 4));
    assert_songs(a_and_b, 1, &(lyrnn_corpus_rules){.max_chars = 4}, STARTS(0));
}

static void songs_are_found_before_newlines_become_spaces(void **state)
{
    (void)state;
    FILE_OF("a.txt", "ab\n\ncd");
    assert_songs(a_and_b, 1, &(lyrnn_corpus_rules){.newlines = LYRNN_NEWLINES_SPACE}, STARTS(0, 4));
}

static void the_sample_lyrics_have_62_songs(void **state)
{
    (void)state;
    lyrnn_corpus corpus;
    assert_int_equal(lyrnn_corpus_load_sample(&corpus, &(lyrnn_corpus_rules){0}), LYRNN_OK);
    assert_int_equal(corpus.num_songs, 62);
    for (size_t i = 1; i < corpus.num_songs; i++) {
        assert_int_equal(corpus.chars[corpus.starts[i] - 1], '\n');
        assert_int_equal(corpus.chars[corpus.starts[i] - 2], '\n');
    }
    lyrnn_corpus_free(&corpus);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, temp_dir_enter, temp_dir_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(each_small_file_of_several_is_a_song),
        IN_DIRECTORY(each_paragraph_of_the_only_file_is_a_song),
        IN_DIRECTORY(each_paragraph_of_a_large_file_is_a_song),
        IN_DIRECTORY(blank_lines_separate_songs_and_belong_to_the_one_before),
        IN_DIRECTORY(no_songs_make_the_text_one),
        IN_DIRECTORY(max_chars_cuts_songs),
        IN_DIRECTORY(songs_are_found_before_newlines_become_spaces),
        cmocka_unit_test(the_sample_lyrics_have_62_songs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
