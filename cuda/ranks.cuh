/* The other ranks of a training, as the device's code sees them. */
#ifndef LYRNN_RANKS_CUH
#define LYRNN_RANKS_CUH

#include "cuda.cuh"
#include "nccl.cuh"

/* The largest number of ranks: all_reduce.cu keeps a sum per level of its tree. */
enum { LYRNN_CUDA_MAX_RANKS = 512 };

struct lyrnn_cuda_ranks {
    lyrnn_comm *comm;
    lyrnn_nccl nccl;
    bool has_failed;     /* a rank has: all that is summed since then is undefined */
    cudaStream_t stream; /* of all sums */
};

/* Waits until a call of NCCL has queued its work. Returns whether all ranks are there. */
bool lyrnn_cuda_ranks_finish(lyrnn_cuda_ranks *ranks, lyrnn_nccl_result result);

/* For a host that waits for the device, outside of captures: looks for ranks that have failed. The
 * first time, it leaves the group, so that the device no longer waits for them. */
void lyrnn_cuda_ranks_check(lyrnn_cuda_state *state);

/* For a call of CUDA that failed: ends the process if a rank has failed or is gone, with the
 * failure that comm knows. It is the cause: a device may fail because the memory of another GPU is
 * gone, and a call in a capture because NCCL has failed in it. */
void lyrnn_cuda_ranks_end_if_failed(void);

/* Leaves the group, if it is in one. All graphs must have been destroyed. */
void lyrnn_cuda_ranks_close(lyrnn_cuda_state *state);

#endif
