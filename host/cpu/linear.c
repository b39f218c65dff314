/* torch.nn.Linear: y = x W^T + b; dx = dy W, dW = dy^T x, db = column sums of dy. */
#include "cpu/cpu.h"

#include <string.h>

static void set_rows_to_bias(const void *forward_args, int first, int end)
{
    const lyrnn_linear_forward_args *args = (const lyrnn_linear_forward_args *)forward_args;
    size_t num_bytes = (size_t)args->out * sizeof(float);
    for (size_t m = (size_t)first; m < (size_t)end; m++) {
        float *row = args->y + m * (size_t)args->y_stride;
        if (args->bias == NULL)
            memset(row, 0, num_bytes);
        else
            memcpy(row, args->bias, num_bytes);
    }
}

void lyrnn_cpu_linear_forward(lyrnn_backend *self, const lyrnn_linear_forward_args *args)
{
    (void)self;
    int M = args->M, in = args->in, out = args->out;
    lyrnn_matrix x = lyrnn_matrix_of(args->x, M, in);
    if (args->batch_invariant) {
        if (args->bias == NULL)
            set_rows_to_bias(args, 0, M);
        lyrnn_cpu_invariant_gemm(&(lyrnn_packed_product){.x = x,
                                                         .num = 1,
                                                         .N = out,
                                                         .packed = args->weight,
                                                         .bias = args->bias,
                                                         .y = args->y,
                                                         .y_stride = args->y_stride});
        return;
    }
    /* y starts as the bias and GEMM adds to it: this is cheaper than adding the bias afterwards. */
    lyrnn_cpu_share(args, M, (size_t)M * (size_t)out > LYRNN_CPU_SERIAL_MAX, set_rows_to_bias);
    lyrnn_matrix weight = lyrnn_matrix_of(args->weight, out, in);
    lyrnn_cpu_gemm(x, lyrnn_transpose(weight), 1.0f, args->y, args->y_stride);
}

void lyrnn_cpu_linear_backward(lyrnn_backend *self, const lyrnn_linear_backward_args *args)
{
    (void)self;
    int in = args->in, out = args->out;
    lyrnn_matrix dy = lyrnn_matrix_rows(args->dy, args->M, out, args->dy_stride);
    lyrnn_matrix weight = lyrnn_matrix_of(args->weight, out, in);
    lyrnn_cpu_gemm(dy, weight, args->add ? 1.0f : 0.0f, args->dx, in);
}

void lyrnn_cpu_linear_backward_weights(lyrnn_backend *self,
                                       const lyrnn_linear_backward_weights_args *args)
{
    (void)self;
    lyrnn_matrix dy = lyrnn_matrix_rows(args->dy, args->M, args->out, args->dy_stride);
    lyrnn_matrix x = lyrnn_matrix_of(args->x, args->M, args->in);
    lyrnn_cpu_gemm(lyrnn_transpose(dy), x, args->add ? 1.0f : 0.0f, args->dweight, args->in);
    if (args->dbias != NULL)
        lyrnn_cpu_column_sums(dy, args->add, args->dbias);
}
