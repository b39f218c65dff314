/* The recurrence h_t = phi(gates_x_t + h_{t-1} W_hh^T + b_hh) and its way back:
 *     dgates_t = (doutput_t + dh_t) phi'(h_t),  dh_{t-1} = dgates_t W_hh,  dW_hh = sum dgates_t^T h_{t-1}
 * Streams do not see one another, so each thread takes some of them through the whole sequence and no
 * step waits for another thread. The weight gradient is one GEMM over all T*B rows at the end. */
#include "cpu.h"

#include <omp.h>

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

/* One step of the streams [first, end). */
static void step_forward(const lyrnn_recurrence_forward_args *args, int t, int first, int end)
{
    int B = args->B, H = args->H, stride = args->h_stride;
    size_t before = (size_t)slot_before(args->reverse, t) * (size_t)B + (size_t)first;
    size_t after = (size_t)slot_after(args->reverse, t) * (size_t)B + (size_t)first;
    float *h = args->h + after * (size_t)stride;
    const float *gates_x = args->gates_x + ((size_t)t * (size_t)B + (size_t)first) * (size_t)H;
    int streams = end - first;
    for (int b = 0; b < streams; b++)
        for (int j = 0; j < H; j++)
            h[(size_t)b * (size_t)stride + (size_t)j] =
                gates_x[(size_t)b * (size_t)H + (size_t)j] + args->b_hh[j];
    lyrnn_cpu_gemm(false, true, streams, H, H, args->h + before * (size_t)stride, stride,
                   args->w_hh, H, 1.0f, h, stride);
    for (int b = 0; b < streams; b++)
        activate(args->cell, h + (size_t)b * (size_t)stride, H);
}

void lyrnn_cpu_recurrence_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    (void)self;
    lyrnn_cpu_gemm_enter_parallel();
#pragma omp parallel
    {
        int first, end;
        share_streams(args->B, &first, &end);
        for (int i = 0; i < args->T && first < end; i++)
            step_forward(args, args->reverse ? args->T - 1 - i : i, first, end);
    }
    lyrnn_cpu_gemm_leave_parallel();
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
    lyrnn_cpu_gemm(false, false, end - first, H, H,
                   args->dgates_x + (now + (size_t)first) * (size_t)H, H, args->w_hh, H, 0.0f,
                   args->dh + (size_t)first * (size_t)H, H);
}

void lyrnn_cpu_recurrence_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    (void)self;
    lyrnn_cpu_gemm_enter_parallel();
#pragma omp parallel
    {
        int first, end;
        share_streams(args->B, &first, &end);
        for (int i = 0; i < args->T && first < end; i++)
            step_backward(args, args->reverse ? i : args->T - 1 - i, first, end);
    }
    lyrnn_cpu_gemm_leave_parallel();
    int H = args->H, M = args->T * args->B, stride = args->h_stride;
    const float *h_before =
        args->h + (size_t)slot_before(args->reverse, 0) * (size_t)args->B * (size_t)stride;
    lyrnn_cpu_gemm(true, false, H, H, M, args->dgates_x, H, h_before, stride, 0.0f, args->dw_hh, H);
    lyrnn_cpu_column_sums(args->dgates_x, M, H, args->db_hh);
}
