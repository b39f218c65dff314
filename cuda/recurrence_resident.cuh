/* The path of the recurrence that keeps W_hh in the registers of a cluster. */
#ifndef LYRNN_RECURRENCE_RESIDENT_CUH
#define LYRNN_RECURRENCE_RESIDENT_CUH

#include "cuda.cuh"

/* The time that a sequence is expected to take, either way, ns; infinity where W_hh does not fit. The figures
 * are from published latencies, to be replaced by measured ones. */
double lyrnn_cuda_resident_ns(lyrnn_backend *self, lyrnn_cell cell, int T, int B, int H);

/* Run the whole sequence in one kernel, where it fits. */
void lyrnn_cuda_resident_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args);
void lyrnn_cuda_resident_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args);

#endif
