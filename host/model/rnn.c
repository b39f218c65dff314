/* The counterpart of torch.nn.RNN, LSTM and GRU: the recurrent stack over rows of floats, for callers whose
 * arrays stand in host memory. Device buffers are kept from call to call and replaced when the shape
 * changes. */
#include "lyrnn/rnn.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/device_memory.h"
#include "model/stack.h"

struct lyrnn_rnn {
    lyrnn_rnn_config config;
    bool batch_first, training;
    bool has_forward; /* and no backward since */
    uint64_t seed;
    lyrnn_parameters parameters;
    lyrnn_backend *backend;
    float *params_host; /* (parameters.count) */
    float *params;      /* device (parameters.count) */
    float *grads;       /* device (parameters.count), in params' allocation */
    int64_t num_forwards;
    /* buffers of one shape; rows is the host's for turning (B,T,F) into (T,B,F) */
    lyrnn_stack stack;
    lyrnn_dropout dropout; /* of the latest forward */
    void *memory;
    float *input;             /* device (T,B,input_size) */
    float *dinput;            /* device (T,B,input_size) */
    lyrnn_counters *counters; /* device (1) */
    float *rows;              /* (T,B,max(input_size,D*H)) */
};

lyrnn_status lyrnn_rnn_open(lyrnn_rnn **rnn, const lyrnn_rnn_config *config, bool batch_first,
                            lyrnn_backend *backend, uint64_t seed)
{
    *rnn = NULL;
    LYRNN_TRY(lyrnn_rnn_config_check(config));
    lyrnn_rnn *opened = (lyrnn_rnn *)calloc(1, sizeof *opened);
    if (opened == NULL)
        return lyrnn_out_of_memory("rnn", sizeof *opened, "close other programs");
    opened->config = *config;
    opened->batch_first = batch_first;
    opened->training = true;
    opened->seed = seed;
    opened->backend = backend;
    lyrnn_parameters_of_rnn(&opened->parameters, config);
    size_t num_bytes = 2 * opened->parameters.count * sizeof(float);
    void *memory = NULL;
    opened->params_host = (float *)calloc(opened->parameters.count, sizeof(float));
    lyrnn_status status =
        opened->params_host == NULL
            ? lyrnn_out_of_memory("rnn", opened->parameters.count * sizeof(float),
                                  "lower hidden_size or input_size")
            : lyrnn_device_alloc(backend, num_bytes, "the network's parameters and gradients",
                                 "lower hidden_size or input_size", &memory);
    if (status != LYRNN_OK) {
        lyrnn_rnn_close(opened);
        return status;
    }
    opened->params = (float *)memory;
    opened->grads = opened->params + opened->parameters.count;
    backend->zero(backend, opened->params, num_bytes);
    lyrnn_parameters_randomize(&opened->parameters, backend, seed, opened->params);
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

/* One tensor out of a flat device buffer. */
static lyrnn_status get_tensor(lyrnn_rnn *rnn, const char *name, const float *flat, float *values)
{
    const lyrnn_parameter *parameter = find_parameter(rnn, name);
    if (parameter == NULL)
        return LYRNN_ERR_USAGE;
    rnn->backend->download(rnn->backend, rnn->params_host + parameter->offset,
                           flat + parameter->offset,
                           lyrnn_parameter_count(parameter) * sizeof(float));
    lyrnn_parameter_unpack(parameter, rnn->params_host, values);
    return LYRNN_OK;
}

lyrnn_status lyrnn_rnn_get_parameter(lyrnn_rnn *rnn, const char *name, float *values)
{
    return get_tensor(rnn, name, rnn->params, values);
}

lyrnn_status lyrnn_rnn_get_gradient(lyrnn_rnn *rnn, const char *name, float *values)
{
    return get_tensor(rnn, name, rnn->grads, values);
}

void lyrnn_rnn_set_training(lyrnn_rnn *rnn, bool training)
{
    rnn->training = training;
}

static void lay_out(lyrnn_rnn *rnn, lyrnn_arena *arena)
{
    size_t M = (size_t)rnn->stack.T * (size_t)rnn->stack.B;
    size_t input_size = (size_t)rnn->config.input_size;
    rnn->input = (float *)lyrnn_arena_take(arena, M * input_size, sizeof(float));
    rnn->dinput = (float *)lyrnn_arena_take(arena, M * input_size, sizeof(float));
    rnn->counters = (lyrnn_counters *)lyrnn_arena_take(arena, 1, sizeof(lyrnn_counters));
    lyrnn_stack_lay_out(&rnn->stack, arena, true);
}

static size_t output_width(const lyrnn_rnn *rnn)
{
    return (size_t)lyrnn_num_directions(&rnn->config) * (size_t)rnn->config.hidden_size;
}

/* Makes the buffers fit T steps of B streams. */
static lyrnn_status reshape(lyrnn_rnn *rnn, int T, int B)
{
    if (T < 1 || B < 1 || T > INT_MAX / B)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "rnn: T %d, B %d: each must be at least 1, and their product an int", T,
                          B);
    if (T == rnn->stack.T && B == rnn->stack.B)
        return LYRNN_OK;
    lyrnn_backend *backend = rnn->backend;
    backend->memory_free(backend, rnn->memory);
    free(rnn->rows);
    rnn->memory = NULL;
    rnn->stack = (lyrnn_stack){
        .config = rnn->config, .backend = backend, .num_lanes = backend->num_lanes, .T = T, .B = B};
    lyrnn_arena arena = {NULL, 0};
    lay_out(rnn, &arena);
    size_t input = (size_t)rnn->config.input_size, output = output_width(rnn);
    size_t widest = input > output ? input : output;
    rnn->rows = (float *)malloc((size_t)T * (size_t)B * widest * sizeof(float));
    lyrnn_status status =
        rnn->rows == NULL
            ? lyrnn_out_of_memory("rnn", (size_t)T * (size_t)B * widest * sizeof(float),
                                  "lower T or B")
            : lyrnn_device_alloc(backend, arena.num_bytes, "the network's activations",
                                 "lower T or B", &rnn->memory);
    if (status != LYRNN_OK) {
        rnn->stack.T = rnn->stack.B = 0;
        return status;
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

/* The caller's sequence of rows of F floats to the device; NULL: zeros. */
static void load_rows(lyrnn_rnn *rnn, const float *host, size_t F, float *device)
{
    lyrnn_backend *backend = rnn->backend;
    size_t T = (size_t)rnn->stack.T, B = (size_t)rnn->stack.B, num_bytes = T * B * F * sizeof *host;
    if (host == NULL) {
        backend->zero(backend, device, num_bytes);
        return;
    }
    if (rnn->batch_first) {
        swap_leading(host, B, T, F, rnn->rows);
        host = rnn->rows;
    }
    backend->upload(backend, device, host, num_bytes);
}

/* And back; NULL: not wanted. */
static void store_rows(lyrnn_rnn *rnn, const float *device, size_t F, float *host)
{
    lyrnn_backend *backend = rnn->backend;
    size_t T = (size_t)rnn->stack.T, B = (size_t)rnn->stack.B, num_bytes = T * B * F * sizeof *host;
    if (host == NULL)
        return;
    backend->download(backend, rnn->batch_first ? rnn->rows : host, device, num_bytes);
    if (rnn->batch_first)
        swap_leading(rnn->rows, T, B, F, host);
}

static lyrnn_status check_c(const lyrnn_rnn *rnn, const float *in, const float *out)
{
    if (rnn->config.cell != LYRNN_LSTM && (in != NULL || out != NULL))
        return lyrnn_fail(LYRNN_ERR_USAGE, "rnn: %s has no cell state; give NULL for it",
                          lyrnn_cell_name(rnn->config.cell));
    return LYRNN_OK;
}

/* Each forward in training has masks of its own. */
static void begin_dropout(lyrnn_rnn *rnn)
{
    lyrnn_counters counters = {.step = rnn->num_forwards++};
    rnn->dropout = (lyrnn_dropout){rnn->seed, rnn->training ? rnn->counters : NULL};
    rnn->backend->upload(rnn->backend, rnn->counters, &counters, sizeof counters);
}

static lyrnn_stack_pass begin_pass(lyrnn_rnn *rnn)
{
    return (lyrnn_stack_pass){
        .stack = &rnn->stack,
        .parameters = &rnn->parameters,
        .params = rnn->params,
        .input = {.x = rnn->input},
        .dropout = rnn->dropout,
    };
}

lyrnn_status lyrnn_rnn_forward(lyrnn_rnn *rnn, const lyrnn_rnn_forward_args *args)
{
    LYRNN_TRY(check_c(rnn, args->c_0, args->c_n));
    rnn->has_forward = false;
    LYRNN_TRY(reshape(rnn, args->T, args->B));
    begin_dropout(rnn);
    load_rows(rnn, args->input, (size_t)rnn->config.input_size, rnn->input);
    lyrnn_stack_set_state(&rnn->stack, args->h_0, args->c_0);
    const lyrnn_stack_pass pass = begin_pass(rnn);
    lyrnn_stack_forward(&pass);
    store_rows(rnn, lyrnn_stack_output(&rnn->stack), output_width(rnn), args->output);
    lyrnn_stack_get_state(&rnn->stack, args->h_n, args->c_n);
    rnn->has_forward = true;
    return LYRNN_OK;
}

/* The loss by a state, to the device; NULL: zeros. */
static void load_state(lyrnn_rnn *rnn, const float *host, float *device)
{
    size_t num_bytes = lyrnn_stack_state_count(&rnn->stack) * sizeof *host;
    if (device != NULL && host != NULL)
        rnn->backend->upload(rnn->backend, device, host, num_bytes);
    else if (device != NULL)
        rnn->backend->zero(rnn->backend, device, num_bytes);
}

static void store_state(lyrnn_rnn *rnn, const float *device, float *host)
{
    if (host != NULL)
        rnn->backend->download(rnn->backend, host, device,
                               lyrnn_stack_state_count(&rnn->stack) * sizeof *host);
}

lyrnn_status lyrnn_rnn_backward(lyrnn_rnn *rnn, const lyrnn_rnn_backward_args *args)
{
    LYRNN_TRY(check_c(rnn, args->dc_n, args->dc_0));
    if (!rnn->has_forward)
        return lyrnn_fail(LYRNN_ERR_USAGE, "rnn: backward goes through a forward, once; call "
                                           "lyrnn_rnn_forward before it");
    rnn->has_forward = false;
    lyrnn_stack *stack = &rnn->stack;
    load_rows(rnn, args->doutput, output_width(rnn), stack->doutput);
    load_state(rnn, args->dh_n, stack->dh);
    load_state(rnn, args->dc_n, stack->dc);
    lyrnn_stack_pass pass = begin_pass(rnn);
    pass.grads = rnn->grads;
    pass.dx = args->dinput == NULL ? NULL : rnn->dinput;
    lyrnn_stack_backward(&pass);
    store_rows(rnn, rnn->dinput, (size_t)rnn->config.input_size, args->dinput);
    store_state(rnn, stack->dh, args->dh_0);
    store_state(rnn, stack->dc, args->dc_0);
    return LYRNN_OK;
}
