/* A model that learned songs is used as it was trained, from the zero state. Whatever the first
 * character is, a line that the model knows must score about as well as after the lines before
 * it. With consecutive sampling the zero state is met only where streams begin. A GRU then freezes
 * after many first characters, because its update gates saturate, and predicts the same for ever.
 *
 * The program's own command trains each cell, by its default sampling, on sample lyrics in which
 * one line returns again and again, so that it follows many others. */
#include <stdio.h>
#include <stdlib.h>

#include <utf8proc.h>

#include "cli/commands.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/device.h"
#include "lyrnn/score.h"
#include "run_dir_check.h"

static const char refrain[] = "今夜的风吹过南山又吹过北山也吹过我家的屋檐";
enum { LENGTH = 21, NUM_LINES = 200, BETWEEN = 8, MAX_PLACES = 32 };

typedef struct {
    lyrnn_backend backend;
    lyrnn_model model;
    lyrnn_vocab vocab;
    int32_t line[LENGTH];
    int32_t *ids; /* the songs */
    size_t N;
} trained;

/* The first lines of the sample lyrics with the refrain after each eighth. */
static void write_songs(void)
{
    lyrnn_corpus corpus;
    const lyrnn_corpus_rules rules = {0};
    FILE *file = fopen("songs.txt", "w");
    assert_non_null(file);
    assert_ok(lyrnn_corpus_load_sample(&corpus, &rules));
    int number = 0;
    for (size_t i = 0; number < NUM_LINES; i++) {
        utf8proc_uint8_t bytes[4];
        fwrite(bytes, 1, (size_t)utf8proc_encode_char((utf8proc_int32_t)corpus.chars[i], bytes),
               file);
        bool is_end = corpus.chars[i] == '\n', is_empty = is_end && corpus.chars[i - 1] == '\n';
        number += is_end;
        if (is_end && !is_empty && number % BETWEEN == 2)
            fprintf(file, "%s\n", refrain);
    }
    assert_int_equal(fclose(file), 0);
    lyrnn_corpus_free(&corpus);
}

static void train(const char *cell)
{
    const char *argv[] = {"lyrnn train", "--threads",     "1",   "--cell",
                          cell,          "--out",         "run", "songs.txt",
                          "--overwrite", "--pred-len",    "1",   "--lr",
                          "5e-3",        "--hidden-size", "64",  "--batch-size",
                          "16",          "--num-epochs",  "40"};
    if (train_command.run(sizeof argv / sizeof argv[0], (char **)argv) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

static void open_trained(trained *t)
{
    lyrnn_checkpoint checkpoint;
    lyrnn_corpus corpus, line = {0};
    const lyrnn_corpus_rules rules = {0};
    const char *const paths[] = {"songs.txt"};
    assert_ok(lyrnn_checkpoint_read(&checkpoint, "run/latest/model.safetensors"));
    assert_ok(lyrnn_backend_open("cpu", 1, LYRNN_FP32, &t->backend));
    assert_ok(lyrnn_model_init(&t->model, &checkpoint.config, &t->backend));
    lyrnn_model_upload(&t->model, checkpoint.params);
    t->vocab = checkpoint.vocab;
    assert_ok(lyrnn_corpus_load(&corpus, paths, 1, &rules));
    assert_ok(lyrnn_corpus_append_text(&line, "refrain", refrain, strlen(refrain), &rules));
    assert_int_equal(line.N, LENGTH);
    t->N = corpus.N;
    t->ids = malloc(t->N * sizeof *t->ids);
    assert_non_null(t->ids);
    assert_ok(lyrnn_vocab_encode(&t->vocab, "corpus", corpus.chars, corpus.N, t->ids));
    assert_ok(lyrnn_vocab_encode(&t->vocab, "refrain", line.chars, LENGTH, t->line));
    checkpoint.vocab = (lyrnn_vocab){0};
    lyrnn_checkpoint_free(&checkpoint);
    lyrnn_corpus_free(&corpus);
    lyrnn_corpus_free(&line);
}

static void close_trained(trained *t)
{
    lyrnn_model_free(&t->model);
    lyrnn_backend_close(&t->backend);
    lyrnn_vocab_free(&t->vocab);
    free(t->ids);
}

/* The mean loss of the refrain per character, in its places in songs, each after all of its song
 * that is before it. */
static double loss_in_songs(const trained *t)
{
    lyrnn_scored_text texts[2 * MAX_PLACES]; /* without the refrain, and with it */
    size_t num = 0, song = 0;
    int32_t newline = t->ids[t->N - 1];
    for (size_t i = 2; i + LENGTH < t->N && num < MAX_PLACES; i++) {
        if (t->ids[i - 1] == newline && t->ids[i - 2] == newline)
            song = i;
        if (i == song || memcmp(&t->ids[i], t->line, sizeof t->line) != 0)
            continue;
        texts[2 * num] = (lyrnn_scored_text){.ids = &t->ids[song], .N = i - song};
        texts[2 * num + 1] = (lyrnn_scored_text){.ids = &t->ids[song], .N = i - song + LENGTH};
        num++;
    }
    assert_true(num > 10);
    assert_ok(lyrnn_score(&t->model, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS, texts, 2 * num, NULL));
    double nats = 0;
    for (size_t i = 0; i < num; i++)
        nats += texts[2 * i + 1].nats - texts[2 * i].nats;
    return nats / (double)(num * LENGTH);
}

/* The same after each character of the vocabulary, as the first of a text. */
static double loss_after_any_character(const trained *t)
{
    size_t V = (size_t)t->vocab.V;
    int32_t *ids = malloc(V * (LENGTH + 1) * sizeof *ids);
    lyrnn_scored_text *texts = malloc(V * sizeof *texts);
    assert_true(ids != NULL && texts != NULL);
    for (size_t c = 0; c < V; c++) {
        int32_t *text = ids + c * (LENGTH + 1);
        text[0] = (int32_t)c;
        memcpy(text + 1, t->line, sizeof t->line);
        texts[c] = (lyrnn_scored_text){.ids = text, .N = LENGTH + 1};
    }
    assert_ok(lyrnn_score(&t->model, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS, texts, V, NULL));
    double nats = 0;
    for (size_t c = 0; c < V; c++)
        nats += texts[c].nats;
    free(ids);
    free(texts);
    return nats / (double)(V * LENGTH);
}

static void a_known_line_is_known_after_any_first_character(void **state)
{
    (void)state;
    static const char *const cells[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};
    const double known = 0.3, allowed = 1.0; /* nats per character */
    write_songs();
    for (int i = 0; i < 4; i++) {
        trained t;
        train(cells[i]);
        open_trained(&t);
        double in_songs = loss_in_songs(&t), after_any = loss_after_any_character(&t);
        print_message("%s: %.3f nats per character in songs, %.3f after any character\n", cells[i],
                      in_songs, after_any);
        assert_true(in_songs < known);
        assert_true(after_any < in_songs + allowed);
        close_trained(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_line_is_known_after_any_first_character),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
