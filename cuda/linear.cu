/* torch.nn.Linear: y = x W^T + b; dx = dy W, dW = dy^T x, db = column sums of dy. */
#include "cuda.cuh"

extern "C" void lyrnn_cuda_linear_forward(lyrnn_backend *self,
                                          const lyrnn_linear_forward_args *args)
{
    int M = args->M, in = args->in, out = args->out;
    if (args->batch_invariant)
        lyrnn_cuda_invariant_gemm(self, M, out, in, args->x, in, args->weight, args->bias, 0,
                                  args->y, out);
    else
        lyrnn_cuda_bias_gemm(self, M, out, in, args->x, args->weight, args->bias, args->y);
}

extern "C" void lyrnn_cuda_linear_backward(lyrnn_backend *self,
                                           const lyrnn_linear_backward_args *args)
{
    int in = args->in, out = args->out;
    lyrnn_cuda_gemm(self, false, false, args->M, in, out, args->dy, out, args->weight, in,
                    args->add ? 1.0f : 0.0f, args->dx, in);
}

extern "C" void lyrnn_cuda_linear_backward_weights(lyrnn_backend *self,
                                                   const lyrnn_linear_backward_weights_args *args)
{
    int M = args->M, in = args->in, out = args->out;
    lyrnn_cuda_gemm(self, true, false, out, in, M, args->dy, out, args->x, in,
                    args->add ? 1.0f : 0.0f, args->dweight, in);
    lyrnn_cuda_column_sums(self, args->dy, M, out, out, args->add, args->dbias);
}
