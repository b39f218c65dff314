/* The simulator's macros for shared memory, for nvcc: planted.cu is also compiled to PTX. */
#ifndef LYRNN_PTX_SHARED_CUH
#define LYRNN_PTX_SHARED_CUH

#define LYRNN_SHARED(type, name, dimensions) __shared__ type name dimensions
#define LYRNN_DYNAMIC_SHARED(type, name)                                                           \
    extern __shared__ __align__(16) unsigned char dynamic_shared[];                                \
    type *name = reinterpret_cast<type *>(dynamic_shared)

#endif
