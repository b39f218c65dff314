/* Continuing an existing run: its lock, its metrics, and which of its checkpoints stay. */
#include <signal.h>
#include <sys/wait.h>

#include "run/config.h"
#include "run_dir_check.h"

static void save(lyrnn_run_dir *run, int epoch, int64_t batch)
{
    assert_ok(save_model(run, epoch, batch, 0));
}

static void make(const char *path)
{
    lyrnn_run_dir run;
    assert_ok(create_run(&run, path, false, "{}"));
    lyrnn_run_dir_close(&run);
}

/* Checks which of the epochs 0 to 9 have a checkpoint, for example "0479". */
static void assert_epochs(const char *path, const char *expected)
{
    char found[11] = "", *end = found, name[PATH_MAX];
    for (int epoch = 0; epoch < 10; epoch++) {
        snprintf(name, sizeof name, "%s/checkpoints/epoch-%06d/trainer.safetensors", path, epoch);
        if (exists(name))
            *end++ = (char)('0' + epoch);
    }
    assert_string_equal(found, expected);
}

/* The lock */

static void a_run_is_open_once(void **state)
{
    (void)state;
    lyrnn_run_dir first, second;
    char refusal[512], host[256] = "";
    gethostname(host, sizeof host - 1);
    snprintf(refusal, sizeof refusal, "busy: another lyrnn is training there (process %ld on %s); ",
             (long)getpid(), host);
    assert_ok(create_run(&first, "busy", false, "{}"));
    for (int i = 0; i < 2; i++) {
        assert_failure(lyrnn_run_dir_open(&second, "busy"), LYRNN_ERR_LOCKED, refusal);
        assert_null(second.path);
        assert_failure(create_run(&second, "busy", true, "{\"new\":1}"), LYRNN_ERR_LOCKED, refusal);
        assert_failure(lyrnn_run_dir_check("busy", true), LYRNN_ERR_LOCKED, refusal);
        assert_content("busy/config.json", "{}");
        lyrnn_run_dir_close(&first);
        assert_ok(lyrnn_run_dir_check("busy", true));
        assert_ok(lyrnn_run_dir_open(&first, "busy"));
    }
    lyrnn_run_dir_close(&first);
}

static void a_killed_process_leaves_no_lock_behind(void **state)
{
    (void)state;
    int ready[2];
    char byte;
    make("killed");
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        lyrnn_run_dir run;
        if (lyrnn_run_dir_open(&run, "killed") == LYRNN_OK && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    lyrnn_run_dir run;
    char refusal[128];
    snprintf(refusal, sizeof refusal, "killed: another lyrnn is training there (process %ld on ",
             (long)child);
    assert_failure(lyrnn_run_dir_open(&run, "killed"), LYRNN_ERR_LOCKED, refusal);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]), close(ready[1]);
    assert_true(exists("killed/lock"));
    assert_ok(lyrnn_run_dir_open(&run, "killed"));
    lyrnn_run_dir_close(&run);
}

/* The lock's content is only read for a user who is refused. */
static void a_lock_may_hold_anything(void **state)
{
    (void)state;
    lyrnn_run_dir first, second;
    char noise[300];
    memset(noise, 'x', sizeof noise);
    assert_ok(create_run(&first, "noisy", false, "{}"));
    const struct {
        const char *text;
        size_t length;
        const char *refusal;
    } cases[] = {
        {"", 0, "noisy: another lyrnn is training there; "},
        {noise, sizeof noise, "noisy: another lyrnn is training there; "},
        {"12", 2, "noisy: another lyrnn is training there; "},
        {"12 a\33b\n", 7, "noisy: another lyrnn is training there (process 12 on a?b); "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(write_file("noisy/lock", cases[i].text, cases[i].length));
        assert_failure(lyrnn_run_dir_open(&second, "noisy"), LYRNN_ERR_LOCKED, cases[i].refusal);
    }
    lyrnn_run_dir_close(&first);
    assert_ok(lyrnn_run_dir_open(&first, "noisy"));
    lyrnn_run_dir_close(&first);
    /* A link is not followed either. */
    assert_int_equal(unlink("noisy/lock"), 0);
    assert_int_equal(symlink("elsewhere", "noisy/lock"), 0);
    assert_error(lyrnn_run_dir_open(&first, "noisy"), "noisy: cannot open lock: ");
    assert_false(exists("elsewhere"));
}

static void only_a_run_can_be_opened(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_int_equal(mkdir("songs", 0777), 0);
    assert_true(write_file("songs/moon.txt", "m", 1));
    assert_error(lyrnn_run_dir_open(&run, "songs"), "songs: is not a run");
    assert_error(lyrnn_run_dir_open(&run, "nothing"), "nothing: cannot open: No such file");
    assert_false(exists("songs/lock"));
}

/* What remains if a process is killed while it makes a run, at each step. */
static void a_run_that_was_not_made_to_its_end_has_nothing_saved(void **state)
{
    (void)state;
    static const char refusal[] =
        "unmade: nothing has been saved in it yet; start again with --out unmade --overwrite";
    static const char *const steps[] = {NULL, "unmade/lock", "unmade/.config.json"};
    lyrnn_run_dir run;
    json_t *json;
    assert_int_equal(mkdir("unmade", 0777), 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_true(steps[i] == NULL || write_file(steps[i], "{", 1));
        assert_failure(lyrnn_run_dir_open(&run, "unmade"), LYRNN_ERR_NOTHING, refusal);
        assert_failure(lyrnn_run_config_read("unmade", &json), LYRNN_ERR_NOTHING, refusal);
    }
    assert_true(write_file("unmade/notes.txt", "n", 1));
    assert_error(lyrnn_run_dir_open(&run, "unmade"), "unmade: is not a run");
    assert_failure(lyrnn_run_config_read("unmade", &json), LYRNN_ERR_NOTHING,
                   "unmade/config.json: cannot open: No such file");
}

/* Metrics and config.json */

#define LINE(epoch) "{\"epoch\": " epoch ", \"loss\": 1.5}\n"

#define REPORT(epoch, batch) "{\"epoch\": " epoch ", \"batch\": " batch ", \"loss\": 1.5}\n"

static void assert_repaired_within(const char *before, int epoch, int64_t batch, const char *after)
{
    lyrnn_run_dir run;
    assert_true(write_file("repaired/metrics.jsonl", before, strlen(before)));
    assert_ok(lyrnn_run_dir_open(&run, "repaired"));
    assert_ok(resume_run_within(&run, epoch, batch, "{}"));
    assert_content("repaired/metrics.jsonl", before); /* nothing is lost before the next epoch */
    char grown[512];
    snprintf(grown, sizeof grown, "%s%s", after, METRICS_LINE("9"));
    assert_ok(append_epoch(&run, 9));
    assert_content("repaired/metrics.jsonl", grown);
    lyrnn_run_dir_close(&run);
}

static void assert_repaired(const char *before, int epoch, const char *after)
{
    assert_repaired_within(before, epoch, 0, after);
}

static void metrics_are_cut_to_the_checkpoints_epoch(void **state)
{
    (void)state;
    make("repaired");
    assert_repaired(LINE("1") LINE("2"), 2, LINE("1") LINE("2"));
    assert_repaired(LINE("1") LINE("2") LINE("3"), 2, LINE("1") LINE("2"));
    assert_repaired(LINE("1") LINE("2") LINE("3"), 0, "");
    assert_repaired("", 0, "");
    /* A torn last line: in the middle, or before its newline. */
    assert_repaired(LINE("1") LINE("2") "{\"epoch\": 3, \"lo", 2, LINE("1") LINE("2"));
    assert_repaired(LINE("1") "{\"epoch\": 2}", 1, LINE("1"));
    assert_repaired(LINE("1") "{\"epoch\": 2}", 2, LINE("1") "{\"epoch\": 2}\n");
    assert_repaired("{", 1, "");
    /* Within an epoch. */
    static const char reports[] = REPORT("1", "4") LINE("1") REPORT("2", "3") REPORT("2", "7");
    assert_repaired_within(reports, 1, 7, reports);
    assert_repaired_within(reports, 1, 6, REPORT("1", "4") LINE("1") REPORT("2", "3"));
    assert_repaired_within(reports, 1, 2, REPORT("1", "4") LINE("1"));
    assert_repaired_within(reports, 1, 0, REPORT("1", "4") LINE("1"));
    assert_repaired_within(reports, 0, 4, REPORT("1", "4"));
    assert_repaired_within(reports, 0, 3, "");
}

static void missing_metrics_start_again(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    make("bare");
    assert_int_equal(unlink("bare/metrics.jsonl"), 0);
    assert_ok(lyrnn_run_dir_open(&run, "bare"));
    assert_ok(resume_run(&run, 1, "{}"));
    assert_ok(append_epoch(&run, 2));
    assert_content("bare/metrics.jsonl", METRICS_LINE("2"));
    lyrnn_run_dir_close(&run);
}

/* Only a last line may be torn. Lines after it would be lost. */
static void metrics_that_are_not_lyrnns_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"\n" LINE("1"), "[1]\n" LINE("2"),
                                      "{\"epoch\": 1, \n" LINE("2"),
                                      "{\"epoch\": \"1\"}\n" LINE("2"), "\xFF\n"};
    make("foreign");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lyrnn_run_dir run;
        assert_true(write_file("foreign/metrics.jsonl", bad[i], strlen(bad[i])));
        assert_ok(lyrnn_run_dir_open(&run, "foreign"));
        assert_error(resume_run(&run, 5, "{\"new\":1}"),
                     "foreign/metrics.jsonl: line 1 is not the report of an epoch");
        lyrnn_run_dir_close(&run);
        assert_content("foreign/metrics.jsonl", bad[i]);
        assert_content("foreign/config.json", "{}");
    }
}

/* Behind the last kept line anything is cut off. In front of one it would stay. */
static void a_bad_line_is_refused_if_it_would_be_kept(void **state)
{
    (void)state;
    static const char before[] = LINE("9") "[1]\n" LINE("1"), after[] = LINE("1") LINE("9") "[1]\n";
    lyrnn_run_dir run;
    make("mixed");
    assert_true(write_file("mixed/metrics.jsonl", before, strlen(before)));
    assert_ok(lyrnn_run_dir_open(&run, "mixed"));
    assert_error(resume_run(&run, 5, "{}"),
                 "mixed/metrics.jsonl: line 2 is not the report of an epoch");
    lyrnn_run_dir_close(&run);
    assert_true(write_file("mixed/metrics.jsonl", after, strlen(after)));
    assert_ok(lyrnn_run_dir_open(&run, "mixed"));
    assert_ok(resume_run(&run, 5, "{}"));
    assert_ok(append_epoch(&run, 6));
    assert_content("mixed/metrics.jsonl", LINE("1") METRICS_LINE("6"));
    lyrnn_run_dir_close(&run);
}

static void the_config_is_replaced(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    make("options");
    assert_true(write_file("options/.config.json", "{", 1));
    assert_ok(lyrnn_run_dir_open(&run, "options"));
    assert_ok(resume_run(&run, 0, "{\"num_epochs\":9}"));
    assert_content("options/config.json", "{}");
    save(&run, 1, 0);
    assert_content("options/config.json", "{\n  \"num_epochs\": 9\n}");
    assert_false(exists("options/.config.json"));
    lyrnn_run_dir_close(&run);
}

/* Checkpoints */

static void a_checkpoint_within_an_epoch_goes_when_a_later_one_is_there(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_ok(create_run(&run, "within", false, "{}"));
    save(&run, 11, 345);
    lyrnn_run_dir_prune(&run, 0);
    char latest[PATH_MAX] = "";
    assert_true(readlink("within/latest", latest, sizeof latest - 1) > 0);
    assert_string_equal(latest, "checkpoints/epoch-000012-batch-000345");
    assert_true(exists("within/latest/trainer.safetensors"));
    save(&run, 11, 346);
    assert_true(exists("within/checkpoints/epoch-000012-batch-000345"));
    lyrnn_run_dir_prune(&run, 0);
    assert_false(exists("within/checkpoints/epoch-000012-batch-000345"));
    assert_true(exists("within/latest/trainer.safetensors"));
    save(&run, 12, 0);
    lyrnn_run_dir_prune(&run, 0);
    assert_false(exists("within/checkpoints/epoch-000012-batch-000346"));
    assert_true(exists("within/checkpoints/epoch-000012"));
    lyrnn_run_dir_close(&run);
}

/* Numbers of batches are compared as numbers: that with more digits is the later one. */
static void without_latest_the_newest_batch_is_found(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    char model[PATH_MAX];
    assert_ok(create_run(&run, "long", false, "{}"));
    save(&run, 2, 999999);
    save(&run, 2, 1000000);
    assert_int_equal(unlink("long/latest"), 0);
    assert_ok(lyrnn_run_dir_find_model("long", model, sizeof model));
    assert_non_null(strstr(model, "epoch-000003-batch-1000000/"));
    lyrnn_run_dir_close(&run);
}

static void prune_keeps_the_last_ones_latest_and_best(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_ok(create_run(&run, "kept", false, "{}"));
    for (int epoch = 1; epoch <= 6; epoch++)
        save(&run, epoch, 0);
    lyrnn_run_dir_prune(&run, 0);
    assert_epochs("kept", "123456");
    lyrnn_run_dir_prune(&run, 6);
    assert_epochs("kept", "123456");
    assert_ok(lyrnn_run_dir_mark_best(&run, &(lyrnn_trainer_state){.best_epoch = 2}));
    lyrnn_run_dir_prune(&run, 3);
    assert_epochs("kept", "2456");
    lyrnn_run_dir_prune(&run, 1);
    assert_epochs("kept", "26");
    /* The run resumes from an earlier checkpoint, so latest is not the one with the highest
     * number. */
    save(&run, 3, 0);
    save(&run, 4, 0);
    lyrnn_run_dir_prune(&run, 1);
    assert_epochs("kept", "246");
    lyrnn_run_dir_close(&run);
}

static void prune_only_removes_lyrnns_files(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_ok(create_run(&run, "mine", false, "{}"));
    save(&run, 1, 0);
    save(&run, 2, 0);
    assert_true(write_file("mine/checkpoints/epoch-000001/notes.txt", "n", 1));
    assert_int_equal(mkdir("outside", 0777), 0);
    assert_true(write_file("outside/model.safetensors", "n", 1));
    assert_int_equal(symlink("../../outside", "mine/checkpoints/epoch-000000"), 0);
    const char *const own[] = {"epoch-1-batch-", "epoch-000001-best", "epoch-", "batch-000001"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "mine/checkpoints/%s", own[i]);
        assert_int_equal(mkdir(name, 0777), 0);
    }
    const char *const leftovers[] = {".epoch-000009.tmp", ".epoch-000009-batch-000001.tmp"};
    for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "mine/checkpoints/%s", leftovers[i]);
        assert_int_equal(mkdir(name, 0777), 0);
    }
    lyrnn_run_dir_prune(&run, 1);
    lyrnn_run_dir_close(&run);
    assert_true(exists("outside/model.safetensors"));
    assert_true(exists("mine/checkpoints/epoch-000001/notes.txt"));
    assert_false(exists("mine/checkpoints/epoch-000001/model.safetensors"));
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "mine/checkpoints/%s", own[i]);
        assert_true(exists(name));
    }
    for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "mine/checkpoints/%s", leftovers[i]);
        assert_false(exists(name));
    }
}

static void best_names_no_checkpoint_that_is_not_there(void **state)
{
    (void)state;
    lyrnn_run_dir run;
    assert_ok(create_run(&run, "best", false, "{}"));
    save(&run, 1, 0);
    assert_ok(lyrnn_run_dir_mark_best(&run, &(lyrnn_trainer_state){.best_epoch = 2}));
    assert_false(exists("best/best"));
    assert_ok(lyrnn_run_dir_mark_best(&run, &(lyrnn_trainer_state){.best_epoch = 1}));
    assert_true(exists("best/best/model.safetensors"));
    lyrnn_run_dir_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_open_once),
        cmocka_unit_test(a_killed_process_leaves_no_lock_behind),
        cmocka_unit_test(a_lock_may_hold_anything),
        cmocka_unit_test(only_a_run_can_be_opened),
        cmocka_unit_test(a_run_that_was_not_made_to_its_end_has_nothing_saved),
        cmocka_unit_test(metrics_are_cut_to_the_checkpoints_epoch),
        cmocka_unit_test(missing_metrics_start_again),
        cmocka_unit_test(metrics_that_are_not_lyrnns_are_refused),
        cmocka_unit_test(a_bad_line_is_refused_if_it_would_be_kept),
        cmocka_unit_test(the_config_is_replaced),
        cmocka_unit_test(a_checkpoint_within_an_epoch_goes_when_a_later_one_is_there),
        cmocka_unit_test(without_latest_the_newest_batch_is_found),
        cmocka_unit_test(prune_keeps_the_last_ones_latest_and_best),
        cmocka_unit_test(prune_only_removes_lyrnns_files),
        cmocka_unit_test(best_names_no_checkpoint_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
