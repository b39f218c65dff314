/* Fuzzes the reader and the writer of model files, including configuration and vocabulary. Any
 * bytes are refused in one line or read, with memory bounded by their number. A model that was read
 * can be written, and is equal when it is read back.
 *
 * An input is a file or, if it begins with '{', a recipe (see recipe.h) of these lines and tensors:
 *
 *     the text of "config"          {}: the file has none, like a state_dict from PyTorch
 *     the text of "vocab"           empty: none */
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/safetensors_format.h"
#include "fuzz.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/safetensors.h"
#include "recipe.h"

/* Every tensor of a model may start up to 255 bytes after the end of the previous one. */
enum { MEMORY_MULTIPLE = 48, MEMORY_CONSTANT = 256 * LYRNN_MAX_PARAMETERS + 4096 };

static void check_equal(const lyrnn_checkpoint *a, const lyrnn_checkpoint *b)
{
    lyrnn_parameters parameters;
    LYRNN_CHECK(a->config.cell == b->config.cell);
    LYRNN_CHECK(a->config.input_size == b->config.input_size);
    LYRNN_CHECK(a->config.hidden_size == b->config.hidden_size);
    LYRNN_CHECK(a->config.num_layers == b->config.num_layers);
    LYRNN_CHECK(a->config.bidirectional == b->config.bidirectional);
    LYRNN_CHECK(a->config.embedding_size == b->config.embedding_size);
    LYRNN_CHECK(a->config.tied == b->config.tied);
    LYRNN_CHECK(a->config.dropout == b->config.dropout);
    LYRNN_CHECK(a->config.dropout_input == b->config.dropout_input);
    LYRNN_CHECK(a->config.dropout_output == b->config.dropout_output);
    LYRNN_CHECK(a->config.dropout_weight == b->config.dropout_weight);
    LYRNN_CHECK(a->vocab.V == b->vocab.V);
    LYRNN_CHECK(
        memcmp(a->vocab.chars, b->vocab.chars, (size_t)a->vocab.V * sizeof a->vocab.chars[0]) == 0);
    lyrnn_parameters_of_model(&parameters, &a->config);
    LYRNN_CHECK(memcmp(a->params, b->params, parameters.count * sizeof a->params[0]) == 0);
}

/* Users of a model rely on these. */
static void check_sound(const lyrnn_checkpoint *checkpoint)
{
    lyrnn_parameters parameters;
    LYRNN_CHECK(lyrnn_rnn_config_check(&checkpoint->config) == LYRNN_OK);
    lyrnn_parameters_of_model(&parameters, &checkpoint->config);
    for (size_t i = 0; i < parameters.count; i++)
        LYRNN_CHECK(isfinite(checkpoint->params[i]));
    /* A state_dict from PyTorch may have no vocabulary. */
    LYRNN_CHECK(checkpoint->vocab.V == checkpoint->config.input_size || checkpoint->vocab.V == 0);
    for (int32_t id = 0; id < checkpoint->vocab.V; id++)
        LYRNN_CHECK(lyrnn_vocab_id(&checkpoint->vocab, checkpoint->vocab.chars[id]) == id);
}

static void write_and_read_again(const lyrnn_checkpoint *checkpoint)
{
    lyrnn_checkpoint again;
    unlink("written");
    LYRNN_CHECK(lyrnn_checkpoint_write("written", &checkpoint->config, &checkpoint->vocab,
                                       checkpoint->params, checkpoint->learned) == LYRNN_OK);
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
        LYRNN_CHECK(status == LYRNN_ERR_MODEL_FILE || status == LYRNN_ERR_UNSUPPORTED ||
                    status == LYRNN_ERR_DAMAGED);
        fuzz_check_error_text("input");
    }
    lyrnn_checkpoint_free(&checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    if (num_bytes == 0 || bytes[0] != '{') {
        read_model(bytes, num_bytes);
        return 0;
    }
    char *recipe = fuzz_copy_text(bytes, num_bytes), *rest = recipe;
    const char *config = fuzz_take_line(&rest), *vocab = fuzz_take_line(&rest);
    json_t *header = json_pack("{s:{s:s*, s:s*}}", SAFETENSORS_METADATA_KEY, "config",
                               strcmp(config, "{}") != 0 ? config : NULL, "vocab",
                               *vocab != '\0' ? vocab : NULL);
    size_t file_bytes;
    uint8_t *file =
        header != NULL ? fuzz_cook(header, rest, recipe + num_bytes, &file_bytes) : NULL;
    free(recipe);
    if (file != NULL)
        read_model(file, file_bytes);
    free(file);
    return 0;
}
