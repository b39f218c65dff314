/* The recurrence h_t = phi(gates_x_t + h_{t-1} W_hh^T + b_hh) and its way back:
 *     dgates_t = (doutput_t + dh_t) phi'(h_t),  dh_{t-1} = dgates_t W_hh,  dW_hh = sum dgates_t^T h_{t-1}
 * Streams do not see one another, so each thread takes some of them through the whole sequence and no
 * step waits for another thread. The weight gradient is one GEMM over all T*B rows at the end. */
#include "cpu.h"

#include <omp.h>
#include <string.h>

#include "step_gemm.h"
#include "vector_math.h"

/* Where time step t reads and writes its state: slots of h, (T+1,B,H). */
static int slot_before(bool reverse, int t)
{
    return reverse ? t + 1 : t;
}
static int slot_after(bool reverse, int t)
{
    return reverse ? t : t + 1;
}

/* The streams [first, end) that fall to the calling thread. */
static void share_streams(int B, int *first, int *end)
{
    int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    *first = (int)(B * thread / threads);
    *end = (int)(B * (thread + 1) / threads);
}

/* One thread is best for a single stream, and where the work is over before another wakes up. */
static bool is_large(int T, int B, int H)
{
    return B > 1 && (size_t)T * (size_t)B * (size_t)H * (size_t)H > 16 * LYRNN_CPU_SERIAL_MAX;
}

static void activate(lyrnn_cell cell, float *h, int H)
{
    if (cell == LYRNN_RNN_TANH) {
#pragma omp simd
        for (int j = 0; j < H; j++)
            h[j] = vector_tanhf(h[j]);
    } else {
        /* Written so that NaN stays NaN. */
#pragma omp simd
        for (int j = 0; j < H; j++)
            h[j] = h[j] < 0.0f ? 0.0f : h[j];
    }
}

/* scratch (H,H) = w_hh^T, shared out among the threads, in squares so that both sides stay in the cache. */
static void transpose(const float *w_hh, int H, float *scratch)
{
    enum { SIDE = 32 };
#pragma omp for schedule(static)
    for (int first = 0; first < H; first += SIDE)
        for (int other = 0; other < H; other += SIDE)
            for (int j = first; j < first + SIDE && j < H; j++)
                for (int k = other; k < other + SIDE && k < H; k++)
                    scratch[(size_t)k * (size_t)H + (size_t)j] =
                        w_hh[(size_t)j * (size_t)H + (size_t)k];
}

/* h = gates_x + b_hh for the streams [first, end) of step t: what the product is then added to. */
static float *begin_step(const lyrnn_recurrence_forward_args *args, int t, int first, int end)
{
    size_t B = (size_t)args->B, H = (size_t)args->H, stride = (size_t)args->h_stride;
    float *h = args->h + ((size_t)slot_after(args->reverse, t) * B + (size_t)first) * stride;
    const float *gates_x = args->gates_x + ((size_t)t * B + (size_t)first) * H;
    for (size_t b = 0; b < (size_t)(end - first); b++)
        for (size_t j = 0; j < H; j++)
            h[b * stride + j] = gates_x[b * H + j] + args->b_hh[j];
    return h;
}

/* One step of the streams [first, end), with w_hh^T in scratch. */
static void step_forward(const lyrnn_recurrence_forward_args *args, int t, int first, int end)
{
    size_t B = (size_t)args->B, stride = (size_t)args->h_stride;
    const float *before =
        args->h + ((size_t)slot_before(args->reverse, t) * B + (size_t)first) * stride;
    float *h = begin_step(args, t, first, end);
    step_gemm(end - first, args->H, args->H, before, stride, args->scratch, h, stride);
    for (int b = 0; b < end - first; b++)
        activate(args->cell, h + (size_t)b * stride, args->H);
}

/* Few rows in all, as when a character is written: transposing w_hh would cost more than it saves. */
static void forward_few(const lyrnn_recurrence_forward_args *args)
{
    int T = args->T, B = args->B, H = args->H, stride = args->h_stride;
    for (int i = 0; i < T; i++) {
        int t = args->reverse ? T - 1 - i : i;
        const float *before =
            args->h + (size_t)slot_before(args->reverse, t) * (size_t)B * (size_t)stride;
        float *h = begin_step(args, t, 0, B);
        lyrnn_cpu_gemm(false, true, B, H, H, before, stride, args->w_hh, H, 1.0f, h, stride);
        for (int b = 0; b < B; b++)
            activate(args->cell, h + (size_t)b * (size_t)stride, H);
    }
}

void lyrnn_cpu_recurrence_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    enum { FEW_ROWS = 16 };
    (void)self;
    if ((int64_t)args->T * args->B < FEW_ROWS) {
        forward_few(args);
        return;
    }
#pragma omp parallel if (is_large(args->T, args->B, args->H))
    {
        int first, end;
        share_streams(args->B, &first, &end);
        transpose(args->w_hh, args->H, args->scratch);
        for (int i = 0; i < args->T && first < end; i++)
            step_forward(args, args->reverse ? args->T - 1 - i : i, first, end);
    }
}

/* dgates = (doutput + dh) phi'(h) for one row; phi' from phi's own value. */
static void activate_backward(lyrnn_cell cell, const float *h, const float *doutput,
                              const float *dh, float *dgates, int H)
{
    if (cell == LYRNN_RNN_TANH) {
#pragma omp simd
        for (int j = 0; j < H; j++)
            dgates[j] = (doutput[j] + dh[j]) * (1.0f - h[j] * h[j]);
    } else {
#pragma omp simd
        for (int j = 0; j < H; j++)
            dgates[j] = h[j] > 0.0f ? doutput[j] + dh[j] : 0.0f;
    }
}

static void step_backward(const lyrnn_recurrence_backward_args *args, int t, int first, int end)
{
    int B = args->B, H = args->H;
    size_t stride = (size_t)args->h_stride;
    size_t after = (size_t)slot_after(args->reverse, t) * (size_t)B;
    size_t now = (size_t)t * (size_t)B;
    for (int b = first; b < end; b++) {
        size_t row = (size_t)b;
        activate_backward(args->cell, args->h + (after + row) * stride,
                          args->doutput + (now + row) * stride, args->dh + row * (size_t)H,
                          args->dgates_x + (now + row) * (size_t)H, H);
    }
    float *dh = args->dh + (size_t)first * (size_t)H;
    memset(dh, 0, (size_t)(end - first) * (size_t)H * sizeof *dh);
    step_gemm(end - first, H, H, args->dgates_x + (now + (size_t)first) * (size_t)H, (size_t)H,
              args->w_hh, dh, (size_t)H);
}

void lyrnn_cpu_recurrence_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    (void)self;
#pragma omp parallel if (is_large(args->T, args->B, args->H))
    {
        int first, end;
        share_streams(args->B, &first, &end);
        for (int i = 0; i < args->T && first < end; i++)
            step_backward(args, args->reverse ? i : args->T - 1 - i, first, end);
    }
    int H = args->H, M = args->T * args->B, stride = args->h_stride;
    const float *h_before =
        args->h + (size_t)slot_before(args->reverse, 0) * (size_t)args->B * (size_t)stride;
    lyrnn_cpu_gemm(true, false, H, H, M, args->dgates_x, H, h_before, stride, 0.0f, args->dw_hh, H);
    lyrnn_cpu_column_sums(args->dgates_x, M, H, args->db_hh);
}
