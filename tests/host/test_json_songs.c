/* Songs in JSON and JSONL: as they are published, and of wrong shapes. */
#include "songs_check.h"

#include <malloc.h>
#include <stdio.h>

#include <jansson.h>

#include "corpus/json_songs.h"

static json_songs_counts counts; /* of the last text that was read */

static lyrnn_status read_text(const char *text, size_t num_bytes, const json_songs_rules *rules,
                              kept_songs *songs)
{
    char *copy = copy_exactly(text, num_bytes);
    *songs = (kept_songs){0};
    counts = (json_songs_counts){0};
    const song_sink sink = {.song = keep_song, .context = songs};
    lyrnn_status status = json_songs_read("songs", copy, num_bytes, rules, &sink, &counts);
    free(copy);
    return status;
}

static void assert_read(const char *text, const json_songs_rules *rules, const char *expected)
{
    kept_songs songs;
    lyrnn_status status = read_text(text, strlen(text), rules, &songs);
    if (status != LYRNN_OK)
        print_message("%s\n", lyrnn_error_text());
    assert_int_equal(status, LYRNN_OK);
    assert_string_equal(songs.text, expected);
    assert_int_equal(counts.num_songs, songs.num_songs);
}

static void assert_songs(const char *text, const char *expected)
{
    assert_read(text, &(json_songs_rules){0}, expected);
}

static void assert_lines(const char *text, const char *expected)
{
    assert_read(text, &(json_songs_rules){.is_lines = true}, expected);
}

static void assert_field(const char *field, const char *text, const char *expected)
{
    assert_read(text, &(json_songs_rules){.field = field}, expected);
}

static void assert_rules_refuse(const char *text, size_t num_bytes, const json_songs_rules *rules,
                                const char *error)
{
    kept_songs songs;
    assert_int_equal(read_text(text, num_bytes, rules, &songs), LYRNN_ERR_CORPUS);
    assert_string_equal(lyrnn_error_text(), error);
}

static void assert_refused(const char *text, const char *error)
{
    assert_rules_refuse(text, strlen(text), &(json_songs_rules){0}, error);
}

static void assert_lines_refused(const char *text, const char *error)
{
    assert_rules_refuse(text, strlen(text), &(json_songs_rules){.is_lines = true}, error);
}

static void poems_of_chinese_poetry_are_songs(void **state)
{
    (void)state;
    assert_songs(
        "[\n  {\n    \"author\": \"太宗皇帝\",\n    \"paragraphs\": [\n      "
        "\"秦川雄帝宅，函谷壯皇居。\",\n"
        "      \"綺殿千尋起，離宮百雉餘。\"\n    ],\n    \"title\": \"帝京篇十首 一\",\n    "
        "\"id\": "
        "\"3ad6d468\"\n  },\n  {\"author\": \"和岘\", \"paragraphs\": [\"气和玉烛。\"], "
        "\"rhythmic\": \"导引\", \"tags\": [\"a\", \"b\"]}\n]\n",
        "帝京篇十首 一{秦川雄帝宅，函谷壯皇居。\n綺殿千尋起，離宮百雉餘。\n}导引{气和玉烛。\n}");
}

static void books_of_chinese_poetry_nest_their_poems(void **state)
{
    (void)state;
    assert_songs(
        "{\"title\":\"千家诗\",\"content\":[{\"type\":\"五言\",\"content\":[{\"chapter\":\"春眠\","
        "\"paragraphs\":[\"a\",\"b\"]},{\"title\":\"t\",\"paragraphs\":[\"c\"]}]}]}",
        "{a\nb\n}t{c\n}");
}

static void songs_stand_in_an_object(void **state)
{
    (void)state;
    assert_songs("{\"release\":\"2020\",\"songs\":[{\"title\":\"A\",\"lyrics\":\"a\\nb\","
                 "\"artist\":{\"name\":"
                 "\"x\"}},{\"title\":\"B\",\"lyrics\":\"c\"}],\"stats\":{\"n\":[1,2]}}",
                 "A{a\nb\n}B{c\n}");
    assert_int_equal(counts.num_without_text, 0);
}

static void one_object_is_one_song(void **state)
{
    (void)state;
    assert_songs("{\"name\":\"A\",\"text\":\"a\"}", "A{a\n}");
}

static void an_object_of_objects_has_songs(void **state)
{
    (void)state;
    assert_songs("{\"1\":{\"lyrics\":\"a\"},\"2\":{\"lyrics\":\"b\"}}", "{a\n}{b\n}");
}

static void the_first_usual_member_with_text_counts(void **state)
{
    (void)state;
    assert_songs(
        "[{\"lines\":\"6\",\"content\":\"5\",\"text\":\"4\",\"lyric\":\"3\",\"lyrics\":\"2\","
        "\"paragraphs\":\"1\"}]",
        "{1\n}");
    assert_songs("[{\"lines\":\"6\",\"content\":\"5\"}]", "{5\n}");
    assert_songs("[{\"lines\":[\"6\"],\"content\":{\"a\":\"5\"}, \"text\":4, \"lyrics\":\" \"}]",
                 "{6\n}");
}

static void the_title_is_the_first_that_is_text(void **state)
{
    (void)state;
    assert_songs("[{\"name\":\"c\",\"rhythmic\":\"b\",\"title\":\"a\",\"text\":\"1\"},"
                 "{\"name\":\"c\",\"rhythmic\":\"b\",\"title\":\"\",\"text\":\"2\"},"
                 "{\"name\":\"c\",\"title\":5,\"text\":\"3\"},{\"text\":\"4\"}]",
                 "a{1\n}b{2\n}c{3\n}{4\n}");
}

static void a_field_that_is_named_is_the_only_one(void **state)
{
    (void)state;
    assert_field("para", "[{\"title\":\"A\",\"para\":[\"a\"],\"lyrics\":\"b\"},{\"lyrics\":\"c\"}]",
                 "A{a\n}");
    assert_int_equal(counts.num_without_text, 1);
    assert_field("zh", "[{\"title\":\"A\",\"lyrics\":{\"zh\":\"a\",\"en\":\"b\"}}]", "A{a\n}");
    assert_field("content", "{\"content\":[{\"content\":[\"a\"]}]}", "{a\n}");
}

static void strings_of_the_file_are_songs(void **state)
{
    (void)state;
    assert_songs("[\"a\\nb\",\"c\"]", "{a\nb\n}{c\n}");
    assert_songs("\"a\"", "{a\n}");
}

static void strings_of_an_inner_array_are_lines(void **state)
{
    (void)state;
    assert_songs("[[\"a\",\"b\"],[\"c\"]]", "{a\nb\n}{c\n}");
}

static void arrays_of_lines_in_a_text_are_stanzas(void **state)
{
    (void)state;
    assert_songs("[{\"lyrics\":[[\"a\",\"b\"],[\"c\"]]}]", "{a\nb\n\nc\n}");
    assert_songs("[{\"lyrics\":[\"a\",null,\"\",\"b\"]}]", "{a\n\n\nb\n}");
}

static void lines_of_jsonl_are_songs(void **state)
{
    (void)state;
    assert_lines(
        "{\"title\":\"A\",\"lyrics\":\"a\"}\n\"b\"\r\n\n  \n[\"c\",\"d\"]\n[{\"text\":\"e\"}]",
        "A{a\n}{b\n}{c\nd\n}{e\n}");
}

static void jsonl_that_is_called_json_is_read(void **state)
{
    (void)state;
    assert_songs("\n{\"text\":\"a\"}\n{\"text\":\"b\"}\n", "{a\n}{b\n}");
    assert_songs("{\"songs\":[\n{\"text\":\"a\"},\n{\"text\":\"b\"}\n]}\n", "{a\n}{b\n}");
    assert_refused("{\"text\":\"a\"}\n{\"text\":\n\"b\"}\n",
                   "songs: line 2: is cut off (byte 8 of the line); correct the line or remove it; "
                   "a file that is one value of several lines is not JSONL; name it .json");
}

static void text_in_the_form_of_lrc_is_lyrics(void **state)
{
    (void)state;
    assert_songs("[{\"name\":\"A\",\"lrc\":{\"version\":1,\"lyric\":\"[ti:x]\\n[00:00.00]作词 : "
                 "b\\n[00:02.00]d\\n[00:01.00]c\\n\"}},{\"lyric\":\"[00:00.00]纯音乐，请欣赏\\n[00:"
                 "01]\\n[00:02]\"}]",
                 "A{c\nd\n}");
    assert_int_equal(counts.lrc.num_credits, 2);
    assert_int_equal(counts.num_empty, 1);
}

static void songs_without_text_are_counted(void **state)
{
    (void)state;
    assert_songs(
        "[{\"lyrics\":null},{\"lyrics\":\"\"},{\"lyrics\":\" \\n\"},{\"lyrics\":[]},null,\"\","
        "{\"lyrics\":\"a\"}]",
        "{a\n}");
    assert_int_equal(counts.num_empty, 6);
    assert_songs("[{\"lyrics\":null}]", "");
    assert_lines("null\n{\"lyrics\":\"\"}\n", "");
}

static void a_collection_with_an_empty_text_has_songs(void **state)
{
    (void)state;
    assert_songs("{\"name\":\"A\",\"content\":\"\",\"songs\":[{\"lyrics\":\"a\"},{\"lyrics\":\"\","
                 "\"x\":{}}]}",
                 "{a\n}");
    assert_int_equal(counts.num_empty, 1);
    assert_int_equal(counts.num_without_text, 0);
}

static void objects_without_text_are_counted(void **state)
{
    (void)state;
    assert_songs("[{\"id\":1,\"stats\":{\"views\":1}},{\"lyrics\":\"a\"},{}]", "{a\n}");
    assert_int_equal(counts.num_without_text, 2);
    assert_lines("{\"id\":1}\n{\"lyrics\":\"a\"}\n", "{a\n}");
    assert_int_equal(counts.num_without_text, 1);
}

static void a_document_without_values_has_no_songs(void **state)
{
    (void)state;
    assert_songs("", "");
    assert_songs(" \n", "");
    assert_songs("[]", "");
    assert_lines("\n\n", "");
}

static void a_document_of_other_objects_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"songs\":[{\"id\":1,\"para\":[\"a\"]},{\"id\":2}]}",
                   "songs: $.songs[0]: has no text in paragraphs, lyrics, lyric, text, content and "
                   "lines, but has id, para; name the member of a song that is its text by "
                   "--json-field");
    assert_refused("{}", "songs: $: has no text in paragraphs, lyrics, lyric, text, content and "
                         "lines; name the member of a song that is its text by --json-field");
    assert_lines_refused(
        "\n{\"id\":1}\n",
        "songs: line 2: $: has no text in paragraphs, lyrics, lyric, text, content "
        "and lines, but has id; name the member of a song that is its text by "
        "--json-field");
}

static void a_text_in_several_languages_needs_a_name(void **state)
{
    (void)state;
    assert_refused(
        "[{\"title\":\"A\",\"lyrics\":{\"zh\":\"a\",\"en\":\"b\"}}]",
        "songs: $[0].lyrics: has no text in paragraphs, lyrics, lyric, text, content and "
        "lines, but has zh, en; name the member of a song that is its text by "
        "--json-field");
}

static void the_members_that_an_error_names_are_few(void **state)
{
    (void)state;
    char text[4096];
    int length = snprintf(text, sizeof text, "[{");
    for (int i = 0; i < 200; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "\"member%d\":1,", i);
    snprintf(text + length, sizeof text - (size_t)length, "\"last\":1}]");
    kept_songs songs;
    assert_int_equal(read_text(text, strlen(text), &(json_songs_rules){0}, &songs),
                     LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "but has member0, member1, "));
    assert_true(strlen(lyrnn_error_text()) < 400);
}

static void a_number_among_songs_is_refused(void **state)
{
    (void)state;
    assert_refused(
        "[\"a\",{\"text\":\"b\"},3]",
        "songs: $[2]: is a number, not a song; name the member of a song that is its text "
        "by --json-field, or correct the file");
    assert_refused("true", "songs: $: is true or false, not a song; name the member of a song that "
                           "is its text by --json-field, or correct the file");
}

static void a_number_among_lines_is_refused(void **state)
{
    (void)state;
    assert_refused("[{\"text\":\"b\"},{\"paragraphs\":[\"a\",5]}]",
                   "songs: $[1].paragraphs[1]: is a number, not a string like the others; name the "
                   "member of a song that is its text by --json-field, or correct the file");
    assert_refused(
        "[[\"a\",{\"text\":\"b\"}]]",
        "songs: $[0][1]: is an object, not a string like the others; name the member of a "
        "song that is its text by --json-field, or correct the file");
}

static void a_named_field_that_is_no_text_is_refused(void **state)
{
    (void)state;
    const char *text = "{\"songs\":[{\"id\":5,\"text\":\"a\"}]}";
    assert_rules_refuse(
        text, strlen(text), &(json_songs_rules){.field = "id"},
        "songs: $.songs[0].id: is a number, not a string or an array of strings; "
        "name the member of a song that is its text by --json-field, or correct the "
        "file");
}

static void escapes_become_characters(void **state)
{
    (void)state;
    assert_songs("[\"\\u4e2d\\ud83d\\ude00\\\"\\\\\\/\\t\\r\\n\"]", "{中😀\"\\/\t\r\n}");
}

static void half_of_a_surrogate_pair_is_refused(void **state)
{
    (void)state;
    assert_refused("[\n\"\\ud83d\"]",
                   "songs: line 2: is not JSON (byte 10 of the file); correct the "
                   "file");
}

static void an_escaped_nul_is_refused(void **state)
{
    (void)state;
    assert_lines_refused("\"a\"\n\"\\u0000\"\n",
                         "songs: line 2: has the character NUL (byte 8 of the line); correct the "
                         "line or remove it; a file that is one value of several lines is not "
                         "JSONL; name it .json");
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const char text[] = "[\"a\",\n\"b\"\0]";
    assert_rules_refuse(text, sizeof text - 1, &(json_songs_rules){0},
                        "songs: line 2: is not JSON (byte 9 of the file); correct the file");
}

static void bytes_that_are_not_utf8_are_refused(void **state)
{
    (void)state;
    kept_songs songs;
    assert_int_equal(read_text("[\"\xFF\"]", 5, &(json_songs_rules){0}, &songs), LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "is not UTF-8"));
}

static void a_member_that_occurs_twice_is_refused(void **state)
{
    (void)state;
    kept_songs songs;
    const char *text = "{\"text\":\"a\",\n\"text\":\"b\"}";
    assert_int_equal(read_text(text, strlen(text), &(json_songs_rules){0}, &songs),
                     LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "songs: line 2: has a key twice "));
}

static void large_numbers_are_no_matter(void **state)
{
    (void)state;
    assert_songs("{\"id\":123456789012345678901234567890,\"text\":\"a\"}", "{a\n}");
    kept_songs songs;
    assert_int_equal(read_text("{\"id\":1e400}", 12, &(json_songs_rules){0}, &songs),
                     LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "has a number that is too large"));
}

static void truncated_json_is_refused(void **state)
{
    (void)state;
    static const char text[] = "[{\"text\":\"a\"},\n{\"text\":\"bc\"}]";
    for (size_t length = 1; length < sizeof text - 1; length++) {
        kept_songs songs;
        assert_int_equal(read_text(text, length, &(json_songs_rules){0}, &songs), LYRNN_ERR_CORPUS);
        assert_non_null(strstr(lyrnn_error_text(), "is cut off"));
    }
}

static void a_byte_order_mark_is_dropped(void **state)
{
    (void)state;
    assert_songs("\xEF\xBB\xBF[\"a\"]", "{a\n}");
    assert_lines("\xEF\xBB\xBF\"a\"\n\"b\"", "{a\n}{b\n}");
}

/* `depth` brackets around a text. */
static void nest(char *text, int depth, const char *opening, const char *inside,
                 const char *closing)
{
    *text = '\0';
    for (int i = 0; i < depth; i++)
        text = stpcpy(text, opening);
    text = stpcpy(text, inside);
    for (int i = 0; i < depth; i++)
        text = stpcpy(text, closing);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char *text = malloc(1 << 20);
    kept_songs songs;
    assert_non_null(text);
    nest(text, 64, "{\"a\":", "{\"text\":\"b\"}", "}");
    assert_songs(text, "{b\n}");
    nest(text, 65, "{\"a\":", "{\"text\":\"b\"}", "}");
    assert_int_equal(read_text(text, strlen(text), &(json_songs_rules){0}, &songs),
                     LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "is nested deeper than 64 levels"));
    nest(text, 400000, "[", "", "]");
    assert_int_equal(read_text(text, strlen(text), &(json_songs_rules){0}, &songs),
                     LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "is nested too deeply"));
    free(text);
}

static void a_bad_line_is_named(void **state)
{
    (void)state;
    assert_lines_refused(
        "\"a\"\n\n{\"text\":\"b\"\n\"c\"\n",
        "songs: line 3: is cut off (byte 11 of the line); correct the line or "
        "remove it; a file that is one value of several lines is not JSONL; name it .json");
    assert_lines_refused(
        "\"a\" \"b\"\n",
        "songs: line 1: is not JSON (byte 7 of the line); correct the line or "
        "remove it; a file that is one value of several lines is not JSONL; name it .json");
}

static size_t bytes_now, bytes_most; /* of jansson's memory */

static void *count_malloc(size_t num_bytes)
{
    void *memory = malloc(num_bytes);
    bytes_now += malloc_usable_size(memory);
    bytes_most = bytes_now > bytes_most ? bytes_now : bytes_most;
    return memory;
}

static void count_free(void *memory)
{
    bytes_now -= malloc_usable_size(memory);
    free(memory);
}

/* As untrusted_json.c sees it from its first parse on. */
static int count_memory(void **state)
{
    (void)state;
    json_set_alloc_funcs(count_malloc, count_free);
    return 0;
}

static void jsonl_takes_the_memory_of_its_longest_line(void **state)
{
    (void)state;
    enum { NUM_LINES = 10000 };
    static const char line[] = "{\"title\":\"a title\",\"lyrics\":[\"a line\",\"another line\"]}\n";
    size_t length = sizeof line - 1;
    char *text = malloc(NUM_LINES * length);
    assert_non_null(text);
    for (size_t i = 0; i < NUM_LINES; i++)
        memcpy(text + i * length, line, length);
    kept_songs songs;
    bytes_most = bytes_now;
    assert_int_equal(
        read_text(text, NUM_LINES * length, &(json_songs_rules){.is_lines = true}, &songs),
        LYRNN_OK);
    assert_int_equal(songs.num_songs, NUM_LINES);
    assert_true(bytes_most > 0);
    assert_true(bytes_most < 4096);
    assert_int_equal(bytes_now, 0);
    free(text);
}

static lyrnn_status refuse_song(void *context, const char *title, const char *utf8,
                                size_t num_bytes)
{
    (void)context, (void)title, (void)utf8, (void)num_bytes;
    return lyrnn_fail(LYRNN_ERR_MEMORY, "no room");
}

static void a_failure_of_the_sink_is_passed_on(void **state)
{
    (void)state;
    const song_sink sink = {.song = refuse_song};
    assert_int_equal(json_songs_read("a", "[\"a\"]", 5, &(json_songs_rules){0}, &sink, &counts),
                     LYRNN_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poems_of_chinese_poetry_are_songs),
        cmocka_unit_test(books_of_chinese_poetry_nest_their_poems),
        cmocka_unit_test(songs_stand_in_an_object),
        cmocka_unit_test(one_object_is_one_song),
        cmocka_unit_test(an_object_of_objects_has_songs),
        cmocka_unit_test(the_first_usual_member_with_text_counts),
        cmocka_unit_test(the_title_is_the_first_that_is_text),
        cmocka_unit_test(a_field_that_is_named_is_the_only_one),
        cmocka_unit_test(strings_of_the_file_are_songs),
        cmocka_unit_test(strings_of_an_inner_array_are_lines),
        cmocka_unit_test(arrays_of_lines_in_a_text_are_stanzas),
        cmocka_unit_test(lines_of_jsonl_are_songs),
        cmocka_unit_test(jsonl_that_is_called_json_is_read),
        cmocka_unit_test(text_in_the_form_of_lrc_is_lyrics),
        cmocka_unit_test(songs_without_text_are_counted),
        cmocka_unit_test(a_collection_with_an_empty_text_has_songs),
        cmocka_unit_test(objects_without_text_are_counted),
        cmocka_unit_test(a_document_without_values_has_no_songs),
        cmocka_unit_test(a_document_of_other_objects_is_refused),
        cmocka_unit_test(a_text_in_several_languages_needs_a_name),
        cmocka_unit_test(the_members_that_an_error_names_are_few),
        cmocka_unit_test(a_number_among_songs_is_refused),
        cmocka_unit_test(a_number_among_lines_is_refused),
        cmocka_unit_test(a_named_field_that_is_no_text_is_refused),
        cmocka_unit_test(escapes_become_characters),
        cmocka_unit_test(half_of_a_surrogate_pair_is_refused),
        cmocka_unit_test(an_escaped_nul_is_refused),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(bytes_that_are_not_utf8_are_refused),
        cmocka_unit_test(a_member_that_occurs_twice_is_refused),
        cmocka_unit_test(large_numbers_are_no_matter),
        cmocka_unit_test(truncated_json_is_refused),
        cmocka_unit_test(a_byte_order_mark_is_dropped),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_bad_line_is_named),
        cmocka_unit_test(jsonl_takes_the_memory_of_its_longest_line),
        cmocka_unit_test(a_failure_of_the_sink_is_passed_on),
    };
    return cmocka_run_group_tests(tests, count_memory, NULL);
}
