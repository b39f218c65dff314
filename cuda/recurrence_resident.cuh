/* The resident path of the recurrence. */
#ifndef LYRNN_RECURRENCE_RESIDENT_CUH
#define LYRNN_RECURRENCE_RESIDENT_CUH

#include "cuda.cuh"

/* Run the whole sequence in one kernel, if W_hh fits on chip and that is expected to be faster; false, with
 * nothing queued, otherwise. */
bool lyrnn_cuda_resident_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args);
bool lyrnn_cuda_resident_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args);

#endif
