/* A run's directory: what is refused, what an overwrite removes and what it must not, and that a
 * checkpoint is there whole or not at all. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "lyrnn/checkpoint.h"
#include "lyrnn/run_dir.h"
#include "temp_dir.h"

enum { V = 2, H = 2, MAX_PARAMS = 1024 };

static const lyrnn_rnn_config config = {
    .cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = H, .num_layers = 1};

/* Saves a model all of whose weights are value, after so many epochs and batches of the next. */
static lyrnn_status save_at(lyrnn_run_dir *run, int epoch, int64_t batch, float value)
{
    static const uint32_t chars[V] = {'a', 'b'};
    float params[MAX_PARAMS] = {0};
    lyrnn_parameters parameters;
    lyrnn_vocab vocab;
    lyrnn_parameters_of_model(&parameters, &config);
    assert_true(parameters.count <= MAX_PARAMS);
    for (int i = 0; i < parameters.num; i++)
        for (size_t k = 0; k < lyrnn_parameter_count(&parameters.items[i]); k++)
            params[parameters.items[i].offset + k] = value;
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, V), LYRNN_OK);
    lyrnn_trainer_state training;
    assert_int_equal(lyrnn_trainer_state_init(&training, &config, 1), LYRNN_OK);
    training.epoch = epoch;
    training.counters.batch = batch;
    snprintf(training.corpus_xxh128, sizeof training.corpus_xxh128, "%032d", 7);
    lyrnn_status status = lyrnn_run_dir_save(run, &config, &vocab, params, &training);
    lyrnn_trainer_state_free(&training);
    lyrnn_vocab_free(&vocab);
    return status;
}

static lyrnn_status save(lyrnn_run_dir *run, int epoch, float value)
{
    return save_at(run, epoch, 0, value);
}

/* Says that path leads to a model saved with value. */
static void assert_model(const char *path, float value)
{
    char model[PATH_MAX];
    lyrnn_checkpoint checkpoint;
    if (lyrnn_run_dir_find_model(path, model, sizeof model) != LYRNN_OK ||
        lyrnn_checkpoint_read(&checkpoint, model) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    assert_true(checkpoint.params[0] == value);
    lyrnn_checkpoint_free(&checkpoint);
    /* The other file is there beside it, and whole. */
    lyrnn_trainer_state training;
    strcpy(strrchr(model, '/') + 1, "trainer.safetensors");
    if (lyrnn_trainer_state_read(&training, model, &config, 1) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    lyrnn_trainer_state_free(&training);
}

static void assert_content(const char *path, const char *content)
{
    size_t num_bytes;
    unsigned char *bytes = read_file(path, &num_bytes);
    assert_non_null(bytes);
    assert_int_equal(num_bytes, strlen(content));
    assert_memory_equal(bytes, content, num_bytes);
    free(bytes);
}

static void assert_link(const char *path, const char *target)
{
    char text[PATH_MAX] = {0};
    assert_true(readlink(path, text, sizeof text - 1) > 0);
    assert_string_equal(text, target);
}

static void assert_error(lyrnn_status status, const char *text)
{
    assert_int_equal(status, LYRNN_ERR_IO);
    if (strncmp(lyrnn_error_text(), text, strlen(text)) != 0)
        fail_msg("'%s' does not begin with '%s'", lyrnn_error_text(), text);
}

static void make(const char *path, bool overwrite)
{
    lyrnn_run_dir run;
    if (lyrnn_run_dir_create(&run, path, overwrite, "{}") != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    lyrnn_run_dir_close(&run);
}

/* Both ways to ask must refuse, and a refused create leaves nothing to close. */
static void assert_refused(const char *path, bool overwrite, const char *text)
{
    lyrnn_run_dir run;
    assert_error(lyrnn_run_dir_check(path, overwrite), text);
    assert_error(lyrnn_run_dir_create(&run, path, overwrite, "{}"), text);
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
    assert_int_equal(lyrnn_run_dir_create(&run, "a/b//c/", false, "{\"seed\":1}\n"), LYRNN_OK);
    assert_string_equal(run.path, "a/b//c/");
    assert_content("a/b/c/config.json", "{\"seed\":1}\n");
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
    assert_int_equal(lyrnn_run_dir_create(&run, "metrics", false, "{}"), LYRNN_OK);
    assert_int_equal(lyrnn_run_dir_append_metrics(&run, "{\"epoch\":1}"), LYRNN_OK);
    assert_content("metrics/metrics.jsonl", "{\"epoch\":1}\n");
    assert_int_equal(lyrnn_run_dir_append_metrics(&run, "{\"epoch\":2}"), LYRNN_OK);
    assert_content("metrics/metrics.jsonl", "{\"epoch\":1}\n{\"epoch\":2}\n");
    lyrnn_run_dir_close(&run);
}

static void metrics_that_cannot_be_written_are_an_error(void **state)
{
    (void)state;
    lyrnn_run_dir run = {.path = strdup("full"), .metrics = fopen("/dev/full", "w")};
    assert_non_null(run.metrics);
    assert_error(lyrnn_run_dir_append_metrics(&run, "{}"),
                 "full: cannot write metrics.jsonl: No space");
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

static void what_is_no_directory_is_refused_even_with_overwrite(void **state)
{
    (void)state;
    assert_true(write_file("file", "mine", 4));
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    for (int overwrite = 0; overwrite < 2; overwrite++) {
        assert_refused("file", overwrite, "file: exists and is not a directory; ");
        assert_refused("file/run", overwrite, "file/run: cannot use it: Not a directory");
        assert_refused("dangling", overwrite, "dangling: exists and is not a directory; ");
    }
    assert_content("file", "mine");
    assert_false(exists("nowhere"));
}

static void overwrite_refuses_what_is_not_a_run(void **state)
{
    (void)state;
    assert_int_equal(mkdir("thesis", 0777), 0);
    assert_true(write_file("thesis/metrics.jsonl", "mine", 4));
    assert_refused("thesis", true, "thesis: neither empty nor a run");
    assert_content("thesis/metrics.jsonl", "mine");
    /* A directory or a link called config.json marks nothing. */
    assert_int_equal(symlink("metrics.jsonl", "thesis/config.json"), 0);
    assert_refused("thesis", true, "thesis: neither empty nor a run");
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
    assert_int_equal(lyrnn_run_dir_create(&run, "again", false, "{\"old\":1}"), LYRNN_OK);
    assert_int_equal(lyrnn_run_dir_append_metrics(&run, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    assert_int_equal(save(&run, 2, 2), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_int_equal(mkdir("again/checkpoints/epoch-000003-batch-000017", 0777), 0);
    assert_int_equal(symlink("checkpoints/epoch-000001", "again/best"), 0);
    assert_int_equal(mkdir("again/checkpoints/.epoch-000003.tmp", 0777), 0);
    assert_true(write_file("again/checkpoints/.epoch-000003.tmp/model.safetensors", "x", 1));
    /* The user's own. */
    assert_true(write_file("again/notes.txt", "n", 1));
    assert_true(write_file("again/checkpoints/epoch-000002/notes.txt", "n", 1));
    assert_int_equal(mkdir("again/checkpoints/epoch-best", 0777), 0);
    assert_true(write_file("again/checkpoints/epoch-best/model.safetensors", "n", 1));

    make("again", true);
    assert_content("again/config.json", "{}");
    assert_content("again/metrics.jsonl", "");
    assert_false(exists("again/latest"));
    assert_false(exists("again/best"));
    assert_false(exists("again/checkpoints/epoch-000001"));
    assert_false(exists("again/checkpoints/.epoch-000003.tmp"));
    assert_false(exists("again/checkpoints/epoch-000003-batch-000017"));
    assert_false(exists("again/checkpoints/epoch-000002/model.safetensors"));
    assert_content("again/notes.txt", "n");
    assert_content("again/checkpoints/epoch-000002/notes.txt", "n");
    assert_content("again/checkpoints/epoch-best/model.safetensors", "n");
}

static void overwrite_leaves_no_empty_checkpoints_behind(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_create(&run, "clean", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    make("clean", true);
    assert_false(exists("clean/checkpoints"));
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

    /* Its checkpoints elsewhere: not as lyrnn made it. */
    make("linked", false);
    assert_int_equal(symlink("../outside", "linked/checkpoints"), 0);
    assert_refused("linked", true, "linked: neither empty nor a run");
    assert_int_equal(unlink("linked/checkpoints"), 0);

    /* Links where lyrnn's own would stand: they go or stay, what they point to stays. */
    assert_int_equal(mkdir("linked/checkpoints", 0777), 0);
    assert_int_equal(symlink("../../outside/epoch-000001", "linked/checkpoints/epoch-000001"), 0);
    assert_int_equal(unlink("linked/metrics.jsonl"), 0);
    assert_int_equal(symlink("../outside/metrics.jsonl", "linked/metrics.jsonl"), 0);
    assert_int_equal(symlink("../outside/metrics.jsonl", "linked/.config.json"), 0);
    assert_int_equal(symlink("../outside/epoch-000001", "linked/latest"), 0);
    make("linked", true);
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

/* Takes this second's name and its -2, and those of the two minutes to come. */
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
    assert_int_equal(lyrnn_run_dir_create(&run, NULL, false, "{}"), LYRNN_OK);
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

static void a_name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char name[PATH_MAX + 100];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_check(name, false), LYRNN_ERR_IO);
    assert_int_equal(lyrnn_run_dir_create(&run, name, false, "{}"), LYRNN_ERR_IO);
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(lyrnn_run_dir_create(&run, name, false, "{}"), LYRNN_ERR_IO);
}

static void save_writes_a_checkpoint_and_points_latest_there(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_create(&run, "saves", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 0, 1), LYRNN_OK);
    assert_link("saves/latest", "checkpoints/epoch-000000");
    assert_int_equal(save(&run, 50, 2), LYRNN_OK);
    assert_link("saves/latest", "checkpoints/epoch-000050");
    assert_int_equal(save(&run, 1234567, 3), LYRNN_OK);
    assert_link("saves/latest", "checkpoints/epoch-1234567");
    lyrnn_run_dir_close(&run);
    assert_model("saves/checkpoints/epoch-000000", 1);
    assert_model("saves/checkpoints/epoch-000050", 2);
    assert_model("saves", 3);
    assert_false(exists("saves/.latest"));
    assert_false(exists("saves/checkpoints/.epoch-000050.tmp"));
}

static void saving_an_epoch_again_replaces_it(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_create(&run, "twice", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 7, 1), LYRNN_OK);
    assert_int_equal(save(&run, 7, 2), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_model("twice", 2);
    assert_false(exists("twice/checkpoints/.epoch-000007.tmp"));
}

static void leftovers_of_an_interrupted_save_do_no_harm(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_create(&run, "interrupted", false, "{}"), LYRNN_OK);
    assert_int_equal(mkdir("interrupted/checkpoints", 0777), 0);
    assert_int_equal(mkdir("interrupted/checkpoints/.epoch-000001.tmp", 0777), 0);
    assert_true(
        write_file("interrupted/checkpoints/.epoch-000001.tmp/model.safetensors", "half", 4));
    assert_int_equal(symlink("nowhere", "interrupted/.latest"), 0);
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_model("interrupted", 1);
    assert_false(exists("interrupted/checkpoints/.epoch-000001.tmp"));
}

static void a_failed_save_keeps_what_was_there(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    struct rlimit old, tiny;
    assert_int_equal(lyrnn_run_dir_create(&run, "failing", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tiny = old;
    tiny.rlim_cur = 600;
    signal(SIGXFSZ, SIG_IGN);
    /* A new epoch, then the one that is there. */
    for (int epoch = 2; epoch >= 1; epoch--) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
        lyrnn_status status = save(&run, epoch, 2);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_error(status, "failing/checkpoints/.epoch-00000");
        assert_non_null(strstr(lyrnn_error_text(), "File too large"));
        assert_link("failing/latest", "checkpoints/epoch-000001");
        assert_model("failing", 1);
    }
    signal(SIGXFSZ, SIG_DFL);
    assert_false(exists("failing/checkpoints/epoch-000002"));
    assert_false(exists("failing/checkpoints/.epoch-000002.tmp"));
    assert_false(exists("failing/checkpoints/.epoch-000001.tmp"));
    assert_int_equal(save(&run, 2, 2), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_model("failing", 2);
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
    lyrnn_status status = lyrnn_run_dir_create(&run, "stillborn", false, "{}");
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_error(status, "stillborn: cannot write config.json: File too large");
    assert_false(exists("stillborn"));
    make("stillborn", false);
}

static void a_save_into_a_run_that_is_gone_is_an_error(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_create(&run, "gone", false, "{}"), LYRNN_OK);
    assert_int_equal(rename("gone", "elsewhere"), 0);
    assert_error(save(&run, 1, 1), "gone/checkpoints: cannot make the directory: No such file");
    lyrnn_run_dir_close(&run);
}

static void find_model_takes_a_file_as_it_is(void **state)
{
    (void)state;
    char model[PATH_MAX];
    assert_true(write_file("some.safetensors", "x", 1));
    assert_int_equal(lyrnn_run_dir_find_model("some.safetensors", model, sizeof model), LYRNN_OK);
    assert_string_equal(model, "some.safetensors");
}

static void find_model_takes_a_runs_latest(void **state)
{
    (void)state;
    char model[PATH_MAX];
    lyrnn_run_dir run;
    assert_int_equal(lyrnn_run_dir_create(&run, "found", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 3, 1), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_int_equal(lyrnn_run_dir_find_model("found", model, sizeof model), LYRNN_OK);
    assert_string_equal(model, "found/latest/model.safetensors");
    const char *checkpoint = "found/checkpoints/epoch-000003";
    assert_int_equal(lyrnn_run_dir_find_model(checkpoint, model, sizeof model), LYRNN_OK);
    assert_string_equal(model, "found/checkpoints/epoch-000003/model.safetensors");
}

static void find_model_names_what_has_none(void **state)
{
    (void)state;
    char model[PATH_MAX];
    make("young", false);
    assert_int_equal(mkdir("hollow", 0777), 0);
    assert_error(lyrnn_run_dir_find_model("young", model, sizeof model), "young: no checkpoint");
    assert_error(lyrnn_run_dir_find_model("hollow", model, sizeof model), "hollow: no checkpoint");
    assert_error(lyrnn_run_dir_find_model("none", model, sizeof model), "none: No such file");
    /* A latest whose checkpoint was deleted. */
    assert_int_equal(symlink("checkpoints/epoch-000001", "young/latest"), 0);
    assert_error(lyrnn_run_dir_find_model("young", model, sizeof model), "young: no checkpoint");
}

static void find_model_writes_within_its_buffer(void **state)
{
    (void)state;
    assert_true(write_file("12345678", "x", 1));
    char exact[9], small[8];
    assert_int_equal(lyrnn_run_dir_find_model("12345678", exact, sizeof exact), LYRNN_OK);
    assert_string_equal(exact, "12345678");
    assert_error(lyrnn_run_dir_find_model("12345678", small, sizeof small),
                 "12345678: the path is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_makes_config_metrics_and_parents),
        cmocka_unit_test(absolute_paths_work),
        cmocka_unit_test(metrics_grow_line_by_line),
        cmocka_unit_test(metrics_that_cannot_be_written_are_an_error),
        cmocka_unit_test(what_exists_is_refused_without_overwrite),
        cmocka_unit_test(what_is_no_directory_is_refused_even_with_overwrite),
        cmocka_unit_test(overwrite_refuses_what_is_not_a_run),
        cmocka_unit_test(overwrite_takes_an_empty_directory),
        cmocka_unit_test(overwrite_takes_what_a_killed_create_leaves),
        cmocka_unit_test(overwrite_removes_the_earlier_run_and_nothing_else),
        cmocka_unit_test(overwrite_leaves_no_empty_checkpoints_behind),
        cmocka_unit_test(overwrite_follows_no_link_out_of_the_directory),
        cmocka_unit_test(a_run_reached_through_a_link_can_be_overwritten),
        cmocka_unit_test(default_names_that_exist_get_a_number),
        cmocka_unit_test(a_parent_without_write_permission_is_refused),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(save_writes_a_checkpoint_and_points_latest_there),
        cmocka_unit_test(saving_an_epoch_again_replaces_it),
        cmocka_unit_test(leftovers_of_an_interrupted_save_do_no_harm),
        cmocka_unit_test(a_failed_save_keeps_what_was_there),
        cmocka_unit_test(a_create_that_fails_leaves_no_directory),
        cmocka_unit_test(a_save_into_a_run_that_is_gone_is_an_error),
        cmocka_unit_test(find_model_takes_a_file_as_it_is),
        cmocka_unit_test(find_model_takes_a_runs_latest),
        cmocka_unit_test(find_model_names_what_has_none),
        cmocka_unit_test(find_model_writes_within_its_buffer),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
