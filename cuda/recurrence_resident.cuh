/* The path of the recurrence that keeps W_hh in the registers of a cluster. */
#ifndef LYRNN_RECURRENCE_RESIDENT_CUH
#define LYRNN_RECURRENCE_RESIDENT_CUH

#include "recurrence_plan.cuh"

/* How many clusters of this layout are on the device at once, one block per multiprocessor. */
int lyrnn_cuda_resident_max_clusters(const lyrnn_cuda_state *state,
                                     const lyrnn_recurrence_shape &problem,
                                     const resident_plan &layout);

/* Run the whole sequence in one kernel, by a plan of this path. */
void lyrnn_cuda_resident_forward(lyrnn_backend *self, const recurrence_plan &plan,
                                 const lyrnn_recurrence_forward_args *args);
void lyrnn_cuda_resident_backward(lyrnn_backend *self, const recurrence_plan &plan,
                                  const lyrnn_recurrence_backward_args *args);

#endif
