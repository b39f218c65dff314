/* Making a run's directory: what is refused, what an overwrite removes and what it must keep, and
 * metrics. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "lyrnn/checkpoint.h"
#include "run/config.h"
#include "run_dir_check.h"

static void make(const char *path, bool overwrite)
{
    lyrnn_run_dir run;
    if (create_run(&run, path, overwrite, "{}") != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    lyrnn_run_dir_close(&run);
}

/* Makes a run and saves its first checkpoint, which is when it replaces an earlier run. */
static void make_and_save(const char *path, bool overwrite)
{
    lyrnn_run_dir run;
    if (create_run(&run, path, overwrite, "{}") != LYRNN_OK ||
        save_model(&run, 3, 0, 3) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    lyrnn_run_dir_close(&run);
}

/* Both ways to create a run must refuse, and a refused one leaves nothing to close. */
static void assert_refused(const char *path, bool overwrite, const char *text)
{
    lyrnn_run_dir run;
    assert_error(lyrnn_run_dir_check(path, overwrite), text);
    assert_error(create_run(&run, path, overwrite, "{}"), text);
    assert_null(run.path);
    assert_null(run.metrics);
    lyrnn_run_dir_close(&run);
}

static void create_makes_config_metrics_and_parents(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_check("a/b//c/", false), LYRNN_OK);
    assert_false(exists("a"));
    assert_int_equal(create_run(&run, "a/b//c/", false, "{\"seed\":1}"), LYRNN_OK);
    assert_string_equal(run.path, "a/b//c/");
    assert_content("a/b/c/config.json", "{\n  \"seed\": 1\n}");
    assert_content("a/b/c/metrics.jsonl", "");
    assert_false(exists("a/b/c/.config.json"));
    assert_false(exists("a/b/c/latest"));
    lyrnn_run_dir_close(&run);
}

static void absolute_paths_work(void **state)
{
    const temp_path *dir = *state;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/absolute/run", dir->path);
    make(path, false);
    assert_content("absolute/run/config.json", "{}");
}

static void metrics_grow_line_by_line(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "metrics", false, "{}"), LYRNN_OK);
    assert_int_equal(append_epoch(&run, 1), LYRNN_OK);
    assert_content("metrics/metrics.jsonl", METRICS_LINE("1"));
    assert_int_equal(append_epoch(&run, 2), LYRNN_OK);
    assert_content("metrics/metrics.jsonl", METRICS_LINE("1") METRICS_LINE("2"));
    lyrnn_run_dir_close(&run);
}

static void metrics_that_cannot_be_written_are_an_error(void **state)
{
    (void)state;
    lyrnn_run_dir run = {.path = strdup("full"), .metrics = fopen("/dev/full", "w")};
    assert_non_null(run.metrics);
    assert_error(append_epoch(&run, 1), "full: cannot write metrics.jsonl: No space");
    lyrnn_run_dir_close(&run);
}

static void what_exists_is_refused_without_overwrite(void **state)
{
    (void)state;
    make("exists", false);
    assert_true(write_file("exists/metrics.jsonl", "kept\n", 5));
    assert_refused("exists", false, "exists: exists; ");
    assert_content("exists/metrics.jsonl", "kept\n");
    assert_int_equal(mkdir("empty", 0777), 0);
    assert_refused("empty", false, "empty: exists; ");
    assert_refused("", false, "--out: ");
}

static void a_path_that_is_not_a_directory_is_refused_even_with_overwrite(void **state)
{
    (void)state;
    assert_true(write_file("file", "mine", 4));
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    for (int overwrite = 0; overwrite < 2; overwrite++) {
        assert_refused("file", overwrite, "file: exists and is not a folder; ");
        assert_refused("file/run", overwrite, "file: exists and is not a folder");
        assert_refused("dangling", overwrite, "dangling: is a link to nothing; ");
    }
    assert_content("file", "mine");
    assert_false(exists("nowhere"));
}

static void overwrite_refuses_what_is_not_a_run(void **state)
{
    (void)state;
    assert_int_equal(mkdir("thesis", 0777), 0);
    assert_true(write_file("thesis/metrics.jsonl", "mine", 4));
    assert_refused("thesis", true, "thesis: is neither empty nor a run");
    assert_content("thesis/metrics.jsonl", "mine");
    /* A directory or a link called config.json does not mark a run. */
    assert_int_equal(symlink("metrics.jsonl", "thesis/config.json"), 0);
    assert_refused("thesis", true, "thesis: is neither empty nor a run");
    assert_content("thesis/metrics.jsonl", "mine");
}

static void overwrite_takes_an_empty_directory(void **state)
{
    (void)state;
    assert_int_equal(mkdir("vacant", 0777), 0);
    make("vacant", true);
    assert_content("vacant/config.json", "{}");
    make("absent", true);
    assert_content("absent/config.json", "{}");
}

static void overwrite_takes_what_a_killed_create_leaves(void **state)
{
    (void)state;
    assert_int_equal(mkdir("killed", 0777), 0);
    assert_true(write_file("killed/lock", "1 nowhere\n", 10));
    assert_true(write_file("killed/.config.json", "{", 1));
    make("killed", true);
    assert_content("killed/config.json", "{}");
    assert_false(exists("killed/.config.json"));
}

static void overwrite_removes_the_earlier_run_and_nothing_else(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "again", false, "{\"old\":1}"), LYRNN_OK);
    assert_int_equal(append_epoch(&run, 1), LYRNN_OK);
    assert_int_equal(save_model(&run, 1, 0, 1), LYRNN_OK);
    assert_int_equal(save_model(&run, 2, 0, 2), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_int_equal(mkdir("again/checkpoints/epoch-000003-batch-000017", 0777), 0);
    assert_int_equal(symlink("checkpoints/epoch-000001", "again/best"), 0);
    assert_int_equal(mkdir("again/checkpoints/.epoch-000003.tmp", 0777), 0);
    assert_true(write_file("again/checkpoints/.epoch-000003.tmp/model.safetensors", "x", 1));
    /* A file of the user. */
    assert_true(write_file("again/notes.txt", "n", 1));
    assert_true(write_file("again/checkpoints/epoch-000002/notes.txt", "n", 1));
    assert_int_equal(mkdir("again/checkpoints/epoch-best", 0777), 0);
    assert_true(write_file("again/checkpoints/epoch-best/model.safetensors", "n", 1));

    make_and_save("again", true);
    assert_content("again/config.json", "{}");
    assert_content("again/metrics.jsonl", "");
    assert_link("again/latest", "checkpoints/epoch-000003");
    assert_true(exists("again/latest/model.safetensors"));
    assert_false(exists("again/best"));
    assert_false(exists("again/.new"));
    assert_false(exists("again/checkpoints/epoch-000001"));
    assert_false(exists("again/checkpoints/.epoch-000003.tmp"));
    assert_false(exists("again/checkpoints/epoch-000003-batch-000017"));
    assert_false(exists("again/checkpoints/epoch-000002/model.safetensors"));
    assert_content("again/notes.txt", "n");
    assert_content("again/checkpoints/epoch-000002/notes.txt", "n");
    assert_content("again/checkpoints/epoch-best/model.safetensors", "n");
}

/* What a run and its model are. */
static void assert_is_old(const char *path)
{
    char name[PATH_MAX];
    lyrnn_checkpoint checkpoint;
    snprintf(name, sizeof name, "%s/config.json", path);
    assert_content(name, "{\n  \"old\": 1\n}");
    assert_int_equal(lyrnn_run_dir_find_model(path, name, sizeof name), LYRNN_OK);
    assert_int_equal(lyrnn_checkpoint_read(&checkpoint, name), LYRNN_OK);
    assert_true(checkpoint.params[0] == 2);
    lyrnn_checkpoint_free(&checkpoint);
}

static void make_old(const char *path)
{
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, path, false, "{\"old\":1}"), LYRNN_OK);
    assert_int_equal(append_epoch(&run, 1), LYRNN_OK);
    assert_int_equal(save_model(&run, 1, 0, 2), LYRNN_OK);
    lyrnn_run_dir_close(&run);
}

static void the_earlier_run_stays_until_the_first_checkpoint(void **state)
{
    (void)state;
    lyrnn_run_dir run, other;
    make_old("kept");
    assert_int_equal(create_run(&run, "kept", true, "{}"), LYRNN_OK);
    assert_int_equal(append_epoch(&run, 1), LYRNN_OK);
    assert_false(lyrnn_run_dir_has_checkpoint(&run));
    assert_is_old("kept");
    /* The lock covers both. */
    assert_int_equal(lyrnn_run_dir_open(&other, "kept"), LYRNN_ERR_LOCKED);
    lyrnn_run_dir_close(&run);
    assert_is_old("kept");
    assert_content("kept/metrics.jsonl", METRICS_LINE("1"));
    assert_false(exists("kept/.new"));
}

/* What a process leaves that is killed before its first checkpoint, and while it replaces the
 * earlier run: after each step, reading and opening find a whole run. */
static void a_kill_while_a_run_is_replaced_loses_neither(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "mkdir swapped/.new",
        "cp new/config.json new/metrics.jsonl swapped/.new",
        "cp -r new/checkpoints swapped/.new",
        NULL, /* from here on the new run counts */
        "cp -P new/latest swapped/.new",
        "rm -r swapped/latest swapped/metrics.jsonl swapped/checkpoints",
        "mkdir swapped/checkpoints",
        "mv swapped/.new/checkpoints/epoch-000003 swapped/checkpoints",
        "mv swapped/.new/metrics.jsonl swapped/.new/config.json swapped",
        "mv swapped/.new/latest swapped",
    };
    enum { NUM = sizeof steps / sizeof steps[0] };
    make_and_save("new", false);
    for (int last = 0; last < NUM; last++) {
        bool is_new = false;
        make_old("swapped");
        for (int i = 0; i <= last; i++) {
            is_new = is_new || steps[i] == NULL;
            assert_true(steps[i] == NULL || system(steps[i]) == 0);
        }
        is_new = is_new && last > 3;
        for (int opened = 0; opened < 2; opened++) {
            char model[PATH_MAX];
            lyrnn_checkpoint checkpoint;
            lyrnn_run_dir run;
            assert_int_equal(lyrnn_run_dir_find_model("swapped", model, sizeof model), LYRNN_OK);
            assert_int_equal(lyrnn_checkpoint_read(&checkpoint, model), LYRNN_OK);
            assert_true(checkpoint.params[0] == (is_new ? 3 : 2));
            lyrnn_checkpoint_free(&checkpoint);
            json_t *json;
            assert_int_equal(lyrnn_run_config_read("swapped", &json), LYRNN_OK);
            /* The config.json is that of the run that counts. */
            assert_int_equal(json_object_size(json), is_new ? 0 : 1);
            json_decref(json);
            assert_int_equal(lyrnn_run_dir_open(&run, "swapped"), LYRNN_OK);
            lyrnn_run_dir_close(&run);
        }
        assert_false(exists("swapped/.new"));
        assert_content("swapped/config.json", is_new ? "{}" : "{\n  \"old\": 1\n}");
        assert_int_equal(system("rm -r swapped"), 0);
    }
}

static void a_folder_contains_what_is_below_it(void **state)
{
    (void)state;
    char inside[PATH_MAX];
    make_old("outer");
    assert_int_equal(symlink("outer/latest", "way"), 0);
    const struct {
        const char *path, *inside;
    } cases[] = {
        {"outer", ""},
        {"./outer/../outer/", ""},
        {"outer/latest", "checkpoints/epoch-000001"},
        {"way/model.safetensors", "checkpoints/epoch-000001/model.safetensors"},
        {".", NULL},
        {"outer/none", NULL},
        {"new", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool contains = lyrnn_run_dir_contains("outer", cases[i].path, inside);
        assert_int_equal(contains, cases[i].inside != NULL);
        if (contains)
            assert_string_equal(inside, cases[i].inside);
    }
}

static void overwrite_follows_no_link_out_of_the_directory(void **state)
{
    (void)state;
    const char *const outside[] = {"outside/checkpoints", "outside/epoch-000001"};
    assert_int_equal(mkdir("outside", 0777), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mkdir(outside[i], 0777), 0);
    assert_true(write_file("outside/epoch-000001/model.safetensors", "mine", 4));
    assert_true(write_file("outside/metrics.jsonl", "mine", 4));

    /* Its checkpoints are elsewhere, so lyrnn did not make it like this. */
    make("linked", false);
    assert_int_equal(symlink("../outside", "linked/checkpoints"), 0);
    assert_refused("linked", true, "linked: is neither empty nor a run");
    assert_int_equal(unlink("linked/checkpoints"), 0);

    /* Links in places of lyrnn's own files: the links may be removed, but what they point to
     * stays. */
    assert_int_equal(mkdir("linked/checkpoints", 0777), 0);
    assert_int_equal(symlink("../../outside/epoch-000001", "linked/checkpoints/epoch-000001"), 0);
    assert_int_equal(unlink("linked/metrics.jsonl"), 0);
    assert_int_equal(symlink("../outside/metrics.jsonl", "linked/metrics.jsonl"), 0);
    assert_int_equal(symlink("../outside/metrics.jsonl", "linked/.config.json"), 0);
    assert_int_equal(symlink("../outside/epoch-000001", "linked/latest"), 0);
    make_and_save("linked", true);
    assert_content("linked/metrics.jsonl", "");
    assert_content("linked/config.json", "{}");
    assert_content("outside/epoch-000001/model.safetensors", "mine");
    assert_content("outside/metrics.jsonl", "mine");
}

static void a_run_reached_through_a_link_can_be_overwritten(void **state)
{
    (void)state;
    make("real", false);
    assert_int_equal(symlink("real", "alias"), 0);
    assert_true(write_file("real/metrics.jsonl", "old", 3));
    make("alias", true);
    assert_content("real/metrics.jsonl", "");
    assert_link("alias", "real");
}

/* Takes the name of this second and its -2, and those of the next two minutes. */
static void default_names_that_exist_get_a_number(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(mkdir("runs", 0777), 0);
    for (time_t now = time(NULL), i = 0; i < 120; i++) {
        time_t then = now + i;
        struct tm local;
        char name[64];
        assert_true(strftime(name, sizeof name, "runs/%Y%m%d-%H%M%S", localtime_r(&then, &local)));
        assert_true(mkdir(name, 0777) == 0 || errno == EEXIST);
        strcat(name, "-2");
        assert_true(mkdir(name, 0777) == 0 || errno == EEXIST);
    }
    assert_int_equal(lyrnn_run_dir_check(NULL, false), LYRNN_OK);
    assert_int_equal(create_run(&run, NULL, false, "{}"), LYRNN_OK);
    assert_int_equal(strlen(run.path), strlen("runs/20000101-000000-3"));
    assert_string_equal(run.path + strlen("runs/20000101-000000"), "-3");
    assert_true(exists(run.path));
    lyrnn_run_dir_close(&run);
}

static void a_parent_without_write_permission_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir("readonly", 0555), 0);
    if (geteuid() == 0)
        skip();
    assert_refused("readonly/run", false, "readonly: cannot write there: Permission denied");
    assert_refused("readonly/a/b/run", false, "readonly: cannot write there: Permission denied");
}

/* Whether `runs` exists fails for another reason than making it, and only the first one helps. */
static void a_default_folder_that_cannot_be_made_names_the_first_reason(void **state)
{
    const temp_path *dir = *state;
    lyrnn_run_dir run;
    assert_int_equal(mkdir("unwritable", 0555), 0);
    assert_int_equal(chdir("unwritable"), 0);
    bool is_root = geteuid() == 0;
    assert_true(!is_root || seteuid(65534) == 0);
    lyrnn_status status = create_run(&run, NULL, false, "{}");
    assert_true(!is_root || seteuid(0) == 0);
    assert_int_equal(chdir(dir->path), 0);
    assert_error(status, "runs: cannot make the folder: Permission denied; change the permissions");
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char name[PATH_MAX + 100];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_check(name, false), LYRNN_ERR_IO);
    assert_int_equal(create_run(&run, name, false, "{}"), LYRNN_ERR_IO);
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(create_run(&run, name, false, "{}"), LYRNN_ERR_IO);
}

static void a_create_that_fails_leaves_no_directory(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    lyrnn_status status = create_run(&run, "stillborn", false, "{}");
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_error(status, "stillborn: cannot write config.json: File too large");
    assert_false(exists("stillborn"));
    make("stillborn", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_makes_config_metrics_and_parents),
        cmocka_unit_test(absolute_paths_work),
        cmocka_unit_test(metrics_grow_line_by_line),
        cmocka_unit_test(metrics_that_cannot_be_written_are_an_error),
        cmocka_unit_test(what_exists_is_refused_without_overwrite),
        cmocka_unit_test(a_path_that_is_not_a_directory_is_refused_even_with_overwrite),
        cmocka_unit_test(overwrite_refuses_what_is_not_a_run),
        cmocka_unit_test(overwrite_takes_an_empty_directory),
        cmocka_unit_test(overwrite_takes_what_a_killed_create_leaves),
        cmocka_unit_test(overwrite_removes_the_earlier_run_and_nothing_else),
        cmocka_unit_test(the_earlier_run_stays_until_the_first_checkpoint),
        cmocka_unit_test(a_kill_while_a_run_is_replaced_loses_neither),
        cmocka_unit_test(a_folder_contains_what_is_below_it),
        cmocka_unit_test(overwrite_follows_no_link_out_of_the_directory),
        cmocka_unit_test(a_run_reached_through_a_link_can_be_overwritten),
        cmocka_unit_test(default_names_that_exist_get_a_number),
        cmocka_unit_test(a_parent_without_write_permission_is_refused),
        cmocka_unit_test(a_default_folder_that_cannot_be_made_names_the_first_reason),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(a_create_that_fails_leaves_no_directory),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
