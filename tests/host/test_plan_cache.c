/* The cache of plans: what it remembers, where it is, and whatever its file may hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plan_check.h"
#include "temp_dir.h"
#include "tune/plan_cache.h"

static void test_cache(void **state)
{
    (void)state;
    plan_script plans[] = {ordinary_plans[0], ordinary_plans[1], ordinary_plans[2]};
    plans[1].us[0] = plans[1].us[1] = 0.5;
    plan_check_device(plans, 3);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(2, 2);
    assert_used("grid.c2.s32", "grid.c2.s32");
    assert_int_equal(count_in_log("measured in 0."), 2);
    /* The measured times have changed, and no trial sees it. */
    plans[0].us[0] = plans[0].us[1] = 0.1;
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    assert_used("grid.c2.s32", "grid.c2.s32");
    assert_string_equal(training.log,
                        "plan: forward=grid.c2.s32 (0.5 us per time step, 2 expected, from the "
                        "cache), backward=grid.c2.s32 (0.5 us per time step, 2 expected, from the "
                        "cache)\n");
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_trials(2, 2);
    assert_used("resident.c4.s1", "resident.c4.s1");
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    assert_used("resident.c4.s1", "resident.c4.s1");

    training.backend.precision = LYRNN_TF32;
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(2, 2);
    device.name = "card of the test, driver 2";
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(2, 2);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    /* A plan that the cache has not seen, and one that is gone. */
    plans[0].text = "block.s1";
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(2, 2);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    device.num = 2;
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
}

/* The file is replaced where it cannot be read, and a notice says so once. */
static void check_bad_cache(const char *text, size_t num_bytes)
{
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    mkdir("lyrnn", 0777);
    assert_true(write_file("lyrnn/plans.json", text, num_bytes));
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(2, 2);
    assert_used("resident.c4.s1", "resident.c4.s1");
    assert_int_equal(count_in_log("notice: the cache of plans is not used: "), 1);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    assert_int_equal(count_in_log("notice: "), 0);
}

static void test_bad_cache_files(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "\xff",
        "{\"format\": 1, \"entries\": []}",
        "{\"format\": \"lyrnn plans 9\", \"entries\": []}",
        "{\"format\": \"lyrnn plans 1\"}",
        "{\"format\": \"lyrnn plans 1\", \"entries\": {}}",
        "{\"format\": \"lyrnn plans 1\", \"format\": \"lyrnn plans 1\", \"entries\": []}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_bad_cache(texts[i], strlen(texts[i]));
    size_t large = 2 << 20;
    char *brackets = malloc(large);
    assert_non_null(brackets);
    memset(brackets, '[', large);
    check_bad_cache(brackets, large);
    check_bad_cache(brackets, 1000);
    /* Right, but longer than any cache. */
    static const char right[] = "{\"format\": \"lyrnn plans 1\", \"entries\": []}";
    memset(brackets, ' ', large);
    memcpy(brackets, right, sizeof right - 1);
    check_bad_cache(brackets, large);
    free(brackets);
}

/* A file of the right form may still lie. Each change makes the entry of the forward pass useless,
 * so that it is measured again. */
static void test_lying_cache(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"\"chosen\": \"resident.c4.s1\"", "\"chosen\": \"grid.c9.s9\""},
        {"\"chosen\": \"resident.c4.s1\"", "\"chosen\": 7"},
        {"\"fault\": \"\"", "\"fault\": \"hangs\""},
        {"\"fault\": \"\"", "\"fault\": null"},
        {"\"plan\": \"steps\"", "\"plan\": [[]]"},
        {"\"seam\": \"", "\"seam\": \"0"},
        {"\"H\": 4", "\"H\": 4.0"},
        {"\"direction\": \"forward\"", "\"direction\": {}"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        plan_check_device(ordinary_plans, NUM_ORDINARY);
        unlink("lyrnn/plans.json");
        plan_check_tune(LYRNN_TUNE_CACHE);
        size_t num_bytes;
        char *text = (char *)read_file("lyrnn/plans.json", &num_bytes), changed[8192];
        assert_non_null(text);
        text[num_bytes] = '\0';
        char *at = strstr(text, changes[i][0]);
        assert_non_null(at);
        int length = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text,
                              changes[i][1], at + strlen(changes[i][0]));
        assert_true(write_file("lyrnn/plans.json", changed, (size_t)length));
        free(text);
        plan_check_tune(LYRNN_TUNE_CACHE);
        assert_trials(2, 0);
        assert_used("resident.c4.s1", "resident.c4.s1");
        assert_int_equal(count_in_log("notice: "), 0);
    }
}

/* Old entries go. */
static void test_cache_is_bounded(void **state)
{
    (void)state;
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    char name[32];
    device.name = name;
    size_t num_bytes, most = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "card %d", i);
        plan_check_tune(LYRNN_TUNE_CACHE);
        assert_trials(2, 2);
        free(read_file("lyrnn/plans.json", &num_bytes));
        if (i == 70)
            most = num_bytes;
    }
    assert_true(most > 0 && num_bytes < most + most / 50);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    snprintf(name, sizeof name, "card 0");
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(2, 2);
}

static void check_no_cache(int num_notices)
{
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    for (int i = 0; i < 2; i++) {
        plan_check_tune(LYRNN_TUNE_CACHE);
        assert_trials(2, 2);
        assert_used("resident.c4.s1", "resident.c4.s1");
        assert_int_equal(count_in_log("notice: the cache of plans is not used: "), num_notices);
    }
}

static void test_places_of_the_cache(void **state)
{
    const char *root = ((temp_path *)*state)->path;
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    /* A relative path does not count, nor does an empty one. */
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", root, 1);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_true(exists(".cache/lyrnn/plans.json"));
    assert_false(exists("relative"));
    setenv("XDG_CACHE_HOME", "", 1);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    unsetenv("XDG_CACHE_HOME");
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    unsetenv("HOME");
    check_no_cache(1);
    setenv("HOME", "relative", 1);
    check_no_cache(1);
    /* Folders are made, however many. */
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/a/b/c", root);
    setenv("XDG_CACHE_HOME", path, 1);
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_true(exists("a/b/c/lyrnn/plans.json"));
    struct stat info;
    assert_int_equal(stat("a/b/c/lyrnn", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    /* A file where a folder should be, a folder where the file should be, and a device. */
    assert_true(write_file("file", "", 0));
    snprintf(path, sizeof path, "%s/file", root);
    setenv("XDG_CACHE_HOME", path, 1);
    check_no_cache(1);
    setenv("XDG_CACHE_HOME", root, 1);
    assert_int_equal(mkdir("lyrnn", 0777), 0);
    assert_int_equal(mkdir("lyrnn/plans.json", 0777), 0);
    check_no_cache(1);
    assert_int_equal(rmdir("lyrnn/plans.json"), 0);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    check_no_cache(1);
    setenv("XDG_CACHE_HOME", "/proc", 1);
    check_no_cache(1);
    char *too_long = malloc(2 * PATH_MAX);
    assert_non_null(too_long);
    memset(too_long, '/', 2 * PATH_MAX);
    too_long[2 * PATH_MAX - 1] = '\0';
    setenv("XDG_CACHE_HOME", too_long, 1);
    check_no_cache(1);
    free(too_long);
}

static void test_links(void **state)
{
    const char *root = ((temp_path *)*state)->path;
    setenv("XDG_CACHE_HOME", root, 1);
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    assert_int_equal(mkdir("elsewhere", 0777), 0);
    assert_int_equal(symlink("elsewhere", "lyrnn"), 0);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_true(exists("elsewhere/plans.json"));
    /* What a link names stays, even if it is no cache. */
    assert_int_equal(rename("elsewhere/plans.json", "elsewhere/mine.json"), 0);
    assert_int_equal(symlink("mine.json", "elsewhere/plans.json"), 0);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    assert_true(write_file("elsewhere/mine.json", "mine", 4));
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(2, 2);
    size_t num_bytes;
    free(read_file("elsewhere/mine.json", &num_bytes));
    assert_int_equal(num_bytes, 4);
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
}

/* What another process has added since the cache was read stays. */
static void test_two_processes(void **state)
{
    (void)state;
    plan_cache ours, theirs;
    const plan_cache_key our_key = {.device = "ours"}, their_key = {.device = "theirs"};
    const plan_set set = {.num = 1, .plans = {{.text = "steps", .us = 1}}};
    assert_int_equal(plan_cache_open(&ours), LYRNN_OK);
    assert_int_equal(plan_cache_open(&theirs), LYRNN_OK);
    assert_int_equal(plan_cache_add(&theirs, &their_key, &set), LYRNN_OK);
    assert_int_equal(plan_cache_add(&ours, &our_key, &set), LYRNN_OK);
    plan_cache_close(&ours);
    plan_cache_close(&theirs);
    assert_int_equal(plan_cache_open(&ours), LYRNN_OK);
    plan_set found = set;
    assert_true(plan_cache_find(&ours, &their_key, &found));
    assert_true(plan_cache_find(&ours, &our_key, &found));
    plan_cache_close(&ours);
}

/* Refuses allocation number `at` of jansson's; 0: none. main sets it before the first use of
 * base/untrusted_json.c, which has an allocator of its own before this one. */
static struct {
    int at, count;
} refusal;

static void *allocate(size_t size)
{
    return ++refusal.count == refusal.at ? NULL : malloc(size);
}

/* Whatever has no memory, the file stays whole, and nothing is found that is not there. */
static void test_no_memory(void **state)
{
    (void)state;
    const plan_set set = {.num = 2, .plans = {{.text = "grid.c2.s32"}, {.text = "steps"}}};
    const plan_cache_key old = {.device = "old"}, new = {.device = "new"};
    plan_cache cache;
    int num_failed = 0;
    assert_int_equal(plan_cache_open(&cache), LYRNN_OK);
    assert_int_equal(plan_cache_add(&cache, &old, &set), LYRNN_OK);
    plan_cache_close(&cache);
    for (int at = 1; at > 0; at++) {
        refusal.at = at;
        refusal.count = 0;
        plan_set found = set;
        bool is_found = plan_cache_open(&cache) == LYRNN_OK &&
                        plan_cache_find(&cache, &old, &found) &&
                        plan_cache_add(&cache, &new, &set) == LYRNN_OK;
        plan_cache_close(&cache);
        refusal.at = 0;
        num_failed += !is_found;
        assert_int_equal(plan_cache_open(&cache), LYRNN_OK);
        found = set;
        assert_true(plan_cache_find(&cache, &old, &found));
        assert_true(!is_found || plan_cache_find(&cache, &new, &found));
        plan_cache_close(&cache);
        if (is_found)
            at = -1;
    }
    assert_true(num_failed > 20);
}

int main(void)
{
    json_set_alloc_funcs(allocate, free);
#define TEST(name) cmocka_unit_test_setup_teardown(name, plan_check_open, plan_check_close)
    const struct CMUnitTest tests[] = {
        TEST(test_cache),
        TEST(test_bad_cache_files),
        TEST(test_lying_cache),
        TEST(test_cache_is_bounded),
        TEST(test_places_of_the_cache),
        TEST(test_links),
        TEST(test_two_processes),
        TEST(test_no_memory),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
