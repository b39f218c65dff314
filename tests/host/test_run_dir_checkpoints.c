/* The checkpoints of a run: whole or absent, and found by the names that users give. */
#include <signal.h>
#include <sys/resource.h>

#include "lyrnn/checkpoint.h"
#include "run_dir_check.h"

static lyrnn_status save(lyrnn_run_dir *run, int epoch, float value)
{
    return save_model(run, epoch, 0, value);
}

/* Checks that path leads to a model saved with value. */
static void assert_model(const char *path, float value)
{
    char model[PATH_MAX];
    lyrnn_checkpoint checkpoint;
    if (lyrnn_run_dir_find_model(path, model, sizeof model) != LYRNN_OK ||
        lyrnn_checkpoint_read(&checkpoint, model) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    assert_true(checkpoint.params[0] == value);
    lyrnn_checkpoint_free(&checkpoint);
    /* The other file is next to it, and whole. */
    lyrnn_trainer_state training = {0};
    strcpy(strrchr(model, '/') + 1, "trainer.safetensors");
    if (lyrnn_trainer_state_read(&training, model, &config) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    lyrnn_trainer_snapshot_free(&training.snapshot);
}

static void save_writes_a_checkpoint_and_points_latest_there(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "saves", false, "{}"), LYRNN_OK);
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
    assert_int_equal(create_run(&run, "twice", false, "{}"), LYRNN_OK);
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
    assert_int_equal(create_run(&run, "interrupted", false, "{}"), LYRNN_OK);
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
    assert_int_equal(create_run(&run, "failing", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tiny = old;
    tiny.rlim_cur = 600;
    signal(SIGXFSZ, SIG_IGN);
    /* A new epoch, then the one that exists. */
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

static void a_run_that_is_renamed_is_saved_where_it_is(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "moving", false, "{}"), LYRNN_OK);
    assert_int_equal(rename("moving", "moved"), 0);
    assert_int_equal(mkdir("moving", 0777), 0); /* another folder */
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    assert_string_equal(strrchr(run.path, '/'), "/moved");
    lyrnn_run_dir_close(&run);
    assert_model("moved", 1);
    assert_false(exists("moving/checkpoints"));
}

static void a_save_into_a_run_that_is_gone_is_an_error(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "gone", false, "{}"), LYRNN_OK);
    assert_int_equal(system("rm -r gone"), 0);
    assert_error(save(&run, 1, 1), "gone: was removed while lyrnn trained in it; ");
    lyrnn_run_dir_close(&run);
    assert_false(exists("gone"));
}

/* Each is `latest`, made by a command, and the checkpoint that reading must take. */
static void latest_leads_nowhere_else(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        float value;
    } cases[] = {
        {"ln -s checkpoints/epoch-000001 taken/latest", 1},
        {"printf 'checkpoints/epoch-000001\\n' >taken/latest", 1},
        {"printf 'checkpoints/epoch-000001' >taken/latest", 1},
        {"true", 2},
        {"ln -s checkpoints/epoch-000009 taken/latest", 2},
        {"ln -s checkpoints/epoch-00 taken/latest", 2},
        {"ln -s latest taken/latest", 2},
        {"ln -s ../other/checkpoints/epoch-000007 taken/latest", 2},
        {"ln -s checkpoints/../../other/checkpoints/epoch-000007 taken/latest", 2},
        {"ln -s \"$PWD/taken/checkpoints/epoch-000001\" taken/latest", 2},
        {": >taken/latest", 2},
        {"printf 'checkpoints/epo' >taken/latest", 2},
        {"printf '../other/checkpoints/epoch-000007\\n' >taken/latest", 2},
        {"printf 'checkpoints/epoch-000001\\0' >taken/latest", 2},
        {"head -c 100000 /dev/zero >taken/latest", 2},
        {"mkfifo taken/latest", 2},
        {"cp -r taken/checkpoints/epoch-000001 taken/latest", 2},
    };
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "taken", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    assert_int_equal(save(&run, 2, 2), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_int_equal(create_run(&run, "other", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 7, 7), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(system("rm -r taken/latest"), 0);
        assert_int_equal(system(cases[i].command), 0);
        assert_model("taken", cases[i].value);
        assert_int_equal(lyrnn_run_dir_open(&run, "taken"), LYRNN_OK);
        lyrnn_run_dir_close(&run);
        bool is_copy = strncmp(cases[i].command, "cp", 2) == 0;
        assert_model("taken", is_copy ? 1 : cases[i].value);
        assert_true(exists("taken/latest/model.safetensors") || i == 1 || i == 2);
    }
}

/* A copy that followed the links: each is a folder. One that repeats no checkpoint is not
 * removed. */
static void folders_in_the_places_of_links_are_repaired(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "linked", false, "{}"), LYRNN_OK);
    assert_int_equal(save(&run, 1, 1), LYRNN_OK);
    assert_int_equal(lyrnn_run_dir_mark_best(&run, &(lyrnn_trainer_state){.best_epoch = 1}),
                     LYRNN_OK);
    assert_int_equal(save(&run, 2, 2), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_int_equal(system("cp -rL linked copied"), 0);
    assert_int_equal(lyrnn_run_dir_open(&run, "copied"), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_link("copied/latest", "checkpoints/epoch-000002");
    assert_link("copied/best", "checkpoints/epoch-000001");
    assert_int_equal(system("rm copied/best && cp -rL other/latest copied/best"), 0);
    assert_error(lyrnn_run_dir_open(&run, "copied"), "copied/best: is a folder whose model no ");
    assert_true(exists("copied/best/model.safetensors"));
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
    assert_int_equal(create_run(&run, "found", false, "{}"), LYRNN_OK);
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
    lyrnn_run_dir run;
    assert_int_equal(create_run(&run, "young", false, "{}"), LYRNN_OK);
    lyrnn_run_dir_close(&run);
    assert_int_equal(mkdir("hollow", 0777), 0);
    assert_error(lyrnn_run_dir_find_model("young", model, sizeof model),
                 "young: has no checkpoint");
    assert_error(lyrnn_run_dir_find_model("hollow", model, sizeof model),
                 "hollow: has no checkpoint");
    assert_error(lyrnn_run_dir_find_model("none", model, sizeof model), "none: No such file");
    /* A `latest` whose checkpoint was deleted. */
    assert_int_equal(symlink("checkpoints/epoch-000001", "young/latest"), 0);
    assert_error(lyrnn_run_dir_find_model("young", model, sizeof model),
                 "young: has no checkpoint");
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
        cmocka_unit_test(save_writes_a_checkpoint_and_points_latest_there),
        cmocka_unit_test(saving_an_epoch_again_replaces_it),
        cmocka_unit_test(leftovers_of_an_interrupted_save_do_no_harm),
        cmocka_unit_test(a_failed_save_keeps_what_was_there),
        cmocka_unit_test(a_run_that_is_renamed_is_saved_where_it_is),
        cmocka_unit_test(a_save_into_a_run_that_is_gone_is_an_error),
        cmocka_unit_test(latest_leads_nowhere_else),
        cmocka_unit_test(folders_in_the_places_of_links_are_repaired),
        cmocka_unit_test(find_model_takes_a_file_as_it_is),
        cmocka_unit_test(find_model_takes_a_runs_latest),
        cmocka_unit_test(find_model_names_what_has_none),
        cmocka_unit_test(find_model_writes_within_its_buffer),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
