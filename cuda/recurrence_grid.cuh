/* The path of the recurrence that spreads W_hh over the device's shared memory. */
#ifndef LYRNN_RECURRENCE_GRID_CUH
#define LYRNN_RECURRENCE_GRID_CUH

#include "recurrence_plan.cuh"

/* How many clusters of this size fit on the device at once, if each block has all the shared memory
 * of a multiprocessor. A larger grid would wait at its barrier for ever. */
int lyrnn_cuda_grid_max_clusters(const lyrnn_cuda_state *state,
                                 const lyrnn_recurrence_shape &problem, int cluster);

/* Run the whole sequence in one kernel, by a plan of this path. */
void lyrnn_cuda_grid_forward(lyrnn_backend *self, const recurrence_plan &plan,
                             const lyrnn_recurrence_forward_args *args);
void lyrnn_cuda_grid_backward(lyrnn_backend *self, const recurrence_plan &plan,
                              const lyrnn_recurrence_backward_args *args);

#endif
