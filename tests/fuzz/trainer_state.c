/* Fuzzes the reader and the writer of trainer.safetensors. Any bytes are refused in one line or
 * read, with memory bounded by their number, whatever network config.json claims. What was read is
 * valid, can be written, and is equal when it is read back.
 *
 * An input is a file or, if it begins with '{', a recipe (see recipe.h) of this line and tensors:
 *
 *     the metadata, an object of texts */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/safetensors_format.h"
#include "files/trainer_state.h"
#include "fuzz.h"
#include "recipe.h"

/* Every tensor may start up to 255 bytes after the end of the previous one. */
enum { MEMORY_MULTIPLE = 48, MEMORY_CONSTANT = 3 * 256 * LYRNN_MAX_PARAMETERS + 4096 };

/* Each file is read for all of these networks. */
static const lyrnn_rnn_config networks[] = {
    {.cell = LYRNN_RNN_TANH, .input_size = 2, .hidden_size = 1, .num_layers = 1},
    {.cell = LYRNN_LSTM, .input_size = 2, .hidden_size = 1, .num_layers = 1},
    {.cell = LYRNN_GRU,
     .input_size = 3,
     .hidden_size = 2,
     .num_layers = 2,
     .bidirectional = true,
     .dropout = 0.5f},
    {.cell = LYRNN_RNN_TANH,
     .input_size = 2,
     .hidden_size = 1,
     .num_layers = 1,
     .embedding_size = 2,
     .tied = true},
    {.cell = LYRNN_LSTM,
     .input_size = 60000,
     .hidden_size = LYRNN_MAX_HIDDEN_SIZE,
     .num_layers = LYRNN_MAX_LAYERS,
     .bidirectional = true},
};
enum { NUM_NETWORKS = sizeof networks / sizeof networks[0] };

static size_t num_parameters(const lyrnn_rnn_config *config)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    return parameters.count;
}

static size_t num_state(const lyrnn_rnn_config *config, int B)
{
    return (size_t)(config->num_layers * lyrnn_num_directions(config)) * (size_t)B *
           (size_t)config->hidden_size;
}

/* Code that continues from a state relies on these. */
static void check_sound(const lyrnn_trainer_state *state, const lyrnn_rnn_config *config)
{
    int B = state->snapshot.B;
    const lyrnn_counters *counters = &state->snapshot.counters;
    LYRNN_CHECK(B > 0 && (state->snapshot.c != NULL) == (config->cell == LYRNN_LSTM));
    for (size_t i = 0; i < num_parameters(config); i++)
        LYRNN_CHECK(isfinite(state->snapshot.m[i]) && state->snapshot.v[i] >= 0.0f &&
                    (state->snapshot.raw == NULL || isfinite(state->snapshot.raw[i])));
    for (size_t i = 0; i < num_state(config, B); i++)
        LYRNN_CHECK(isfinite(state->snapshot.h[i]) &&
                    (state->snapshot.c == NULL || isfinite(state->snapshot.c[i])));
    LYRNN_CHECK(counters->batch >= 0 && counters->step >= 0 && counters->loss_count >= 0);
    LYRNN_CHECK(counters->bad_step == 0 && isfinite(counters->loss_sum));
    LYRNN_CHECK(state->best_epoch >= 0 && state->best_batch >= 0);
    LYRNN_CHECK(state->best_epoch <= state->snapshot.epoch ||
                (state->best_epoch == state->snapshot.epoch + 1 && state->best_batch > 0 &&
                 state->best_batch <= counters->batch));
    LYRNN_CHECK(state->snapshot.num_halvings >= 0 &&
                state->snapshot.num_halvings <= state->halved_epoch);
    LYRNN_CHECK(isfinite(counters->gradient_norm) && counters->gradient_norm >= 0.0);
    LYRNN_CHECK(isfinite(state->epoch_seconds) && state->epoch_seconds >= 0.0);
    LYRNN_CHECK(isfinite(state->best_nats_per_char) && state->corpus_chars >= 0);
    LYRNN_CHECK(strlen(state->corpus_xxh128) == LYRNN_CORPUS_HASH_SIZE - 1);
}

static void check_equal(const lyrnn_trainer_state *a, const lyrnn_trainer_state *b,
                        const lyrnn_rnn_config *config)
{
    int B = a->snapshot.B;
    LYRNN_CHECK(b->snapshot.B == B);
    size_t flat_bytes = num_parameters(config) * sizeof(float);
    size_t state_bytes = num_state(config, B) * sizeof(float);
    LYRNN_CHECK(memcmp(a->snapshot.m, b->snapshot.m, flat_bytes) == 0 &&
                memcmp(a->snapshot.v, b->snapshot.v, flat_bytes) == 0);
    LYRNN_CHECK((a->snapshot.raw == NULL) == (b->snapshot.raw == NULL));
    LYRNN_CHECK(a->snapshot.raw == NULL ||
                memcmp(a->snapshot.raw, b->snapshot.raw, flat_bytes) == 0);
    LYRNN_CHECK(memcmp(a->snapshot.h, b->snapshot.h, state_bytes) == 0);
    LYRNN_CHECK(a->snapshot.c == NULL || memcmp(a->snapshot.c, b->snapshot.c, state_bytes) == 0);
    LYRNN_CHECK(memcmp(&a->snapshot.counters, &b->snapshot.counters, sizeof a->snapshot.counters) ==
                0);
    LYRNN_CHECK(a->snapshot.epoch == b->snapshot.epoch && a->best_epoch == b->best_epoch);
    LYRNN_CHECK(a->best_batch == b->best_batch && a->is_reported == b->is_reported);
    LYRNN_CHECK(a->snapshot.num_halvings == b->snapshot.num_halvings &&
                a->halved_epoch == b->halved_epoch);
    LYRNN_CHECK(memcmp(&a->best_nats_per_char, &b->best_nats_per_char, sizeof(double)) == 0);
    LYRNN_CHECK(a->epoch_seconds == b->epoch_seconds);
    LYRNN_CHECK(a->seed == b->seed && a->corpus_chars == b->corpus_chars);
    LYRNN_CHECK(strcmp(a->corpus_xxh128, b->corpus_xxh128) == 0);
    for (int i = 0; i < LYRNN_STATE_NUM_OPTIONS; i++)
        LYRNN_CHECK(strcmp(a->options[i], b->options[i]) == 0);
}

static void read_as(const lyrnn_rnn_config *config, size_t num_bytes)
{
    lyrnn_trainer_state state, again;
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_trainer_state_read(&state, "input", config);
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    if (status != LYRNN_OK) {
        LYRNN_CHECK(status == LYRNN_ERR_MODEL_FILE || status == LYRNN_ERR_DAMAGED);
        fuzz_check_error_text("input");
        return;
    }
    check_sound(&state, config);
    unlink("written");
    LYRNN_CHECK(lyrnn_trainer_state_write("written", config, &state) == LYRNN_OK);
    LYRNN_CHECK(lyrnn_trainer_state_read(&again, "written", config) == LYRNN_OK);
    check_equal(&state, &again, config);
    lyrnn_trainer_snapshot_free(&again.snapshot);
    lyrnn_trainer_snapshot_free(&state.snapshot);
}

static void read_state(const uint8_t *bytes, size_t num_bytes)
{
    fuzz_write_file("input", bytes, num_bytes);
    for (int i = 0; i < NUM_NETWORKS; i++)
        read_as(&networks[i], num_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    if (num_bytes == 0 || bytes[0] != '{') {
        read_state(bytes, num_bytes);
        return 0;
    }
    char *recipe = fuzz_copy_text(bytes, num_bytes), *rest = recipe;
    json_t *metadata = json_loads(fuzz_take_line(&rest), JSON_REJECT_DUPLICATES, NULL);
    size_t file_bytes;
    uint8_t *file = NULL;
    if (metadata != NULL)
        file = fuzz_cook(json_pack("{s:o}", SAFETENSORS_METADATA_KEY, metadata), rest,
                         recipe + num_bytes, &file_bytes);
    free(recipe);
    if (file != NULL)
        read_state(file, file_bytes);
    free(file);
    return 0;
}
