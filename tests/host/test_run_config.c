/* The files of a run that other parts read: config.json, the corpus that it names, and
 * metrics.jsonl. */
#include "run/config.h"

#include <math.h>

#include "run/run_corpus.h"
#include "run_dir_check.h"

#include "files/json_values.h"

static void a_config_comes_back(void **state)
{
    (void)state;
    json_t *config = parse_config("{\"lr\": 0.1, \"corpus\": [\"/歌.txt\", null]}"), *back;
    lyrnn_run_dir run;
    assert_ok(lyrnn_run_dir_create(&run, "whole", false, config));
    lyrnn_run_dir_close(&run);
    assert_content("whole/config.json",
                   "{\n  \"lr\": 0.1,\n  \"corpus\": [\n    \"/歌.txt\",\n    null\n  ]\n}");
    assert_ok(lyrnn_run_config_read("whole", &back));
    assert_true(json_equal(config, back));
    json_decref(config);
    json_decref(back);
}

static void assert_bad_config(const char *problem)
{
    char expected[128];
    json_t *config;
    snprintf(expected, sizeof expected, "run/config.json: %s; correct the file", problem);
    assert_int_equal(lyrnn_run_config_read("run", &config), LYRNN_ERR_MODEL_FILE);
    assert_string_equal(lyrnn_error_text(), expected);
    assert_null(config);
}

static void a_file_that_is_not_a_config_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } bad[] = {
        {"", "is not JSON"},
        {"{", "is not JSON"},
        {"[]", "is not a JSON object"},
        {"1", "is not JSON"},
        {"{\"a\":1,\"a\":2}", "has a key twice"},
        {"{}x", "is not JSON"},
        {"\xFF", "is not UTF-8"},
        {"{\"a\":[{},{},{},{},{},{},{},{},{},{}]}", "has more brackets than a model's"},
    };
    json_t *config;
    assert_failure(
        lyrnn_run_config_read("nothing", &config), LYRNN_ERR_NOTHING,
        "nothing/config.json: cannot open: No such file or directory; name the folder of");
    assert_null(config);
    assert_int_equal(mkdir("run", 0777), 0);
    assert_int_equal(mkdir("run/config.json", 0777), 0);
    assert_error(lyrnn_run_config_read("run", &config),
                 "run/config.json: is a directory, not a regular file; ");
    assert_null(config);
    assert_int_equal(rmdir("run/config.json"), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(write_file("run/config.json", bad[i].text, strlen(bad[i].text)));
        assert_bad_config(bad[i].problem);
    }
    /* jansson ignores a NUL that follows a number. */
    assert_true(write_file("run/config.json", "{\"a\":3\0}", 8));
    assert_bad_config("is not JSON");
}

static void the_corpus_is_named_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        int num; /* -1: refused */
    } cases[] = {{"{\"corpus\": [\"/a\", \"/b\"]}", 2},
                 {"{\"corpus\": []}", 0},
                 {"{}", -1},
                 {"{\"corpus\": \"a\"}", -1},
                 {"{\"corpus\": [\"a\", null]}", -1},
                 {"{\"corpus\": {\"a\": \"b\"}}", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char **paths;
        size_t num;
        json_t *config = parse_config(cases[i].config);
        lyrnn_status status = lyrnn_run_corpus_paths("run", config, &paths, &num);
        assert_int_equal(status, cases[i].num >= 0 ? LYRNN_OK : LYRNN_ERR_CORPUS);
        if (status == LYRNN_OK)
            assert_int_equal(num, cases[i].num);
        else
            assert_string_equal(lyrnn_error_text(), "run/config.json: does not name the corpus");
        if (cases[i].num == 2)
            assert_string_equal(paths[1], "/b");
        free(paths);
        json_decref(config);
    }
}

static void corpus_files_are_kept_by_their_absolute_paths(void **state)
{
    const temp_path *dir = *state;
    char path[PATH_MAX + 16];
    static const char *const paths[] = {"song.txt", "gone/song.txt", "\xFF"};
    assert_true(write_file("song.txt", "a", 1));
    json_t *array = lyrnn_run_corpus_to_json(paths, 3);
    assert_int_equal(json_array_size(array), 3);
    snprintf(path, sizeof path, "%s/song.txt", dir->path);
    assert_string_equal(json_string_value(json_array_get(array, 0)), path);
    assert_string_equal(json_string_value(json_array_get(array, 1)), "gone/song.txt");
    assert_string_equal(json_string_value(json_array_get(array, 2)), "file:%FF");
    json_decref(array);
}

/* JSON must be UTF-8, and a path need not be. It must be found again. */
static void a_path_in_any_bytes_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *path, *json;
    } cases[] = {{"/歌/a.txt", "/歌/a.txt"},
                 {"100%.txt", "100%.txt"},
                 {"/a b/\xE9%41.txt", "file:///a b/%E9%2541.txt"},
                 {"/\xE6\xAD/歌", "file:///%E6%AD/%E6%AD%8C"},
                 {"\xFF", "file:%FF"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *string = json_of_path(cases[i].path);
        assert_string_equal(json_string_value(string), cases[i].json);
        assert_string_equal(json_path_value(string), cases[i].path);
        json_decref(string);
    }
    /* Anyone may have written config.json. */
    static const char *const others[][2] = {{"file:///a%", "/a%"},
                                            {"file:///a%4", "/a%4"},
                                            {"file:///a%00b", "/a%00b"},
                                            {"file:///a%+9%-1% 1", "/a%+9%-1% 1"},
                                            {"file:", ""}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        json_t *string = json_string(others[i][0]);
        assert_string_equal(json_path_value(string), others[i][1]);
        json_decref(string);
    }
    json_t *shown = json_string_or_null("歌\xE9.\xE6\xADtxt\xF0");
    assert_string_equal(json_string_value(shown), "歌\uFFFD.\uFFFD\uFFFDtxt\uFFFD");
    json_decref(shown);
}

/* Checks which epochs are the last and the best according to a metrics.jsonl with this text; 0:
 * none. */
static void assert_metrics(const char *text, lyrnn_status expected, int expected_last,
                           int expected_best)
{
    json_t *last, *best;
    assert_true(write_file("metrics.jsonl", text, strlen(text)));
    assert_int_equal(lyrnn_metrics_read(".", &last, &best, NULL), expected);
    assert_int_equal(json_integer_value(json_object_get(last, "epoch")), expected_last);
    assert_int_equal(json_integer_value(json_object_get(best, "epoch")), expected_best);
    json_decref(last);
    json_decref(best);
}

static void metrics_have_a_last_and_a_best_epoch(void **state)
{
    (void)state;
#define LINE(epoch, perplexity) "{\"epoch\": " epoch ", \"perplexity\": " perplexity "}\n"
#define VALIDATED(epoch, perplexity, validation)                                                   \
    "{\"epoch\": " epoch ", \"perplexity\": " perplexity ", \"val_perplexity\": " validation "}\n"
    assert_metrics(LINE("1", "9.0") LINE("2", "7.5") LINE("3", "8"), LYRNN_OK, 3, 2);
    assert_metrics(LINE("1", "null") LINE("2", "7.5"), LYRNN_OK, 2, 2);
    assert_metrics(VALIDATED("1", "9.0", "10") VALIDATED("2", "8.0", "12"), LYRNN_OK, 2, 1);
    /* A perplexity that is not finite is null, and no such epoch is the best. */
    assert_metrics(LINE("1", "null") LINE("2", "null"), LYRNN_OK, 2, 0);
    assert_metrics(VALIDATED("1", "9.0", "10") VALIDATED("2", "8.0", "null"), LYRNN_OK, 2, 1);
    assert_metrics(VALIDATED("1", "9.0", "null") VALIDATED("2", "9.5", "10"), LYRNN_OK, 2, 2);
    assert_metrics("", LYRNN_ERR_IO, 0, 0);
    assert_metrics(LINE("-1", "9.0"), LYRNN_ERR_IO, 0, 0);
    /* The lines that can be read count. */
    assert_metrics(LINE("1", "9.0") "{\"epoch\": 2, \"per", LYRNN_ERR_IO, 1, 1);
    assert_string_equal(lyrnn_error_text(),
                        "./metrics.jsonl: line 2 is not the report of an epoch; it is left out");
    assert_metrics("[1]\n" LINE("1", "9.0") "{}\n" LINE("2", "8.0"), LYRNN_ERR_IO, 2, 2);
}

static void metrics_that_were_appended_come_back(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    json_t *last, *best;
    const lyrnn_metrics metrics = {.epoch = 7,
                                   .step = 280,
                                   .nats_per_char = 0.5,
                                   .perplexity = (double)INFINITY,
                                   .chars_per_second = 81000,
                                   .seconds = 0.25,
                                   .learning_rate = 1e-3f,
                                   .gradient_norm = 0.125,
                                   .is_validated = true,
                                   .validation_nats_per_char = 0.75,
                                   .validation_perplexity = 2.5};
    assert_ok(create_run(&run, "appended", false, "{}"));
    assert_ok(lyrnn_run_dir_append_metrics(&run, &metrics));
    lyrnn_run_dir_close(&run);
    assert_ok(lyrnn_metrics_read("appended", &last, &best, NULL));
    json_t *expected = parse_config("{\"epoch\": 7, \"step\": 280, \"loss\": 0.5, \"perplexity\": "
                                    "null, \"chars_per_second\": 81000.0, \"seconds\": 0.25, "
                                    "\"lr\": 0.001, \"gradient_norm\": 0.125, "
                                    "\"val_loss\": 0.75, \"val_perplexity\": 2.5}");
    assert_true(json_equal(last, expected));
    assert_true(json_equal(best, expected));
    json_decref(expected);
    json_decref(last);
    json_decref(best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_config_comes_back),
        cmocka_unit_test(a_file_that_is_not_a_config_is_refused),
        cmocka_unit_test(the_corpus_is_named_or_refused),
        cmocka_unit_test(corpus_files_are_kept_by_their_absolute_paths),
        cmocka_unit_test(a_path_in_any_bytes_comes_back),
        cmocka_unit_test(metrics_have_a_last_and_a_best_epoch),
        cmocka_unit_test(metrics_that_were_appended_come_back),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
