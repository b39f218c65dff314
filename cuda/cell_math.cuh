/* What a step does to one hidden unit of one stream, once its share of h W_hh^T is there; the same for all
 * paths of the recurrence. A cell is known by its number of gates: 1 rnn, 4 lstm, 3 gru. */
#ifndef LYRNN_CELL_MATH_CUH
#define LYRNN_CELL_MATH_CUH

#include <math.h>

#include "lyrnn/backend.h"

/* One unit at one step; what the cell does not have is not read. */
template <int G> struct unit_state {
    float gates[G]; /* forward in: the input projection; after it, what backward needs */
    float saved;    /* gru: h' of n */
    float h_before; /* gru */
    float c_before; /* lstm */
    float h, c;     /* after the step */
};

/* Losses by the unit's values; dh and dc come in, dh' and what passes on go out. */
template <int G> struct unit_losses {
    float dgates[G]; /* by the input projection */
    float dprime[G]; /* by h' = h W_hh^T + b_hh */
    float dh;        /* in: by h; out: by h_before, without what passes through W_hh */
    float dc;        /* lstm; in: by c; out: by c_before */
};

__device__ __forceinline__ float lyrnn_cuda_sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* prime (G) is h W_hh^T + b_hh. */
__device__ __forceinline__ void cell_forward(lyrnn_cell cell, const float (&prime)[1],
                                             unit_state<1> &unit)
{
    float x = unit.gates[0] + prime[0];
    /* Written so that NaN stays NaN. */
    float rectified = x < 0.0f ? 0.0f : x;
    unit.h = cell == LYRNN_RNN_TANH ? tanhf(x) : rectified;
}

__device__ __forceinline__ void cell_forward(lyrnn_cell, const float (&prime)[4],
                                             unit_state<4> &unit)
{
    float i = lyrnn_cuda_sigmoid(unit.gates[0] + prime[0]);
    float f = lyrnn_cuda_sigmoid(unit.gates[1] + prime[1]);
    float g = tanhf(unit.gates[2] + prime[2]);
    float o = lyrnn_cuda_sigmoid(unit.gates[3] + prime[3]);
    unit.gates[0] = i;
    unit.gates[1] = f;
    unit.gates[2] = g;
    unit.gates[3] = o;
    unit.c = f * unit.c_before + i * g;
    unit.h = o * tanhf(unit.c);
}

__device__ __forceinline__ void cell_forward(lyrnn_cell, const float (&prime)[3],
                                             unit_state<3> &unit)
{
    float r = lyrnn_cuda_sigmoid(unit.gates[0] + prime[0]);
    float z = lyrnn_cuda_sigmoid(unit.gates[1] + prime[1]);
    float n = tanhf(unit.gates[2] + r * prime[2]);
    unit.gates[0] = r;
    unit.gates[1] = z;
    unit.gates[2] = n;
    unit.saved = prime[2];
    unit.h = (1.0f - z) * n + z * unit.h_before;
}

__device__ __forceinline__ void cell_backward(lyrnn_cell cell, const unit_state<1> &unit,
                                              unit_losses<1> &loss)
{
    float slope = unit.h > 0.0f ? 1.0f : 0.0f;
    if (cell == LYRNN_RNN_TANH)
        slope = 1.0f - unit.h * unit.h;
    loss.dgates[0] = slope == 0.0f ? 0.0f : loss.dh * slope;
    loss.dprime[0] = loss.dgates[0];
    loss.dh = 0.0f;
}

__device__ __forceinline__ void cell_backward(lyrnn_cell, const unit_state<4> &unit,
                                              unit_losses<4> &loss)
{
    float i = unit.gates[0], f = unit.gates[1], g = unit.gates[2], o = unit.gates[3];
    float tanh_c = tanhf(unit.c);
    float by_c = loss.dc + loss.dh * o * (1.0f - tanh_c * tanh_c);
    loss.dgates[0] = by_c * g * i * (1.0f - i);
    loss.dgates[1] = by_c * unit.c_before * f * (1.0f - f);
    loss.dgates[2] = by_c * i * (1.0f - g * g);
    loss.dgates[3] = loss.dh * tanh_c * o * (1.0f - o);
    for (int gate = 0; gate < 4; gate++)
        loss.dprime[gate] = loss.dgates[gate];
    loss.dc = by_c * f;
    loss.dh = 0.0f;
}

__device__ __forceinline__ void cell_backward(lyrnn_cell, const unit_state<3> &unit,
                                              unit_losses<3> &loss)
{
    float r = unit.gates[0], z = unit.gates[1], n = unit.gates[2];
    float by_n = loss.dh * (1.0f - z) * (1.0f - n * n);
    loss.dgates[0] = by_n * unit.saved * r * (1.0f - r);
    loss.dgates[1] = loss.dh * (unit.h_before - n) * z * (1.0f - z);
    loss.dgates[2] = by_n;
    loss.dprime[0] = loss.dgates[0];
    loss.dprime[1] = loss.dgates[1];
    loss.dprime[2] = by_n * r;
    loss.dh *= z;
}

/* Where one unit of one stream stands at one time step: offsets in floats. */
struct unit_place {
    size_t gates;  /* of its first gate, in (T,B,G*H); the next is H further */
    size_t saved;  /* in (T,B,H) */
    size_t before; /* in h and c, the slot that the step reads */
    size_t after;  /* in h and c, the slot that it writes */
};

__device__ __forceinline__ unit_place find_unit(int G, int t, int B, int H, int h_stride,
                                                bool reverse, int stream, int unit)
{
    size_t row = (size_t)t * (size_t)B + (size_t)stream;
    size_t slot = (size_t)B * (size_t)h_stride;
    size_t at = (size_t)t * slot + (size_t)stream * (size_t)h_stride + (size_t)unit;
    unit_place place;
    place.gates = row * (size_t)G * (size_t)H + (size_t)unit;
    place.saved = row * (size_t)H + (size_t)unit;
    place.before = reverse ? at + slot : at;
    place.after = reverse ? at : at + slot;
    return place;
}

/* Writes what forward leaves of a unit. */
template <int G>
__device__ __forceinline__ void store_unit(const lyrnn_recurrence_forward_args &args,
                                           const unit_place &place, const unit_state<G> &unit)
{
    args.h[place.after] = unit.h;
    if (G > 1)
        for (int gate = 0; gate < G; gate++)
            args.gates[place.gates + (size_t)(gate * args.H)] = unit.gates[gate];
    if (G == 4)
        args.c[place.after] = unit.c;
    if (G == 3)
        args.saved[place.saved] = unit.saved;
}

/* Reads what backward needs of a unit. */
template <int G>
__device__ __forceinline__ unit_state<G> load_unit(const lyrnn_recurrence_backward_args &args,
                                                   const unit_place &place)
{
    unit_state<G> unit = {};
    unit.h = args.h[place.after];
    if (G > 1)
        for (int gate = 0; gate < G; gate++)
            unit.gates[gate] = args.gates[place.gates + (size_t)(gate * args.H)];
    if (G == 4) {
        unit.c = args.c[place.after];
        unit.c_before = args.c[place.before];
    }
    if (G == 3) {
        unit.saved = args.saved[place.saved];
        unit.h_before = args.h[place.before];
    }
    return unit;
}

/* Writes a unit's losses in the place of what it read. */
template <int G>
__device__ __forceinline__ void store_losses(const lyrnn_recurrence_backward_args &args,
                                             const unit_place &place, const unit_losses<G> &loss)
{
    for (int gate = 0; gate < G; gate++)
        args.gates[place.gates + (size_t)(gate * args.H)] = loss.dgates[gate];
    if (G == 3)
        args.saved[place.saved] = loss.dprime[2];
}

/* A unit of step t, backwards: the losses that reach it by its output, by the states after it and `further`
 * besides -> those by its gates and by the states before it. */
template <int G>
__device__ __forceinline__ void unit_backward(const lyrnn_recurrence_backward_args &args, int t,
                                              int stream, int j, float further)
{
    unit_place place = find_unit(G, t, args.B, args.H, args.h_stride, args.reverse, stream, j);
    size_t row = (size_t)t * (size_t)args.B + (size_t)stream;
    size_t at = (size_t)stream * (size_t)args.H + (size_t)j;
    unit_state<G> unit = load_unit<G>(args, place);
    unit_losses<G> loss = {};
    loss.dh = args.doutput[row * (size_t)args.h_stride + (size_t)j] + args.dh[at] + further;
    if (G == 4)
        loss.dc = args.dc[at];
    cell_backward(args.cell, unit, loss);
    store_losses(args, place, loss);
    args.dh[at] = loss.dh;
    if (G == 4)
        args.dc[at] = loss.dc;
}

#endif
