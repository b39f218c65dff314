/* The resident path of the recurrence, and the pointwise math that both paths share. */
#ifndef LYRNN_RECURRENCE_RESIDENT_CUH
#define LYRNN_RECURRENCE_RESIDENT_CUH

#include "cuda.cuh"

#include <math.h>

/* phi(x). Written so that NaN stays NaN. */
__device__ __forceinline__ float lyrnn_cuda_activate(lyrnn_cell cell, float x)
{
    if (cell == LYRNN_RNN_TANH)
        return tanhf(x);
    return x < 0.0f ? 0.0f : x;
}

/* dh phi'(x), phi' from phi's own value h. */
__device__ __forceinline__ float lyrnn_cuda_activate_backward(lyrnn_cell cell, float h, float dh)
{
    if (cell == LYRNN_RNN_TANH)
        return dh * (1.0f - h * h);
    return h > 0.0f ? dh : 0.0f;
}

/* Run the whole sequence in one kernel, if W_hh fits on chip and that is expected to be faster; false,
 * with nothing queued, otherwise. Backward leaves dw_hh and db_hh to the caller. */
bool lyrnn_cuda_resident_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args);
bool lyrnn_cuda_resident_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args);

#endif
