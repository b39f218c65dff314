/* How a text was read, as a record of it, and the rules by which it is read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/reading_record.h"

static void rules_come_back(void **state)
{
    (void)state;
    const lyrnn_corpus_rules rules = {.encoding = LYRNN_ENCODING_BIG5,
                                      .songs = LYRNN_SONGS_BLANK_LINE,
                                      .script = LYRNN_SCRIPT_TRADITIONAL,
                                      .width = LYRNN_WIDTH_KEEP,
                                      .normalize = LYRNN_NORMALIZE_NFC,
                                      .repeats = LYRNN_REPEATS_ONCE,
                                      .keep_duplicates = true,
                                      .min_count = 3,
                                      .json_field = "words",
                                      .max_chars = 1000,
                                      .newlines = LYRNN_NEWLINES_SPACE,
                                      .is_plain_text = true};
    json_t *record = json_object();
    reading_to_record(&record, &rules);
    const lyrnn_corpus_rules back = reading_of_record(record);
    assert_int_equal(back.encoding, rules.encoding);
    assert_int_equal(back.songs, rules.songs);
    assert_int_equal(back.script, rules.script);
    assert_int_equal(back.width, rules.width);
    assert_int_equal(back.normalize, rules.normalize);
    assert_int_equal(back.repeats, rules.repeats);
    assert_true(back.keep_duplicates);
    assert_int_equal(back.min_count, rules.min_count);
    assert_string_equal(back.json_field, rules.json_field);
    assert_int_equal(back.max_chars, rules.max_chars);
    assert_int_equal(back.newlines, rules.newlines);
    assert_true(back.is_plain_text);
    json_decref(record);
}

/* --max-bytes may have been raised for the training, and generate has no such option. */
static void an_archive_of_any_size_is_read_again(void **state)
{
    (void)state;
    const lyrnn_corpus_rules rules = {.max_bytes = 1000};
    json_t *record = json_object();
    reading_to_record(&record, &rules);
    assert_true(reading_of_record(record).max_bytes == SIZE_MAX);
    assert_true(reading_of_record(NULL).max_bytes == SIZE_MAX);
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_come_back),
        cmocka_unit_test(an_archive_of_any_size_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
