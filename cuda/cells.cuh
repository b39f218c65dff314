/* What one time step does to one hidden unit of one stream, once its share of h W_hh^T is there.
 * All paths of the recurrence share this code. host/cpu/cells.h has the same functions for a whole
 * row.
 *
 * The cell is a template parameter, so that each kernel holds the arithmetic of one cell only.
 * backend.h has the equations. h' is h W_hh^T + b_hh; a leading d means the gradient of what
 * follows. */
#ifndef LYRNN_CELLS_CUH
#define LYRNN_CELLS_CUH

#include <math.h>

#include "cuda.cuh"

/* The number of gates G, as lyrnn_num_gates returns it. */
template <lyrnn_cell CELL>
constexpr int NUM_GATES = CELL == LYRNN_LSTM  ? 4
                          : CELL == LYRNN_GRU ? 3
                                              : 1;

/* A kernel template's instances for all cells, to be indexed by lyrnn_cell. */
#define LYRNN_KERNELS_BY_CELL(kernel)                                                              \
    {                                                                                              \
        kernel<LYRNN_RNN_TANH>, kernel<LYRNN_RNN_RELU>, kernel<LYRNN_LSTM>, kernel<LYRNN_GRU>      \
    }
static_assert(LYRNN_RNN_TANH == 0 && LYRNN_RNN_RELU == 1 && LYRNN_LSTM == 2 && LYRNN_GRU == 3,
              "the order of LYRNN_KERNELS_BY_CELL");

/* One unit at one step. A cell neither reads nor writes the fields that it does not have. */
template <lyrnn_cell CELL> struct unit_state {
    float gates[NUM_GATES<CELL>]; /* forward in: the input projection; out: what backward needs */
    float saved;                  /* gru: h' of n */
    float h_before;               /* gru */
    float c_before;               /* lstm */
    float h, c;                   /* after the step */
};

/* The gradients at one unit. dh and dc come in; dgates, dprime and the new dh and dc go out. */
template <lyrnn_cell CELL> struct unit_gradients {
    float dgates[NUM_GATES<CELL>]; /* of the input projection */
    float dprime[NUM_GATES<CELL>]; /* of h' */
    float dh; /* in: of h; out: of h_before, without what passes through W_hh */
    float dc; /* lstm; in: of c; out: of c_before */
};

__device__ __forceinline__ float sigmoid(float x)
{
    return __fdividef(1.0f, 1.0f + expf(-x));
}

/* prime (G) is h'. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void cell_forward(const float (&prime)[NUM_GATES<CELL>],
                                             unit_state<CELL> &unit)
{
    if constexpr (CELL == LYRNN_RNN_TANH) {
        unit.h = tanhf(unit.gates[0] + prime[0]);
    } else if constexpr (CELL == LYRNN_RNN_RELU) {
        float x = unit.gates[0] + prime[0];
        /* Unlike fmaxf, this keeps NaN. */
        unit.h = x < 0.0f ? 0.0f : x;
    } else if constexpr (CELL == LYRNN_LSTM) {
        float i = sigmoid(unit.gates[0] + prime[0]);
        float f = sigmoid(unit.gates[1] + prime[1]);
        float g = tanhf(unit.gates[2] + prime[2]);
        float o = sigmoid(unit.gates[3] + prime[3]);
        unit.gates[0] = i;
        unit.gates[1] = f;
        unit.gates[2] = g;
        unit.gates[3] = o;
        unit.c = f * unit.c_before + i * g;
        unit.h = o * tanhf(unit.c);
    } else {
        float r = sigmoid(unit.gates[0] + prime[0]);
        float z = sigmoid(unit.gates[1] + prime[1]);
        float n = tanhf(unit.gates[2] + r * prime[2]);
        unit.gates[0] = r;
        unit.gates[1] = z;
        unit.gates[2] = n;
        unit.saved = prime[2];
        unit.h = (1.0f - z) * n + z * unit.h_before;
    }
}

template <lyrnn_cell CELL>
__device__ __forceinline__ void cell_backward(const unit_state<CELL> &unit,
                                              unit_gradients<CELL> &gradients)
{
    float dh = gradients.dh;
    if constexpr (CELL == LYRNN_RNN_TANH || CELL == LYRNN_RNN_RELU) {
        float slope = unit.h > 0.0f ? 1.0f : 0.0f;
        if (CELL == LYRNN_RNN_TANH)
            slope = 1.0f - unit.h * unit.h;
        gradients.dgates[0] = slope == 0.0f ? 0.0f : dh * slope;
        gradients.dprime[0] = gradients.dgates[0];
        gradients.dh = 0.0f;
    } else if constexpr (CELL == LYRNN_LSTM) {
        float i = unit.gates[0], f = unit.gates[1], g = unit.gates[2], o = unit.gates[3];
        float tanh_c = tanhf(unit.c);
        float dc = gradients.dc + dh * o * (1.0f - tanh_c * tanh_c);
        gradients.dgates[0] = dc * g * i * (1.0f - i);
        gradients.dgates[1] = dc * unit.c_before * f * (1.0f - f);
        gradients.dgates[2] = dc * i * (1.0f - g * g);
        gradients.dgates[3] = dh * tanh_c * o * (1.0f - o);
        for (int gate = 0; gate < 4; gate++)
            gradients.dprime[gate] = gradients.dgates[gate];
        gradients.dc = dc * f;
        gradients.dh = 0.0f;
    } else {
        float r = unit.gates[0], z = unit.gates[1], n = unit.gates[2];
        float dn = dh * (1.0f - z) * (1.0f - n * n);
        gradients.dgates[0] = dn * unit.saved * r * (1.0f - r);
        gradients.dgates[1] = dh * (unit.h_before - n) * z * (1.0f - z);
        gradients.dgates[2] = dn;
        gradients.dprime[0] = gradients.dgates[0];
        gradients.dprime[1] = gradients.dgates[1];
        gradients.dprime[2] = dn * r;
        gradients.dh = dh * z;
    }
}

/* The time step that step number i takes: a reversed layer walks from T-1 down to 0, and backward
 * walks against the layer's direction. */
template <typename Args> __device__ __forceinline__ int time_forward(const Args &args, int i)
{
    return args.reverse ? args.T - 1 - i : i;
}

template <typename Args> __device__ __forceinline__ int time_backward(const Args &args, int i)
{
    return args.reverse ? i : args.T - 1 - i;
}

/* Where one unit of one stream is at one time step: offsets in floats. */
struct unit_place {
    size_t gates;  /* of its first gate in (T,B,G*H); the next gate is H further */
    size_t saved;  /* in (T,B,H) */
    size_t before; /* in h and c: the slot that the step reads */
    size_t after;  /* in h and c: the slot that it writes */
    size_t output; /* in doutput (T,B,h_stride) */
};

/* A stream of a time step is a row of (T*B). Args is the recurrence's arguments, forward or
 * backward. All rows fit 32 bits. Unsigned, an offset is one wide multiplication. */
template <lyrnn_cell CELL, typename Args>
__device__ __forceinline__ unit_place find_unit_of_row(const Args &args, unsigned row, int unit)
{
    const unsigned B = (unsigned)args.B, H = (unsigned)args.H, stride = (unsigned)args.h_stride;
    unit_place place;
    place.gates = (size_t)row * (NUM_GATES<CELL> * H) + (unsigned)unit;
    place.saved = (size_t)row * H + (unsigned)unit;
    place.before = (size_t)(args.reverse ? row + B : row) * stride + (unsigned)unit;
    place.after = (size_t)(args.reverse ? row : row + B) * stride + (unsigned)unit;
    place.output = (size_t)row * stride + (unsigned)unit;
    return place;
}

template <lyrnn_cell CELL, typename Args>
__device__ __forceinline__ unit_place find_unit(const Args &args, int t, int stream, int unit)
{
    return find_unit_of_row<CELL>(args, (unsigned)t * (unsigned)args.B + (unsigned)stream, unit);
}

/* Writes a unit's state as forward leaves it. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void store_unit(const lyrnn_recurrence_forward_args &args,
                                           const unit_place &place, const unit_state<CELL> &unit)
{
    args.h[place.after] = unit.h;
    if (NUM_GATES < CELL >> 1)
        for (int gate = 0; gate < NUM_GATES<CELL>; gate++)
            args.gates[place.gates + (size_t)(gate * args.H)] = unit.gates[gate];
    if (CELL == LYRNN_LSTM)
        args.c[place.after] = unit.c;
    if (CELL == LYRNN_GRU)
        args.saved[place.saved] = unit.saved;
}

/* Reads what backward needs of a unit. */
template <lyrnn_cell CELL>
__device__ __forceinline__ unit_state<CELL> load_unit(const lyrnn_recurrence_backward_args &args,
                                                      const unit_place &place)
{
    unit_state<CELL> unit = {};
    unit.h = args.h[place.after];
    if (NUM_GATES < CELL >> 1)
        for (int gate = 0; gate < NUM_GATES<CELL>; gate++)
            unit.gates[gate] = args.gates[place.gates + (size_t)(gate * args.H)];
    if (CELL == LYRNN_LSTM) {
        unit.c = args.c[place.after];
        unit.c_before = args.c[place.before];
    }
    if (CELL == LYRNN_GRU) {
        unit.saved = args.saved[place.saved];
        unit.h_before = args.h[place.before];
    }
    return unit;
}

/* Writes a unit's gradients over the activations that they follow from. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void store_gradients(const lyrnn_recurrence_backward_args &args,
                                                const unit_place &place,
                                                const unit_gradients<CELL> &gradients)
{
    for (int gate = 0; gate < NUM_GATES<CELL>; gate++)
        args.gates[place.gates + (size_t)(gate * args.H)] = gradients.dgates[gate];
    if constexpr (CELL == LYRNN_GRU)
        args.saved[place.saved] = gradients.dprime[2];
}

/* One unit of one stream at one time step, backward. */
template <lyrnn_cell CELL> struct unit_step {
    unit_place place;
    size_t at; /* in dh and dc: (B,H) */
    unit_state<CELL> unit;
    unit_gradients<CELL> gradients;
};

/* Reads all that step t needs. Its dh is what doutput and args.dh hold. */
template <lyrnn_cell CELL>
__device__ __forceinline__ unit_step<CELL> load_step(const lyrnn_recurrence_backward_args &args,
                                                     int t, int stream, int j)
{
    unit_step<CELL> step = {};
    step.place = find_unit<CELL>(args, t, stream, j);
    step.at = (size_t)stream * (size_t)args.H + (size_t)j;
    step.unit = load_unit<CELL>(args, step.place);
    step.gradients.dh = args.doutput[step.place.output] + args.dh[step.at];
    if (CELL == LYRNN_LSTM)
        step.gradients.dc = args.dc[step.at];
    return step;
}

/* Runs the step. dh_through_w is what the step after it passed on through W_hh, where that is not
 * yet in args.dh. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void finish_step(const lyrnn_recurrence_backward_args &args,
                                            unit_step<CELL> &step, float dh_through_w)
{
    step.gradients.dh += dh_through_w;
    cell_backward(step.unit, step.gradients);
    store_gradients(args, step.place, step.gradients);
    args.dh[step.at] = step.gradients.dh;
    if (CELL == LYRNN_LSTM)
        args.dc[step.at] = step.gradients.dc;
}

#endif
