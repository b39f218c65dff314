/* The offset table of a network's tensors (lyrnn/parameters.h). Each tensor starts at a multiple of
 * 64 floats (256 bytes), so that its alignment is that of a device allocation. The gaps are zero
 * and stay zero, because their gradients are zero too. */
#include "lyrnn/parameters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lyrnn/philox.h"

enum { OFFSET_ALIGNMENT = 64 };

int lyrnn_num_directions(const lyrnn_rnn_config *config)
{
    return config->bidirectional ? 2 : 1;
}

static lyrnn_status check_dropouts(const lyrnn_rnn_config *config)
{
    const struct {
        const char *option;
        float p;
    } dropouts[] = {{"--dropout", config->dropout},
                    {"--dropout-input", config->dropout_input},
                    {"--dropout-output", config->dropout_output},
                    {"--dropout-weight", config->dropout_weight}};
    for (size_t i = 0; i < sizeof dropouts / sizeof dropouts[0]; i++)
        if (!(dropouts[i].p >= 0 && dropouts[i].p <= 1))
            return lyrnn_fail(LYRNN_ERR_USAGE, "%s %g: out of range; use 0 to 1",
                              dropouts[i].option, (double)dropouts[i].p);
    return LYRNN_OK;
}

lyrnn_status lyrnn_rnn_config_check(const lyrnn_rnn_config *config)
{
    LYRNN_TRY(lyrnn_cell_check(config->cell));
    if (config->input_size < 1 || config->input_size > LYRNN_MAX_INPUT_SIZE)
        return lyrnn_fail(LYRNN_ERR_USAGE, "input size %d: out of range; it must be from 1 to %d",
                          config->input_size, LYRNN_MAX_INPUT_SIZE);
    if (config->hidden_size < 1 || config->hidden_size > LYRNN_MAX_HIDDEN_SIZE)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--hidden-size %d: out of range; use 1 to %d",
                          config->hidden_size, LYRNN_MAX_HIDDEN_SIZE);
    if (config->num_layers < 1 || config->num_layers > LYRNN_MAX_LAYERS)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--num-layers %d: out of range; use 1 to %d",
                          config->num_layers, LYRNN_MAX_LAYERS);
    if (config->embedding_size < 0 || config->embedding_size > LYRNN_MAX_HIDDEN_SIZE)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--embedding-size %d: out of range; use 0 to %d",
                          config->embedding_size, LYRNN_MAX_HIDDEN_SIZE);
    if (config->tied && config->embedding_size == 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--tie: there is no embedding to share; add --embedding-size");
    if (config->dropout_input > 0 && config->embedding_size == 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--dropout-input: acts on an embedding, and this network has none; leave "
                          "it out, or begin a new model with --embedding-size");
    return check_dropouts(config);
}

static void append(lyrnn_parameters *parameters, const char *prefix, const char *name, int rows,
                   int cols, float bound)
{
    LYRNN_CHECK(parameters->num < LYRNN_MAX_PARAMETERS);
    lyrnn_parameter *item = &parameters->items[parameters->num++];
    snprintf(item->name, sizeof item->name, "%s%s", prefix, name);
    item->offset = parameters->count;
    item->rows = rows;
    item->cols = cols;
    item->bound = bound;
    size_t end = item->offset + lyrnn_parameter_count(item);
    parameters->count = (end + OFFSET_ALIGNMENT - 1) / OFFSET_ALIGNMENT * OFFSET_ALIGNMENT;
}

static void append_layer(lyrnn_parameters *parameters, const char *prefix,
                         const lyrnn_rnn_config *config, int layer, int direction)
{
    int H = config->hidden_size, rows = lyrnn_num_gates(config->cell) * H;
    int first = config->embedding_size > 0 ? config->embedding_size : config->input_size;
    int in = layer == 0 ? first : lyrnn_num_directions(config) * H;
    float bound = 1.0f / sqrtf((float)H);
    const struct {
        const char *name;
        int cols;
    } kinds[] = {
        [LYRNN_WEIGHT_IH] = {"weight_ih", in},
        [LYRNN_WEIGHT_HH] = {"weight_hh", H},
        [LYRNN_BIAS_IH] = {"bias_ih", 0},
        [LYRNN_BIAS_HH] = {"bias_hh", 0},
    };
    for (int kind = 0; kind < LYRNN_NUM_KINDS; kind++) {
        char name[24];
        snprintf(name, sizeof name, "%s_l%d%s", kinds[kind].name, layer,
                 direction == 0 ? "" : "_reverse");
        append(parameters, prefix, name, rows, kinds[kind].cols, bound);
        parameters->items[parameters->num - 1].decays = kinds[kind].cols > 0;
    }
}

static void append_stack(lyrnn_parameters *parameters, const char *prefix,
                         const lyrnn_rnn_config *config)
{
    for (int layer = 0; layer < config->num_layers; layer++)
        for (int direction = 0; direction < lyrnn_num_directions(config); direction++)
            append_layer(parameters, prefix, config, layer, direction);
}

void lyrnn_parameters_of_rnn(lyrnn_parameters *parameters, const lyrnn_rnn_config *config)
{
    memset(parameters, 0, sizeof *parameters);
    append_stack(parameters, "", config);
}

static int index_of(const lyrnn_rnn_config *config, int layer, int direction,
                    lyrnn_parameter_kind kind)
{
    int first = config->embedding_size > 0 ? 1 : 0;
    return first + (layer * lyrnn_num_directions(config) + direction) * LYRNN_NUM_KINDS + (int)kind;
}

static void append_embedding(lyrnn_parameters *parameters, const lyrnn_rnn_config *config)
{
    append(parameters, "embedding.", "weight", config->input_size, config->embedding_size, 0.1f);
    parameters->items[0].has_row_per_id = true;
}

/* Layer 0 looks up the rows of one-hot characters. */
static void make_lookup(lyrnn_parameter *weight_ih)
{
    weight_ih->transposed = true;
    weight_ih->has_row_per_id = true;
    weight_ih->decays = false;
}

static void append_output_layer(lyrnn_parameters *parameters, const lyrnn_rnn_config *config)
{
    int V = config->input_size, features = lyrnn_num_directions(config) * config->hidden_size;
    int in = config->tied ? config->embedding_size : features;
    if (config->tied && in != features) {
        append(parameters, "projection.", "weight", in, features, 1.0f / sqrtf((float)features));
        parameters->items[parameters->num - 1].decays = true;
    }
    int first = parameters->num;
    if (!config->tied) {
        append(parameters, "dense.", "weight", V, in, 1.0f / sqrtf((float)in));
        parameters->items[first].decays = true;
    }
    append(parameters, "dense.", "bias", V, 0, 1.0f / sqrtf((float)in));
    for (int i = first; i < parameters->num; i++)
        parameters->items[i].has_row_per_id = true;
}

void lyrnn_parameters_of_model(lyrnn_parameters *parameters, const lyrnn_rnn_config *config)
{
    memset(parameters, 0, sizeof *parameters);
    if (config->embedding_size > 0)
        append_embedding(parameters, config);
    append_stack(parameters, "rnn.", config);
    for (int direction = 0; config->embedding_size == 0 && direction < lyrnn_num_directions(config);
         direction++)
        make_lookup(&parameters->items[index_of(config, 0, direction, LYRNN_WEIGHT_IH)]);
    append_output_layer(parameters, config);
}

static const lyrnn_parameter *find(const lyrnn_parameters *parameters, const char *name)
{
    for (int i = 0; i < parameters->num; i++)
        if (strcmp(parameters->items[i].name, name) == 0)
            return &parameters->items[i];
    return NULL;
}

const lyrnn_parameter *lyrnn_parameters_embedding(const lyrnn_parameters *parameters)
{
    return find(parameters, "embedding.weight");
}

const lyrnn_parameter *lyrnn_parameters_projection(const lyrnn_parameters *parameters)
{
    return find(parameters, "projection.weight");
}

const lyrnn_parameter *lyrnn_parameters_output_weight(const lyrnn_parameters *parameters)
{
    const lyrnn_parameter *own = find(parameters, "dense.weight");
    return own != NULL ? own : lyrnn_parameters_embedding(parameters);
}

const lyrnn_parameter *lyrnn_parameters_output_bias(const lyrnn_parameters *parameters)
{
    return find(parameters, "dense.bias");
}

const lyrnn_parameter *lyrnn_parameters_of_layer(const lyrnn_parameters *parameters,
                                                 const lyrnn_rnn_config *config, int layer,
                                                 int direction, lyrnn_parameter_kind kind)
{
    return &parameters->items[index_of(config, layer, direction, kind)];
}

size_t lyrnn_parameter_count(const lyrnn_parameter *parameter)
{
    size_t cols = parameter->cols == 0 ? 1 : (size_t)parameter->cols;
    return (size_t)parameter->rows * cols;
}

size_t lyrnn_parameters_total(const lyrnn_parameters *parameters)
{
    size_t total = 0;
    for (int i = 0; i < parameters->num; i++)
        total += lyrnn_parameter_count(&parameters->items[i]);
    return total;
}

size_t lyrnn_state_count(const lyrnn_rnn_config *config, int B)
{
    return (size_t)config->num_layers * (size_t)lyrnn_num_directions(config) * (size_t)B *
           (size_t)config->hidden_size;
}

/* from (rows, cols) -> to (cols, rows). */
static void transpose(const float *from, size_t rows, size_t cols, float *to)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t col = 0; col < cols; col++)
            to[col * rows + row] = from[row * cols + col];
}

void lyrnn_parameter_pack(const lyrnn_parameter *parameter, const float *values, float *flat)
{
    float *place = flat + parameter->offset;
    if (parameter->transposed)
        transpose(values, (size_t)parameter->rows, (size_t)parameter->cols, place);
    else
        memcpy(place, values, lyrnn_parameter_count(parameter) * sizeof *values);
}

void lyrnn_parameter_unpack(const lyrnn_parameter *parameter, const float *flat, float *values)
{
    const float *place = flat + parameter->offset;
    if (parameter->transposed)
        transpose(place, (size_t)parameter->cols, (size_t)parameter->rows, values);
    else
        memcpy(values, place, lyrnn_parameter_count(parameter) * sizeof *values);
}

void lyrnn_parameters_randomize(const lyrnn_parameters *parameters, lyrnn_backend *backend,
                                uint64_t seed, float *flat)
{
    for (int i = 0; i < parameters->num; i++) {
        const lyrnn_parameter *parameter = &parameters->items[i];
        lyrnn_init_uniform_args args = {
            .count = lyrnn_parameter_count(parameter),
            .bound = parameter->bound,
            .seed = seed,
            .purpose = LYRNN_PURPOSE_INIT,
            .position = parameter->offset,
            .values = flat + parameter->offset,
        };
        backend->init_uniform(backend, &args);
    }
}
