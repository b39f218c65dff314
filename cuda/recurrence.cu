/* The recurrence by the general path: for each time step one cuBLAS GEMM and one pointwise kernel.
 *     forward   h_t = phi(gates_x_t + h_{t-1} W_hh^T + b_hh)
 *     backward  dgates_t = (doutput_t + dh_t) phi'(h_t),  dh_{t-1} = dgates_t W_hh
 * and dW_hh as one GEMM over all T*B rows at the end. recurrence_resident.cu holds the path that keeps
 * W_hh on chip; which of them runs is decided here. */
#include "cuda.cuh"

#include <math.h>

#include "recurrence_resident.cuh"

/* Where time step t reads and writes its state: slots of h, (T+1,B,H). */
static int slot_before(bool reverse, int t)
{
    return reverse ? t + 1 : t;
}
static int slot_after(bool reverse, int t)
{
    return reverse ? t : t + 1;
}

/* One time step's slices. */
typedef struct {
    int B, H, h_stride;
    lyrnn_cell cell;
    const float *gates_x; /* (B,H) */
    const float *b_hh;    /* (H) */
    float *h;             /* (B,H), rows h_stride apart: h W_hh^T in, the new state out */
} activate_args;

__global__ void activate_kernel(activate_args args)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (unsigned)args.B * (unsigned)args.H)
        return;
    unsigned b = i / (unsigned)args.H, j = i % (unsigned)args.H;
    float *h = args.h + (size_t)b * (size_t)args.h_stride + j;
    *h = lyrnn_cuda_activate(args.cell, *h + args.gates_x[i] + args.b_hh[j]);
}

static void forward_by_steps(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    enum { THREADS = 256 };
    int B = args->B, H = args->H;
    size_t slot = (size_t)B * (size_t)args->h_stride;
    for (int i = 0; i < args->T; i++) {
        int t = args->reverse ? args->T - 1 - i : i;
        float *before = args->h + (size_t)slot_before(args->reverse, t) * slot;
        float *after = args->h + (size_t)slot_after(args->reverse, t) * slot;
        lyrnn_cuda_gemm(self, false, true, B, H, H, before, args->h_stride, args->w_hh, H, 0.0f,
                        after, args->h_stride);
        activate_args step = {B,
                              H,
                              args->h_stride,
                              args->cell,
                              args->gates_x + (size_t)t * (size_t)B * (size_t)H,
                              args->b_hh,
                              after};
        lyrnn_cuda_launch(self, activate_kernel,
                          dim3(lyrnn_cuda_blocks((size_t)B * (size_t)H, THREADS)), THREADS, 0,
                          step);
    }
}

extern "C" void lyrnn_cuda_recurrence_forward(lyrnn_backend *self,
                                              const lyrnn_recurrence_forward_args *args)
{
    if (!lyrnn_cuda_resident_forward(self, args))
        forward_by_steps(self, args);
}

typedef struct {
    int B, H, h_stride;
    lyrnn_cell cell;
    const float *h;       /* (B,H)  the state after the step, rows h_stride apart */
    const float *doutput; /* (B,H)  rows h_stride apart */
    const float *dh;      /* (B,H) */
    float *dgates;        /* (B,H) */
} activate_backward_args;

__global__ void activate_backward_kernel(activate_backward_args args)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (unsigned)args.B * (unsigned)args.H)
        return;
    size_t at = (size_t)(i / (unsigned)args.H) * (size_t)args.h_stride + i % (unsigned)args.H;
    args.dgates[i] =
        lyrnn_cuda_activate_backward(args.cell, args.h[at], args.doutput[at] + args.dh[i]);
}

static void backward_by_steps(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    enum { THREADS = 256 };
    int B = args->B, H = args->H;
    size_t slot = (size_t)B * (size_t)args->h_stride;
    for (int i = 0; i < args->T; i++) {
        int t = args->reverse ? i : args->T - 1 - i;
        float *dgates = args->dgates_x + (size_t)t * (size_t)B * (size_t)H;
        activate_backward_args step = {B,
                                       H,
                                       args->h_stride,
                                       args->cell,
                                       args->h + (size_t)slot_after(args->reverse, t) * slot,
                                       args->doutput + (size_t)t * slot,
                                       args->dh,
                                       dgates};
        lyrnn_cuda_launch(self, activate_backward_kernel,
                          dim3(lyrnn_cuda_blocks((size_t)B * (size_t)H, THREADS)), THREADS, 0,
                          step);
        lyrnn_cuda_gemm(self, false, false, B, H, H, dgates, H, args->w_hh, H, 0.0f, args->dh, H);
    }
}

extern "C" void lyrnn_cuda_recurrence_backward(lyrnn_backend *self,
                                               const lyrnn_recurrence_backward_args *args)
{
    if (!lyrnn_cuda_resident_backward(self, args))
        backward_by_steps(self, args);
    int H = args->H, M = args->T * args->B;
    const float *h_before =
        args->h + (size_t)slot_before(args->reverse, 0) * (size_t)args->B * (size_t)args->h_stride;
    lyrnn_cuda_gemm(self, true, false, H, H, M, args->dgates_x, H, h_before, args->h_stride, 0.0f,
                    args->dw_hh, H);
    lyrnn_cuda_column_sums(self, args->dgates_x, M, H, args->db_hh);
}
