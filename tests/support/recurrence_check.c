/* See recurrence_check.h. */
#include "recurrence_check.h"

#include <math.h>
#include <string.h>

#include "compare.h"

int recurrence_h_count(const recurrence_case *layer)
{
    return (layer->shape.T + 1) * layer->shape.B * layer->shape.h_stride;
}

int recurrence_doutput_count(const recurrence_case *layer)
{
    return layer->shape.T * layer->shape.B * layer->shape.h_stride;
}

static int gates_width(const recurrence_case *layer)
{
    return oracle_num_gates(layer->shape.cell) * layer->shape.H;
}

int recurrence_gates_count(const recurrence_case *layer)
{
    return layer->shape.T * layer->shape.B * gates_width(layer);
}

/* Makes slots with an initial state. The other slots are NaN in the layer's own columns. */
static float *new_states(op_check *check, oracle_recurrence shape, int column, uint64_t seed)
{
    int T = shape.T, B = shape.B, stride = shape.h_stride, carried = shape.reverse ? T : 0;
    float *states = op_check_random(check, (T + 1) * B * stride, 1, seed);
    for (int row = 0; row < (T + 1) * B; row++)
        for (int j = 0; j < shape.H && row / B != carried; j++)
            states[row * stride + column + j] = NAN;
    return states;
}

recurrence_case recurrence_case_new(op_check *check, oracle_recurrence shape, int column,
                                    uint64_t seed)
{
    int T = shape.T, B = shape.B, H = shape.H, stride = shape.h_stride;
    int GH = oracle_num_gates(shape.cell) * H;
    bool is_lstm = shape.cell == LYRNN_LSTM;
    double bound = 1 / sqrt((double)H);
    recurrence_case layer = {
        .shape = shape,
        .column = column,
        .gates_x = op_check_random(check, T * B * GH, 1, seed),
        .w_hh = op_check_random(check, GH * H, bound, seed + 1),
        .b_hh = op_check_random(check, GH, bound, seed + 2),
        .h = new_states(check, shape, column, seed + 3),
        .c = is_lstm ? new_states(check, shape, column, seed + 6) : NULL,
        .doutput = op_check_random(check, T * B * stride, 1, seed + 4),
        .dh = op_check_random(check, B * H, 1, seed + 5),
        .dc = is_lstm ? op_check_random(check, B * H, 1, seed + 7) : NULL,
    };
    for (int i = 0; i < T * B * stride; i++)
        if (i % stride < column || i % stride >= column + H)
            layer.doutput[i] = NAN;
    return layer;
}

static float *new_scratch(op_check *check, const recurrence_case *layer)
{
    const oracle_recurrence *s = &layer->shape;
    return op_check_output_floats(check, (int)lyrnn_recurrence_scratch(s->cell, s->B, s->H));
}

recurrence_states recurrence_run_forward(op_check *check, const recurrence_case *layer)
{
    const oracle_recurrence *s = &layer->shape;
    int count = recurrence_h_count(layer), num_saved = s->T * s->B * s->H;
    bool is_lstm = s->cell == LYRNN_LSTM, is_gru = s->cell == LYRNN_GRU;
    float *h = op_check_in_out_floats(check, layer->h, count);
    float *c = is_lstm ? op_check_in_out_floats(check, layer->c, count) : NULL;
    lyrnn_recurrence_forward_args args = {
        .T = s->T,
        .B = s->B,
        .H = s->H,
        .h_stride = s->h_stride,
        .cell = s->cell,
        .reverse = s->reverse,
        .batch_invariant = layer->batch_invariant,
        .w_hh =
            layer->batch_invariant
                ? op_check_input_packed(check, layer->w_hh, gates_width(layer) / s->H, s->H, s->H)
                : op_check_input_floats(check, layer->w_hh, gates_width(layer) * s->H),
        .b_hh = op_check_input_floats(check, layer->b_hh, gates_width(layer)),
        .gates = op_check_in_out_floats(check, layer->gates_x, recurrence_gates_count(layer)),
        .h = h + layer->column,
        .c = is_lstm ? c + layer->column : NULL,
        .saved = is_gru ? op_check_output_floats(check, num_saved) : NULL,
        .scratch = new_scratch(check, layer),
    };
    check->backend.recurrence_forward(&check->backend, &args);
    return (recurrence_states){op_check_fetch(check, h, count),
                               is_lstm ? op_check_fetch(check, c, count) : NULL,
                               op_check_fetch(check, args.gates, recurrence_gates_count(layer)),
                               is_gru ? op_check_fetch(check, args.saved, num_saved) : NULL};
}

void recurrence_run_backward_weights(op_check *check, const recurrence_case *layer,
                                     const recurrence_states *states, recurrence_grads *grads,
                                     int first, int end, bool add)
{
    const oracle_recurrence *s = &layer->shape;
    int G = gates_width(layer) / s->H, before = first * s->B;
    lyrnn_recurrence_backward_weights_args args = {
        .T = end - first,
        .B = s->B,
        .H = s->H,
        .h_stride = s->h_stride,
        .cell = s->cell,
        .reverse = s->reverse,
        .h = op_check_input_floats(check, states->h, recurrence_h_count(layer)) + layer->column +
             before * s->h_stride,
        .dgates = op_check_input_floats(check, grads->dgates_x, recurrence_gates_count(layer)) +
                  before * G * s->H,
        .dsaved =
            grads->dsaved == NULL
                ? NULL
                : op_check_input_floats(check, grads->dsaved, s->T * s->B * s->H) + before * s->H,
        .add = add,
        .dw_hh = op_check_sums(check, add ? grads->dw_hh : NULL, gates_width(layer) * s->H),
        .db_hh = op_check_sums(check, add ? grads->db_hh : NULL, gates_width(layer)),
        .db_ih = op_check_sums(check, add ? grads->db_ih : NULL, gates_width(layer)),
    };
    if (add) {
        lyrnn_recurrence_backward_weights_args biases = args;
        biases.dw_hh = NULL;
        check->backend.recurrence_backward_weights(&check->backend, &biases);
        float *db_hh = args.db_hh, *db_ih = args.db_ih;
        args.db_hh = args.db_ih = NULL;
        check->backend.recurrence_backward_weights(&check->backend, &args);
        args.db_hh = db_hh;
        args.db_ih = db_ih;
    } else {
        check->backend.recurrence_backward_weights(&check->backend, &args);
    }
    grads->dw_hh = op_check_fetch(check, args.dw_hh, gates_width(layer) * s->H);
    grads->db_hh = op_check_fetch(check, args.db_hh, gates_width(layer));
    grads->db_ih = op_check_fetch(check, args.db_ih, gates_width(layer));
}

recurrence_grads recurrence_run_backward(op_check *check, const recurrence_case *layer,
                                         const recurrence_states *states)
{
    const oracle_recurrence *s = &layer->shape;
    int count = recurrence_h_count(layer), num_saved = s->T * s->B * s->H;
    bool is_lstm = s->cell == LYRNN_LSTM, is_gru = s->cell == LYRNN_GRU;
    lyrnn_recurrence_backward_args args = {
        .T = s->T,
        .B = s->B,
        .H = s->H,
        .h_stride = s->h_stride,
        .cell = s->cell,
        .reverse = s->reverse,
        .w_hh = op_check_input_floats(check, layer->w_hh, gates_width(layer) * s->H),
        .h = op_check_input_floats(check, states->h, count) + layer->column,
        .c = is_lstm ? op_check_input_floats(check, states->c, count) + layer->column : NULL,
        .doutput = op_check_input_floats(check, layer->doutput, recurrence_doutput_count(layer)) +
                   layer->column,
        .dh = op_check_in_out_floats(check, layer->dh, s->B * s->H),
        .dc = is_lstm ? op_check_in_out_floats(check, layer->dc, s->B * s->H) : NULL,
        .gates = op_check_in_out_floats(check, states->gates, recurrence_gates_count(layer)),
        .saved = is_gru ? op_check_in_out_floats(check, states->saved, num_saved) : NULL,
        .scratch = new_scratch(check, layer),
    };
    check->backend.recurrence_backward(&check->backend, &args);
    recurrence_grads grads = {
        .dh = op_check_fetch(check, args.dh, s->B * s->H),
        .dc = is_lstm ? op_check_fetch(check, args.dc, s->B * s->H) : NULL,
        .dgates_x = op_check_fetch(check, args.gates, recurrence_gates_count(layer)),
        .dsaved = is_gru ? op_check_fetch(check, args.saved, num_saved) : NULL,
    };
    recurrence_run_backward_weights(check, layer, states, &grads, 0, s->T, false);
    return grads;
}

recurrence_expected_states recurrence_expect_forward(op_check *check, const recurrence_case *layer)
{
    const oracle_recurrence *s = &layer->shape;
    int count = recurrence_h_count(layer), GH = gates_width(layer);
    double *h = op_check_widen(check, layer->h, count);
    double *c = layer->c == NULL ? NULL : op_check_widen(check, layer->c, count);
    oracle_recurrence_forward(
        s, op_check_widen(check, layer->gates_x, recurrence_gates_count(layer)),
        op_check_widen(check, layer->w_hh, GH * s->H), op_check_widen(check, layer->b_hh, GH),
        h + layer->column, c == NULL ? NULL : c + layer->column);
    return (recurrence_expected_states){h, c};
}

oracle_recurrence_grads recurrence_expect_backward(op_check *check, const recurrence_case *layer,
                                                   const recurrence_states *states)
{
    const oracle_recurrence *s = &layer->shape;
    int count = recurrence_h_count(layer), num_gates = recurrence_gates_count(layer);
    int GH = gates_width(layer), BH = s->B * s->H;
    oracle_recurrence_grads d = {
        .dh = op_check_widen(check, layer->dh, BH),
        .dc = layer->dc == NULL ? NULL : op_check_widen(check, layer->dc, BH),
        .dgates_x = op_check_doubles(check, num_gates),
        .dprime = op_check_doubles(check, num_gates),
        .dw_hh = op_check_doubles(check, GH * s->H),
        .db_hh = op_check_doubles(check, GH),
    };
    const double *doutput = op_check_widen(check, layer->doutput, recurrence_doutput_count(layer));
    const double *c = states->c == NULL ? NULL : op_check_widen(check, states->c, count);
    oracle_recurrence_backward(s, op_check_widen(check, layer->gates_x, num_gates),
                               op_check_widen(check, layer->w_hh, GH * s->H),
                               op_check_widen(check, layer->b_hh, GH),
                               op_check_widen(check, states->h, count) + layer->column,
                               c == NULL ? NULL : c + layer->column, doutput + layer->column, &d);
    return d;
}
