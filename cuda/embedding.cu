/* The one-hot lookup. Forward is a gather of rows. Backward sums the gradient rows of each id.
 *
 * group_ids sorts the positions by id, stably, and backward then adds the run of each id in a fixed
 * order. So the bits are the same at every run, which float atomics would not ensure. A position's
 * place in the sorted order is the number of positions that come before it. The sort is therefore
 * one pass of comparisons over all pairs. */
#include "cuda.cuh"

#include "reduce.cuh"

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

typedef struct {
    lyrnn_embedding_backward_args embedding;
    int each; /* sorted positions per block, at most LYRNN_WARP */
} sum_runs_args;

/* Adds RUN_COLUMNS columns of the run that begins at a sorted position. RUN_LANES rows of threads
 * share the run. partial is (RUN_LANES,RUN_COLUMNS). */
__device__ void sum_run(const lyrnn_embedding_backward_args &args, int begin, float *partial)
{
    const int32_t *order = args.groups;
    const int32_t id = args.ids[order[begin]];
    unsigned column = threadIdx.x % RUN_COLUMNS, lane = threadIdx.x / RUN_COLUMNS;
    unsigned f = blockIdx.y * RUN_COLUMNS + column;
    float sum = 0.0f;
    for (int i = begin + (int)lane; i < args.M && args.ids[order[i]] == id; i += RUN_LANES)
        if (f < (unsigned)args.F)
            sum += args.dout[(size_t)order[i] * (size_t)args.F + f];
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (lane == 0 && f < (unsigned)args.F) {
        for (unsigned i = 1; i < RUN_LANES; i++)
            sum += partial[i * RUN_COLUMNS + column];
        args.dtable[(size_t)id * (size_t)args.F + f] += sum;
    }
    __syncthreads();
}

/* Block (x, tile) sums the runs that begin at its sorted positions. Each warp looks at all of them
 * at once, one per lane, and so all threads of the block take the same runs. */
__global__ void __launch_bounds__(RUN_COLUMNS *RUN_LANES) sum_runs_kernel(sum_runs_args args)
{
    LYRNN_DYNAMIC_SHARED(float, partial);
    const lyrnn_embedding_backward_args &e = args.embedding;
    const int first = (int)blockIdx.x * args.each, lane = (int)threadIdx.x % LYRNN_WARP;
    const int i = first + lane;
    const bool exists = lane < args.each && i < e.M;
    const bool begins = exists && (i == 0 || e.ids[e.groups[i - 1]] != e.ids[e.groups[i]]);
    for (unsigned left = __ballot_sync(0xffffffffu, begins); left != 0; left &= left - 1)
        sum_run(e, first + __ffs((int)left) - 1, partial);
}

/* Most positions of a long batch begin no run. A block with more positions wastes less on those,
 * and one with fewer leaves more blocks for a short batch. */
extern "C" void lyrnn_cuda_embedding_backward(lyrnn_backend *self,
                                              const lyrnn_embedding_backward_args *args)
{
    const unsigned num_blocks = 2048;
    const unsigned wanted = lyrnn_cuda_blocks((size_t)args->M, num_blocks);
    const unsigned each = wanted < LYRNN_WARP ? wanted : (unsigned)LYRNN_WARP;
    dim3 grid(lyrnn_cuda_blocks((size_t)args->M, each),
              lyrnn_cuda_blocks((size_t)args->F, RUN_COLUMNS));
    lyrnn_cuda_launch(self, sum_runs_kernel, grid, RUN_COLUMNS * RUN_LANES,
                      RUN_COLUMNS * RUN_LANES * sizeof(float), sum_runs_args{*args, (int)each});
}
