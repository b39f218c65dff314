/* Options to JSON and back: config.json gives the same fields, a config.json that was edited by
 * hand must obey the rules of the command line, and --resume merges the two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options/options.h"
#include "cli/resume_options.h"
#include "temp_dir.h"

typedef struct {
    int whole;
    int_list several;
    size_t size;
    uint64_t seed;
    float rate, minutes;
    double decay;
    int choice;
    bool flag;
    const char *text, *device;
    option_texts texts;
} fields;

#define FIELD(member) .offset = offsetof(fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "All kinds:"},
    {OPTION_INT, "hidden-size", "N", "", FIELD(whole), .fallback = "256", .min = "1",
     .max = "65536"},
    {OPTION_INTS, "batch-size", "LIST", "", FIELD(several), .fallback = "32,64", .min = "1",
     .max = "65536"},
    {OPTION_SIZE, "max-chars", "N", "", FIELD(size), .fallback = "0", .min = "0",
     .max = "1000000000000"},
    {OPTION_UINT64, "seed", "N", "", FIELD(seed), .fallback = "1", .min = "0",
     .max = "9223372036854775807"},
    {OPTION_FLOAT, "lr", "RATE", "", FIELD(rate), .fallback = "1e-3", .min = "0", .max = "1e6",
     .may_change = true},
    {OPTION_FLOAT, "minutes", "M", "", FIELD(minutes), .fallback = "10", .min = "0", .max = "1e6",
     .if_missing = "7.5"},
    {OPTION_DOUBLE, "beta2", "B", "", FIELD(decay), .fallback = "0.999", .min = "0", .max = "1",
     .if_missing = "0.999"},
    {OPTION_CHOICE, "cell", "rnn_tanh|lstm|gru", "", FIELD(choice), .fallback = "rnn_tanh"},
    {OPTION_FLAG, "both", NULL, "", FIELD(flag)},
    {OPTION_TEXT, "init", "FILE", "", FIELD(text)},
    {OPTION_TEXT, "device", "NAME", "", FIELD(device), .fallback = "auto", .may_change = true},
    {OPTION_TEXTS, "prefix", "TEXT", "", FIELD(texts), .fallback = "分开, 不分开",
     .may_change = true},
};
#undef FIELD

static const option_table table = {
    .name = "test", .specs = specs, .num_specs = sizeof specs / sizeof specs[0]};

static void parse(fields *f, option_result *result, int argc, const char *const *words)
{
    char *argv[32] = {(char *)"test"};
    for (int i = 0; i < argc; i++)
        argv[i + 1] = (char *)words[i];
    *f = (fields){0};
    if (options_parse(&table, argc + 1, argv, f, result) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}
#define PARSE(f, result, ...)                                                                      \
    parse(f, result, (int)(sizeof(const char *[]){__VA_ARGS__} / sizeof(char *)),                  \
          (const char *[]){__VA_ARGS__})

static json_t *parse_json(const char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    fields given, back = {0};
    option_result result;
    PARSE(&given, &result, "--hidden-size", "33", "--batch-size=7", "--batch-size", "8..32*2,5",
          "--max-chars", "999999999999", "--seed", "9223372036854775807", "--lr", "0.1", "--beta2",
          "0.9876543210123456789", "--cell", "gru", "--both", "--init", "a \"b\"\n", "--prefix",
          "月光", "--prefix=");
    json_t *json = options_to_json(&table, &given);
    /* By way of text, as on the disk. */
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_decref(json);
    json = parse_json(text);
    free(text);
    if (options_from_json(&table, json, &back) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    assert_int_equal(back.whole, 33);
    assert_int_equal(back.several.num, 4);
    assert_memory_equal(back.several.items, ((const int[]){8, 16, 32, 5}), 4 * sizeof(int));
    assert_true(back.size == 999999999999);
    assert_true(back.seed == 9223372036854775807u);
    assert_true(back.rate == 0.1f);
    assert_true(given.decay == 0.987654321012346 && back.decay == given.decay);
    assert_int_equal(back.choice, 2);
    assert_true(back.flag);
    assert_string_equal(back.text, "a \"b\"\n");
    assert_string_equal(back.device, "auto");
    assert_int_equal(back.texts.num, 2);
    assert_string_equal(back.texts.items[0], "月光");
    assert_string_equal(back.texts.items[1], "");
    options_free(&table, &given);
    options_free(&table, &back);
    json_decref(json);
}

/* A float that is written as its shortest decimal must be read as the same float. */
static void floats_come_back_exactly(void **state)
{
    (void)state;
    uint32_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 1664525u + 1013904223u;
        int one = 1;
        fields given = {.several = {&one, 1}}, back = {0};
        uint32_t positive = bits >> 1;
        memcpy(&given.rate, &positive, sizeof given.rate);
        if (!(given.rate >= 0.0f && given.rate <= 1e6f))
            continue;
        given.whole = 1;
        given.device = "cpu";
        json_t *json = options_to_json(&table, &given);
        char *text = json_dumps(json, JSON_REAL_PRECISION(9));
        json_decref(json);
        json = parse_json(text);
        free(text);
        assert_int_equal(options_from_json(&table, json, &back), LYRNN_OK);
        assert_memory_equal(&back.rate, &given.rate, sizeof back.rate);
        options_free(&table, &back);
        json_decref(json);
    }
}

static void only_options_without_default_can_be_absent(void **state)
{
    (void)state;
    fields back = {0};
    json_t *json =
        parse_json("{\"hidden_size\":1, \"batch_size\":[3], \"max_chars\":0, \"seed\":0, \"lr\":1, "
                   "\"cell\":\"lstm\", \"device\":\"cpu\", \"prefix\":[], \"other\":7}");
    assert_int_equal(options_from_json(&table, json, &back), LYRNN_OK);
    assert_false(back.flag);
    assert_null(back.text);
    assert_int_equal(back.texts.num, 0);
    assert_true(back.rate == 1.0f);
    assert_true(back.minutes == 7.5f);
    options_free(&table, &back);
    static const char *const needed[] = {"hidden_size", "max_chars", "seed",  "lr",
                                         "cell",        "device",    "prefix"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        json_t *less = json_copy(json);
        char problem[64];
        snprintf(problem, sizeof problem, "\"%s\" is missing", needed[i]);
        json_object_del(less, needed[i]);
        back = (fields){0};
        assert_int_equal(options_from_json(&table, less, &back), LYRNN_ERR_USAGE);
        assert_string_equal(lyrnn_error_text(), problem);
        options_free(&table, &back);
        json_decref(less);
    }
    json_decref(json);
}

static void values_must_obey_the_tables_rules(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *problem;
    } cases[] = {
        {"hidden_size", "0", "--hidden-size 0: must be from 1 to 65536"},
        {"hidden_size", "-5", "--hidden-size -5: must be from 1 to 65536"},
        {"hidden_size", "65537", "--hidden-size 65537: must be from 1 to 65536"},
        {"hidden_size", "4294967297", "--hidden-size 4294967297: must be from 1 to 65536"},
        {"hidden_size", "1.0", "\"hidden_size\" must be a whole number"},
        {"hidden_size", "\"1\"", "\"hidden_size\" must be a whole number"},
        {"hidden_size", "null", "\"hidden_size\" must be a whole number"},
        {"batch_size", "[1, 0]", "--batch-size 0: out of range; give numbers from 1 to 65536"},
        {"batch_size", "[65537]", "--batch-size 65537: out of range"},
        {"batch_size", "[]", "\"batch_size\" must be an array of whole numbers"},
        {"batch_size", "[1.5]", "\"batch_size\" must be an array of whole numbers"},
        {"batch_size", "[\"1\"]", "\"batch_size\" must be an array of whole numbers"},
        {"batch_size", "7", "\"batch_size\" must be an array of whole numbers"},
        {"max_chars", "-1", "--max-chars -1: must be from 0"},
        {"seed", "true", "\"seed\" must be a whole number"},
        {"lr", "-0.5", "--lr -0.5: must be from 0 to 1e6"},
        {"lr", "1e7", "--lr 10000000: must be from 0 to 1e6"},
        {"lr", "\"1\"", "\"lr\" must be a number"},
        {"cell", "\"lstmm\"", "--cell lstmm: must be one of rnn_tanh"},
        {"cell", "\"\"", "--cell : must be one of rnn_tanh"},
        {"cell", "1", "\"cell\" must be a string"},
        {"both", "1", "\"both\" must be true or false"},
        {"init", "[]", "\"init\" must be a string"},
        {"device", "null", "\"device\" must be a string"},
        {"device", "0", "\"device\" must be a string"},
        {"prefix", "\"a\"", "\"prefix\" must be an array of strings"},
        {"prefix", "[\"a\", 1]", "\"prefix\" must be an array of strings"},
        {"prefix", "[null]", "\"prefix\" must be an array of strings"},
    };
    fields given;
    option_result result;
    PARSE(&given, &result, "--seed", "3");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fields back = {0};
        json_t *json = options_to_json(&table, &given);
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(json, cases[i].key, value), 0);
        assert_int_equal(options_from_json(&table, json, &back), LYRNN_ERR_USAGE);
        if (strncmp(lyrnn_error_text(), cases[i].problem, strlen(cases[i].problem)) != 0)
            fail_msg("'%s' is not '%s'", lyrnn_error_text(), cases[i].problem);
        options_free(&table, &back);
        json_decref(json);
    }
    options_free(&table, &given);
}

/* A run that has --hidden-size 33 --lr 0.5 --prefix 月 --prefix 光. */
static json_t *make_run(void)
{
    fields run;
    option_result result;
    PARSE(&run, &result, "--hidden-size", "33", "--lr", "0.5", "--prefix", "月", "--prefix", "光");
    json_t *json = options_to_json(&table, &run);
    char *text = json_dumps(json, 0);
    json_decref(json);
    json = parse_json(text);
    free(text);
    options_free(&table, &run);
    return json;
}

static lyrnn_status merge_run(const option_result *result, const char *run_path,
                              const json_t *config, fields *given, fields *run)
{
    const resume_args args = {
        .table = &table, .result = result, .run_path = run_path, .config = config};
    return resume_options(&args, given, run);
}

static void given_options_replace_the_runs_where_they_may(void **state)
{
    (void)state;
    fields given, run = {0};
    option_result result;
    json_t *json = make_run();
    PARSE(&given, &result, "--lr", "0.25", "--prefix", "风", "--hidden-size", "33");
    if (merge_run(&result, "runs/x", json, &given, &run) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    assert_int_equal(run.whole, 33);
    assert_true(run.rate == 0.25f);
    assert_int_equal(run.texts.num, 1);
    assert_string_equal(run.texts.items[0], "风");
    assert_string_equal(run.device, "auto");
    options_free(&table, &given);
    options_free(&table, &run);

    /* If no option is given, all values are the run's, not the defaults. */
    run = (fields){0};
    parse(&given, &result, 0, NULL);
    assert_int_equal(merge_run(&result, "runs/x", json, &given, &run), LYRNN_OK);
    assert_int_equal(run.whole, 33);
    assert_true(run.rate == 0.5f);
    assert_int_equal(run.texts.num, 2);
    options_free(&table, &given);
    options_free(&table, &run);
    json_decref(json);
}

static void assert_refused(json_t *json, const char *option, const char *value, const char *problem)
{
    fields given, run = {0};
    option_result result;
    const char *words[] = {option, value};
    parse(&given, &result, value == NULL ? 1 : 2, words);
    assert_int_equal(merge_run(&result, "runs/x", json, &given, &run), LYRNN_ERR_USAGE);
    assert_string_equal(lyrnn_error_text(), problem);
    options_free(&table, &given);
    options_free(&table, &run);
}

static void given_options_that_differ_are_refused_elsewhere(void **state)
{
    (void)state;
    json_t *json = make_run();
    assert_refused(json, "--hidden-size", "32",
                   "--hidden-size 32: the run in runs/x has 33; leave the option out");
    assert_refused(json, "--cell", "gru",
                   "--cell gru: the run in runs/x has rnn_tanh; leave the option out");
    assert_refused(json, "--seed", "2", "--seed 2: the run in runs/x has 1; leave the option out");
    assert_refused(json, "--both", NULL,
                   "--both: the run in runs/x does not have it; leave the option out");
    assert_refused(json, "--init", "a",
                   "--init a: the run in runs/x has none; leave the option out");
    json_decref(json);
}

static void an_object_that_is_not_a_runs_is_refused(void **state)
{
    (void)state;
    fields given, run = {0};
    option_result result;
    json_t *config = parse_json("{}");
    parse(&given, &result, 0, NULL);
    assert_int_equal(merge_run(&result, "run", config, &given, &run), LYRNN_ERR_MODEL_FILE);
    assert_string_equal(lyrnn_error_text(),
                        "run/config.json: \"hidden_size\" is missing; correct the file");
    options_free(&table, &given);
    options_free(&table, &run);
    json_decref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(floats_come_back_exactly),
        cmocka_unit_test(only_options_without_default_can_be_absent),
        cmocka_unit_test(values_must_obey_the_tables_rules),
        cmocka_unit_test(given_options_replace_the_runs_where_they_may),
        cmocka_unit_test(given_options_that_differ_are_refused_elsewhere),
        cmocka_unit_test(an_object_that_is_not_a_runs_is_refused),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
