/* The counterpart of torch.nn.RNN, LSTM and GRU over host arrays (lyrnn/rnn.h): the recurrent stack
 * of stack.c without an output layer. The device buffers stay from call to call. They are replaced
 * if T or B changes. */
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
    bool has_forward; /* a forward pass has run, and no backward pass since */
    uint64_t seed;
    lyrnn_parameters parameters;
    lyrnn_backend *backend;
    float *params_host; /* (parameters.count) */
    float *params;      /* device (parameters.count) */
    float *grads;       /* device (parameters.count), in the allocation of params */
    int64_t num_forwards;
    /* buffers for the T and B of the stack */
    lyrnn_stack stack;
    lyrnn_dropout dropout;    /* of the latest forward pass */
    void *memory;             /* the device allocation that holds the stack and the three below */
    float *input;             /* device (T,B,input_size) */
    float *dinput;            /* device (T,B,input_size) */
    lyrnn_counters *counters; /* device (1) */
    float *rows_host;         /* (T,B,max(input_size,D*H))  to swap B and T */
};

/* Allocates parameters and gradients and draws the parameters. */
static lyrnn_status make_parameters(lyrnn_rnn *rnn)
{
    const char *remedy = "lower hidden_size or input_size";
    size_t count = rnn->parameters.count, num_bytes = 2 * count * sizeof(float);
    void *memory;
    rnn->params_host = (float *)calloc(count, sizeof(float));
    if (rnn->params_host == NULL)
        return lyrnn_out_of_memory("rnn", count * sizeof(float), remedy);
    LYRNN_TRY(lyrnn_device_alloc(rnn->backend, num_bytes, "the parameters and gradients of the rnn",
                                 remedy, &memory));
    rnn->params = (float *)memory;
    rnn->grads = rnn->params + count;
    rnn->backend->zero(rnn->backend, rnn->params, num_bytes);
    lyrnn_parameters_randomize(&rnn->parameters, rnn->backend, rnn->seed, rnn->params);
    return LYRNN_OK;
}

lyrnn_status lyrnn_rnn_open(lyrnn_rnn **rnn, const lyrnn_rnn_config *config, bool batch_first,
                            lyrnn_backend *backend, uint64_t seed)
{
    *rnn = NULL;
    LYRNN_TRY(lyrnn_rnn_config_check(config));
    if (config->embedding_size > 0 || config->dropout_output > 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "rnn: has no embedding and no output layer; set embedding_size, tied, "
                          "dropout_input and dropout_output to 0");
    lyrnn_rnn *opened = (lyrnn_rnn *)calloc(1, sizeof *opened);
    if (opened == NULL)
        return lyrnn_out_of_memory("rnn", sizeof *opened, "close other programs");
    *opened = (lyrnn_rnn){
        .config = *config,
        .batch_first = batch_first,
        .training = true,
        .seed = seed,
        .backend = backend,
    };
    lyrnn_parameters_of_rnn(&opened->parameters, config);
    lyrnn_status status = make_parameters(opened);
    if (status == LYRNN_OK)
        *rnn = opened;
    else
        lyrnn_rnn_close(opened);
    return status;
}

void lyrnn_rnn_close(lyrnn_rnn *rnn)
{
    if (rnn == NULL)
        return;
    rnn->backend->memory_free(rnn->backend, rnn->params);
    rnn->backend->memory_free(rnn->backend, rnn->memory);
    free(rnn->params_host);
    free(rnn->rows_host);
    free(rnn);
}

const lyrnn_parameters *lyrnn_rnn_parameters(const lyrnn_rnn *rnn)
{
    return &rnn->parameters;
}

/* Returns NULL and sets the error text if no parameter has that name. */
static const lyrnn_parameter *find_parameter(const lyrnn_rnn *rnn, const char *name)
{
    for (int i = 0; i < rnn->parameters.num; i++)
        if (strcmp(rnn->parameters.items[i].name, name) == 0)
            return &rnn->parameters.items[i];
    lyrnn_fail(LYRNN_ERR_USAGE, "%s: no such parameter; use PyTorch's names, for example %s", name,
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

/* Copies one tensor from a flat device buffer. */
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

static void lay_out_rnn(lyrnn_rnn *rnn, lyrnn_arena *arena)
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

/* Allocates the buffers for the T and B of the stack. */
static lyrnn_status allocate_rnn(lyrnn_rnn *rnn)
{
    const char *remedy = "lower T or B";
    size_t input = (size_t)rnn->config.input_size, output = output_width(rnn);
    size_t M = (size_t)rnn->stack.T * (size_t)rnn->stack.B, width = input > output ? input : output;
    lyrnn_arena arena = {NULL, 0};
    lay_out_rnn(rnn, &arena);
    rnn->rows_host = (float *)malloc(M * width * sizeof(float));
    if (rnn->rows_host == NULL)
        return lyrnn_out_of_memory("rnn", M * width * sizeof(float), remedy);
    LYRNN_TRY(lyrnn_device_alloc(rnn->backend, arena.num_bytes, "the activations of the rnn",
                                 remedy, &rnn->memory));
    arena = (lyrnn_arena){(char *)rnn->memory, 0};
    lay_out_rnn(rnn, &arena);
    return LYRNN_OK;
}

/* Replaces the buffers if they are not for T steps and B streams. */
static lyrnn_status reshape(lyrnn_rnn *rnn, int T, int B)
{
    if (T < 1 || B < 1 || T > INT_MAX / B)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "rnn: T %d, B %d: out of range; each must be at least 1, and T * B at "
                          "most %d",
                          T, B, INT_MAX);
    if (T == rnn->stack.T && B == rnn->stack.B)
        return LYRNN_OK;
    lyrnn_backend *backend = rnn->backend;
    backend->memory_free(backend, rnn->memory);
    free(rnn->rows_host);
    rnn->memory = NULL;
    rnn->stack = (lyrnn_stack){
        .config = rnn->config, .backend = backend, .num_lanes = backend->num_lanes, .T = T, .B = B};
    lyrnn_status status = allocate_rnn(rnn);
    if (status != LYRNN_OK)
        rnn->stack.T = rnn->stack.B = 0;
    return status;
}

/* to[j][i] = from[i][j] for rows of F floats: (outer,inner,F) becomes (inner,outer,F). */
static void swap_leading(const float *from, size_t outer, size_t inner, size_t F, float *to)
{
    for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++)
            memcpy(to + (j * outer + i) * F, from + (i * inner + j) * F, F * sizeof *to);
}

/* Uploads the caller's T*B rows of F floats. NULL: zeros. */
static void load_rows(lyrnn_rnn *rnn, const float *host, size_t F, float *device)
{
    lyrnn_backend *backend = rnn->backend;
    size_t T = (size_t)rnn->stack.T, B = (size_t)rnn->stack.B, num_bytes = T * B * F * sizeof *host;
    if (host == NULL) {
        backend->zero(backend, device, num_bytes);
        return;
    }
    if (rnn->batch_first) {
        swap_leading(host, B, T, F, rnn->rows_host);
        host = rnn->rows_host;
    }
    backend->upload(backend, device, host, num_bytes);
}

/* Downloads T*B rows of F floats to the caller's array. NULL: not wanted. */
static void store_rows(lyrnn_rnn *rnn, const float *device, size_t F, float *host)
{
    lyrnn_backend *backend = rnn->backend;
    size_t T = (size_t)rnn->stack.T, B = (size_t)rnn->stack.B, num_bytes = T * B * F * sizeof *host;
    if (host == NULL)
        return;
    backend->download(backend, rnn->batch_first ? rnn->rows_host : host, device, num_bytes);
    if (rnn->batch_first)
        swap_leading(rnn->rows_host, T, B, F, host);
}

static lyrnn_status check_c(const lyrnn_rnn *rnn, const float *in, const float *out)
{
    if (rnn->config.cell != LYRNN_LSTM && (in != NULL || out != NULL))
        return lyrnn_fail(LYRNN_ERR_USAGE, "rnn: %s has no cell state c; pass NULL for it",
                          lyrnn_cell_name(rnn->config.cell));
    return LYRNN_OK;
}

/* Each forward pass in training has its own dropout masks. */
static void begin_dropout(lyrnn_rnn *rnn)
{
    lyrnn_counters counters = {.step = rnn->num_forwards++};
    rnn->dropout = (lyrnn_dropout){.seed = rnn->seed,
                                   .counters = rnn->training ? rnn->counters : NULL,
                                   .num_streams = rnn->stack.B};
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

/* Uploads the gradient of a state. host NULL: zeros. device NULL: the cell has no c. */
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
        return lyrnn_fail(LYRNN_ERR_USAGE, "rnn: no forward pass to go back through; call "
                                           "lyrnn_rnn_forward before each lyrnn_rnn_backward");
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
