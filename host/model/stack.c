/* The forward and backward passes of the recurrent stack, as calls of the backend. Each direction
 * of a layer is one input projection over all its rows and one recurrence.
 *
 * A lane is a queue of work on the device; CUDA calls it a stream. If the device has several lanes,
 * layers of one direction run as a wavefront: the sequence is cut into chunks, and while a layer
 * works on a chunk, the layer below works on the next one. The output layer takes part. In the
 * forward pass it reads the chunks that the last layer has finished; in the backward pass it goes
 * first. The gradients of the weights have a lane of their own: they follow each chunk, and nothing
 * waits for them until the pass ends. Two directions have a lane each. A device with a single lane
 * has one chunk and runs the plain loop over the layers.
 *
 * Read stack.h first. model.c calls the passes for characters, rnn.c for rows of floats. */
#include "model/stack.h"

#include "model/stack_dropout.h"

static float *take_floats(lyrnn_arena *arena, size_t count)
{
    return (float *)lyrnn_arena_take(arena, count, sizeof(float));
}

/* Number of lanes that the layers use: one per layer, or one per direction, if the device has as
 * many. */
static int layer_lanes(const lyrnn_stack *stack)
{
    int wanted = stack->config.bidirectional ? 2 : stack->config.num_layers;
    int most = stack->num_lanes == 1 ? 1 : stack->num_lanes - 2;
    return wanted < most ? wanted : most;
}

static int lane_of(const lyrnn_stack *stack, int layer, int direction)
{
    return (stack->config.bidirectional ? direction : layer) % layer_lanes(stack);
}

/* training: with the buffers of dropout. */
static void lay_out_layer(lyrnn_stack *stack, lyrnn_arena *arena, int layer, bool training)
{
    bool is_last = layer == stack->config.num_layers - 1;
    lyrnn_stack_layer *buffers = &stack->layers[layer];
    size_t T = (size_t)stack->T, M = T * (size_t)stack->B, D = lyrnn_stack_directions(stack);
    buffers->h = take_floats(arena, (T + D) * lyrnn_stack_slot_count(stack));
    if (stack->config.cell == LYRNN_LSTM)
        buffers->c = take_floats(arena, (T + D) * lyrnn_stack_slot_count(stack));
    if (training && stack->config.dropout > 0.0f && !is_last)
        buffers->dropped = take_floats(arena, T * lyrnn_stack_slot_count(stack));
    for (size_t d = 0; d < D; d++) {
        buffers->gates[d] = take_floats(arena, M * lyrnn_stack_gates_width(stack));
        if (stack->config.cell == LYRNN_GRU)
            buffers->saved[d] = take_floats(arena, M * lyrnn_stack_hidden(stack));
        if (training && stack->config.dropout_weight > 0.0f)
            buffers->w_hh[d] = take_floats(arena, lyrnn_stack_w_hh_count(stack));
    }
}

static size_t scratch_count(const lyrnn_stack *stack)
{
    return lyrnn_recurrence_scratch(stack->config.cell, stack->B, stack->config.hidden_size);
}

void lyrnn_stack_lay_out(lyrnn_stack *stack, lyrnn_arena *arena, bool training)
{
    const lyrnn_rnn_config *config = &stack->config;
    size_t T = (size_t)stack->T;
    int last = config->num_layers - 1;
    for (int layer = 0; layer <= last; layer++)
        lay_out_layer(stack, arena, layer, training);
    stack->scratch = take_floats(arena, (size_t)layer_lanes(stack) * scratch_count(stack));
    stack->state_h = take_floats(arena, lyrnn_stack_state_count(stack));
    if (config->cell == LYRNN_LSTM)
        stack->state_c = take_floats(arena, lyrnn_stack_state_count(stack));
    if (!training)
        return;
    stack->doutput = take_floats(arena, T * lyrnn_stack_slot_count(stack));
    if (last > 0)
        stack->doutput_odd = take_floats(arena, T * lyrnn_stack_slot_count(stack));
    stack->dh = take_floats(arena, lyrnn_stack_state_count(stack));
    if (config->cell == LYRNN_LSTM)
        stack->dc = take_floats(arena, lyrnn_stack_state_count(stack));
}

static float *output_of(const lyrnn_stack *stack, int layer)
{
    return stack->layers[layer].h + lyrnn_stack_slot_count(stack);
}

float *lyrnn_stack_output(const lyrnn_stack *stack)
{
    return output_of(stack, stack->config.num_layers - 1);
}

/* The gradient of a layer's output. Adjacent layers never share a buffer. */
static float *doutput_of(const lyrnn_stack *stack, int layer)
{
    return (stack->config.num_layers - 1 - layer) % 2 == 0 ? stack->doutput : stack->doutput_odd;
}

/* Time steps [first, end) of the sequence. */
typedef struct {
    int first, end;
} chunk;

/* A recurrence that leaves no room for other work is not cut: nothing would overlap with it, and
 * each of its launches reads W_hh again. */
static int count_chunks(const lyrnn_stack *stack, bool is_backward)
{
    /* In a shorter chunk the kernel launches would cost more time than the overlap saves. This is
     * an estimate, not a measurement. */
    enum { MIN_STEPS = 16, MAX_CHUNKS = 4 };
    const lyrnn_rnn_config *config = &stack->config;
    const lyrnn_recurrence_shape whole = {config->cell, is_backward, stack->T, stack->B,
                                          config->hidden_size};
    if (stack->num_lanes == 1 || config->bidirectional || stack->T < 2 * MIN_STEPS ||
        stack->backend->fills_device(stack->backend, &whole))
        return 1;
    int num = stack->T / MIN_STEPS;
    return num < MAX_CHUNKS ? num : MAX_CHUNKS;
}

static chunk chunk_of(const lyrnn_stack *stack, int index, int num)
{
    return (chunk){(int)((int64_t)stack->T * index / num),
                   (int)((int64_t)stack->T * (index + 1) / num)};
}

/* The rows of floats that a layer reads, from time step `first` on. */
static const float *input_rows(const lyrnn_stack_pass *pass, int layer, int first)
{
    const lyrnn_stack *stack = pass->stack;
    if (layer == 0)
        return pass->input.x + (size_t)first * (size_t)stack->B * (size_t)stack->config.input_size;
    const float *rows = lyrnn_stack_drops_out(pass, layer - 1) ? stack->layers[layer - 1].dropped
                                                               : output_of(stack, layer - 1);
    return rows + (size_t)first * lyrnn_stack_slot_count(stack);
}

static int input_width(const lyrnn_stack *stack, int layer)
{
    return layer == 0 ? stack->config.input_size
                      : (int)(lyrnn_stack_directions(stack) * lyrnn_stack_hidden(stack));
}

static float *gates_of(const lyrnn_stack *stack, int layer, int direction, int first)
{
    return stack->layers[layer].gates[direction] +
           (size_t)first * (size_t)stack->B * lyrnn_stack_gates_width(stack);
}

static float *saved_of(const lyrnn_stack *stack, int layer, int direction, int first)
{
    float *saved = stack->layers[layer].saved[direction];
    return saved == NULL ? NULL
                         : saved + (size_t)first * (size_t)stack->B * lyrnn_stack_hidden(stack);
}

static float *scratch_of(const lyrnn_stack *stack, int lane)
{
    return stack->scratch + (size_t)lane * scratch_count(stack);
}

/* gates = input W_ih^T + b_ih. */
static void project(const lyrnn_stack_pass *pass, int layer, int direction, chunk steps)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    int M = (steps.end - steps.first) * stack->B;
    const float *weight = lyrnn_stack_tensor(pass, pass->params, layer, direction, LYRNN_WEIGHT_IH);
    const float *bias = lyrnn_stack_tensor(pass, pass->params, layer, direction, LYRNN_BIAS_IH);
    float *gates = gates_of(stack, layer, direction, steps.first);
    if (layer == 0 && pass->input.ids != NULL) {
        lyrnn_embedding_forward_args lookup = {
            .M = M,
            .V = stack->config.input_size,
            .F = (int)lyrnn_stack_gates_width(stack),
            .ids = pass->input.ids + (size_t)steps.first * (size_t)stack->B,
            .table = weight,
            .bias = bias,
            .out = gates,
        };
        backend->embedding_forward(backend, &lookup);
        return;
    }
    lyrnn_linear_forward_args linear = {
        .M = M,
        .in = input_width(stack, layer),
        .out = (int)lyrnn_stack_gates_width(stack),
        .y_stride = (int)lyrnn_stack_gates_width(stack),
        .batch_invariant = pass->batch_invariant,
        .x = input_rows(pass, layer, steps.first),
        .weight = weight,
        .bias = bias,
        .y = gates,
    };
    backend->linear_forward(backend, &linear);
}

const float *lyrnn_stack_project_first(const lyrnn_stack_pass *pass, int num_steps)
{
    project(pass, 0, 0, (chunk){0, num_steps});
    return gates_of(pass->stack, 0, 0, 0);
}

/* The recurrence of one direction over a chunk. */
static void recur(const lyrnn_stack_pass *pass, int layer, int direction, chunk steps)
{
    lyrnn_stack *stack = pass->stack;
    const lyrnn_stack_layer *buffers = &stack->layers[layer];
    size_t begin = (size_t)steps.first * lyrnn_stack_slot_count(stack);
    lyrnn_recurrence_forward_args args = {
        .T = steps.end - steps.first,
        .B = stack->B,
        .H = stack->config.hidden_size,
        .h_stride = (int)(lyrnn_stack_directions(stack) * lyrnn_stack_hidden(stack)),
        .cell = stack->config.cell,
        .reverse = direction == 1,
        .batch_invariant = pass->batch_invariant,
        .w_hh = lyrnn_stack_w_hh(pass, layer, direction),
        .b_hh = lyrnn_stack_tensor(pass, pass->params, layer, direction, LYRNN_BIAS_HH),
        .gates = gates_of(stack, layer, direction, steps.first),
        .h = lyrnn_stack_own_slots(stack, buffers->h, direction) + begin,
        .c =
            buffers->c == NULL ? NULL : lyrnn_stack_own_slots(stack, buffers->c, direction) + begin,
        .saved = saved_of(stack, layer, direction, steps.first),
        .scratch = scratch_of(stack, lane_of(stack, layer, direction)),
    };
    stack->backend->recurrence_forward(stack->backend, &args);
}

/* The time steps to project before a chunk. A lookup of characters waits for no other layer and
 * takes less time than its launch, so the first chunk looks up those of all chunks. */
static chunk steps_to_project(const lyrnn_stack_pass *pass, int layer, chunk steps)
{
    if (layer > 0 || pass->input.ids == NULL)
        return steps;
    return (chunk){steps.first, steps.first == 0 ? pass->stack->T : steps.first};
}

static void forward_chunk(const lyrnn_stack_pass *pass, int layer, chunk steps)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    const chunk projected = steps_to_project(pass, layer, steps);
    int below = layer == 0 ? 0 : lane_of(stack, layer - 1, 0);
    for (int direction = (int)lyrnn_stack_directions(stack) - 1; direction >= 0; direction--) {
        backend->lane_use(backend, lane_of(stack, layer, direction));
        backend->lane_wait(backend, below);
        if (projected.end > projected.first)
            project(pass, layer, direction, projected);
        recur(pass, layer, direction, steps);
    }
    backend->lane_wait(backend, lane_of(stack, layer, (int)lyrnn_stack_directions(stack) - 1));
    if (lyrnn_stack_drops_out(pass, layer))
        lyrnn_stack_drop_out(pass, layer, steps.first, steps.end, output_of(stack, layer),
                             stack->layers[layer].dropped);
    if (layer == stack->config.num_layers - 1 && pass->output_layer != NULL) {
        backend->lane_use(backend, lyrnn_stack_output_lane(stack));
        backend->lane_wait(backend, lane_of(stack, layer, 0));
        lyrnn_output_layer_forward(pass->output_layer, backend, steps.first, steps.end,
                                   output_of(stack, layer));
    }
}

void lyrnn_stack_forward(const lyrnn_stack_pass *pass)
{
    lyrnn_stack *stack = pass->stack;
    int L = stack->config.num_layers;
    LYRNN_CHECK(L > 0);
    /* A single layer without an output layer has nothing to overlap with. */
    int num_chunks = L == 1 && pass->output_layer == NULL ? 1 : count_chunks(stack, false);
    lyrnn_stack_drop_weights(pass, false);
    /* From the last layer to the first: lane_wait waits for all work queued so far. When a layer
     * waits for the one below it, that layer has queued the needed chunk but not yet its next
     * one. */
    for (int diagonal = 0; diagonal < L + num_chunks - 1; diagonal++) {
        for (int layer = L - 1; layer >= 0; layer--) {
            int index = diagonal - layer;
            if (index >= 0 && index < num_chunks)
                forward_chunk(pass, layer, chunk_of(stack, index, num_chunks));
        }
    }
    stack->backend->lane_use(stack->backend, 0);
    stack->backend->lane_wait(stack->backend, lane_of(stack, L - 1, 0));
    stack->backend->lane_wait(stack->backend, lyrnn_stack_output_lane(stack));
}

static void recur_backward(const lyrnn_stack_pass *pass, int layer, int direction, chunk steps)
{
    lyrnn_stack *stack = pass->stack;
    const lyrnn_stack_layer *buffers = &stack->layers[layer];
    size_t H = lyrnn_stack_hidden(stack),
           begin = (size_t)steps.first * lyrnn_stack_slot_count(stack);
    size_t state =
        ((size_t)layer * lyrnn_stack_directions(stack) + (size_t)direction) * (size_t)stack->B * H;
    lyrnn_recurrence_backward_args args = {
        .T = steps.end - steps.first,
        .B = stack->B,
        .H = stack->config.hidden_size,
        .h_stride = (int)(lyrnn_stack_directions(stack) * H),
        .cell = stack->config.cell,
        .reverse = direction == 1,
        .w_hh = lyrnn_stack_w_hh(pass, layer, direction),
        .h = lyrnn_stack_own_slots(stack, buffers->h, direction) + begin,
        .c =
            buffers->c == NULL ? NULL : lyrnn_stack_own_slots(stack, buffers->c, direction) + begin,
        .doutput = doutput_of(stack, layer) + begin + (size_t)direction * H,
        .dh = stack->dh + state,
        .dc = stack->dc == NULL ? NULL : stack->dc + state,
        .gates = gates_of(stack, layer, direction, steps.first),
        .saved = saved_of(stack, layer, direction, steps.first),
        .scratch = scratch_of(stack, lane_of(stack, layer, direction)),
    };
    stack->backend->recurrence_backward(stack->backend, &args);
}

/* The weights' gradients of a sequence are sums over its chunks. The last chunk comes first and
 * overwrites the old gradients; the others are added. Those of the lookup begin as zero, because
 * the rows of absent characters stay zero. */
static bool adds_to_gradients(const lyrnn_stack *stack, chunk steps)
{
    return steps.end < stack->T;
}

/* What the gradients of W_hh, b_hh and b_ih over one chunk follow from, once recurrence_backward
 * has put the gradient of the gates into gates. */
static lyrnn_recurrence_backward_weights_args
recurrent_weights(const lyrnn_stack_pass *pass, int layer, int direction, chunk steps)
{
    const lyrnn_stack *stack = pass->stack;
    return (lyrnn_recurrence_backward_weights_args){
        .T = steps.end - steps.first,
        .B = stack->B,
        .H = stack->config.hidden_size,
        .h_stride = (int)(lyrnn_stack_directions(stack) * lyrnn_stack_hidden(stack)),
        .cell = stack->config.cell,
        .reverse = direction == 1,
        .h = lyrnn_stack_own_slots(stack, stack->layers[layer].h, direction) +
             (size_t)steps.first * lyrnn_stack_slot_count(stack),
        .dgates = gates_of(stack, layer, direction, steps.first),
        .dsaved = saved_of(stack, layer, direction, steps.first),
        .add = adds_to_gradients(stack, steps),
    };
}

enum { W_HH = 1, BIASES = 2 };

/* The gradients of W_hh or of both biases, or all of them, over one chunk. */
static void backward_recurrent_weights(const lyrnn_stack_pass *pass, int layer, chunk steps,
                                       int wanted)
{
    lyrnn_backend *backend = pass->stack->backend;
    for (int d = 0; d < (int)lyrnn_stack_directions(pass->stack); d++) {
        lyrnn_recurrence_backward_weights_args args = recurrent_weights(pass, layer, d, steps);
        if (wanted & W_HH)
            args.dw_hh = lyrnn_stack_tensor(pass, pass->grads, layer, d, LYRNN_WEIGHT_HH);
        if (wanted & BIASES) {
            args.db_hh = lyrnn_stack_tensor(pass, pass->grads, layer, d, LYRNN_BIAS_HH);
            args.db_ih = lyrnn_stack_tensor(pass, pass->grads, layer, d, LYRNN_BIAS_IH);
        }
        backend->recurrence_backward_weights(backend, &args);
    }
}

/* What group_ids finds in the characters of a chunk. */
static int32_t *groups_of(const lyrnn_stack_pass *pass, chunk steps)
{
    return pass->groups + (size_t)steps.first * (size_t)pass->stack->B;
}

/* The gradient of W_ih over one chunk. */
static void backward_input_weights(const lyrnn_stack_pass *pass, int layer, int direction,
                                   chunk steps)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    int M = (steps.end - steps.first) * stack->B, width = (int)lyrnn_stack_gates_width(stack);
    const float *dgates = gates_of(stack, layer, direction, steps.first);
    float *dweight = lyrnn_stack_tensor(pass, pass->grads, layer, direction, LYRNN_WEIGHT_IH);
    if (layer == 0 && pass->input.ids != NULL) {
        lyrnn_embedding_backward_args lookup = {
            .M = M,
            .V = stack->config.input_size,
            .F = width,
            .ids = pass->input.ids + (size_t)steps.first * (size_t)stack->B,
            .groups = groups_of(pass, steps),
            .dout = dgates,
            .dtable = dweight,
        };
        backend->embedding_backward(backend, &lookup);
        return;
    }
    lyrnn_linear_backward_weights_args linear = {
        .M = M,
        .in = input_width(stack, layer),
        .out = width,
        .dy_stride = width,
        .x = input_rows(pass, layer, steps.first),
        .dy = dgates,
        .add = adds_to_gradients(stack, steps),
        .dweight = dweight,
    };
    backend->linear_backward_weights(backend, &linear);
}

/* Prepares the gradient of the lookup, which waits for no other gradient. */
static void begin_input_weights(const lyrnn_stack_pass *pass, int num_chunks)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    size_t width = lyrnn_stack_gates_width(stack), V = (size_t)stack->config.input_size;
    if (pass->input.ids == NULL)
        return;
    for (int direction = 0; direction < (int)lyrnn_stack_directions(stack); direction++)
        backend->zero(backend, lyrnn_stack_tensor(pass, pass->grads, 0, direction, LYRNN_WEIGHT_IH),
                      V * width * sizeof(float));
    for (int index = num_chunks - 1; index >= 0; index--) {
        chunk steps = chunk_of(stack, index, num_chunks);
        lyrnn_group_ids_args args = {
            .M = (steps.end - steps.first) * stack->B,
            .ids = pass->input.ids + (size_t)steps.first * (size_t)stack->B,
            .groups = groups_of(pass, steps),
        };
        backend->group_ids(backend, &args);
    }
}

/* The gradient of a layer's input, summed over its directions. */
static void backward_input(const lyrnn_stack_pass *pass, int layer, chunk steps)
{
    const lyrnn_stack *stack = pass->stack;
    int in = input_width(stack, layer);
    float *dx = layer == 0 ? pass->dx : doutput_of(stack, layer - 1);
    if (dx == NULL)
        return;
    for (int direction = 0; direction < (int)lyrnn_stack_directions(stack); direction++) {
        lyrnn_linear_backward_args args = {
            .M = (steps.end - steps.first) * stack->B,
            .in = in,
            .out = (int)lyrnn_stack_gates_width(stack),
            .dy_stride = (int)lyrnn_stack_gates_width(stack),
            .weight = lyrnn_stack_tensor(pass, pass->params, layer, direction, LYRNN_WEIGHT_IH),
            .dy = gates_of(stack, layer, direction, steps.first),
            .add = direction > 0,
            .dx = dx + (size_t)steps.first * (size_t)stack->B * (size_t)in,
        };
        stack->backend->linear_backward(stack->backend, &args);
    }
    if (layer > 0 && lyrnn_stack_drops_out(pass, layer - 1))
        lyrnn_stack_drop_out(pass, layer - 1, steps.first, steps.end, dx, dx);
}

/* Queues the weights' gradients of one chunk, for a layer whose lane is in use. If only they are
 * left after the last recurrence, three lanes share them. */
static void backward_weights(const lyrnn_stack_pass *pass, int layer, chunk steps)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    int D = (int)lyrnn_stack_directions(stack), lane = lane_of(stack, layer, 0);
    int weights_lane = lyrnn_stack_weights_lane(stack);
    bool are_left = layer == 0 && steps.first == 0 && pass->dx == NULL && stack->num_lanes > 1;
    if (are_left) {
        backend->lane_wait(backend, weights_lane); /* for what the chunks before have added */
        backend->lane_use(backend, lyrnn_stack_output_lane(stack));
        backend->lane_wait(backend, lane);
        backward_recurrent_weights(pass, layer, steps, BIASES);
    }
    backend->lane_use(backend, weights_lane);
    backend->lane_wait(backend, lane);
    backward_recurrent_weights(pass, layer, steps, are_left ? W_HH : W_HH | BIASES);
    if (are_left)
        backend->lane_use(backend, lane);
    for (int direction = 0; direction < D; direction++)
        backward_input_weights(pass, layer, direction, steps);
    backend->lane_use(backend, lane);
}

static void backward_chunk(const lyrnn_stack_pass *pass, int layer, chunk steps)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    int D = (int)lyrnn_stack_directions(stack);
    bool is_last = layer == stack->config.num_layers - 1;
    int above = is_last ? lyrnn_stack_output_lane(stack) : lane_of(stack, layer + 1, 0);
    if (is_last && pass->output_layer != NULL) {
        backend->lane_use(backend, above);
        lyrnn_output_layer_backward(pass->output_layer, backend, steps.first, steps.end,
                                    stack->doutput);
    }
    for (int direction = D - 1; direction >= 0; direction--) {
        backend->lane_use(backend, lane_of(stack, layer, direction));
        backend->lane_wait(backend, above);
        recur_backward(pass, layer, direction, steps);
    }
    backend->lane_wait(backend, lane_of(stack, layer, D - 1));
    if (is_last && steps.first == 0 && pass->output_layer != NULL) {
        backend->lane_use(backend, above);
        lyrnn_output_layer_backward_weights(pass->output_layer, backend, stack->T,
                                            lyrnn_stack_output(stack));
        backend->lane_use(backend, lane_of(stack, layer, 0));
    }
    backward_weights(pass, layer, steps);
    backward_input(pass, layer, steps);
}

/* Lane 0 has produced dlogits (or doutput), dh and dc. The other lanes wait for them here: if they
 * waited at each chunk, they would wait for layer 0 too. */
static void begin_backward(const lyrnn_stack_pass *pass, int num_chunks)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    size_t state_bytes = lyrnn_stack_state_count(stack) * sizeof(float);
    backend->lane_use(backend, lyrnn_stack_output_lane(stack));
    backend->lane_wait(backend, 0);
    backend->lane_use(backend, lyrnn_stack_weights_lane(stack));
    backend->lane_wait(backend, 0);
    begin_input_weights(pass, num_chunks);
    backend->lane_use(backend, 0);
    if (pass->zero_dstate)
        backend->zero(backend, stack->dh, state_bytes);
    if (pass->zero_dstate && stack->dc != NULL)
        backend->zero(backend, stack->dc, state_bytes);
    for (int lane = 1; lane < layer_lanes(stack); lane++) {
        backend->lane_use(backend, lane);
        backend->lane_wait(backend, 0);
    }
}

void lyrnn_stack_backward(const lyrnn_stack_pass *pass)
{
    lyrnn_stack *stack = pass->stack;
    lyrnn_backend *backend = stack->backend;
    int L = stack->config.num_layers, num_chunks = count_chunks(stack, true);
    begin_backward(pass, num_chunks);
    /* From the first layer to the last, for the same reason as in lyrnn_stack_forward. */
    for (int diagonal = 0; diagonal < L + num_chunks - 1; diagonal++) {
        for (int layer = 0; layer < L; layer++) {
            int index = diagonal - (L - 1 - layer);
            if (index >= 0 && index < num_chunks)
                backward_chunk(pass, layer, chunk_of(stack, num_chunks - 1 - index, num_chunks));
        }
    }
    backend->lane_use(backend, lyrnn_stack_weights_lane(stack));
    lyrnn_stack_drop_weights(pass, true);
    /* Layer 0 comes last and runs on lane 0. */
    backend->lane_use(backend, 0);
    backend->lane_wait(backend, lyrnn_stack_output_lane(stack));
    backend->lane_wait(backend, lyrnn_stack_weights_lane(stack));
}
