/* The offset table of a network's tensors, by PyTorch's names and shapes. Each tensor starts at a
 * multiple of 64 floats, 256 bytes, so that every one is aligned as a device allocation is; the gaps
 * stay zero, and with zero gradients the optimiser leaves them so. */
#include "lyrnn/parameters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lyrnn/philox.h"

enum { OFFSET_ALIGNMENT = 64 };

static const char *const cell_names[] = {
    [LYRNN_RNN_TANH] = "rnn_tanh",
    [LYRNN_RNN_RELU] = "rnn_relu",
};
enum { NUM_CELLS = sizeof cell_names / sizeof cell_names[0] };

const char *lyrnn_cell_name(lyrnn_cell cell)
{
    LYRNN_CHECK((size_t)cell < NUM_CELLS);
    return cell_names[cell];
}

lyrnn_status lyrnn_cell_parse(const char *name, lyrnn_cell *cell)
{
    for (size_t i = 0; i < NUM_CELLS; i++) {
        if (strcmp(name, cell_names[i]) == 0) {
            *cell = (lyrnn_cell)i;
            return LYRNN_OK;
        }
    }
    if (strcmp(name, "lstm") == 0 || strcmp(name, "gru") == 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "--cell %s: this version has no such cell yet; use rnn_tanh or rnn_relu",
                          name);
    /* Not repeated: it may come from a model file, and be any text. */
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "--cell: there is no cell of that name; use rnn_tanh or rnn_relu");
}

static lyrnn_status check_ranges(const lyrnn_rnn_config *config)
{
    if ((size_t)config->cell >= NUM_CELLS)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--cell: no cell has number %d; use rnn_tanh or rnn_relu",
                          (int)config->cell);
    if (config->input_size < 1 || config->input_size > LYRNN_MAX_INPUT_SIZE)
        return lyrnn_fail(LYRNN_ERR_USAGE, "input size %d: out of range; it must be from 1 to %d",
                          config->input_size, LYRNN_MAX_INPUT_SIZE);
    if (config->hidden_size < 1 || config->hidden_size > LYRNN_MAX_HIDDEN_SIZE)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--hidden-size %d: out of range; use 1 to %d",
                          config->hidden_size, LYRNN_MAX_HIDDEN_SIZE);
    if (config->num_layers < 1)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--num-layers %d: out of range; use 1",
                          config->num_layers);
    if (!(config->dropout >= 0 && config->dropout <= 1))
        return lyrnn_fail(LYRNN_ERR_USAGE, "--dropout %g: out of range; use 0 to 1",
                          (double)config->dropout);
    return LYRNN_OK;
}

lyrnn_status lyrnn_rnn_config_check(const lyrnn_rnn_config *config)
{
    LYRNN_TRY(check_ranges(config));
    if (config->num_layers != 1)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "--num-layers %d: this version trains one layer; use --num-layers 1",
                          config->num_layers);
    if (config->bidirectional)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "--bidirectional: this version trains one direction; leave it out");
    if (config->dropout > 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "--dropout %g: this version has no dropout; use --dropout 0",
                          (double)config->dropout);
    return LYRNN_OK;
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

/* The recurrent layer; returns the bound that all of the stack's weights are drawn within. */
static float append_rnn(lyrnn_parameters *parameters, const char *prefix,
                        const lyrnn_rnn_config *config)
{
    int H = config->hidden_size;
    float bound = 1.0f / sqrtf((float)H);
    memset(parameters, 0, sizeof *parameters);
    append(parameters, prefix, "weight_ih_l0", H, config->input_size, bound);
    append(parameters, prefix, "weight_hh_l0", H, H, bound);
    append(parameters, prefix, "bias_ih_l0", H, 0, bound);
    append(parameters, prefix, "bias_hh_l0", H, 0, bound);
    return bound;
}

void lyrnn_parameters_of_rnn(lyrnn_parameters *parameters, const lyrnn_rnn_config *config)
{
    append_rnn(parameters, "", config);
}

void lyrnn_parameters_of_model(lyrnn_parameters *parameters, const lyrnn_rnn_config *config)
{
    int V = config->input_size, H = config->hidden_size;
    float bound = append_rnn(parameters, "rnn.", config);
    parameters->items[LYRNN_WEIGHT_IH].transposed = true;
    append(parameters, "dense.", "weight", V, H, bound);
    append(parameters, "dense.", "bias", V, 0, bound);
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

void lyrnn_parameters_randomise(const lyrnn_parameters *parameters, lyrnn_backend *backend,
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
