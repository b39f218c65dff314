/* The path of the recurrence that keeps W_hh in registers and shared memory of one block. */
#ifndef LYRNN_RECURRENCE_BLOCK_CUH
#define LYRNN_RECURRENCE_BLOCK_CUH

#include "recurrence_plan.cuh"

/* How many blocks of this layout are on the device at once, one per multiprocessor. */
int lyrnn_cuda_block_max_blocks(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &shape,
                                const block_plan &layout);

/* Run the whole sequence in one kernel, by a plan of this path. */
void lyrnn_cuda_block_forward(lyrnn_backend *self, const recurrence_plan &plan,
                              const lyrnn_recurrence_forward_args *args);
void lyrnn_cuda_block_backward(lyrnn_backend *self, const recurrence_plan &plan,
                               const lyrnn_recurrence_backward_args *args);

#endif
