/* torch.nn.Linear: y = x W^T + b; dx = dy W, dW = dy^T x, db = column sums of dy. */
#include "cpu/cpu.h"

#include <string.h>

static void set_rows_to_bias(const void *forward_args, int first, int end)
{
    const lyrnn_linear_forward_args *args = (const lyrnn_linear_forward_args *)forward_args;
    size_t out = (size_t)args->out;
    for (size_t m = (size_t)first; m < (size_t)end; m++)
        memcpy(args->y + m * out, args->bias, out * sizeof(float));
}

void lyrnn_cpu_linear_forward(lyrnn_backend *self, const lyrnn_linear_forward_args *args)
{
    (void)self;
    int M = args->M, in = args->in, out = args->out;
    if (args->batch_invariant) {
        lyrnn_cpu_packed_gemm(M, 1, out, in, args->x, in, args->weight, args->bias, args->y, out);
        return;
    }
    /* The bias goes in first and GEMM adds to it: cheaper than a pass of its own afterwards. */
    lyrnn_cpu_share(args, M, (size_t)M * (size_t)out > LYRNN_CPU_SERIAL_MAX, set_rows_to_bias);
    lyrnn_cpu_gemm(false, true, M, out, in, args->x, in, args->weight, in, 1.0f, args->y, out);
}

void lyrnn_cpu_linear_backward(lyrnn_backend *self, const lyrnn_linear_backward_args *args)
{
    (void)self;
    int in = args->in, out = args->out;
    lyrnn_cpu_gemm(false, false, args->M, in, out, args->dy, out, args->weight, in,
                   args->add ? 1.0f : 0.0f, args->dx, in);
}

void lyrnn_cpu_linear_backward_weights(lyrnn_backend *self,
                                       const lyrnn_linear_backward_weights_args *args)
{
    (void)self;
    int M = args->M, in = args->in, out = args->out;
    lyrnn_cpu_gemm(true, false, out, in, M, args->dy, out, args->x, in, args->add ? 1.0f : 0.0f,
                   args->dweight, in);
    lyrnn_cpu_column_sums(args->dy, M, out, out, args->add, args->dbias);
}
