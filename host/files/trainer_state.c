/* Writes and reads trainer.safetensors; trainer_state.h describes it. The reader checks the file by
 * itself. What the numbers mean for a run, for example the number of batches per epoch, its caller
 * checks. */
#include "files/trainer_state.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/memory.h"
#include "files/parameter_tensors.h"
#include "lyrnn/safetensors.h"

/* Two moments and perhaps the weight for each parameter, then h and c. */
enum { MAX_FLAT = 3 * LYRNN_MAX_PARAMETERS, MAX_TENSORS = MAX_FLAT + 2 };

static const char raw_prefix[] = "raw.";

const char *const lyrnn_state_option_keys[LYRNN_STATE_NUM_OPTIONS] = {
    [LYRNN_STATE_NUM_STEPS] = "num_steps",
    [LYRNN_STATE_SAMPLING] = "sampling",
    [LYRNN_STATE_OFFSET] = "offset",
    [LYRNN_STATE_SONGS] = "songs_xxh128",
    [LYRNN_STATE_VAL_FRACTION] = "val_fraction",
    [LYRNN_STATE_VAL_SONGS] = "val_songs",
    [LYRNN_STATE_DROP_LEAKS] = "drop_leaks",
    [LYRNN_STATE_DROPOUT] = "dropout",
    [LYRNN_STATE_LR] = "lr",
    [LYRNN_STATE_CLIP_NORM] = "clip_norm",
    [LYRNN_STATE_DROPOUT_INPUT] = "dropout_input",
    [LYRNN_STATE_DROPOUT_OUTPUT] = "dropout_output",
    [LYRNN_STATE_DROPOUT_WEIGHT] = "dropout_weight",
    [LYRNN_STATE_SCHEDULE] = "schedule",
    [LYRNN_STATE_WARMUP] = "warmup",
    [LYRNN_STATE_SCHEDULE_STEPS] = "schedule_steps",
    [LYRNN_STATE_WEIGHT_DECAY] = "weight_decay",
    [LYRNN_STATE_BETA2] = "beta2",
    [LYRNN_STATE_EMA] = "ema",
    [LYRNN_STATE_SHARDS] = "shards",
};

/* The tensors that the file must have for a network, in the file's order. */
typedef struct {
    char names[MAX_FLAT][48];
    lyrnn_tensor tensors[MAX_TENSORS];
    int num;
    int num_flat; /* of them belong to parameters: parameters.num for each flat buffer */
    lyrnn_parameters parameters;
} tensor_list;

static void list_flat(tensor_list *list, const char *prefix)
{
    for (int i = 0; i < list->parameters.num; i++) {
        const lyrnn_parameter *parameter = &list->parameters.items[i];
        char *name = list->names[list->num];
        snprintf(name, sizeof list->names[0], "%s%s", prefix, parameter->name);
        lyrnn_tensor *tensor = &list->tensors[list->num++];
        *tensor = lyrnn_parameter_tensor(parameter);
        tensor->name = name;
    }
}

static void list_state(tensor_list *list, const char *name, const lyrnn_rnn_config *config, int B)
{
    int rows = config->num_layers * lyrnn_num_directions(config);
    list->tensors[list->num++] = (lyrnn_tensor){
        .name = name,
        .dtype = "F32",
        .num_dims = 3,
        .shape = {(size_t)rows, (size_t)B, (size_t)config->hidden_size},
        .num_bytes = lyrnn_state_count(config, B) * sizeof(float),
    };
}

static void list_training_tensors(tensor_list *list, const lyrnn_rnn_config *config, int B,
                                  bool has_average)
{
    list->num = 0;
    lyrnn_parameters_of_model(&list->parameters, config);
    list_flat(list, "exp_avg.");
    list_flat(list, "exp_avg_sq.");
    if (has_average)
        list_flat(list, raw_prefix);
    list->num_flat = list->num;
    list_state(list, "h", config, B);
    if (config->cell == LYRNN_LSTM)
        list_state(list, "c", config, B);
}

size_t lyrnn_trainer_state_bytes(const lyrnn_rnn_config *config, int B, bool has_average)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    size_t flat_count = parameters.count + lyrnn_parameters_num_transposed(&parameters);
    size_t num_flat = has_average ? 3 : 2, num_states = config->cell == LYRNN_LSTM ? 2 : 1;
    return (num_flat * flat_count + num_states * lyrnn_state_count(config, B)) * sizeof(float);
}

/* Writing */

/* Points each tensor to its values. transposed has room for the values that the flat buffers hold
 * transposed. */
static void point_to_values(tensor_list *list, const lyrnn_trainer_snapshot *snapshot,
                            float *transposed)
{
    const float *const flat[] = {snapshot->m, snapshot->v, snapshot->raw};
    int num = list->parameters.num;
    for (int i = 0; i < list->num_flat; i++)
        list->tensors[i].data =
            lyrnn_parameter_values(&list->parameters.items[i % num], flat[i / num], &transposed);
    list->tensors[list->num_flat].data = snapshot->h;
    if (snapshot->c != NULL)
        list->tensors[list->num_flat + 1].data = snapshot->c;
}

/* The numbers as text. Real numbers are hexadecimal, so that none is rounded. */
typedef struct {
    char epoch[16], batch[24], step[24], loss_sum[32], loss_count[24];
    char best_epoch[16], best_nats_per_char[32], seed[24], corpus_chars[24];
    char gradient_norm[32], epoch_seconds[32], num_halvings[16], halved_epoch[16], best_batch[24];
} number_texts;

static void print_numbers(const lyrnn_trainer_state *state, number_texts *texts)
{
    const lyrnn_counters *counters = &state->snapshot.counters;
    const c_locale locale = c_locale_enter();
    snprintf(texts->epoch, sizeof texts->epoch, "%d", state->snapshot.epoch);
    snprintf(texts->batch, sizeof texts->batch, "%" PRId64, counters->batch);
    snprintf(texts->step, sizeof texts->step, "%" PRId64, counters->step);
    snprintf(texts->loss_sum, sizeof texts->loss_sum, "%a", counters->loss_sum);
    snprintf(texts->loss_count, sizeof texts->loss_count, "%" PRId64, counters->loss_count);
    snprintf(texts->best_epoch, sizeof texts->best_epoch, "%d", state->best_epoch);
    snprintf(texts->best_nats_per_char, sizeof texts->best_nats_per_char, "%a",
             state->best_nats_per_char);
    snprintf(texts->gradient_norm, sizeof texts->gradient_norm, "%a", counters->gradient_norm);
    snprintf(texts->epoch_seconds, sizeof texts->epoch_seconds, "%a", state->epoch_seconds);
    snprintf(texts->num_halvings, sizeof texts->num_halvings, "%d", state->snapshot.num_halvings);
    snprintf(texts->halved_epoch, sizeof texts->halved_epoch, "%d", state->halved_epoch);
    snprintf(texts->best_batch, sizeof texts->best_batch, "%" PRId64, state->best_batch);
    snprintf(texts->seed, sizeof texts->seed, "%" PRIu64, state->seed);
    snprintf(texts->corpus_chars, sizeof texts->corpus_chars, "%" PRId64, state->corpus_chars);
    c_locale_leave(&locale);
}

lyrnn_status lyrnn_trainer_state_write(const char *path, const lyrnn_rnn_config *config,
                                       const lyrnn_trainer_state *state)
{
    number_texts texts;
    print_numbers(state, &texts);
    enum { NUM_NUMBERS = 13, NUM_OTHERS = 4 };
    lyrnn_metadata metadata[NUM_NUMBERS + NUM_OTHERS + LYRNN_STATE_NUM_OPTIONS] = {
        {"format", "pt"},
        {"epoch", texts.epoch},
        {"batch", texts.batch},
        {"step", texts.step},
        {"loss_sum", texts.loss_sum},
        {"loss_count", texts.loss_count},
        {"best_epoch", texts.best_epoch},
        {"best_nats_per_char", texts.best_nats_per_char},
        {"seed", texts.seed},
        {"corpus_chars", texts.corpus_chars},
        {"corpus_xxh128", state->corpus_xxh128},
        {"gradient_norm", texts.gradient_norm},
        {"epoch_seconds", texts.epoch_seconds},
    };
    size_t num_metadata = NUM_NUMBERS;
    if (state->snapshot.num_halvings > 0) {
        metadata[num_metadata++] = (lyrnn_metadata){"num_halvings", texts.num_halvings};
        metadata[num_metadata++] = (lyrnn_metadata){"halved_epoch", texts.halved_epoch};
    }
    if (state->best_batch > 0)
        metadata[num_metadata++] = (lyrnn_metadata){"best_batch", texts.best_batch};
    if (state->is_reported)
        metadata[num_metadata++] = (lyrnn_metadata){"is_reported", "1"};
    for (int i = 0; i < LYRNN_STATE_NUM_OPTIONS; i++)
        if (state->options[i][0] != '\0')
            metadata[num_metadata++] =
                (lyrnn_metadata){lyrnn_state_option_keys[i], state->options[i]};
    tensor_list list;
    list_training_tensors(&list, config, state->snapshot.B, state->snapshot.raw != NULL);
    size_t num_flat = (size_t)(list.num_flat / list.parameters.num);
    size_t num_bytes = num_flat * lyrnn_parameters_num_transposed(&list.parameters) * sizeof(float);
    float *transposed = (float *)malloc(num_bytes);
    if (transposed == NULL)
        return lyrnn_out_of_memory(path, num_bytes, "close other programs");
    point_to_values(&list, &state->snapshot, transposed);
    lyrnn_status status =
        lyrnn_safetensors_write(path, metadata, num_metadata, list.tensors, (size_t)list.num);
    free(transposed);
    return status;
}

/* Reading */

static lyrnn_status bad_number(const char *path, const char *key)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                      "%s: its \"%s\" is missing or out of range; give a file that lyrnn wrote",
                      path, key);
}

static lyrnn_status read_whole(const lyrnn_safetensors *file, const char *path, const char *key,
                               uint64_t max, uint64_t *value)
{
    const char *text = lyrnn_safetensors_metadata(file, key);
    if (text == NULL || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return bad_number(path, key);
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0 && *value <= max ? LYRNN_OK : bad_number(path, key);
}

static lyrnn_status read_count(const lyrnn_safetensors *file, const char *path, const char *key,
                               int64_t *count)
{
    uint64_t value = 0;
    LYRNN_TRY(read_whole(file, path, key, INT64_MAX, &value));
    *count = (int64_t)value;
    return LYRNN_OK;
}

static lyrnn_status read_epoch(const lyrnn_safetensors *file, const char *path, const char *key,
                               int max, int *epoch)
{
    uint64_t value = 0;
    LYRNN_TRY(read_whole(file, path, key, (uint64_t)max, &value));
    *epoch = (int)value;
    return LYRNN_OK;
}

/* Reads a sum or a mean of cross-entropies. It is finite, and negative only through rounding. */
static lyrnn_status read_nats(const lyrnn_safetensors *file, const char *path, const char *key,
                              double *value)
{
    const char *text = lyrnn_safetensors_metadata(file, key);
    if (text == NULL || strncmp(text + (text[0] == '-'), "0x", 2) != 0)
        return bad_number(path, key);
    char *end;
    const c_locale locale = c_locale_enter();
    *value = strtod(text, &end);
    c_locale_leave(&locale);
    return *end == '\0' && isfinite(*value) ? LYRNN_OK : bad_number(path, key);
}

/* Reads a number that is not negative. Files that are older than it lack it: 0. */
static lyrnn_status read_if_any(const lyrnn_safetensors *file, const char *path, const char *key,
                                double *value)
{
    *value = 0.0;
    if (lyrnn_safetensors_metadata(file, key) == NULL)
        return LYRNN_OK;
    LYRNN_TRY(read_nats(file, path, key, value));
    return *value >= 0.0 && !signbit(*value) ? LYRNN_OK : bad_number(path, key);
}

static lyrnn_status read_hash(const lyrnn_safetensors *file, const char *path,
                              char hash[LYRNN_CORPUS_HASH_SIZE])
{
    const char *text = lyrnn_safetensors_metadata(file, "corpus_xxh128");
    if (text == NULL || strspn(text, "0123456789abcdef") != LYRNN_CORPUS_HASH_SIZE - 1 ||
        text[LYRNN_CORPUS_HASH_SIZE - 1] != '\0')
        return bad_number(path, "corpus_xxh128");
    memcpy(hash, text, LYRNN_CORPUS_HASH_SIZE);
    return LYRNN_OK;
}

/* The rate is halved at most once after each epoch. A training whose rate was never halved has
 * neither number. */
static lyrnn_status read_halvings(const lyrnn_safetensors *file, const char *path,
                                  lyrnn_trainer_state *state)
{
    int *num_halvings = &state->snapshot.num_halvings, *halved_epoch = &state->halved_epoch;
    if (lyrnn_safetensors_metadata(file, "num_halvings") != NULL)
        LYRNN_TRY(read_epoch(file, path, "num_halvings", state->snapshot.epoch, num_halvings));
    if (lyrnn_safetensors_metadata(file, "halved_epoch") != NULL)
        LYRNN_TRY(read_epoch(file, path, "halved_epoch", state->snapshot.epoch, halved_epoch));
    bool fits = *halved_epoch >= *num_halvings && (*halved_epoch == 0 || *num_halvings > 0);
    return fits ? LYRNN_OK : bad_number(path, "halved_epoch");
}

/* The best may be within the epoch that is not complete yet. */
static lyrnn_status read_best(const lyrnn_safetensors *file, const char *path,
                              lyrnn_trainer_state *state)
{
    int epoch = state->snapshot.epoch;
    state->is_reported = lyrnn_safetensors_metadata(file, "is_reported") != NULL;
    if (lyrnn_safetensors_metadata(file, "best_batch") != NULL)
        LYRNN_TRY(read_count(file, path, "best_batch", &state->best_batch));
    LYRNN_TRY(
        read_epoch(file, path, "best_epoch", epoch + (state->best_batch > 0), &state->best_epoch));
    if (state->best_batch > 0 && state->best_epoch == 0)
        return bad_number(path, "best_epoch");
    return state->best_epoch <= epoch || state->best_batch <= state->snapshot.counters.batch
               ? LYRNN_OK
               : bad_number(path, "best_batch");
}

/* A file of an earlier version has no options. */
static lyrnn_status read_options(const lyrnn_safetensors *file, const char *path,
                                 lyrnn_state_option options[LYRNN_STATE_NUM_OPTIONS])
{
    for (int i = 0; i < LYRNN_STATE_NUM_OPTIONS; i++) {
        const char *text = lyrnn_safetensors_metadata(file, lyrnn_state_option_keys[i]);
        size_t size = sizeof(lyrnn_state_option);
        if (text != NULL && (size_t)snprintf(options[i], size, "%s", text) >= size)
            return bad_number(path, lyrnn_state_option_keys[i]);
    }
    return LYRNN_OK;
}

static lyrnn_status read_numbers(const lyrnn_safetensors *file, const char *path,
                                 lyrnn_trainer_state *state)
{
    lyrnn_counters *counters = &state->snapshot.counters;
    LYRNN_TRY(read_epoch(file, path, "epoch", INT_MAX - 1, &state->snapshot.epoch));
    LYRNN_TRY(read_count(file, path, "batch", &counters->batch));
    LYRNN_TRY(read_count(file, path, "step", &counters->step));
    LYRNN_TRY(read_nats(file, path, "loss_sum", &counters->loss_sum));
    LYRNN_TRY(read_count(file, path, "loss_count", &counters->loss_count));
    LYRNN_TRY(read_best(file, path, state));
    LYRNN_TRY(read_nats(file, path, "best_nats_per_char", &state->best_nats_per_char));
    LYRNN_TRY(read_if_any(file, path, "gradient_norm", &counters->gradient_norm));
    LYRNN_TRY(read_if_any(file, path, "epoch_seconds", &state->epoch_seconds));
    LYRNN_TRY(read_whole(file, path, "seed", UINT64_MAX, &state->seed));
    LYRNN_TRY(read_count(file, path, "corpus_chars", &state->corpus_chars));
    LYRNN_TRY(read_halvings(file, path, state));
    LYRNN_TRY(read_options(file, path, state->options));
    return read_hash(file, path, state->corpus_xxh128);
}

/* A second moment is a sum of squares. It may be infinite: an overflow stops the updates of its
 * weight and of no other. */
static lyrnn_status check_values(const char *path, const lyrnn_tensor *tensor, bool is_square)
{
    const float *values = (const float *)tensor->data;
    for (size_t i = 0; i < tensor->num_bytes / sizeof *values; i++)
        if (is_square ? !(values[i] >= 0.0f) : !isfinite(values[i]))
            return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                              "%s: value %zu of tensor %s is %s; use an earlier checkpoint", path,
                              i, tensor->name, is_square ? "not a sum of squares" : "not finite");
    return LYRNN_OK;
}

/* Finds each tensor. If there is no other one, all of the data section is F32, so that each tensor
 * is aligned. The caller allocates nothing before that. */
static lyrnn_status find_training_tensors(const lyrnn_safetensors *file, const char *path,
                                          const tensor_list *list,
                                          const lyrnn_tensor *found[MAX_TENSORS])
{
    for (int i = 0; i < list->num; i++)
        LYRNN_TRY(lyrnn_find_tensor(file, path, &list->tensors[i], "give a file that lyrnn wrote",
                                    &found[i]));
    if (file->num_tensors != (size_t)list->num)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: it has %zu tensors where the training has %d; give a file that "
                          "lyrnn wrote",
                          path, file->num_tensors, list->num);
    return LYRNN_OK;
}

static lyrnn_status check_all_values(const char *path, const tensor_list *list,
                                     const lyrnn_tensor *const found[MAX_TENSORS])
{
    int num = list->parameters.num;
    for (int i = 0; i < list->num; i++)
        LYRNN_TRY(check_values(path, found[i], i >= num && i < 2 * num));
    return LYRNN_OK;
}

/* One name is enough: the others must then be there too. */
static bool find_average(const lyrnn_safetensors *file)
{
    for (size_t i = 0; i < file->num_tensors; i++)
        if (strncmp(file->tensors[i].name, raw_prefix, sizeof raw_prefix - 1) == 0)
            return true;
    return false;
}

/* The number of streams, as far as the file has one: the shape of h must fit it. */
static int find_streams(const lyrnn_safetensors *file)
{
    enum { MAX_STREAMS = 65536 };
    const lyrnn_tensor *h = lyrnn_safetensors_tensor(file, "h");
    bool is_known = h != NULL && h->num_dims == 3 && h->shape[1] > 0 && h->shape[1] <= MAX_STREAMS;
    return is_known ? (int)h->shape[1] : 1;
}

static lyrnn_status read_snapshot(const lyrnn_safetensors *file, const char *path,
                                  const lyrnn_rnn_config *config, lyrnn_trainer_snapshot *snapshot)
{
    tensor_list list;
    const lyrnn_tensor *found[MAX_TENSORS];
    int B = find_streams(file);
    bool has_average = find_average(file);
    list_training_tensors(&list, config, B, has_average);
    LYRNN_TRY(find_training_tensors(file, path, &list, found));
    LYRNN_TRY(check_all_values(path, &list, found));
    LYRNN_TRY(lyrnn_trainer_snapshot_init(snapshot, config, B, has_average));
    float *const flat[] = {snapshot->m, snapshot->v, snapshot->raw};
    float *const states[] = {snapshot->h, snapshot->c};
    int num = list.parameters.num;
    for (int i = 0; i < list.num; i++) {
        if (i < list.num_flat)
            lyrnn_parameter_pack(&list.parameters.items[i % num], (const float *)found[i]->data,
                                 flat[i / num]);
        else
            memcpy(states[i - list.num_flat], found[i]->data, found[i]->num_bytes);
    }
    return LYRNN_OK;
}

static lyrnn_status read_state(lyrnn_trainer_state *state, const lyrnn_safetensors *file,
                               const char *path, const lyrnn_rnn_config *config)
{
    LYRNN_TRY(read_snapshot(file, path, config, &state->snapshot));
    return read_numbers(file, path, state);
}

lyrnn_status lyrnn_trainer_state_read(lyrnn_trainer_state *state, const char *path,
                                      const lyrnn_rnn_config *config)
{
    lyrnn_safetensors file;
    memset(state, 0, sizeof *state);
    LYRNN_TRY(lyrnn_safetensors_open(&file, path));
    lyrnn_status status = read_state(state, &file, path, config);
    if (status != LYRNN_OK)
        lyrnn_trainer_snapshot_free(&state->snapshot);
    lyrnn_safetensors_close(&file);
    return status;
}
