/* What one time step does to all hidden units of one stream, once h W_hh^T is there.
 *
 * A row of gates is (G,H), in PyTorch's order; the other arrays are one stream's row of H units. h
 * and c are the state after the step, h_before and c_before the state before it. h' is h W_hh^T +
 * b_hh. Backward computes the derivatives from the values of the functions: tanh' is 1 - tanh^2. */
#ifndef LYRNN_CPU_CELLS_H
#define LYRNN_CPU_CELLS_H

#include "cpu/vector_math.h"
#include "lyrnn/backend.h"

/* One stream's row at one step. A cell does not read pointers that it does not have. */
typedef struct {
    int H;
    float *gates;          /* (G,H) */
    float *saved;          /* gru: h' of n */
    const float *b_hh;     /* (G,H), forward only */
    const float *h_before; /* gru */
    const float *c_before; /* lstm */
    float *h;              /* written by forward, read by backward */
    float *c;              /* lstm, likewise */
    /* For backward only. */
    const float *doutput;
    float *dh; /* in: the gradient of h; out: of h_before, without what passes through W_hh */
    float *dc; /* lstm; in: the gradient of c; out: of c_before */
} cell_row;

static inline void rnn_tanh_forward(const cell_row *row)
{
    const float *gates = row->gates, *bias = row->b_hh;
    float *h = row->h;
#pragma omp simd
    for (int j = 0; j < row->H; j++)
        h[j] = vector_tanhf(gates[j] + bias[j]);
}

static inline void rnn_relu_forward(const cell_row *row)
{
    const float *gates = row->gates, *bias = row->b_hh;
    float *h = row->h;
    /* Unlike fmaxf, this keeps NaN. */
#pragma omp simd
    for (int j = 0; j < row->H; j++) {
        float x = gates[j] + bias[j];
        h[j] = x < 0.0f ? 0.0f : x;
    }
}

static inline void lstm_forward(const cell_row *row)
{
    int H = row->H;
    float *i = row->gates, *f = i + H, *g = f + H, *o = g + H;
    const float *b_i = row->b_hh, *b_f = b_i + H, *b_g = b_f + H, *b_o = b_g + H;
    const float *c_before = row->c_before;
    float *h = row->h, *c = row->c;
#pragma omp simd
    for (int j = 0; j < H; j++) {
        i[j] = vector_sigmoidf(i[j] + b_i[j]);
        f[j] = vector_sigmoidf(f[j] + b_f[j]);
        g[j] = vector_tanhf(g[j] + b_g[j]);
        o[j] = vector_sigmoidf(o[j] + b_o[j]);
        c[j] = f[j] * c_before[j] + i[j] * g[j];
        h[j] = o[j] * vector_tanhf(c[j]);
    }
}

static inline void gru_forward(const cell_row *row)
{
    int H = row->H;
    float *r = row->gates, *z = r + H, *n = z + H, *saved = row->saved;
    const float *b_r = row->b_hh, *b_z = b_r + H, *b_n = b_z + H;
    const float *h_before = row->h_before;
    float *h = row->h;
#pragma omp simd
    for (int j = 0; j < H; j++) {
        r[j] = vector_sigmoidf(r[j] + b_r[j]);
        z[j] = vector_sigmoidf(z[j] + b_z[j]);
        saved[j] += b_n[j];
        n[j] = vector_tanhf(n[j] + r[j] * saved[j]);
        h[j] = (1.0f - z[j]) * n[j] + z[j] * h_before[j];
    }
}

static inline void cell_forward(lyrnn_cell cell, const cell_row *row)
{
    switch (cell) {
    case LYRNN_RNN_TANH:
        rnn_tanh_forward(row);
        break;
    case LYRNN_RNN_RELU:
        rnn_relu_forward(row);
        break;
    case LYRNN_LSTM:
        lstm_forward(row);
        break;
    case LYRNN_GRU:
        gru_forward(row);
        break;
    }
}

static inline void rnn_tanh_backward(const cell_row *row)
{
    float *gates = row->gates, *dh = row->dh;
    const float *h = row->h, *doutput = row->doutput;
#pragma omp simd
    for (int j = 0; j < row->H; j++) {
        gates[j] = (doutput[j] + dh[j]) * (1.0f - h[j] * h[j]);
        dh[j] = 0.0f;
    }
}

static inline void rnn_relu_backward(const cell_row *row)
{
    float *gates = row->gates, *dh = row->dh;
    const float *h = row->h, *doutput = row->doutput;
#pragma omp simd
    for (int j = 0; j < row->H; j++) {
        gates[j] = h[j] > 0.0f ? doutput[j] + dh[j] : 0.0f;
        dh[j] = 0.0f;
    }
}

static inline void lstm_backward(const cell_row *row)
{
    int H = row->H;
    float *i = row->gates, *f = i + H, *g = f + H, *o = g + H;
    const float *c = row->c, *c_before = row->c_before, *doutput = row->doutput;
    float *dh = row->dh, *dc = row->dc;
#pragma omp simd
    for (int j = 0; j < H; j++) {
        float dh_j = doutput[j] + dh[j], tanh_c = vector_tanhf(c[j]);
        float dc_j = dc[j] + dh_j * o[j] * (1.0f - tanh_c * tanh_c);
        float di = dc_j * g[j] * i[j] * (1.0f - i[j]);
        float df = dc_j * c_before[j] * f[j] * (1.0f - f[j]);
        float dg = dc_j * i[j] * (1.0f - g[j] * g[j]);
        float d_o = dh_j * tanh_c * o[j] * (1.0f - o[j]);
        dc[j] = dc_j * f[j];
        dh[j] = 0.0f;
        i[j] = di;
        f[j] = df;
        g[j] = dg;
        o[j] = d_o;
    }
}

static inline void gru_backward(const cell_row *row)
{
    int H = row->H;
    float *r = row->gates, *z = r + H, *n = z + H, *saved = row->saved;
    const float *h_before = row->h_before, *doutput = row->doutput;
    float *dh = row->dh;
#pragma omp simd
    for (int j = 0; j < H; j++) {
        float dh_j = doutput[j] + dh[j];
        float dn = dh_j * (1.0f - z[j]) * (1.0f - n[j] * n[j]);
        float dz = dh_j * (h_before[j] - n[j]) * z[j] * (1.0f - z[j]);
        float dr = dn * saved[j] * r[j] * (1.0f - r[j]);
        dh[j] = dh_j * z[j];
        saved[j] = dn * r[j];
        r[j] = dr;
        z[j] = dz;
        n[j] = dn;
    }
}

static inline void cell_backward(lyrnn_cell cell, const cell_row *row)
{
    switch (cell) {
    case LYRNN_RNN_TANH:
        rnn_tanh_backward(row);
        break;
    case LYRNN_RNN_RELU:
        rnn_relu_backward(row);
        break;
    case LYRNN_LSTM:
        lstm_backward(row);
        break;
    case LYRNN_GRU:
        gru_backward(row);
        break;
    }
}

#endif
