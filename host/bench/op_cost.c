/* One formula per operation. Letters and shapes are those of backend.h. A formula leaves out what
 * does not grow with the shape, such as counters and the learning rate. A matrix product counts 2
 * FLOP per multiplication; a bias or an old value that the sum starts from adds none. */
#include "bench/op_cost.h"

#include "lyrnn/parameters.h"

static const double item_bytes = sizeof(float); /* an id has the same size */

/* Bytes: ids (each stream reads T + 1; the last is only a target), one chunk per stream, inputs,
 * targets, from_zero. */
static lyrnn_op_cost batch_gather_cost(const void *args)
{
    const lyrnn_batch_gather_args *a = (const lyrnn_batch_gather_args *)args;
    double T = a->T, B = a->B;
    return (lyrnn_op_cost){.bytes = item_bytes * (B * (T + 1) + 2 * T * B + B) +
                                    (double)sizeof(lyrnn_chunk) * B};
}

/* Bytes: chosen, and the rows if all are chosen. */
static lyrnn_op_cost zero_rows_cost(const void *args)
{
    const lyrnn_zero_rows_args *a = (const lyrnn_zero_rows_args *)args;
    return (lyrnn_op_cost){.bytes = item_bytes * (double)a->B * (1 + a->H)};
}

/* The number of rows that a batch reads at most: each character of the vocabulary counts once. */
static double distinct_rows(double M, double V)
{
    return M < V ? M : V;
}

/* Bytes: ids, rows of table, bias, out. FLOP: one addition per number of out. */
static lyrnn_op_cost embedding_forward_cost(const void *args)
{
    const lyrnn_embedding_forward_args *a = (const lyrnn_embedding_forward_args *)args;
    double M = a->M, V = a->V, F = a->F;
    return (lyrnn_op_cost){.flop = M * F,
                           .bytes = item_bytes * (M + distinct_rows(M, V) * F + F + M * F)};
}

/* How often an array of sums is moved: written, and also read if they are added to old values. */
static double moves_of_sums(bool add)
{
    return add ? 2 : 1;
}

/* Bytes: ids, and a number for each. */
static lyrnn_op_cost group_ids_cost(const void *args)
{
    return (lyrnn_op_cost){.bytes = item_bytes * 2 * ((const lyrnn_group_ids_args *)args)->M};
}

/* Bytes: ids, dout, the rows of dtable that occur. FLOP: every dout is added to a row. */
static lyrnn_op_cost embedding_backward_cost(const void *args)
{
    const lyrnn_embedding_backward_args *a = (const lyrnn_embedding_backward_args *)args;
    double M = a->M, F = a->F, rows = distinct_rows(M, a->V);
    return (lyrnn_op_cost){.flop = M * F,
                           .bytes = item_bytes * (M + M * F + moves_of_sums(true) * rows * F)};
}

/* Bytes: x, weight, bias, y. */
static lyrnn_op_cost linear_forward_cost(const void *args)
{
    const lyrnn_linear_forward_args *a = (const lyrnn_linear_forward_args *)args;
    double M = a->M, in = a->in, out = a->out;
    return (lyrnn_op_cost){.flop = 2 * M * in * out,
                           .bytes = item_bytes * (M * in + out * in + out + M * out)};
}

/* Bytes: dy, weight, dx. */
static lyrnn_op_cost linear_backward_cost(const void *args)
{
    const lyrnn_linear_backward_args *a = (const lyrnn_linear_backward_args *)args;
    double M = a->M, in = a->in, out = a->out;
    return (lyrnn_op_cost){.flop = 2 * M * in * out,
                           .bytes =
                               item_bytes * (M * out + out * in + moves_of_sums(a->add) * M * in)};
}

/* Bytes: x, dy, dweight, dbias if it is wanted. FLOP: the product, and every dy is added to
 * dbias. */
static lyrnn_op_cost linear_backward_weights_cost(const void *args)
{
    const lyrnn_linear_backward_weights_args *a = (const lyrnn_linear_backward_weights_args *)args;
    double M = a->M, in = a->in, out = a->out, biases = a->dbias != NULL ? out : 0;
    return (lyrnn_op_cost){
        .flop = 2 * M * in * out + M * biases,
        .bytes = item_bytes * (M * in + M * out + moves_of_sums(a->add) * (out * in + biases))};
}

/* FLOP per hidden unit and step without the matrix product. Forward, from the equations in
 * backend.h:
 *     rnn   one sum, phi
 *     lstm  4 sums, 4 functions, f c + i g, tanh, its product with o
 *     gru   2 sums, 3 functions, product and sum of n, (1 - z) n + z h
 * Backward. A derivative is computed from the function's value y: 1 - y^2 for tanh, y (1 - y) for
 * the sigmoid. For relu it is one comparison.
 *     rnn   dh + doutput; 2 for the derivative, 1 for its product
 *     lstm  dh + doutput; tanh; 4 for o; 5 for dc; 4 for each of i, f and g; f dc
 *     gru   dh + doutput; 5 for z; 4 for n; 4 for r; n r; z dh */
static double unit_flop(lyrnn_cell cell, bool backward)
{
    switch (cell) {
    case LYRNN_LSTM:
        return backward ? 24 : 13;
    case LYRNN_GRU:
        return backward ? 16 : 11;
    case LYRNN_RNN_TANH:
        return backward ? 4 : 2;
    case LYRNN_RNN_RELU:
        break;
    }
    return 2;
}

/* Bytes: w_hh and b_hh once, as on a device that keeps them on chip. The gates are read, and
 * written too unless the cell is rnn. h, and c of lstm: the first slot is read and the others are
 * written. saved of gru. */
static lyrnn_op_cost recurrence_forward_cost(const void *args)
{
    const lyrnn_recurrence_forward_args *a = (const lyrnn_recurrence_forward_args *)args;
    double T = a->T, B = a->B, H = a->H, G = lyrnn_num_gates(a->cell), M = T * B;
    double states = a->cell == LYRNN_LSTM ? 2 : 1, saved = a->cell == LYRNN_GRU ? 1 : 0;
    double gate_passes = G > 1 ? 2 : 1;
    return (lyrnn_op_cost){
        .flop = M * (2 * G * H * H + unit_flop(a->cell, false) * H),
        .bytes = item_bytes * (G * H * H + G * H + gate_passes * M * G * H + states * (M + B) * H +
                               saved * M * H),
        .steps = T,
    };
}

/* Bytes: w_hh once, and doutput. The gates are written, and read too unless the cell is rnn. Also
 * read: the outputs of rnn, all slots of c of lstm, the states before each step of gru. saved of
 * gru is read and written, and so are dh and dc of lstm. */
static lyrnn_op_cost recurrence_backward_cost(const void *args)
{
    const lyrnn_recurrence_backward_args *a = (const lyrnn_recurrence_backward_args *)args;
    double T = a->T, B = a->B, H = a->H, G = lyrnn_num_gates(a->cell), M = T * B;
    double gate_passes = G > 1 ? 2 : 1, num_dstates = a->cell == LYRNN_LSTM ? 2 : 1;
    double slots = a->cell == LYRNN_LSTM ? M + B : M, saved = a->cell == LYRNN_GRU ? 2 : 0;
    return (lyrnn_op_cost){
        .flop = M * (2 * G * H * H + unit_flop(a->cell, true) * H),
        .bytes = item_bytes * (G * H * H + M * H + gate_passes * M * G * H + slots * H +
                               saved * M * H + 2 * num_dstates * B * H),
        .steps = T,
    };
}

/* Bytes: the gates' gradients, dsaved of gru; h and dw_hh, db_hh and db_ih if they are wanted.
 * FLOP: the product; every gradient is added once, because both biases have the same sums except
 * for gru's n. */
static lyrnn_op_cost recurrence_backward_weights_cost(const void *args)
{
    const lyrnn_recurrence_backward_weights_args *a =
        (const lyrnn_recurrence_backward_weights_args *)args;
    double M = (double)a->T * a->B, H = a->H, rows = lyrnn_num_gates(a->cell) * H;
    double sums = a->cell == LYRNN_GRU ? rows + H : rows, moves = moves_of_sums(a->add);
    double W = a->dw_hh != NULL, b = a->db_hh != NULL;
    return (lyrnn_op_cost){
        .flop = W * 2 * M * rows * H + b * M * sums,
        .bytes = item_bytes * (M * sums + W * (M * H + moves * rows * H) + b * moves * 2 * rows)};
}

/* Bytes: x, y. FLOP: a comparison and a product per number. Philox is integer arithmetic and does
 * not count. */
static lyrnn_op_cost dropout_cost(const void *args)
{
    const lyrnn_dropout_args *a = (const lyrnn_dropout_args *)args;
    double count = (double)a->T * (double)a->count;
    return (lyrnn_op_cost){.flop = 2 * count, .bytes = item_bytes * 2 * count};
}

/* Bytes: values, sum read and written. */
static lyrnn_op_cost add_cost(const void *args)
{
    double count = (double)((const lyrnn_add_args *)args)->count;
    return (lyrnn_op_cost){.flop = count, .bytes = item_bytes * 3 * count};
}

/* Bytes: targets, logits read and written, losses. FLOP per logit: maximum, subtraction, exp, sum,
 * scaling. */
static lyrnn_op_cost softmax_cross_entropy_cost(const void *args)
{
    const lyrnn_softmax_cross_entropy_args *a = (const lyrnn_softmax_cross_entropy_args *)args;
    double M = a->M, V = a->V;
    return (lyrnn_op_cost){.flop = 5 * M * V, .bytes = item_bytes * (M + 2 * M * V + M)};
}

/* Bytes: targets, losses. FLOP: one addition per loss. */
static lyrnn_op_cost count_losses_cost(const void *args)
{
    double M = ((const lyrnn_count_losses_args *)args)->M;
    return (lyrnn_op_cost){.flop = M, .bytes = item_bytes * 2 * M};
}

/* Bytes: the sums. FLOP: their additions. */
static lyrnn_op_cost count_shards_cost(const void *args)
{
    double floats = (double)LYRNN_LOSS_PARTS * ((const lyrnn_count_shards_args *)args)->num;
    return (lyrnn_op_cost){.flop = floats, .bytes = item_bytes * floats};
}

/* On the device only, without the network. Bytes: all values are read to be sent, written as they
 * come, read for the sum, and written again. One piece is also read as the sum that this rank
 * sends; that is not counted. FLOP: one addition per value, less those of one rank. */
static lyrnn_op_cost all_reduce_cost(const void *args)
{
    double length = (double)((const lyrnn_all_reduce_args *)args)->length;
    return (lyrnn_op_cost){
        .flop = length, .bytes = item_bytes * 4 * length, .summed = item_bytes * length};
}

/* Bytes: params, m and v read and written, grads read; the average read and written. FLOP per
 * parameter: 2 for the norm, 1 for clipping, 3 for m, 4 for v, 6 for the update; 1 for weight
 * decay, 3 for the average. */
static lyrnn_op_cost clip_and_adam_cost(const void *args)
{
    const lyrnn_clip_and_adam_args *a = (const lyrnn_clip_and_adam_args *)args;
    double count = (double)a->count, decay = a->decays != NULL, average = a->average != NULL;
    return (lyrnn_op_cost){.flop = (16 + decay + 3 * average) * count,
                           .bytes = item_bytes * (7 + 2 * average) * count};
}

/* Bytes: logits, and the places of characters for a repeat penalty; each text's state is read and
 * written; the id is written to two places. FLOP: one comparison per logit, which is what greedy
 * sampling needs. */
static lyrnn_op_cost sample_token_cost(const void *args)
{
    const lyrnn_sample_token_args *a = (const lyrnn_sample_token_args *)args;
    double B = a->B, V = a->V;
    return (lyrnn_op_cost){.flop = B * V,
                           .bytes = item_bytes * ((a->seen != NULL ? 2 : 1) * B * V + 2 * B) +
                                    2 * (double)sizeof(lyrnn_text_state) * B};
}

/* Bytes: weight, packed. */
static lyrnn_op_cost pack_weights_cost(const void *args)
{
    const lyrnn_pack_weights_args *a = (const lyrnn_pack_weights_args *)args;
    return (lyrnn_op_cost){.bytes = item_bytes * 2 * (double)a->num * a->N * a->K};
}

static lyrnn_op_cost init_uniform_cost(const void *args)
{
    double count = (double)((const lyrnn_init_uniform_args *)args)->count;
    return (lyrnn_op_cost){.flop = 2 * count, .bytes = item_bytes * count};
}

static lyrnn_op_cost copy_rows_cost(const void *args)
{
    return (lyrnn_op_cost){.bytes = 2 * (double)*(const size_t *)args};
}

static lyrnn_op_cost zero_cost(const void *args)
{
    return (lyrnn_op_cost){.bytes = (double)*(const size_t *)args};
}

typedef lyrnn_op_cost cost_formula(const void *args);

static cost_formula *const formulas[LYRNN_NUM_OPERATIONS] = {
    [LYRNN_OP_batch_gather] = batch_gather_cost,
    [LYRNN_OP_zero_rows] = zero_rows_cost,
    [LYRNN_OP_embedding_forward] = embedding_forward_cost,
    [LYRNN_OP_group_ids] = group_ids_cost,
    [LYRNN_OP_embedding_backward] = embedding_backward_cost,
    [LYRNN_OP_linear_forward] = linear_forward_cost,
    [LYRNN_OP_linear_backward] = linear_backward_cost,
    [LYRNN_OP_linear_backward_weights] = linear_backward_weights_cost,
    [LYRNN_OP_recurrence_forward] = recurrence_forward_cost,
    [LYRNN_OP_recurrence_backward] = recurrence_backward_cost,
    [LYRNN_OP_recurrence_backward_weights] = recurrence_backward_weights_cost,
    [LYRNN_OP_dropout] = dropout_cost,
    [LYRNN_OP_add] = add_cost,
    [LYRNN_OP_softmax_cross_entropy] = softmax_cross_entropy_cost,
    [LYRNN_OP_count_losses] = count_losses_cost,
    [LYRNN_OP_count_shards] = count_shards_cost,
    [LYRNN_OP_all_reduce] = all_reduce_cost,
    [LYRNN_OP_clip_and_adam] = clip_and_adam_cost,
    [LYRNN_OP_sample_token] = sample_token_cost,
    [LYRNN_OP_init_uniform] = init_uniform_cost,
    [LYRNN_OP_pack_weights] = pack_weights_cost,
    [LYRNN_OP_linear_forward_output] = linear_forward_cost,
    [LYRNN_OP_linear_backward_output] = linear_backward_cost,
    [LYRNN_OP_linear_backward_weights_output] = linear_backward_weights_cost,
    [LYRNN_OP_copy_rows] = copy_rows_cost,
    [LYRNN_OP_zero] = zero_cost,
};

lyrnn_op_cost lyrnn_op_cost_of(lyrnn_operation operation, const void *args)
{
    LYRNN_CHECK(formulas[operation] != NULL);
    return formulas[operation](args);
}

const char *lyrnn_operation_name(lyrnn_operation operation)
{
#define LYRNN_MEMBER(name) [LYRNN_OP_##name] = #name,
    static const char *const names[] = {LYRNN_COSTED_OPERATIONS(LYRNN_MEMBER)};
#undef LYRNN_MEMBER
    return names[operation];
}
