/* Sums a flat buffer over all ranks, with the same bits on each, and in the order of the CPU's
 * all_reduce.c. NCCL moves the pieces; a kernel adds them.
 *
 * This rank's own piece goes through NCCL as well. It is one of many, and with a single rank the
 * same calls remain. */
#include "ranks.cuh"

enum { SUM_THREADS = 256 };

/* A sum is kept for each bit of the number of ranks. */
enum { SUM_LEVELS = 10 };
static_assert(LYRNN_CUDA_MAX_RANKS < 1 << SUM_LEVELS, "a sum for each bit");

/* The copies of a piece, one from each rank, and their sum. */
typedef struct {
    int num;
    size_t quads;        /* float4 per copy */
    const float *copies; /* in   (num,4*quads) */
    float *sum;          /* out  (4*quads) */
} sum_copies_args;

static __device__ float4 add_quads(float4 a, float4 b)
{
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

/* Adds copies of four neighbors in a binary tree. open[l] is the sum of 2^l copies that waits for
 * the sum of the next 2^l: one for each bit that is set in the number of copies so far. */
__global__ void __launch_bounds__(SUM_THREADS) sum_copies_kernel(sum_copies_args args)
{
    const size_t i = (size_t)blockIdx.x * SUM_THREADS + threadIdx.x;
    if (i >= args.quads)
        return;
    const float4 *copy = reinterpret_cast<const float4 *>(args.copies) + i;
    float4 open[SUM_LEVELS];
    for (int r = 0; r < args.num; r++, copy += args.quads) {
        float4 sum = *copy;
        bool is_placed = false;
#pragma unroll
        for (int l = 0; l < SUM_LEVELS; l++) {
            if (is_placed)
                continue;
            is_placed = (r >> l & 1) == 0;
            if (is_placed)
                open[l] = sum;
            else
                sum = add_quads(open[l], sum);
        }
    }
    /* What is left over is added from the smallest sum on. */
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    bool has_sum = false;
#pragma unroll
    for (int l = 0; l < SUM_LEVELS; l++) {
        if ((args.num >> l & 1) == 0)
            continue;
        sum = has_sum ? add_quads(open[l], sum) : open[l];
        has_sum = true;
    }
    reinterpret_cast<float4 *>(args.sum)[i] = sum;
}

/* Whether a call is part of the group that is open. NCCL may answer it either way. */
static bool is_queued(lyrnn_nccl_result result)
{
    return result == LYRNN_NCCL_SUCCESS || result == LYRNN_NCCL_IN_PROGRESS;
}

/* Sends piece r to rank r, and receives this rank's piece of rank r as piece r. */
static lyrnn_nccl_result exchange(const lyrnn_cuda_ranks *ranks, const lyrnn_all_reduce_args *args,
                                  size_t length)
{
    const lyrnn_nccl *nccl = &ranks->nccl;
    lyrnn_nccl_result result = nccl->ncclGroupStart();
    for (int r = 0; r < ranks->comm->size && is_queued(result); r++) {
        const size_t begin = (size_t)r * length;
        result = nccl->ncclSend(args->values + begin, length, LYRNN_NCCL_FLOAT, r, nccl->group,
                                ranks->stream);
        if (is_queued(result))
            result = nccl->ncclRecv(args->scratch + begin, length, LYRNN_NCCL_FLOAT, r, nccl->group,
                                    ranks->stream);
    }
    const lyrnn_nccl_result end = nccl->ncclGroupEnd();
    return is_queued(result) ? end : result;
}

static bool is_captured(cudaStream_t stream)
{
    cudaStreamCaptureStatus status;
    LYRNN_CUDA_CHECK(cudaStreamIsCapturing(stream, &status));
    return status != cudaStreamCaptureStatusNone;
}

/* Waits until a call of NCCL has queued its work and, unless it is captured, until the device has
 * done it. Returns whether all ranks are there. In an eager step CUDA loads kernels, and for that
 * it may wait for the device, where nothing looks for ranks that are gone. So no call may still
 * wait for other ranks then. All ranks queue the same sums in the same order, and what a sum waits
 * for in other lanes is queued before it. So this wait keeps no rank from queueing what ends it. */
static bool finish(lyrnn_cuda_state *state, lyrnn_nccl_result result)
{
    lyrnn_cuda_ranks *ranks = state->ranks;
    if (lyrnn_cuda_ranks_finish(ranks, result) && !is_captured(ranks->stream))
        LYRNN_CUDA_CHECK(lyrnn_cuda_wait(state, ranks->stream));
    return !ranks->has_failed;
}

extern "C" void lyrnn_cuda_all_reduce(lyrnn_backend *self, const lyrnn_all_reduce_args *args)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    lyrnn_cuda_ranks *ranks = state->ranks;
    LYRNN_CHECK(ranks != NULL && args->length % (4 * (size_t)ranks->comm->size) == 0);
    if (ranks->has_failed)
        return;
    /* Ranks that run sums of two lanes in different orders would wait for each other forever. */
    LYRNN_CHECK(ranks->stream == state->stream);
    const size_t length = args->length / (size_t)ranks->comm->size;
    float *piece = args->values + (size_t)ranks->comm->rank * length;
    if (!finish(state, exchange(ranks, args, length)))
        return;
    const sum_copies_args sum = {ranks->comm->size, length / 4, args->scratch, piece};
    lyrnn_cuda_launch(self, sum_copies_kernel, dim3(lyrnn_cuda_blocks(length / 4, SUM_THREADS)),
                      SUM_THREADS, 0, sum);
    (void)finish(state, ranks->nccl.ncclAllGather(piece, args->values, length, LYRNN_NCCL_FLOAT,
                                                  ranks->nccl.group, ranks->stream));
}
