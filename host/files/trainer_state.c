/* trainer.safetensors: what stands in trainer_state.h, written and read. The reader takes nothing for
 * granted; what the numbers mean for a run (how many batches an epoch has) is for its caller to check. */
#include "files/trainer_state.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/parameter_tensors.h"
#include "lyrnn/safetensors.h"

/* Two moments of each parameter, h and c. */
enum { MAX_TENSORS = 2 * LYRNN_MAX_PARAMETERS + 2 };

/* Every tensor of the file, as the network wants it, in the file's order. */
typedef struct {
    char names[2 * LYRNN_MAX_PARAMETERS][48];
    lyrnn_tensor tensors[MAX_TENSORS];
    int num;
    lyrnn_parameters parameters;
} tensor_list;

static void list_moments(tensor_list *list, const char *prefix)
{
    for (int i = 0; i < list->parameters.num; i++) {
        const lyrnn_parameter *parameter = &list->parameters.items[i];
        char *name = list->names[list->num];
        snprintf(name, sizeof list->names[0], "%s.%s", prefix, parameter->name);
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

static void list_tensors(tensor_list *list, const lyrnn_rnn_config *config, int B)
{
    list->num = 0;
    lyrnn_parameters_of_model(&list->parameters, config);
    list_moments(list, "exp_avg");
    list_moments(list, "exp_avg_sq");
    list_state(list, "h", config, B);
    if (config->cell == LYRNN_LSTM)
        list_state(list, "c", config, B);
}

size_t lyrnn_trainer_state_bytes(const lyrnn_rnn_config *config, int B)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    size_t num_moments = parameters.count + lyrnn_parameters_num_transposed(&parameters);
    size_t num_states = config->cell == LYRNN_LSTM ? 2 : 1;
    return (2 * num_moments + num_states * lyrnn_state_count(config, B)) * sizeof(float);
}

/* Writing */

/* Points the moments' tensors to their values; room is for those of both that are held transposed. */
static void point_to_moments(tensor_list *list, const lyrnn_trainer_state *state, float *room)
{
    int num = list->parameters.num;
    for (int i = 0; i < 2 * num; i++)
        list->tensors[i].data =
            lyrnn_parameter_values(&list->parameters.items[i % num],
                                   i < num ? state->snapshot.m : state->snapshot.v, &room);
}

lyrnn_status lyrnn_trainer_state_write(const char *path, const lyrnn_rnn_config *config,
                                       const lyrnn_trainer_state *state)
{
    char epoch[16], batch[24], step[24], loss_sum[32], loss_count[24];
    char best_epoch[16], best_nats_per_char[32], seed[24], corpus_chars[24];
    const lyrnn_counters *counters = &state->snapshot.counters;
    snprintf(epoch, sizeof epoch, "%d", state->snapshot.epoch);
    snprintf(batch, sizeof batch, "%" PRId64, counters->batch);
    snprintf(step, sizeof step, "%" PRId64, counters->step);
    snprintf(loss_sum, sizeof loss_sum, "%a", counters->loss_sum);
    snprintf(loss_count, sizeof loss_count, "%" PRId64, counters->loss_count);
    snprintf(best_epoch, sizeof best_epoch, "%d", state->best_epoch);
    snprintf(best_nats_per_char, sizeof best_nats_per_char, "%a", state->best_nats_per_char);
    snprintf(seed, sizeof seed, "%" PRIu64, state->seed);
    snprintf(corpus_chars, sizeof corpus_chars, "%" PRId64, state->corpus_chars);
    const lyrnn_metadata metadata[] = {
        {"format", "pt"},
        {"epoch", epoch},
        {"batch", batch},
        {"step", step},
        {"loss_sum", loss_sum},
        {"loss_count", loss_count},
        {"best_epoch", best_epoch},
        {"best_nats_per_char", best_nats_per_char},
        {"seed", seed},
        {"corpus_chars", corpus_chars},
        {"corpus_xxh128", state->corpus_xxh128},
    };
    tensor_list list;
    list_tensors(&list, config, state->snapshot.B);
    float *room =
        (float *)malloc(2 * lyrnn_parameters_num_transposed(&list.parameters) * sizeof *room);
    if (room == NULL)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "%s: not enough memory to write it", path);
    point_to_moments(&list, state, room);
    int h_at = 2 * list.parameters.num;
    list.tensors[h_at].data = state->snapshot.h;
    if (state->snapshot.c != NULL)
        list.tensors[h_at + 1].data = state->snapshot.c;
    lyrnn_status status = lyrnn_safetensors_write(
        path, metadata, sizeof metadata / sizeof metadata[0], list.tensors, (size_t)list.num);
    free(room);
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

/* A sum or a mean of cross-entropies: finite, and never below zero but by rounding. */
static lyrnn_status read_nats(const lyrnn_safetensors *file, const char *path, const char *key,
                              double *value)
{
    const char *text = lyrnn_safetensors_metadata(file, key);
    if (text == NULL || strncmp(text + (text[0] == '-'), "0x", 2) != 0)
        return bad_number(path, key);
    char *end;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value) ? LYRNN_OK : bad_number(path, key);
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

static lyrnn_status read_metadata(const lyrnn_safetensors *file, const char *path,
                                  lyrnn_trainer_state *state)
{
    lyrnn_counters *counters = &state->snapshot.counters;
    LYRNN_TRY(read_epoch(file, path, "epoch", INT_MAX - 1, &state->snapshot.epoch));
    LYRNN_TRY(read_count(file, path, "batch", &counters->batch));
    LYRNN_TRY(read_count(file, path, "step", &counters->step));
    LYRNN_TRY(read_nats(file, path, "loss_sum", &counters->loss_sum));
    LYRNN_TRY(read_count(file, path, "loss_count", &counters->loss_count));
    LYRNN_TRY(read_epoch(file, path, "best_epoch", state->snapshot.epoch, &state->best_epoch));
    LYRNN_TRY(read_nats(file, path, "best_nats_per_char", &state->best_nats_per_char));
    LYRNN_TRY(read_whole(file, path, "seed", UINT64_MAX, &state->seed));
    LYRNN_TRY(read_count(file, path, "corpus_chars", &state->corpus_chars));
    return read_hash(file, path, state->corpus_xxh128);
}

/* A second moment is a sum of squares; it may have overflowed, which stops its weight and no other. */
static lyrnn_status check_values(const char *path, const lyrnn_tensor *tensor, bool is_square)
{
    const float *values = (const float *)tensor->data;
    for (size_t i = 0; i < tensor->num_bytes / sizeof *values; i++)
        if (is_square ? !(values[i] >= 0.0f) : !isfinite(values[i]))
            return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                              "%s: value %zu of tensor %s is %s; use an earlier checkpoint", path,
                              i, tensor->name, is_square ? "no sum of squares" : "not finite");
    return LYRNN_OK;
}

/* Finds and checks every tensor before memory of their size is asked for. */
static lyrnn_status find_tensors(const lyrnn_safetensors *file, const char *path,
                                 const tensor_list *list, const lyrnn_tensor *found[MAX_TENSORS])
{
    int num = list->parameters.num;
    for (int i = 0; i < list->num; i++) {
        LYRNN_TRY(lyrnn_find_tensor(file, path, &list->tensors[i], "give a file that lyrnn wrote",
                                    &found[i]));
        LYRNN_TRY(check_values(path, found[i], i >= num && i < 2 * num));
    }
    if (file->num_tensors != (size_t)list->num)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: it has %zu tensors where the training has %d; give a file that "
                          "lyrnn wrote",
                          path, file->num_tensors, list->num);
    return LYRNN_OK;
}

static lyrnn_status read_tensors(const lyrnn_safetensors *file, const char *path,
                                 const lyrnn_rnn_config *config, int B, lyrnn_trainer_state *state)
{
    tensor_list list;
    const lyrnn_tensor *found[MAX_TENSORS];
    list_tensors(&list, config, B);
    LYRNN_TRY(find_tensors(file, path, &list, found));
    LYRNN_TRY(lyrnn_trainer_snapshot_init(&state->snapshot, config, B));
    /* Aligned: the data section is, and all that stands in it are these F32 tensors. */
    int num = list.parameters.num, h_at = 2 * num;
    for (int i = 0; i < list.num; i++) {
        if (i < h_at)
            lyrnn_parameter_pack(&list.parameters.items[i % num], (const float *)found[i]->data,
                                 i < num ? state->snapshot.m : state->snapshot.v);
        else
            memcpy(i == h_at ? state->snapshot.h : state->snapshot.c, found[i]->data,
                   found[i]->num_bytes);
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_trainer_state_read(lyrnn_trainer_state *state, const char *path,
                                      const lyrnn_rnn_config *config, int B)
{
    lyrnn_safetensors file;
    memset(state, 0, sizeof *state);
    LYRNN_TRY(lyrnn_safetensors_open(&file, path));
    lyrnn_status status = read_tensors(&file, path, config, B, state);
    if (status == LYRNN_OK)
        status = read_metadata(&file, path, state);
    if (status != LYRNN_OK)
        lyrnn_trainer_snapshot_free(&state->snapshot);
    lyrnn_safetensors_close(&file);
    return status;
}
