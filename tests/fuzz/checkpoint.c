/* The reader and the writer of model files, configuration and vocabulary in them. Any bytes are refused in one
 * line or read, in memory bounded by their number; a model that was read can be written, and reads back equal.
 *
 * An input is a file as it is or, where it begins with '{', a recipe that a sound safetensors file is made of:
 *
 *     the text of "config"          {}: the file has none, as a state_dict from PyTorch
 *     the text of "vocab"           nothing: none
 *     NAME DTYPE ROWS COLS          a line for each tensor, any number of dimensions
 *                                   an empty line
 *     bytes of data, repeated as often as the tensors take them; none: zeros */
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/safetensors.h"
#include "safetensors_format.h"

/* Every tensor of a model may stand up to 255 bytes further than the one before it ends. */
enum { MEMORY_MULTIPLE = 48, MEMORY_CONSTANT = 256 * LYRNN_MAX_PARAMETERS + 4096 };
enum { MAX_TENSORS = LYRNN_MAX_PARAMETERS + 2, MAX_DATA_BYTES = 1 << 16 };

static void check_equal(const lyrnn_checkpoint *a, const lyrnn_checkpoint *b)
{
    lyrnn_parameters parameters;
    LYRNN_CHECK(a->config.cell == b->config.cell);
    LYRNN_CHECK(a->config.input_size == b->config.input_size);
    LYRNN_CHECK(a->config.hidden_size == b->config.hidden_size);
    LYRNN_CHECK(a->config.num_layers == b->config.num_layers);
    LYRNN_CHECK(a->config.bidirectional == b->config.bidirectional);
    LYRNN_CHECK(a->config.dropout == b->config.dropout);
    LYRNN_CHECK(a->vocab.V == b->vocab.V);
    LYRNN_CHECK(
        memcmp(a->vocab.chars, b->vocab.chars, (size_t)a->vocab.V * sizeof a->vocab.chars[0]) == 0);
    lyrnn_parameters_of_model(&parameters, &a->config);
    LYRNN_CHECK(memcmp(a->params, b->params, parameters.count * sizeof a->params[0]) == 0);
}

/* Whoever uses a model relies on these. */
static void check_sound(const lyrnn_checkpoint *checkpoint)
{
    lyrnn_parameters parameters;
    LYRNN_CHECK(lyrnn_rnn_config_check(&checkpoint->config) == LYRNN_OK);
    lyrnn_parameters_of_model(&parameters, &checkpoint->config);
    for (size_t i = 0; i < parameters.count; i++)
        LYRNN_CHECK(isfinite(checkpoint->params[i]));
    /* A state_dict from PyTorch may have none. */
    LYRNN_CHECK(checkpoint->vocab.V == checkpoint->config.input_size || checkpoint->vocab.V == 0);
    for (int32_t id = 0; id < checkpoint->vocab.V; id++)
        LYRNN_CHECK(lyrnn_vocab_id(&checkpoint->vocab, checkpoint->vocab.chars[id]) == id);
}

static void write_and_read_again(const lyrnn_checkpoint *checkpoint)
{
    lyrnn_checkpoint again;
    unlink("written");
    LYRNN_CHECK(lyrnn_checkpoint_write("written", &checkpoint->config, &checkpoint->vocab,
                                       checkpoint->params) == LYRNN_OK);
    LYRNN_CHECK(lyrnn_checkpoint_read(&again, "written") == LYRNN_OK);
    check_equal(checkpoint, &again);
    lyrnn_checkpoint_free(&again);
}

static void read_model(const uint8_t *bytes, size_t num_bytes)
{
    lyrnn_checkpoint checkpoint;
    fuzz_write_file("input", bytes, num_bytes);
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_checkpoint_read_state_dict(&checkpoint, "input");
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    if (status == LYRNN_OK) {
        check_sound(&checkpoint);
        if (checkpoint.vocab.V > 0)
            write_and_read_again(&checkpoint);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_MODEL_FILE || status == LYRNN_ERR_UNSUPPORTED);
        fuzz_check_error_text("input");
    }
    lyrnn_checkpoint_free(&checkpoint);
}

/* The next line of a text, cut off; the rest begins after it. */
static char *take_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    *rest = end != NULL ? end + 1 : line + strlen(line);
    if (end != NULL)
        *end = '\0';
    return line;
}

/* Adds a tensor to a header from its line, which it takes apart. False where that is no tensor's. */
static bool add_tensor(json_t *header, char *line, size_t *end)
{
    char *words, *name = strtok_r(line, " ", &words), *dtype = strtok_r(NULL, " ", &words);
    size_t shape[LYRNN_TENSOR_MAX_DIMS], num_bytes, begin = *end;
    int num_dims = 0;
    if (name == NULL || dtype == NULL)
        return false;
    json_t *dims = json_array();
    for (char *word; num_dims < LYRNN_TENSOR_MAX_DIMS && (word = strtok_r(NULL, " ", &words));) {
        shape[num_dims] = strtoull(word, NULL, 10);
        json_array_append_new(dims, json_integer((json_int_t)shape[num_dims++]));
    }
    /* More than there may be: the file lies about its size. */
    if (!safetensors_tensor_bytes(shape, num_dims, safetensors_dtype_bytes(dtype), &num_bytes) ||
        num_bytes > MAX_DATA_BYTES - begin)
        num_bytes = 0;
    *end = begin + num_bytes;
    json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype, "shape", dims, "data_offsets",
                              (json_int_t)begin, (json_int_t)*end);
    return json_object_set_new(header, name, entry) == 0;
}

/* Cooks a recipe, which it takes apart, num_bytes long with a NUL after it. NULL where it makes no file, since
 * a text in it is not UTF-8. */
static uint8_t *make_model(char *recipe, size_t num_bytes, size_t *file_bytes)
{
    char *rest = recipe, *line;
    uint8_t *file = NULL;
    static uint8_t data[MAX_DATA_BYTES];
    size_t data_bytes = 0;
    const char *config = take_line(&rest), *vocab = take_line(&rest);
    json_t *header = json_pack("{s:{s:s*, s:s*}}", SAFETENSORS_METADATA_KEY, "config",
                               strcmp(config, "{}") != 0 ? config : NULL, "vocab",
                               *vocab != '\0' ? vocab : NULL);
    if (header == NULL)
        return NULL;
    for (int i = 0; i < MAX_TENSORS && *(line = take_line(&rest)) != '\0'; i++)
        if (!add_tensor(header, line, &data_bytes))
            goto done;
    const char *fill = rest;
    size_t fill_bytes = (size_t)(recipe + num_bytes - rest);
    for (size_t i = 0; i < data_bytes; i++)
        data[i] = fill_bytes > 0 ? (uint8_t)fill[i % fill_bytes] : 0;
    char *text = json_dumps(header, JSON_COMPACT);
    LYRNN_CHECK(text != NULL);
    file = fuzz_frame_safetensors(text, strlen(text), data, data_bytes, file_bytes);
    free(text);
done:
    json_decref(header);
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    if (num_bytes == 0 || bytes[0] != '{') {
        read_model(bytes, num_bytes);
        return 0;
    }
    char *recipe = malloc(num_bytes + 1);
    LYRNN_CHECK(recipe != NULL);
    memcpy(recipe, bytes, num_bytes);
    recipe[num_bytes] = '\0';
    size_t file_bytes;
    uint8_t *file = make_model(recipe, num_bytes, &file_bytes);
    free(recipe);
    if (file != NULL)
        read_model(file, file_bytes);
    free(file);
    return 0;
}
