/* What a training starts from: each file is opened once, and the library needs no command line. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>

#include "cli/commands.h"
#include "lyrnn/device.h"
#include "lyrnn/train.h"
#include "run/config.h"
#include "run_dir_check.h"

static const char verse[] = "我们分开又相逢\n不分开的是晚风\n月光落在屋檐上\n一夜听雨到天明\n";

static void write_corpus(void)
{
    char text[8 * sizeof verse] = "";
    for (int i = 0; i < 8; i++)
        strcat(text, verse);
    assert_true(write_file("corpus.txt", text, strlen(text)));
}

/* Runs lyrnn train with a small network; ends with a NULL. */
static lyrnn_status train(const char *first, ...)
{
    char *argv[24] = {
        (char *)"lyrnn train", (char *)"--threads",   (char *)"1", (char *)"--batch-size",
        (char *)"2",           (char *)"--num-steps", (char *)"5", (char *)"corpus.txt"};
    int argc = 8;
    va_list more;
    va_start(more, first);
    for (const char *word = first; word != NULL; word = va_arg(more, const char *))
        argv[argc++] = (char *)word;
    va_end(more);
    return train_command.run(argc, argv);
}

/* Watches a file. Equal events that follow each other become one, so the watch asks for the closing
 * as well, which separates two openings. */
static int watch(const char *path)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        skip();
    assert_true(inotify_add_watch(fd, path, IN_OPEN | IN_CLOSE) >= 0);
    return fd;
}

/* Counts how often the file was opened since, and ends the watch. */
static int count_opens(int fd)
{
    /* The events of a watched file have no names after them. */
    struct inotify_event events[64];
    int count = 0;
    ssize_t length;
    while ((length = read(fd, events, sizeof events)) > 0)
        for (size_t i = 0; i < (size_t)length / sizeof events[0]; i++)
            count += (events[i].mask & IN_OPEN) != 0;
    close(fd);
    return count;
}

static void a_watch_counts(void **state)
{
    (void)state;
    assert_true(write_file("watched", "a", 1));
    int fd = watch("watched");
    for (int i = 0; i < 3; i++) {
        size_t num_bytes;
        free(read_file("watched", &num_bytes));
    }
    assert_int_equal(count_opens(fd), 3);
}

static void init_opens_the_model_once(void **state)
{
    (void)state;
    assert_ok(train("--hidden-size", "8", "--num-epochs", "0", "--out", "first", NULL));
    int fd = watch("first/latest/model.safetensors");
    assert_ok(train("--init", "first", "--num-epochs", "0", "--out", "second", NULL));
    assert_int_equal(count_opens(fd), 1);
    fd = watch("first/latest/model.safetensors");
    assert_int_equal(train("--init", "first", "--hidden-size", "9", "--out", "third", NULL),
                     LYRNN_ERR_USAGE);
    assert_int_equal(count_opens(fd), 1);
}

static void resume_opens_each_file_once(void **state)
{
    (void)state;
    static const char *const names[] = {"config.json", "metrics.jsonl", "latest/model.safetensors",
                                        "latest/trainer.safetensors"};
    int fds[4];
    assert_ok(train("--hidden-size", "8", "--num-epochs", "1", "--out", "run", NULL));
    for (int i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof path, "run/%s", names[i]);
        fds[i] = watch(path);
    }
    assert_ok(train("--resume", "run", "--num-epochs", "2", NULL));
    for (int i = 0; i < 4; i++)
        if (count_opens(fds[i]) != 1)
            fail_msg("%s: not opened once", names[i]);
}

/* As a program outside lyrnn calls it. */
static lyrnn_train_options small_training(const char *out_path)
{
    static const char *const corpus_paths[] = {"corpus.txt"};
    return (lyrnn_train_options){
        .corpus_paths = corpus_paths,
        .num_corpus_paths = 1,
        .model = {.cell = LYRNN_GRU, .hidden_size = 8, .num_layers = 1},
        .num_epochs = 1,
        .batch_size = 2,
        .num_steps = 5,
        .optimizer = {.learning_rate = 1e-3f, .clip_norm = 1e-2f},
        .seed = 1,
        .pred_period = 1,
        .checkpoint_every = 1,
        .out_path = out_path,
    };
}

static lyrnn_status train_by_library(const lyrnn_train_options *options)
{
    lyrnn_backend backend;
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    assert_ok(lyrnn_backend_open("cpu", 1, LYRNN_FP32, &backend));
    lyrnn_status status = lyrnn_train(options, &backend, nowhere, nowhere);
    lyrnn_backend_close(&backend);
    fclose(nowhere);
    return status;
}

static void a_program_trains_from_an_opened_model(void **state)
{
    (void)state;
    lyrnn_start start;
    lyrnn_train_options options = small_training("made");
    assert_ok(train_by_library(&options));
    json_t *config;
    assert_ok(lyrnn_run_config_read("made", &config));
    assert_int_equal(json_object_size(config), 3);
    assert_non_null(json_object_get(config, "corpus_xxh128"));
    assert_string_equal(json_string_value(json_object_get(config, "sampling")), "consecutive");
    assert_string_equal(json_string_value(json_object_get(config, "song_unit")), "blank-line");
    json_decref(config);

    assert_ok(lyrnn_start_from_model(&start, "made", LYRNN_RNN_TANH));
    assert_int_equal(start.checkpoint.config.cell, LYRNN_GRU);
    assert_int_equal(start.checkpoint.config.hidden_size, 8);
    assert_string_equal(start.model_path, "made/latest/model.safetensors");
    assert_non_null(start.checkpoint.params);
    options = small_training("tuned");
    options.model = (lyrnn_rnn_config){0}; /* the checkpoint's counts */
    options.start = &start;
    assert_ok(train_by_library(&options));
    assert_null(start.checkpoint.params);
    lyrnn_start_free(&start);

    lyrnn_start resumed = {.kind = LYRNN_START_RESUME, .path = "made"};
    options = small_training(NULL);
    options.num_epochs = 2;
    options.start = &resumed;
    assert_ok(train_by_library(&options));
    assert_link("made/latest", "checkpoints/epoch-000002");
    lyrnn_start_free(&resumed);
}

static void a_start_that_cannot_be_opened_is_refused(void **state)
{
    (void)state;
    lyrnn_start start;
    assert_error(lyrnn_start_from_model(&start, "nothing", LYRNN_GRU), "nothing: ");
    lyrnn_start_free(&start);
    lyrnn_start resumed = {.kind = LYRNN_START_RESUME, .path = "nothing"};
    lyrnn_train_options options = small_training(NULL);
    options.start = &resumed;
    assert_error(train_by_library(&options), "nothing: ");
    lyrnn_start_free(&resumed);
}

static int enter(void **state)
{
    int result = temp_dir_enter(state);
    if (result == 0)
        write_corpus();
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_counts),
        cmocka_unit_test(init_opens_the_model_once),
        cmocka_unit_test(resume_opens_each_file_once),
        cmocka_unit_test(a_program_trains_from_an_opened_model),
        cmocka_unit_test(a_start_that_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests(tests, enter, temp_dir_leave);
}
