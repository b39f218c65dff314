/* What a step does to each hidden unit of one stream, once the product h W_hh^T is there.
 *
 * A row of gates is (G,H), in PyTorch's order; every array is one stream's row of H units unless said
 * otherwise. h, c are the state after the step, h_before and c_before the state before it.
 * Derivatives are taken from the functions' own values. */
#ifndef LYRNN_CPU_CELLS_H
#define LYRNN_CPU_CELLS_H

#include "cpu/vector_math.h"
#include "lyrnn/backend.h"

/* One stream's row at one step; pointers that the cell does not have are not read. */
typedef struct {
    int H;
    float *gates;          /* (G,H) */
    float *saved;          /* gru: h' of n */
    const float *b_hh;     /* (G,H)  forward alone */
    const float *h_before; /* gru */
    const float *c_before; /* lstm */
    float *h;              /* backward reads it */
    float *c;              /* lstm; backward reads it */
    const float *doutput;  /* backward alone, as what follows */
    float *dh;             /* in: the loss by h; out: what of it passes to h_before without W_hh */
    float *dc;             /* lstm; in: the loss by c; out: by c_before */
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
    /* Written so that NaN stays NaN. */
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
        float by_h = doutput[j] + dh[j], tanh_c = vector_tanhf(c[j]);
        float by_c = dc[j] + by_h * o[j] * (1.0f - tanh_c * tanh_c);
        float by_i = by_c * g[j] * i[j] * (1.0f - i[j]);
        float by_f = by_c * c_before[j] * f[j] * (1.0f - f[j]);
        float by_g = by_c * i[j] * (1.0f - g[j] * g[j]);
        float by_o = by_h * tanh_c * o[j] * (1.0f - o[j]);
        dc[j] = by_c * f[j];
        dh[j] = 0.0f;
        i[j] = by_i;
        f[j] = by_f;
        g[j] = by_g;
        o[j] = by_o;
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
        float by_h = doutput[j] + dh[j];
        float by_n = by_h * (1.0f - z[j]) * (1.0f - n[j] * n[j]);
        float by_z = by_h * (h_before[j] - n[j]) * z[j] * (1.0f - z[j]);
        float by_r = by_n * saved[j] * r[j] * (1.0f - r[j]);
        dh[j] = by_h * z[j];
        saved[j] = by_n * r[j];
        r[j] = by_r;
        z[j] = by_z;
        n[j] = by_n;
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
