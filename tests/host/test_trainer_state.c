/* trainer.safetensors: everything comes back bit for bit, and a file that no training can have
 * written is refused with the reason. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "checksum.h"
#include "files/trainer_state.h"
#include "lyrnn/safetensors.h"
#include "memory_limit.h"
#include "temp_dir.h"

enum { V = 4, H = 3, B = 2, L = 2, NUM_PARAMETERS = 10, NUM_STATE = L * B * H };

static const lyrnn_rnn_config config = {
    .cell = LYRNN_LSTM, .input_size = V, .hidden_size = H, .num_layers = L};

static void assert_ok(lyrnn_status status)
{
    if (status != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

/* Distinct values everywhere; m has both signs, v has none. */
static void make_state(lyrnn_trainer_state *state)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &config);
    assert_int_equal(parameters.num, NUM_PARAMETERS);
    *state = (lyrnn_trainer_state){0};
    assert_ok(lyrnn_trainer_snapshot_init(&state->snapshot, &config, B, false));
    for (int i = 0; i < parameters.num; i++) {
        for (size_t k = 0; k < lyrnn_parameter_count(&parameters.items[i]); k++) {
            size_t at = parameters.items[i].offset + k;
            state->snapshot.m[at] = (float)((int)k - 5 * i) / 7.0f;
            state->snapshot.v[at] = (float)(100 * i + (int)k) / 3.0f;
        }
    }
    state->snapshot.m[0] = -0.0f;
    state->snapshot.m[1] = 1e-41f;
    state->snapshot.v[0] = INFINITY; /* as after an overflow */
    for (int i = 0; i < NUM_STATE; i++) {
        state->snapshot.h[i] = (float)i / 11.0f;
        state->snapshot.c[i] = -(float)i / 13.0f;
    }
    state->snapshot.counters = (lyrnn_counters){.batch = 345,
                                                .step = 9007199254740993,
                                                .loss_count = 98765432109,
                                                .loss_sum = 0.1 + 0.2,
                                                .gradient_norm = 1.0 / 7.0};
    state->epoch_seconds = 2.0 / 3.0;
    state->snapshot.epoch = 12;
    state->best_epoch = 9;
    state->best_nats_per_char = 1.0 / 3.0;
    state->seed = UINT64_MAX;
    state->corpus_chars = 1234567;
    for (int i = 0; i < LYRNN_STATE_NUM_OPTIONS; i++)
        snprintf(state->options[i], sizeof state->options[i], "value %d", i);
    strcpy(state->corpus_xxh128, "0123456789abcdef0123456789abcdef");
}

/* The state of a training that averages, whose rate was halved, and that was best in the epoch that
 * is not complete yet. */
static void make_averaged_state(lyrnn_trainer_state *state)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &config);
    make_state(state);
    state->snapshot.raw = (float *)calloc(parameters.count, sizeof(float));
    assert_non_null(state->snapshot.raw);
    for (int i = 0; i < parameters.num; i++)
        for (size_t k = 0; k < lyrnn_parameter_count(&parameters.items[i]); k++)
            state->snapshot.raw[parameters.items[i].offset + k] = (float)(7 * i - (int)k) / 9.0f;
    state->snapshot.num_halvings = 3;
    state->halved_epoch = 11;
    state->best_epoch = 13;
    state->best_batch = 300;
    state->is_reported = true;
}

static void write_state(const char *path)
{
    lyrnn_trainer_state state = {0};
    make_state(&state);
    unlink(path);
    assert_ok(lyrnn_trainer_state_write(path, &config, &state));
    lyrnn_trainer_snapshot_free(&state.snapshot);
}

static void a_state_comes_back_bit_for_bit(void **unused)
{
    (void)unused;
    lyrnn_trainer_state written, read;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &config);
    make_state(&written);
    assert_ok(lyrnn_trainer_state_write("state", &config, &written));
    assert_ok(lyrnn_trainer_state_read(&read, "state", &config));
    assert_memory_equal(read.snapshot.m, written.snapshot.m, parameters.count * sizeof(float));
    assert_memory_equal(read.snapshot.v, written.snapshot.v, parameters.count * sizeof(float));
    assert_memory_equal(read.snapshot.h, written.snapshot.h, NUM_STATE * sizeof(float));
    assert_memory_equal(read.snapshot.c, written.snapshot.c, NUM_STATE * sizeof(float));
    assert_memory_equal(&read.snapshot.counters, &written.snapshot.counters,
                        sizeof read.snapshot.counters);
    assert_int_equal(read.snapshot.B, B);
    assert_int_equal(read.snapshot.epoch, 12);
    assert_int_equal(read.best_epoch, 9);
    assert_true(read.best_nats_per_char == 1.0 / 3.0);
    assert_true(read.epoch_seconds == 2.0 / 3.0);
    assert_true(read.seed == UINT64_MAX);
    assert_int_equal(read.corpus_chars, 1234567);
    assert_string_equal(read.corpus_xxh128, written.corpus_xxh128);
    for (int i = 0; i < LYRNN_STATE_NUM_OPTIONS; i++)
        assert_string_equal(read.options[i], written.options[i]);
    /* Writing it again gives the same bytes. */
    size_t a_bytes, b_bytes;
    assert_ok(lyrnn_trainer_state_write("again", &config, &read));
    unsigned char *a = read_file("state", &a_bytes), *b = read_file("again", &b_bytes);
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(a, b, a_bytes);
    free(a), free(b);
    lyrnn_trainer_snapshot_free(&written.snapshot);
    lyrnn_trainer_snapshot_free(&read.snapshot);
}

static void moments_have_pytorchs_shapes(void **unused)
{
    (void)unused;
    lyrnn_safetensors file;
    write_state("shapes");
    assert_ok(lyrnn_safetensors_open(&file, "shapes"));
    assert_int_equal(file.num_tensors, 2 * NUM_PARAMETERS + 2);
    const lyrnn_tensor *m = lyrnn_safetensors_tensor(&file, "exp_avg.rnn.weight_ih_l0");
    const lyrnn_tensor *v = lyrnn_safetensors_tensor(&file, "exp_avg_sq.rnn.weight_ih_l0");
    const lyrnn_tensor *h = lyrnn_safetensors_tensor(&file, "h");
    assert_true(m != NULL && v != NULL && h != NULL);
    assert_true(m->num_dims == 2 && m->shape[0] == 4 * H && m->shape[1] == V);
    assert_true(h->num_dims == 3 && h->shape[0] == L && h->shape[1] == B && h->shape[2] == H);
    /* Stored transposed in memory: row 1, column 2 of the file is row 2, column 1 in memory. */
    assert_true(((const float *)m->data)[V * 1 + 2] == (float)(2 * 4 * H + 1) / 7.0f);
    assert_true(((const float *)v->data)[V * 1 + 2] == (float)(2 * 4 * H + 1) / 3.0f);
    assert_string_equal(lyrnn_safetensors_metadata(&file, "loss_sum"), "0x1.3333333333334p-2");
    lyrnn_safetensors_close(&file);
}

static void only_lstm_has_a_c(void **unused)
{
    (void)unused;
    lyrnn_rnn_config gru = config;
    gru.cell = LYRNN_GRU;
    gru.bidirectional = true;
    lyrnn_trainer_state state = {0};
    lyrnn_safetensors file;
    assert_ok(lyrnn_trainer_snapshot_init(&state.snapshot, &gru, B, false));
    assert_null(state.snapshot.c);
    strcpy(state.corpus_xxh128, "0123456789abcdef0123456789abcdef");
    assert_ok(lyrnn_trainer_state_write("gru", &gru, &state));
    lyrnn_trainer_snapshot_free(&state.snapshot);
    assert_ok(lyrnn_safetensors_open(&file, "gru"));
    assert_null(lyrnn_safetensors_tensor(&file, "c"));
    assert_int_equal(lyrnn_safetensors_tensor(&file, "h")->shape[0], 2 * L);
    lyrnn_safetensors_close(&file);
    assert_ok(lyrnn_trainer_state_read(&state, "gru", &gru));
    lyrnn_trainer_snapshot_free(&state.snapshot);
}

/* The content of a file, which is written again with a change. */
typedef struct {
    lyrnn_safetensors file;
    lyrnn_metadata metadata[48];
    lyrnn_tensor tensors[3 * NUM_PARAMETERS + 3];
    size_t num_metadata, num_tensors;
} spoiled_file;

static void spoil_begin(spoiled_file *spoiled)
{
    assert_ok(lyrnn_safetensors_open(&spoiled->file, "whole"));
    spoiled->num_metadata = spoiled->file.num_metadata;
    spoiled->num_tensors = spoiled->file.num_tensors;
    for (size_t i = 0; i < spoiled->num_metadata; i++)
        spoiled->metadata[i] = spoiled->file.metadata[i];
    for (size_t i = 0; i < spoiled->num_tensors; i++)
        spoiled->tensors[i] = spoiled->file.tensors[i];
}

static void assert_read(const char *path, const lyrnn_rnn_config *network, lyrnn_status expected,
                        const char *problem)
{
    lyrnn_trainer_state state = {0};
    lyrnn_status status = lyrnn_trainer_state_read(&state, path, network);
    if (status != expected)
        fail_msg("status %d, not %d: %s", (int)status, (int)expected, lyrnn_error_text());
    if (status != LYRNN_OK) {
        if (strncmp(lyrnn_error_text(), path, strlen(path)) != 0 ||
            strstr(lyrnn_error_text(), problem) == NULL)
            fail_msg("'%s' does not say '%s'", lyrnn_error_text(), problem);
        assert_null(state.snapshot.m);
        assert_null(state.snapshot.h);
    }
    lyrnn_trainer_snapshot_free(&state.snapshot);
}

static void spoil_end(spoiled_file *spoiled, lyrnn_status expected, const char *problem)
{
    unlink("spoiled");
    assert_ok(lyrnn_safetensors_write("spoiled", spoiled->metadata, spoiled->num_metadata,
                                      spoiled->tensors, spoiled->num_tensors));
    lyrnn_safetensors_close(&spoiled->file);
    assert_read("spoiled", &config, expected, problem);
}

/* If value is NULL, the key is left out. */
static void assert_number(const char *key, const char *value, lyrnn_status expected)
{
    spoiled_file spoiled;
    char problem[64];
    snprintf(problem, sizeof problem, "its \"%s\" is missing or out of range", key);
    spoil_begin(&spoiled);
    size_t i = 0;
    while (strcmp(spoiled.metadata[i].key, key) != 0)
        i++;
    if (value != NULL)
        spoiled.metadata[i].value = value;
    else
        spoiled.metadata[i] = spoiled.metadata[--spoiled.num_metadata];
    spoil_end(&spoiled, expected, problem);
}

static void numbers_must_be_there_and_in_range(void **unused)
{
    (void)unused;
    static const char *const whole[] = {"epoch", "batch",      "step",        "loss_count",
                                        "seed",  "best_epoch", "corpus_chars"};
    static const char *const not_whole[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "99999999999999999999", "one"};
    static const char *const nats[] = {"loss_sum", "best_nats_per_char"};
    static const char *const not_nats[] = {"",          "1",      "0.5",    "nan", "inf",    "0x",
                                           "0x1p99999", "0x1p0 ", " 0x1p0", "-",   "--0x1p0"};
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    write_state("whole");
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        assert_number(whole[i], NULL, bad);
        assert_number(whole[i], strcmp(whole[i], "epoch") == 0 ? "9" : "0", LYRNN_OK);
        for (size_t k = 0; k < sizeof not_whole / sizeof not_whole[0]; k++)
            assert_number(whole[i], not_whole[k], bad);
    }
    for (size_t i = 0; i < sizeof nats / sizeof nats[0]; i++) {
        assert_number(nats[i], NULL, bad);
        assert_number(nats[i], "-0x1p-50", LYRNN_OK);
        for (size_t k = 0; k < sizeof not_nats / sizeof not_nats[0]; k++)
            assert_number(nats[i], not_nats[k], bad);
    }
    assert_number("epoch", "2147483647", bad);
    assert_number("epoch", "2147483646", LYRNN_OK);
    assert_number("best_epoch", "13", bad); /* after the last */
    assert_number("batch", "9223372036854775808", bad);
    assert_number("step", "9223372036854775807", LYRNN_OK);
    assert_number("seed", "18446744073709551616", bad);
    assert_number("corpus_xxh128", NULL, bad);
    assert_number("corpus_xxh128", "", bad);
    assert_number("corpus_xxh128", "0123456789abcdef0123456789abcde", bad);
    assert_number("corpus_xxh128", "0123456789abcdef0123456789abcdeff", bad);
    assert_number("corpus_xxh128", "0123456789ABCDEF0123456789ABCDEF", bad);
}

static void tensors_must_be_those_of_the_training(void **unused)
{
    (void)unused;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    const size_t num = 2 * NUM_PARAMETERS + 2;
    write_state("whole");
    for (size_t i = 0; i < num; i++) {
        spoiled_file spoiled;
        char problem[64];
        spoil_begin(&spoiled);
        snprintf(problem, sizeof problem, "no tensor %s;", spoiled.tensors[i].name);
        spoiled.tensors[i] = spoiled.tensors[--spoiled.num_tensors];
        spoil_end(&spoiled, bad, problem);

        spoil_begin(&spoiled);
        spoiled.tensors[i].dtype = "I32";
        spoil_end(&spoiled, bad, "is I32; convert it to F32");

        spoil_begin(&spoiled);
        lyrnn_tensor *tensor = &spoiled.tensors[i];
        tensor->shape[tensor->num_dims++] = 1;
        spoil_end(&spoiled, bad, "does not have the shape");

        spoil_begin(&spoiled);
        tensor = &spoiled.tensors[i];
        tensor->num_bytes = tensor->num_bytes / tensor->shape[0] * (tensor->shape[0] - 1);
        tensor->shape[0]--;
        spoil_end(&spoiled, bad, "does not have the shape");
    }
    /* The number of streams is that of h, and c must have it too. */
    spoiled_file spoiled;
    spoil_begin(&spoiled);
    lyrnn_tensor *h = &spoiled.tensors[2 * NUM_PARAMETERS];
    assert_string_equal(h->name, "h");
    h->shape[1] = B - 1;
    h->num_bytes /= B;
    spoil_end(&spoiled, bad, "tensor c does not have the shape");

    /* The second one is half as long as a float, so that those after it are not aligned. */
    const lyrnn_tensor others[] = {{.name = "extra", .dtype = "F32", .num_bytes = 4},
                                   {.name = "extra", .dtype = "F16", .num_bytes = 2}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        spoil_begin(&spoiled);
        memmove(&spoiled.tensors[1], &spoiled.tensors[0], num * sizeof spoiled.tensors[0]);
        spoiled.tensors[0] = others[i];
        spoiled.tensors[0].data = spoiled.tensors[1].data;
        spoiled.num_tensors++;
        spoil_end(&spoiled, bad, "has 23 tensors where the training has 22");
    }
}

static void values_must_be_what_training_leaves(void **unused)
{
    (void)unused;
    const float values[] = {NAN, INFINITY, -INFINITY, -1.0f};
    write_state("whole");
    for (size_t i = 0; i < 2 * NUM_PARAMETERS + 2; i++) {
        bool is_square = i >= NUM_PARAMETERS && i < 2 * NUM_PARAMETERS;
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            spoiled_file spoiled;
            float copy[4 * H * V];
            spoil_begin(&spoiled);
            lyrnn_tensor *tensor = &spoiled.tensors[i];
            memcpy(copy, tensor->data, tensor->num_bytes);
            copy[tensor->num_bytes / sizeof(float) - 1] = values[k];
            tensor->data = copy;
            bool is_bad = is_square ? !(values[k] >= 0.0f) : !isfinite(values[k]);
            spoil_end(&spoiled, is_bad ? LYRNN_ERR_MODEL_FILE : LYRNN_OK,
                      is_square ? "is not a sum of squares" : "is not finite");
        }
    }
}

static void an_average_comes_back_with_the_weights(void **unused)
{
    (void)unused;
    lyrnn_trainer_state written, read;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &config);
    make_averaged_state(&written);
    assert_ok(lyrnn_trainer_state_write("averaged", &config, &written));
    assert_ok(lyrnn_trainer_state_read(&read, "averaged", &config));
    size_t num_bytes = parameters.count * sizeof(float);
    assert_memory_equal(read.snapshot.m, written.snapshot.m, num_bytes);
    assert_memory_equal(read.snapshot.v, written.snapshot.v, num_bytes);
    assert_memory_equal(read.snapshot.raw, written.snapshot.raw, num_bytes);
    assert_memory_equal(read.snapshot.h, written.snapshot.h, NUM_STATE * sizeof(float));
    assert_memory_equal(read.snapshot.c, written.snapshot.c, NUM_STATE * sizeof(float));
    assert_int_equal(read.snapshot.num_halvings, 3);
    assert_int_equal(read.halved_epoch, 11);
    assert_int_equal(read.best_epoch, 13);
    assert_int_equal(read.best_batch, 300);
    assert_true(read.is_reported);
    lyrnn_trainer_snapshot_free(&written.snapshot);
    lyrnn_trainer_snapshot_free(&read.snapshot);
    /* As PyTorch has it: row 1, column 2. */
    lyrnn_safetensors file;
    assert_ok(lyrnn_safetensors_open(&file, "averaged"));
    assert_int_equal(file.num_tensors, 3 * NUM_PARAMETERS + 2);
    const lyrnn_tensor *raw = lyrnn_safetensors_tensor(&file, "raw.rnn.weight_ih_l0");
    assert_true(raw != NULL && raw->num_dims == 2 && raw->shape[0] == 4 * H && raw->shape[1] == V);
    assert_true(((const float *)raw->data)[V * 1 + 2] == -(float)(2 * 4 * H + 1) / 9.0f);
    lyrnn_safetensors_close(&file);
}

static void the_weights_of_an_average_are_all_there_or_none(void **unused)
{
    (void)unused;
    lyrnn_trainer_state state;
    make_averaged_state(&state);
    unlink("whole");
    assert_ok(lyrnn_trainer_state_write("whole", &config, &state));
    lyrnn_trainer_snapshot_free(&state.snapshot);
    for (size_t i = 0; i < 3 * NUM_PARAMETERS; i++) {
        spoiled_file spoiled;
        char problem[64];
        spoil_begin(&spoiled);
        snprintf(problem, sizeof problem, "no tensor %s;", spoiled.tensors[i].name);
        spoiled.tensors[i] = spoiled.tensors[--spoiled.num_tensors];
        spoil_end(&spoiled, LYRNN_ERR_MODEL_FILE, problem);
    }
    const float values[] = {NAN, -INFINITY, -1.0f};
    for (int k = 0; k < 3; k++) {
        spoiled_file spoiled;
        float copy[4 * H * V];
        spoil_begin(&spoiled);
        lyrnn_tensor *tensor = &spoiled.tensors[2 * NUM_PARAMETERS];
        memcpy(copy, tensor->data, tensor->num_bytes);
        copy[5] = values[k];
        tensor->data = copy;
        spoil_end(&spoiled, isfinite(values[k]) ? LYRNN_OK : LYRNN_ERR_MODEL_FILE,
                  "value 5 of tensor raw.rnn.weight_ih_l0 is not finite");
    }
    spoiled_file spoiled;
    spoil_begin(&spoiled);
    for (size_t i = 2 * NUM_PARAMETERS; i < 3 * NUM_PARAMETERS; i++)
        spoiled.tensors[i] = spoiled.tensors[--spoiled.num_tensors];
    spoil_end(&spoiled, LYRNN_OK, "");
}

static void halvings_are_at_most_one_per_epoch(void **unused)
{
    (void)unused;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    lyrnn_trainer_state state;
    make_averaged_state(&state);
    unlink("whole");
    assert_ok(lyrnn_trainer_state_write("whole", &config, &state));
    lyrnn_trainer_snapshot_free(&state.snapshot);
    static const char *const not_whole[] = {"", "-1", "1.0", "0x1", "99999999999"};
    for (size_t k = 0; k < sizeof not_whole / sizeof not_whole[0]; k++) {
        assert_number("num_halvings", not_whole[k], bad);
        assert_number("halved_epoch", not_whole[k], bad);
    }
    assert_number("num_halvings", "13", bad); /* the state is after epoch 12 */
    assert_number("num_halvings", "11", LYRNN_OK);
    assert_number("halved_epoch", "12", LYRNN_OK);
    assert_number("halved_epoch", "3", LYRNN_OK);
    assert_number("halved_epoch", "13", bad);
    assert_number("halved_epoch", "2", bad); /* before the third halving can be */
    assert_number("halved_epoch", NULL, bad);
    /* After batch 345 of epoch 13. */
    assert_number("best_batch", "345", LYRNN_OK);
    assert_number("best_batch", "346", bad);
    assert_number("best_batch", "-1", bad);
    assert_number("best_epoch", "12", LYRNN_OK);
    assert_number("best_epoch", "14", bad);
    assert_number("best_epoch", "0", bad);
}

/* What is off leaves no trace, so that files of trainings without it keep their bytes. */
static void a_state_without_options_has_no_new_keys(void **unused)
{
    (void)unused;
    lyrnn_trainer_state state, read;
    make_state(&state);
    for (int i = LYRNN_STATE_DROPOUT_INPUT; i < LYRNN_STATE_NUM_OPTIONS; i++)
        state.options[i][0] = '\0';
    assert_ok(lyrnn_trainer_state_write("plain", &config, &state));
    lyrnn_trainer_snapshot_free(&state.snapshot);
    lyrnn_safetensors file;
    assert_ok(lyrnn_safetensors_open(&file, "plain"));
    assert_null(lyrnn_safetensors_metadata(&file, "num_halvings"));
    assert_null(lyrnn_safetensors_metadata(&file, "halved_epoch"));
    assert_null(lyrnn_safetensors_metadata(&file, "best_batch"));
    assert_null(lyrnn_safetensors_metadata(&file, "is_reported"));
    for (int i = LYRNN_STATE_DROPOUT_INPUT; i < LYRNN_STATE_NUM_OPTIONS; i++)
        assert_null(lyrnn_safetensors_metadata(&file, lyrnn_state_option_keys[i]));
    lyrnn_safetensors_close(&file);
    assert_ok(lyrnn_trainer_state_read(&read, "plain", &config));
    assert_null(read.snapshot.raw);
    assert_int_equal(read.snapshot.num_halvings, 0);
    assert_int_equal(read.halved_epoch, 0);
    assert_string_equal(read.options[LYRNN_STATE_EMA], "");
    lyrnn_trainer_snapshot_free(&read.snapshot);
}

static void a_state_of_another_training_is_refused(void **unused)
{
    (void)unused;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    write_state("whole");
    assert_read("whole", &config, LYRNN_OK, "");
    lyrnn_rnn_config other = config;
    /* 17 GB for each moment of weight_hh, which the file does not have. */
    other.hidden_size = 65536;
    assert_read("whole", &other, bad, "does not have the shape");
    other = config;
    other.num_layers = 1;
    assert_read("whole", &other, bad, "tensor h does not have the shape");
    other.num_layers = 3;
    assert_read("whole", &other, bad, "no tensor exp_avg.rnn.weight_ih_l2");
    other = config;
    other.cell = LYRNN_RNN_TANH;
    assert_read("whole", &other, bad, "does not have the shape");
}

static void a_file_cut_or_changed_never_crashes(void **unused)
{
    (void)unused;
    size_t num_bytes;
    lyrnn_trainer_state state = {0};
    write_state("cut");
    unsigned char *bytes = read_file("cut", &num_bytes);
    for (size_t length = 0; length < num_bytes; length += 61) {
        assert_true(write_file("damaged", bytes, length));
        assert_read("damaged", &config, LYRNN_ERR_MODEL_FILE, "");
    }
    for (int has_checksum = 1; has_checksum >= 0; has_checksum--) {
        for (size_t i = 0; i < num_bytes; i += 3) {
            bytes[i] ^= (unsigned char)(1u << i % 8);
            assert_true(write_file("damaged", bytes, num_bytes));
            lyrnn_status status = lyrnn_trainer_state_read(&state, "damaged", &config);
            assert_true(status == (has_checksum ? LYRNN_ERR_DAMAGED : LYRNN_OK) ||
                        status == LYRNN_ERR_MODEL_FILE);
            lyrnn_trainer_snapshot_free(&state.snapshot);
            bytes[i] ^= (unsigned char)(1u << i % 8);
        }
        assert_int_equal(checksum_remove(bytes, num_bytes) > 0, has_checksum);
    }
    free(bytes);
}

static void an_absent_file_is_an_io_error(void **unused)
{
    (void)unused;
    assert_read("absent", &config, LYRNN_ERR_IO, "cannot open: No such file");
}

static void a_failed_write_leaves_nothing(void **unused)
{
    (void)unused;
    struct rlimit old, tiny;
    lyrnn_trainer_state state = {0};
    make_state(&state);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tiny = old;
    tiny.rlim_cur = 600;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    lyrnn_status status = lyrnn_trainer_state_write("large", &config, &state);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, LYRNN_ERR_IO);
    assert_false(exists("large"));
    lyrnn_trainer_snapshot_free(&state.snapshot);
}

static void what_memory_cannot_hold_is_refused_with_a_remedy(void **unused)
{
    (void)unused;
    if (!MEMORY_HAS_LIMIT)
        skip();
    lyrnn_rnn_config large = config;
    large.hidden_size = 4096; /* moments of 1.6 GB */
    lyrnn_trainer_state state = {0};
    struct rlimit old = memory_limit_set(64 << 20);
    lyrnn_status status = lyrnn_trainer_snapshot_init(&state.snapshot, &large, B, false);
    memory_limit_lift(&old);
    assert_int_equal(status, LYRNN_ERR_MEMORY);
    assert_non_null(strstr(lyrnn_error_text(), " bytes requested, "));
    assert_non_null(strstr(lyrnn_error_text(), " available (ulimit -v, "));
    assert_non_null(strstr(lyrnn_error_text(), "; lower --hidden-size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_bit_for_bit),
        cmocka_unit_test(moments_have_pytorchs_shapes),
        cmocka_unit_test(only_lstm_has_a_c),
        cmocka_unit_test(numbers_must_be_there_and_in_range),
        cmocka_unit_test(tensors_must_be_those_of_the_training),
        cmocka_unit_test(values_must_be_what_training_leaves),
        cmocka_unit_test(an_average_comes_back_with_the_weights),
        cmocka_unit_test(the_weights_of_an_average_are_all_there_or_none),
        cmocka_unit_test(halvings_are_at_most_one_per_epoch),
        cmocka_unit_test(a_state_without_options_has_no_new_keys),
        cmocka_unit_test(a_state_of_another_training_is_refused),
        cmocka_unit_test(a_file_cut_or_changed_never_crashes),
        cmocka_unit_test(an_absent_file_is_an_io_error),
        cmocka_unit_test(a_failed_write_leaves_nothing),
        cmocka_unit_test(what_memory_cannot_hold_is_refused_with_a_remedy),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
