/* Dynamic shared memory by one name. Under nvcc it is the launch's extern array; tests/cuda_sim brings a
 * header of the same name that hands out the simulated block's memory. */
#ifndef LYRNN_DYNAMIC_SHARED_CUH
#define LYRNN_DYNAMIC_SHARED_CUH

/* Declares type *name, the block's dynamic shared memory; once in a kernel. */
#define LYRNN_DYNAMIC_SHARED(type, name)                                                           \
    extern __shared__ __align__(16) unsigned char lyrnn_dynamic_shared[];                          \
    type *name = (type *)lyrnn_dynamic_shared

#endif
