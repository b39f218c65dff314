/* torch.nn.Linear: y = x W^T + b; dx = dy W, dW = dy^T x, db = column sums of dy. */
#include "cuda.cuh"

extern "C" void lyrnn_cuda_linear_forward(lyrnn_backend *self,
                                          const lyrnn_linear_forward_args *args)
{
    lyrnn_matrix x = lyrnn_matrix_of(args->x, args->M, args->in);
    lyrnn_matrix weight = lyrnn_matrix_of(args->weight, args->out, args->in);
    if (args->batch_invariant)
        lyrnn_cuda_invariant_gemm(self, x, weight, args->bias, args->y, args->y_stride);
    else if (args->bias != NULL)
        lyrnn_cuda_bias_gemm(self, x, weight, args->bias, args->y, args->y_stride);
    else
        lyrnn_cuda_gemm(self, x, lyrnn_transpose(weight), 0.0f, args->y, args->y_stride);
}

extern "C" void lyrnn_cuda_linear_backward(lyrnn_backend *self,
                                           const lyrnn_linear_backward_args *args)
{
    lyrnn_matrix dy = lyrnn_matrix_rows(args->dy, args->M, args->out, args->dy_stride);
    lyrnn_matrix weight = lyrnn_matrix_of(args->weight, args->out, args->in);
    lyrnn_cuda_gemm(self, dy, weight, args->add ? 1.0f : 0.0f, args->dx, args->in);
}

extern "C" void lyrnn_cuda_linear_backward_weights(lyrnn_backend *self,
                                                   const lyrnn_linear_backward_weights_args *args)
{
    lyrnn_matrix dy = lyrnn_matrix_rows(args->dy, args->M, args->out, args->dy_stride);
    lyrnn_matrix x = lyrnn_matrix_of(args->x, args->M, args->in);
    lyrnn_cuda_gemm(self, lyrnn_transpose(dy), x, args->add ? 1.0f : 0.0f, args->dweight, args->in);
    if (args->dbias != NULL)
        lyrnn_cuda_column_sums(self, column_sums_args{dy, args->add, args->dbias, 0, NULL});
}
