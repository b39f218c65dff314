/* torch.nn.RNN's counterpart: the recurrence behind a dense input projection, for callers whose arrays
 * stand in host memory. Device buffers are kept from call to call and replaced when the shape changes. */
#include "lyrnn/rnn.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

struct lyrnn_rnn {
    lyrnn_rnn_config config;
    bool batch_first;
    lyrnn_parameters parameters;
    lyrnn_backend *backend;
    float *params_host; /* (parameters.count) */
    float *params;      /* device (parameters.count) */
    /* buffers of one shape; rows is the host's for turning (B,T,F) into (T,B,F) */
    int T, B;
    void *memory;
    float *input;   /* device (T,B,input_size) */
    float *gates_x; /* device (T,B,H) */
    float *h;       /* device (T+1,B,H) */
    float *scratch; /* device (H,H) */
    float *rows;    /* (T,B,max(input_size,H)) */
};

lyrnn_status lyrnn_rnn_open(lyrnn_rnn **rnn, const lyrnn_rnn_config *config, bool batch_first,
                            lyrnn_backend *backend, uint64_t seed)
{
    *rnn = NULL;
    LYRNN_TRY(lyrnn_rnn_config_check(config));
    lyrnn_rnn *opened = (lyrnn_rnn *)calloc(1, sizeof *opened);
    if (opened == NULL)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "rnn: out of memory");
    opened->config = *config;
    opened->batch_first = batch_first;
    opened->backend = backend;
    lyrnn_parameters_of_rnn(&opened->parameters, config);
    size_t num_bytes = opened->parameters.count * sizeof(float);
    void *memory = NULL;
    opened->params_host = (float *)calloc(opened->parameters.count, sizeof(float));
    if (opened->params_host == NULL ||
        backend->memory_alloc(backend, num_bytes, &memory) != LYRNN_OK) {
        lyrnn_rnn_close(opened);
        return lyrnn_fail(LYRNN_ERR_MEMORY,
                          "rnn: %zu bytes asked for the parameters; lower "
                          "hidden_size or input_size",
                          num_bytes);
    }
    opened->params = (float *)memory;
    backend->zero(backend, opened->params, num_bytes);
    lyrnn_parameters_randomise(&opened->parameters, backend, seed, opened->params);
    *rnn = opened;
    return LYRNN_OK;
}

void lyrnn_rnn_close(lyrnn_rnn *rnn)
{
    if (rnn == NULL)
        return;
    rnn->backend->memory_free(rnn->backend, rnn->params);
    rnn->backend->memory_free(rnn->backend, rnn->memory);
    free(rnn->params_host);
    free(rnn->rows);
    free(rnn);
}

const lyrnn_parameters *lyrnn_rnn_parameters(const lyrnn_rnn *rnn)
{
    return &rnn->parameters;
}

/* NULL, with the error text set, when there is none of that name. */
static const lyrnn_parameter *find_parameter(const lyrnn_rnn *rnn, const char *name)
{
    for (int i = 0; i < rnn->parameters.num; i++)
        if (strcmp(rnn->parameters.items[i].name, name) == 0)
            return &rnn->parameters.items[i];
    lyrnn_fail(LYRNN_ERR_USAGE, "%s: no such parameter; the names are nn.RNN's, such as %s", name,
               rnn->parameters.items[0].name);
    return NULL;
}

lyrnn_status lyrnn_rnn_set_parameter(lyrnn_rnn *rnn, const char *name, const float *values)
{
    const lyrnn_parameter *parameter = find_parameter(rnn, name);
    if (parameter == NULL)
        return LYRNN_ERR_USAGE;
    lyrnn_parameter_pack(parameter, values, rnn->params_host);
    rnn->backend->upload(rnn->backend, rnn->params + parameter->offset,
                         rnn->params_host + parameter->offset,
                         lyrnn_parameter_count(parameter) * sizeof(float));
    return LYRNN_OK;
}

lyrnn_status lyrnn_rnn_get_parameter(lyrnn_rnn *rnn, const char *name, float *values)
{
    const lyrnn_parameter *parameter = find_parameter(rnn, name);
    if (parameter == NULL)
        return LYRNN_ERR_USAGE;
    rnn->backend->download(rnn->backend, rnn->params_host + parameter->offset,
                           rnn->params + parameter->offset,
                           lyrnn_parameter_count(parameter) * sizeof(float));
    lyrnn_parameter_unpack(parameter, rnn->params_host, values);
    return LYRNN_OK;
}

static void lay_out(lyrnn_rnn *rnn, lyrnn_arena *arena)
{
    size_t T = (size_t)rnn->T, B = (size_t)rnn->B, H = (size_t)rnn->config.hidden_size;
    rnn->input =
        (float *)lyrnn_arena_take(arena, T * B * (size_t)rnn->config.input_size, sizeof(float));
    rnn->gates_x = (float *)lyrnn_arena_take(arena, T * B * H, sizeof(float));
    rnn->h = (float *)lyrnn_arena_take(arena, (T + 1) * B * H, sizeof(float));
    rnn->scratch = (float *)lyrnn_arena_take(arena, H * H, sizeof(float));
}

/* Makes the buffers fit T steps of B streams. */
static lyrnn_status reshape(lyrnn_rnn *rnn, int T, int B)
{
    if (T < 1 || B < 1 || T > INT_MAX / B)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "rnn: T %d, B %d: each must be at least 1, and their product an int", T,
                          B);
    if (T == rnn->T && B == rnn->B)
        return LYRNN_OK;
    rnn->backend->memory_free(rnn->backend, rnn->memory);
    free(rnn->rows);
    rnn->memory = NULL;
    rnn->T = T;
    rnn->B = B;
    lyrnn_arena arena = {NULL, 0};
    lay_out(rnn, &arena);
    size_t input = (size_t)rnn->config.input_size, H = (size_t)rnn->config.hidden_size;
    rnn->rows = (float *)malloc((size_t)T * (size_t)B * (input > H ? input : H) * sizeof(float));
    if (rnn->rows == NULL ||
        rnn->backend->memory_alloc(rnn->backend, arena.num_bytes, &rnn->memory) != LYRNN_OK) {
        rnn->T = rnn->B = 0;
        return lyrnn_fail(LYRNN_ERR_MEMORY, "rnn: %zu bytes asked for T %d, B %d; lower either",
                          arena.num_bytes, T, B);
    }
    arena = (lyrnn_arena){(char *)rnn->memory, 0};
    lay_out(rnn, &arena);
    return LYRNN_OK;
}

/* to[j][i] = from[i][j] for rows of F floats: (outer,inner,F) becomes (inner,outer,F). */
static void swap_leading(const float *from, size_t outer, size_t inner, size_t F, float *to)
{
    for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++)
            memcpy(to + (j * outer + i) * F, from + (i * inner + j) * F, F * sizeof *to);
}

static void load_input(lyrnn_rnn *rnn, const float *input, const float *h_0)
{
    lyrnn_backend *backend = rnn->backend;
    size_t T = (size_t)rnn->T, B = (size_t)rnn->B, F = (size_t)rnn->config.input_size;
    size_t state_bytes = B * (size_t)rnn->config.hidden_size * sizeof(float);
    if (rnn->batch_first) {
        swap_leading(input, B, T, F, rnn->rows);
        input = rnn->rows;
    }
    backend->upload(backend, rnn->input, input, T * B * F * sizeof(float));
    if (h_0 != NULL)
        backend->upload(backend, rnn->h, h_0, state_bytes);
    else
        backend->zero(backend, rnn->h, state_bytes);
}

static void store_output(lyrnn_rnn *rnn, float *output, float *h_n)
{
    lyrnn_backend *backend = rnn->backend;
    size_t T = (size_t)rnn->T, B = (size_t)rnn->B, H = (size_t)rnn->config.hidden_size;
    if (output != NULL) {
        float *rows = rnn->batch_first ? rnn->rows : output;
        backend->download(backend, rows, rnn->h + B * H, T * B * H * sizeof(float));
        if (rnn->batch_first)
            swap_leading(rows, T, B, H, output);
    }
    if (h_n != NULL)
        backend->download(backend, h_n, rnn->h + T * B * H, B * H * sizeof(float));
}

lyrnn_status lyrnn_rnn_forward(lyrnn_rnn *rnn, int T, int B, const float *input, const float *h_0,
                               float *output, float *h_n)
{
    LYRNN_TRY(reshape(rnn, T, B));
    lyrnn_backend *backend = rnn->backend;
    const lyrnn_parameter *items = rnn->parameters.items;
    int H = rnn->config.hidden_size;
    lyrnn_linear_forward_args projection = {
        .M = T * B,
        .in = rnn->config.input_size,
        .out = H,
        .x = rnn->input,
        .weight = rnn->params + items[LYRNN_WEIGHT_IH].offset,
        .bias = rnn->params + items[LYRNN_BIAS_IH].offset,
        .y = rnn->gates_x,
    };
    lyrnn_recurrence_forward_args recurrence = {
        .T = T,
        .B = B,
        .H = H,
        .h_stride = H,
        .cell = rnn->config.cell,
        .gates_x = rnn->gates_x,
        .w_hh = rnn->params + items[LYRNN_WEIGHT_HH].offset,
        .b_hh = rnn->params + items[LYRNN_BIAS_HH].offset,
        .h = rnn->h,
        .scratch = rnn->scratch,
    };
    load_input(rnn, input, h_0);
    backend->linear_forward(backend, &projection);
    backend->recurrence_forward(backend, &recurrence);
    store_output(rnn, output, h_n);
    return LYRNN_OK;
}
