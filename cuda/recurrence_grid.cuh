/* The path of the recurrence that spreads W_hh over the device's shared memory. */
#ifndef LYRNN_RECURRENCE_GRID_CUH
#define LYRNN_RECURRENCE_GRID_CUH

#include "cuda.cuh"

/* The time that the whole sequence is expected to take, ns; infinity where W_hh or the batch does not fit. */
double lyrnn_cuda_grid_forward_ns(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args);
double lyrnn_cuda_grid_backward_ns(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args);

/* Run the whole sequence in one kernel, where it fits. */
void lyrnn_cuda_grid_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args);
void lyrnn_cuda_grid_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args);

#endif
