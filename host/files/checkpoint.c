/* model.safetensors: the article's RNNModel with what it takes to use it, the network's shape and the
 * vocabulary, as JSON in the metadata. A bare state_dict has neither; its tensors tell the shape.
 *
 * The reader lets the shape in the metadata decide nothing until the tensors, whose bytes are there,
 * have confirmed it. */
#include "lyrnn/checkpoint.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "files/infer_config.h"
#include "files/parameter_tensors.h"
#include "files/untrusted_json.h"
#include "lyrnn/safetensors.h"

static lyrnn_status no_memory(const char *path)
{
    return lyrnn_fail(LYRNN_ERR_MEMORY, "%s: not enough memory for the model", path);
}

/* Writing */

/* The functions that print JSON return a string to free, or NULL where memory does not suffice. */
static char *print_config(const lyrnn_rnn_config *config)
{
    json_t *json = json_pack(
        "{s:s, s:i, s:i, s:i, s:b, s:f}", "cell", lyrnn_cell_name(config->cell), "input_size",
        config->input_size, "hidden_size", config->hidden_size, "num_layers", config->num_layers,
        "bidirectional", (int)config->bidirectional, "dropout", (double)config->dropout);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static char *print_vocab(const lyrnn_vocab *vocab)
{
    char *text = NULL;
    json_t *json = json_array();
    for (int id = 0; id < vocab->V; id++) {
        char utf8[LYRNN_UTF8_MAX];
        size_t length = lyrnn_utf8_encode(vocab->chars[id], utf8);
        if (json_array_append_new(json, json_stringn(utf8, length)) != 0)
            goto done;
    }
    text = json_dumps(json, JSON_COMPACT);
done:
    json_decref(json);
    return text;
}

lyrnn_status lyrnn_checkpoint_write(const char *path, const lyrnn_rnn_config *config,
                                    const lyrnn_vocab *vocab, const float *params)
{
    LYRNN_CHECK(vocab->V == config->input_size);
    lyrnn_status status;
    lyrnn_parameters parameters;
    lyrnn_tensor tensors[LYRNN_MAX_PARAMETERS];
    lyrnn_parameters_of_model(&parameters, config);
    float *room = malloc(lyrnn_parameters_num_transposed(&parameters) * sizeof *room);
    char *config_json = print_config(config), *vocab_json = print_vocab(vocab);
    if (room == NULL || config_json == NULL || vocab_json == NULL) {
        status = no_memory(path);
        goto done;
    }
    float *next = room;
    for (int i = 0; i < parameters.num; i++) {
        tensors[i] = lyrnn_parameter_tensor(&parameters.items[i]);
        tensors[i].data = lyrnn_parameter_values(&parameters.items[i], params, &next);
    }
    const lyrnn_metadata metadata[] = {
        {"format", "pt"}, {"config", config_json}, {"vocab", vocab_json}};
    status = lyrnn_safetensors_write(path, metadata, sizeof metadata / sizeof metadata[0], tensors,
                                     (size_t)parameters.num);
done:
    free(vocab_json);
    free(config_json);
    free(room);
    return status;
}

/* Reading */

/* A metadata value that is there, parsed, to be released; NULL where that failed. */
static lyrnn_status read_json(const lyrnn_safetensors *file, const char *path, const char *key,
                              json_t **json)
{
    untrusted_json_error error;
    const char *text = lyrnn_safetensors_metadata(file, key);
    *json = NULL;
    *json = untrusted_json_parse(text, strlen(text), &error);
    if (*json != NULL)
        return LYRNN_OK;
    if (error.problem == NULL)
        return no_memory(path);
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: its \"%s\" %s; give a file that lyrnn wrote", path,
                      key, error.problem);
}

/* Says of a failed check that the file is at fault, not an argument. */
static lyrnn_status blame_file(const char *path, lyrnn_status status)
{
    if (status == LYRNN_ERR_USAGE)
        status = LYRNN_ERR_MODEL_FILE;
    return lyrnn_fail(status, "%s: the network in it cannot be used: %s", path, lyrnn_error_text());
}

static lyrnn_status read_config(const lyrnn_safetensors *file, const char *path,
                                lyrnn_rnn_config *config)
{
    const char *cell;
    json_int_t input_size, hidden_size, num_layers;
    int bidirectional;
    double dropout;
    lyrnn_status status;
    json_t *json;
    LYRNN_TRY(read_json(file, path, "config", &json));
    if (json_unpack(json, "{s:s, s:I, s:I, s:I, s:b, s:F !}", "cell", &cell, "input_size",
                    &input_size, "hidden_size", &hidden_size, "num_layers", &num_layers,
                    "bidirectional", &bidirectional, "dropout", &dropout) != 0 ||
        input_size < 0 || input_size > INT_MAX || hidden_size < 0 || hidden_size > INT_MAX ||
        num_layers < 0 || num_layers > INT_MAX || !(dropout >= 0 && dropout <= 1)) {
        status = lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                            "%s: its \"config\" does not describe a network; give a file that "
                            "lyrnn wrote",
                            path);
        goto done;
    }
    *config = (lyrnn_rnn_config){.input_size = (int)input_size,
                                 .hidden_size = (int)hidden_size,
                                 .num_layers = (int)num_layers,
                                 .bidirectional = bidirectional != 0,
                                 .dropout = (float)dropout};
    status = lyrnn_cell_parse(cell, &config->cell);
    if (status == LYRNN_OK)
        status = lyrnn_rnn_config_check(config);
    if (status != LYRNN_OK)
        status = blame_file(path, status);
done:
    json_decref(json);
    return status;
}

/* The code point of a string that is one character; false for any other JSON. */
static bool read_char(const json_t *json, uint32_t *c)
{
    utf8proc_int32_t code_point;
    utf8proc_ssize_t length = (utf8proc_ssize_t)json_string_length(json);
    if (length == 0)
        return false;
    if (utf8proc_iterate((const utf8proc_uint8_t *)json_string_value(json), length, &code_point) !=
        length)
        return false;
    *c = (uint32_t)code_point;
    return true;
}

static lyrnn_status read_vocab(const lyrnn_safetensors *file, const char *path, int input_size,
                               lyrnn_vocab *vocab)
{
    lyrnn_status status;
    uint32_t *chars = NULL;
    json_t *json;
    LYRNN_TRY(read_json(file, path, "vocab", &json));
    size_t V = json_array_size(json);
    if (!json_is_array(json) || V != (size_t)input_size) {
        status = lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                            "%s: its \"vocab\" has %zu characters where the network has %d inputs; "
                            "give a file that lyrnn wrote",
                            path, V, input_size);
        goto done;
    }
    chars = malloc(V * sizeof *chars);
    if (chars == NULL) {
        status = no_memory(path);
        goto done;
    }
    for (size_t i = 0; i < V; i++) {
        if (!read_char(json_array_get(json, i), &chars[i])) {
            status = lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                                "%s: entry %zu of its \"vocab\" is not one character; give a file "
                                "that lyrnn wrote",
                                path, i);
            goto done;
        }
    }
    status = lyrnn_vocab_from_chars(vocab, chars, V);
    if (status != LYRNN_OK)
        lyrnn_fail(status, "%s: %s", path, lyrnn_error_text());
done:
    free(chars);
    json_decref(json);
    return status;
}

/* Finds the network's tensors, in the order of its parameters. */
static lyrnn_status find_tensors(const lyrnn_safetensors *file, const char *path,
                                 const lyrnn_parameters *parameters,
                                 const lyrnn_tensor *tensors[LYRNN_MAX_PARAMETERS])
{
    for (int i = 0; i < parameters->num; i++) {
        lyrnn_tensor wanted = lyrnn_parameter_tensor(&parameters->items[i]);
        LYRNN_TRY(lyrnn_find_tensor(
            file, path, &wanted, "give a file that lyrnn wrote, or the state_dict of an RNNModel",
            &tensors[i]));
    }
    if (file->num_tensors != (size_t)parameters->num)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: it has %zu tensors where the network has %d; remove the others",
                          path, file->num_tensors, parameters->num);
    return LYRNN_OK;
}

static lyrnn_status check_finite(const char *path, const lyrnn_parameter *parameter,
                                 const float *values)
{
    size_t count = lyrnn_parameter_count(parameter);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return lyrnn_fail(
                LYRNN_ERR_MODEL_FILE,
                "%s: value %zu of tensor %s is not finite; the training diverged, use "
                "an earlier checkpoint",
                path, i, parameter->name);
    return LYRNN_OK;
}

static lyrnn_status read_params(const lyrnn_safetensors *file, const char *path,
                                const lyrnn_rnn_config *config, float **params)
{
    lyrnn_parameters parameters;
    const lyrnn_tensor *tensors[LYRNN_MAX_PARAMETERS];
    lyrnn_parameters_of_model(&parameters, config);
    LYRNN_TRY(find_tensors(file, path, &parameters, tensors));
    *params = calloc(parameters.count, sizeof **params);
    if (*params == NULL)
        return no_memory(path);
    for (int i = 0; i < parameters.num; i++) {
        /* Aligned: the data section is, and all that stands in it are these F32 tensors. */
        const float *values = tensors[i]->data;
        LYRNN_TRY(check_finite(path, &parameters.items[i], values));
        lyrnn_parameter_pack(&parameters.items[i], values, *params);
    }
    return LYRNN_OK;
}

/* From "config", or from the tensors where there is none. */
static lyrnn_status find_config(lyrnn_checkpoint *checkpoint, const lyrnn_safetensors *file,
                                const char *path)
{
    lyrnn_rnn_config *config = &checkpoint->config;
    if (lyrnn_safetensors_metadata(file, "config") != NULL)
        return read_config(file, path, config);
    LYRNN_TRY(lyrnn_infer_config(file, path, config));
    checkpoint->is_tanh_or_relu = lyrnn_num_gates(config->cell) == 1;
    lyrnn_status status = lyrnn_rnn_config_check(config);
    return status == LYRNN_OK ? LYRNN_OK : blame_file(path, status);
}

lyrnn_status lyrnn_checkpoint_read_state_dict(lyrnn_checkpoint *checkpoint, const char *path)
{
    lyrnn_safetensors file;
    memset(checkpoint, 0, sizeof *checkpoint);
    LYRNN_TRY(lyrnn_safetensors_open(&file, path));
    lyrnn_status status = find_config(checkpoint, &file, path);
    if (status == LYRNN_OK && lyrnn_safetensors_metadata(&file, "vocab") != NULL)
        status = read_vocab(&file, path, checkpoint->config.input_size, &checkpoint->vocab);
    if (status == LYRNN_OK)
        status = read_params(&file, path, &checkpoint->config, &checkpoint->params);
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
                      "%s: it has no \"vocab\" in its metadata; make a model that has one by lyrnn "
                      "train --init %s --num-epochs 0 CORPUS",
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
    memset(checkpoint, 0, sizeof *checkpoint);
}
