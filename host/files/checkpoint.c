/* Writes and reads model.safetensors: the weights under the names of the tutorial's RNNModel, and
 * in the metadata, as JSON, the network's shape and the vocabulary. A bare state_dict has no
 * metadata; its tensors show the shape (infer_config.h).
 *
 * The shape in the metadata is only a claim. The reader allocates nothing by it until the tensors,
 * whose bytes are in the file, confirm it. */
#include "lyrnn/checkpoint.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/untrusted_json.h"
#include "base/words.h"
#include "files/infer_config.h"
#include "files/json_build.h"
#include "files/parameter_tensors.h"
#include "files/safetensors_format.h"
#include "files/state_dict_names.h"
#include "files/vocab_json.h"
#include "lyrnn/safetensors.h"

#define MEMORY_REMEDY "close other programs"

/* Writing */

/* Adds a dropout to the JSON unless it is off. */
static void add_dropout(json_t **json, const char *key, float dropout)
{
    if (dropout != 0)
        json_put(json, key, json_real((double)dropout));
}

/* Returns a string that the caller frees, or NULL if memory runs out. What a network does not have
 * is left out, so that the files of networks without it keep their bytes. */
static char *network_to_json(const lyrnn_rnn_config *config)
{
    json_t *json = json_pack(
        "{s:s, s:i, s:i, s:i, s:b, s:f}", "cell", lyrnn_cell_name(config->cell), "input_size",
        config->input_size, "hidden_size", config->hidden_size, "num_layers", config->num_layers,
        "bidirectional", (int)config->bidirectional, "dropout", (double)config->dropout);
    if (config->embedding_size != 0)
        json_put(&json, "embedding_size", json_integer(config->embedding_size));
    if (config->tied)
        json_put(&json, "tied", json_true());
    add_dropout(&json, "dropout_input", config->dropout_input);
    add_dropout(&json, "dropout_output", config->dropout_output);
    add_dropout(&json, "dropout_weight", config->dropout_weight);
    char *text = json_to_text(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

/* What the file needs apart from the weights. The writer fills it, its caller frees it. */
typedef struct {
    char *config, *vocab; /* JSON */
    const char *learned;  /* JSON, borrowed; NULL: none */
    float *transposed;    /* the tensors that the flat buffer holds transposed */
} model_parts;

static lyrnn_status write_model(const char *path, const lyrnn_rnn_config *config,
                                const lyrnn_vocab *vocab, const float *params, model_parts *parts)
{
    lyrnn_parameters parameters;
    lyrnn_tensor tensors[LYRNN_MAX_PARAMETERS];
    char normalize[16];
    lyrnn_word_copy(LYRNN_NORMALIZE_WORDS, (int)vocab->normalize, normalize, sizeof normalize);
    lyrnn_parameters_of_model(&parameters, config);
    size_t num_bytes = lyrnn_parameters_num_transposed(&parameters) * sizeof(float);
    parts->transposed = malloc(num_bytes);
    parts->config = network_to_json(config);
    parts->vocab = lyrnn_vocab_to_json(vocab);
    if (parts->transposed == NULL || parts->config == NULL || parts->vocab == NULL)
        return lyrnn_out_of_memory(path, num_bytes, MEMORY_REMEDY);
    float *next = parts->transposed;
    for (int i = 0; i < parameters.num; i++) {
        tensors[i] = lyrnn_parameter_tensor(&parameters.items[i]);
        tensors[i].data = lyrnn_parameter_values(&parameters.items[i], params, &next);
    }
    const lyrnn_metadata metadata[] = {{"format", "pt"},
                                       {"config", parts->config},
                                       {"vocab", parts->vocab},
                                       {"normalize", normalize},
                                       {"learned", (char *)parts->learned}};
    size_t num_metadata = sizeof metadata / sizeof metadata[0] - (parts->learned == NULL);
    return lyrnn_safetensors_write(path, metadata, num_metadata, tensors, (size_t)parameters.num);
}

lyrnn_status lyrnn_checkpoint_write(const char *path, const lyrnn_rnn_config *config,
                                    const lyrnn_vocab *vocab, const float *params,
                                    const char *learned)
{
    LYRNN_CHECK(vocab->V == config->input_size);
    model_parts parts = {.learned = learned};
    lyrnn_status status = write_model(path, config, vocab, params, &parts);
    free(parts.config);
    free(parts.vocab);
    free(parts.transposed);
    return status;
}

/* Reading */

/* Parses a metadata value that the file has. The caller releases *json, which is NULL on
 * failure. */
static lyrnn_status parse_metadata(const lyrnn_safetensors *file, const char *path, const char *key,
                                   json_t **json)
{
    untrusted_json_error error;
    const char *text = lyrnn_safetensors_metadata(file, key);
    *json = NULL;
    *json = untrusted_json_parse(text, strlen(text), &error);
    if (*json != NULL)
        return LYRNN_OK;
    if (error.problem == NULL)
        return lyrnn_out_of_memory(path, 0, MEMORY_REMEDY);
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: its \"%s\" %s; give a file that lyrnn wrote", path,
                      key, error.problem);
}

/* Passes status on. A failure becomes one of the file, not of an argument. */
static lyrnn_status blame_file(const char *path, lyrnn_status status)
{
    if (status == LYRNN_OK)
        return LYRNN_OK;
    if (status == LYRNN_ERR_USAGE)
        status = LYRNN_ERR_MODEL_FILE;
    return lyrnn_fail(status, "%s: its network cannot be used: %s", path, lyrnn_error_text());
}

/* Reads a whole number from 0 to INT_MAX; false for any other JSON. */
static bool read_int(const json_t *json, const char *key, int *number)
{
    const json_t *value = json_object_get(json, key);
    json_int_t whole = json_integer_value(value);
    *number = (int)whole;
    return json_is_integer(value) && whole >= 0 && whole <= INT_MAX;
}

static bool read_bool(const json_t *json, const char *key, bool *is_true)
{
    const json_t *value = json_object_get(json, key);
    *is_true = json_is_true(value);
    return json_is_boolean(value);
}

static bool read_share(const json_t *json, const char *key, float *share)
{
    const json_t *value = json_object_get(json, key);
    double number = json_number_value(value);
    *share = (float)number;
    return json_is_number(value) && number >= 0 && number <= 1;
}

static bool has_entry(const json_t *json, const char *key)
{
    return json_object_get(json, key) != NULL;
}

static bool has_unknown_entry(const json_t *json)
{
    static const char *const known[] = {"cell",           "input_size",    "hidden_size",
                                        "num_layers",     "bidirectional", "dropout",
                                        "embedding_size", "tied",          "dropout_input",
                                        "dropout_output", "dropout_weight"};
    size_t num_known = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        num_known += has_entry(json, known[i]);
    return json_object_size(json) != num_known;
}

/* Reads what the file of a network without embedding, tie and such dropouts does not have. */
static bool read_optional_entries(const json_t *json, lyrnn_rnn_config *config)
{
    return (!has_entry(json, "embedding_size") ||
            read_int(json, "embedding_size", &config->embedding_size)) &&
           (!has_entry(json, "tied") || read_bool(json, "tied", &config->tied)) &&
           (!has_entry(json, "dropout_input") ||
            read_share(json, "dropout_input", &config->dropout_input)) &&
           (!has_entry(json, "dropout_output") ||
            read_share(json, "dropout_output", &config->dropout_output)) &&
           (!has_entry(json, "dropout_weight") ||
            read_share(json, "dropout_weight", &config->dropout_weight));
}

/* Reads the entries without json_unpack, which needs memory. */
static lyrnn_status config_from_json(json_t *json, const char *path, lyrnn_rnn_config *config)
{
    const char *cell = json_string_value(json_object_get(json, "cell"));
    *config = (lyrnn_rnn_config){0};
    if (cell == NULL || has_unknown_entry(json) ||
        !read_bool(json, "bidirectional", &config->bidirectional) ||
        !read_share(json, "dropout", &config->dropout) ||
        !read_int(json, "input_size", &config->input_size) ||
        !read_int(json, "hidden_size", &config->hidden_size) ||
        !read_int(json, "num_layers", &config->num_layers) || !read_optional_entries(json, config))
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: its \"config\" does not describe a network; give a file that "
                          "lyrnn wrote",
                          path);
    return blame_file(path, lyrnn_cell_parse(cell, &config->cell));
}

static lyrnn_status read_network(const lyrnn_safetensors *file, const char *path,
                                 lyrnn_rnn_config *config)
{
    json_t *json;
    LYRNN_TRY(parse_metadata(file, path, "config", &json));
    lyrnn_status status = config_from_json(json, path, config);
    json_decref(json);
    return status;
}

static lyrnn_status read_vocab(const lyrnn_safetensors *file, const char *path, int input_size,
                               lyrnn_vocab *vocab)
{
    json_t *json;
    LYRNN_TRY(parse_metadata(file, path, "vocab", &json));
    lyrnn_status status = lyrnn_vocab_from_json(json, path, input_size, vocab);
    json_decref(json);
    return status;
}

/* Refuses a file that has other tensors than those, and names the first ones. */
static lyrnn_status refuse_others(const lyrnn_safetensors *file, const char *path,
                                  const lyrnn_tensor *const *tensors, int num,
                                  const lyrnn_tensor *second_copy)
{
    enum { SHOWN = 3, NAME_BYTES = 64 };
    char names[SHOWN * (NAME_BYTES + 4) + 32] = "";
    size_t num_others = 0, length = 0;
    for (size_t i = 0; i < file->num_tensors; i++) {
        bool is_wanted = &file->tensors[i] == second_copy;
        for (int k = 0; k < num && !is_wanted; k++)
            is_wanted = tensors[k] == &file->tensors[i];
        if (is_wanted)
            continue;
        if (num_others++ < SHOWN)
            length +=
                (size_t)snprintf(names + length, sizeof names - length, "%s%.*s",
                                 num_others > 1 ? ", " : "", NAME_BYTES, file->tensors[i].name);
    }
    if (num_others == 0)
        return LYRNN_OK;
    if (num_others > SHOWN)
        snprintf(names + length, sizeof names - length, " and %zu more", num_others - SHOWN);
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                      "%s: it has tensors that the network lacks: %s; save the state_dict of the "
                      "RNNModel only",
                      path, names);
}

/* A state_dict of PyTorch has the weight of a tied network twice. Finds the second copy; NULL:
 * there is none, or the network is not tied. */
static lyrnn_status find_second_copy(const lyrnn_safetensors *file, const char *path,
                                     const lyrnn_rnn_config *config, const lyrnn_tensor **copy)
{
    *copy = config->tied ? lyrnn_safetensors_tensor(file, "dense.weight") : NULL;
    if (*copy != NULL &&
        !lyrnn_tensors_are_equal(*copy, lyrnn_safetensors_tensor(file, "embedding.weight")))
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE,
            "%s: tensor dense.weight differs from embedding.weight, but the network "
            "ties them; leave dense.weight out, or remove \"tied\" from its \"config\"",
            path);
    return LYRNN_OK;
}

/* Finds the file's tensor of each parameter. A file with other tensors is refused. */
static lyrnn_status find_weights(const lyrnn_safetensors *file, const char *path,
                                 const lyrnn_rnn_config *config, const lyrnn_parameters *parameters,
                                 const lyrnn_tensor *tensors[LYRNN_MAX_PARAMETERS])
{
    const lyrnn_tensor *second_copy;
    for (int i = 0; i < parameters->num; i++) {
        lyrnn_tensor wanted = lyrnn_parameter_tensor(&parameters->items[i]);
        wanted.dtype = NULL;
        LYRNN_TRY(lyrnn_find_tensor(
            file, path, &wanted, "give a file that lyrnn wrote, or the state_dict of an RNNModel",
            &tensors[i]));
    }
    LYRNN_TRY(find_second_copy(file, path, config, &second_copy));
    return refuse_others(file, path, tensors, parameters->num, second_copy);
}

/* Converts a tensor to the values of a parameter and checks them. */
static lyrnn_status convert_weights(const char *path, const lyrnn_tensor *tensor, float *values)
{
    size_t num = lyrnn_tensor_to_floats(tensor, values), i = 0;
    while (i < num && isfinite(values[i]))
        i++;
    if (i < num)
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE,
            "%s: value %zu of tensor %s is not finite, so the training diverged; use an "
            "earlier checkpoint",
            path, i, tensor->name);
    if (num * safetensors_dtype_bytes(tensor->dtype) < tensor->num_bytes)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: value %zu of tensor %s is too large for a float32; use an earlier "
                          "checkpoint",
                          path, num, tensor->name);
    return LYRNN_OK;
}

static lyrnn_status pack_weights(const char *path, const lyrnn_parameters *parameters,
                                 const lyrnn_tensor *const *tensors, float *values, float *params)
{
    for (int i = 0; i < parameters->num; i++) {
        LYRNN_TRY(convert_weights(path, tensors[i], values));
        lyrnn_parameter_pack(&parameters->items[i], values, params);
    }
    return LYRNN_OK;
}

static lyrnn_status read_params(const lyrnn_safetensors *file, const char *path,
                                lyrnn_checkpoint *checkpoint)
{
    lyrnn_parameters parameters;
    const lyrnn_tensor *tensors[LYRNN_MAX_PARAMETERS];
    lyrnn_parameters_of_model(&parameters, &checkpoint->config);
    LYRNN_TRY(find_weights(file, path, &checkpoint->config, &parameters, tensors));
    size_t most = 0;
    snprintf(checkpoint->dtype, sizeof checkpoint->dtype, "%s", tensors[0]->dtype);
    for (int i = 0; i < parameters.num; i++) {
        size_t count = lyrnn_parameter_count(&parameters.items[i]);
        most = count > most ? count : most;
        if (strcmp(tensors[i]->dtype, checkpoint->dtype) != 0)
            snprintf(checkpoint->dtype, sizeof checkpoint->dtype, "mixed");
    }
    LYRNN_CHECK(most > 0);
    size_t num_bytes = (parameters.count + most) * sizeof(float);
    LYRNN_TRY(lyrnn_require_memory(path, num_bytes, MEMORY_REMEDY));
    checkpoint->params = calloc(parameters.count, sizeof *checkpoint->params);
    float *values = malloc(most * sizeof *values);
    lyrnn_status status = checkpoint->params != NULL && values != NULL
                              ? pack_weights(path, &parameters, tensors, values, checkpoint->params)
                              : lyrnn_out_of_memory(path, num_bytes, MEMORY_REMEDY);
    free(values);
    return status;
}

/* Sets the shape from "config", or from the tensors if the file has no "config". */
static lyrnn_status find_config(lyrnn_checkpoint *checkpoint, const lyrnn_safetensors *file,
                                const char *path)
{
    lyrnn_rnn_config *config = &checkpoint->config;
    if (lyrnn_safetensors_metadata(file, "config") != NULL) {
        LYRNN_TRY(read_network(file, path, config));
    } else {
        LYRNN_TRY(lyrnn_infer_config(file, path, config));
        checkpoint->is_tanh_or_relu = lyrnn_num_gates(config->cell) == 1;
    }
    return blame_file(path, lyrnn_rnn_config_check(config));
}

static lyrnn_status copy_learned(const lyrnn_safetensors *file, const char *path, char **learned)
{
    const char *text = lyrnn_safetensors_metadata(file, "learned");
    if (text == NULL)
        return LYRNN_OK;
    *learned = strdup(text);
    return *learned != NULL ? LYRNN_OK : lyrnn_out_of_memory(path, strlen(text) + 1, MEMORY_REMEDY);
}

static lyrnn_status read_contents(lyrnn_checkpoint *checkpoint, const lyrnn_safetensors *file,
                                  const char *path)
{
    LYRNN_TRY(find_config(checkpoint, file, path));
    if (lyrnn_safetensors_metadata(file, "vocab") != NULL)
        LYRNN_TRY(read_vocab(file, path, checkpoint->config.input_size, &checkpoint->vocab));
    /* Files by others, and those of early versions, do not say it. Their text was as it was. */
    checkpoint->vocab.normalize =
        lyrnn_normalize_of_name(lyrnn_safetensors_metadata(file, "normalize"));
    LYRNN_TRY(copy_learned(file, path, &checkpoint->learned));
    return read_params(file, path, checkpoint);
}

lyrnn_status lyrnn_checkpoint_read_state_dict(lyrnn_checkpoint *checkpoint, const char *path)
{
    lyrnn_safetensors file;
    memset(checkpoint, 0, sizeof *checkpoint);
    LYRNN_TRY(lyrnn_safetensors_open(&file, path));
    lyrnn_state_dict_rename(&file);
    lyrnn_status status = read_contents(checkpoint, &file, path);
    if (status != LYRNN_OK)
        lyrnn_checkpoint_free(checkpoint);
    lyrnn_safetensors_close(&file);
    return status;
}

lyrnn_status lyrnn_checkpoint_read(lyrnn_checkpoint *checkpoint, const char *path)
{
    LYRNN_TRY(lyrnn_checkpoint_read_state_dict(checkpoint, path));
    if (checkpoint->vocab.V > 0)
        return LYRNN_OK;
    lyrnn_checkpoint_free(checkpoint);
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                      "%s: it has no \"vocab\" in its metadata; make a model that has one with "
                      "lyrnn train --init %s --num-epochs 0 CORPUS",
                      path, path);
}

void lyrnn_checkpoint_choose_rnn(lyrnn_checkpoint *checkpoint, lyrnn_cell cell)
{
    if (checkpoint->is_tanh_or_relu && lyrnn_num_gates(cell) == 1)
        checkpoint->config.cell = cell;
}

void lyrnn_checkpoint_free(lyrnn_checkpoint *checkpoint)
{
    lyrnn_vocab_free(&checkpoint->vocab);
    free(checkpoint->params);
    free(checkpoint->learned);
    memset(checkpoint, 0, sizeof *checkpoint);
}
