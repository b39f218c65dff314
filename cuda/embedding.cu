/* The one-hot lookup. Forward is a gather of rows. Backward sums the gradient rows of each id.
 *
 * group_ids sorts the positions by id, stably, and backward then adds the run of each id in a fixed
 * order. So the bits are the same at every run, which float atomics would not ensure. A position's
 * place in the sorted order is the number of positions that come before it. The sort is therefore
 * one pass of comparisons over all pairs. */
#include "cuda.cuh"

/* One block per row. */
__global__ void embedding_forward_kernel(lyrnn_embedding_forward_args args)
{
    size_t m = blockIdx.x, F = (size_t)args.F;
    const float *row = args.table + (size_t)args.ids[m] * F;
    for (size_t f = threadIdx.x; f < F; f += blockDim.x)
        args.out[m * F + f] = row[f] + (args.bias == NULL ? 0.0f : args.bias[f]);
}

extern "C" void lyrnn_cuda_embedding_forward(lyrnn_backend *self,
                                             const lyrnn_embedding_forward_args *args)
{
    enum { THREADS = 256 };
    lyrnn_cuda_launch(self, embedding_forward_kernel, dim3((unsigned)args->M), THREADS, 0, *args);
}

enum { SORT_THREADS = 256 };

/* groups becomes the positions (M), sorted by id, then by position. */
__global__ void __launch_bounds__(SORT_THREADS) group_ids_kernel(lyrnn_group_ids_args args)
{
    LYRNN_DYNAMIC_SHARED(int32_t, tile); /* (SORT_THREADS) ids */
    int m = (int)(blockIdx.x * SORT_THREADS + threadIdx.x);
    int32_t id = m < args.M ? args.ids[m] : 0;
    int rank = 0;
    for (int first = 0; first < args.M; first += SORT_THREADS) {
        int count = min((int)SORT_THREADS, args.M - first);
        if ((int)threadIdx.x < count)
            tile[threadIdx.x] = args.ids[first + (int)threadIdx.x];
        __syncthreads();
        for (int i = 0; i < count; i++)
            rank += tile[i] < id || (tile[i] == id && first + i < m);
        __syncthreads();
    }
    if (m < args.M)
        args.groups[rank] = m;
}

extern "C" void lyrnn_cuda_group_ids(lyrnn_backend *self, const lyrnn_group_ids_args *args)
{
    lyrnn_cuda_launch(self, group_ids_kernel,
                      dim3(lyrnn_cuda_blocks((size_t)args->M, SORT_THREADS)), SORT_THREADS,
                      SORT_THREADS * sizeof(int32_t), *args);
}

enum { RUN_COLUMNS = 32, RUN_LANES = 8 };

/* Block (i, tile) sums RUN_COLUMNS columns of the run that begins at sorted position i, if one
 * begins there. Its RUN_LANES rows of threads share the run. */
__global__ void __launch_bounds__(RUN_COLUMNS *RUN_LANES)
    sum_runs_kernel(lyrnn_embedding_backward_args args)
{
    LYRNN_DYNAMIC_SHARED(float, partial); /* (RUN_LANES,RUN_COLUMNS) */
    const int32_t *order = args.groups;
    int begin = (int)blockIdx.x;
    int32_t id = args.ids[order[begin]];
    if (begin > 0 && args.ids[order[begin - 1]] == id)
        return;
    unsigned column = threadIdx.x % RUN_COLUMNS, lane = threadIdx.x / RUN_COLUMNS;
    unsigned f = blockIdx.y * RUN_COLUMNS + column;
    float sum = 0.0f;
    for (int i = begin + (int)lane; i < args.M && args.ids[order[i]] == id; i += RUN_LANES)
        if (f < (unsigned)args.F)
            sum += args.dout[(size_t)order[i] * (size_t)args.F + f];
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (lane != 0 || f >= (unsigned)args.F)
        return;
    for (unsigned i = 1; i < RUN_LANES; i++)
        sum += partial[i * RUN_COLUMNS + column];
    args.dtable[(size_t)id * (size_t)args.F + f] += sum;
}

extern "C" void lyrnn_cuda_embedding_backward(lyrnn_backend *self,
                                              const lyrnn_embedding_backward_args *args)
{
    dim3 grid((unsigned)args->M, lyrnn_cuda_blocks((size_t)args->F, RUN_COLUMNS));
    lyrnn_cuda_launch(self, sum_runs_kernel, grid, RUN_COLUMNS * RUN_LANES,
                      RUN_COLUMNS * RUN_LANES * sizeof(float), *args);
}
