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

recurrence_case recurrence_case_new(op_check *check, oracle_recurrence shape, int column,
                                    uint64_t seed)
{
    int T = shape.T, B = shape.B, H = shape.H, stride = shape.h_stride;
    double bound = 1 / sqrt((double)H);
    recurrence_case layer = {
        .shape = shape,
        .column = column,
        .gates_x = op_check_random(check, T * B * H, 1, seed),
        .w_hh = op_check_random(check, H * H, bound, seed + 1),
        .b_hh = op_check_random(check, H, bound, seed + 2),
        .h = op_check_random(check, (T + 1) * B * stride, 1, seed + 3),
        .doutput = op_check_random(check, T * B * stride, 1, seed + 4),
        .dh = op_check_random(check, B * H, 1, seed + 5),
    };
    int carried = shape.reverse ? T : 0;
    for (int row = 0; row < (T + 1) * B; row++)
        for (int j = 0; j < H && row / B != carried; j++)
            layer.h[row * stride + column + j] = NAN;
    for (int i = 0; i < T * B * stride; i++)
        if (i % stride < column || i % stride >= column + H)
            layer.doutput[i] = NAN;
    return layer;
}

float *recurrence_run_forward(op_check *check, const recurrence_case *layer)
{
    const oracle_recurrence *s = &layer->shape;
    float *h = op_check_in_out_floats(check, layer->h, recurrence_h_count(layer));
    lyrnn_recurrence_forward_args args = {
        .T = s->T,
        .B = s->B,
        .H = s->H,
        .h_stride = s->h_stride,
        .cell = s->cell,
        .reverse = s->reverse,
        .gates_x = op_check_input_floats(check, layer->gates_x, s->T * s->B * s->H),
        .w_hh = op_check_input_floats(check, layer->w_hh, s->H * s->H),
        .b_hh = op_check_input_floats(check, layer->b_hh, s->H),
        .h = h + layer->column,
        .scratch = op_check_output_floats(check, s->H * s->H),
    };
    check->backend.recurrence_forward(&check->backend, &args);
    return op_check_fetch(check, h, recurrence_h_count(layer));
}

recurrence_grads recurrence_run_backward(op_check *check, const recurrence_case *layer)
{
    const oracle_recurrence *s = &layer->shape;
    lyrnn_recurrence_backward_args args = {
        .T = s->T,
        .B = s->B,
        .H = s->H,
        .h_stride = s->h_stride,
        .cell = s->cell,
        .reverse = s->reverse,
        .w_hh = op_check_input_floats(check, layer->w_hh, s->H * s->H),
        .h = op_check_input_floats(check, layer->h, recurrence_h_count(layer)) + layer->column,
        .doutput = op_check_input_floats(check, layer->doutput, recurrence_doutput_count(layer)) +
                   layer->column,
        .dh = op_check_in_out_floats(check, layer->dh, s->B * s->H),
        .dgates_x = op_check_output_floats(check, s->T * s->B * s->H),
        .dw_hh = op_check_output_floats(check, s->H * s->H),
        .db_hh = op_check_output_floats(check, s->H),
    };
    check->backend.recurrence_backward(&check->backend, &args);
    return (recurrence_grads){op_check_fetch(check, args.dh, s->B * s->H),
                              op_check_fetch(check, args.dgates_x, s->T * s->B * s->H),
                              op_check_fetch(check, args.dw_hh, s->H * s->H),
                              op_check_fetch(check, args.db_hh, s->H)};
}

double *recurrence_expect_forward(op_check *check, const recurrence_case *layer)
{
    const oracle_recurrence *s = &layer->shape;
    double *h = op_check_widen(check, layer->h, recurrence_h_count(layer));
    oracle_recurrence_forward(s, op_check_widen(check, layer->gates_x, s->T * s->B * s->H),
                              op_check_widen(check, layer->w_hh, s->H * s->H),
                              op_check_widen(check, layer->b_hh, s->H), h + layer->column);
    return h;
}

recurrence_expected recurrence_expect_backward(op_check *check, const recurrence_case *layer)
{
    const oracle_recurrence *s = &layer->shape;
    recurrence_expected d = {
        .h = op_check_widen(check, layer->h, recurrence_h_count(layer)),
        .dh = op_check_widen(check, layer->dh, s->B * s->H),
        .dgates_x = op_check_doubles(check, s->T * s->B * s->H),
        .dw_hh = op_check_doubles(check, s->H * s->H),
        .db_hh = op_check_doubles(check, s->H),
    };
    const double *doutput = op_check_widen(check, layer->doutput, recurrence_doutput_count(layer));
    oracle_recurrence_backward(s, op_check_widen(check, layer->w_hh, s->H * s->H),
                               d.h + layer->column, doutput + layer->column, d.dh, d.dgates_x,
                               d.dw_hh, d.db_hh);
    return d;
}
