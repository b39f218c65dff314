/* What the files of the CUDA backend share: its state, checked calls, launches and GEMM.
 *
 * A failed call is a fault of the device or of this code: lyrnn_cuda_fault names the call and
 * aborts, unless a failure of the ranks is the cause. Kernels take the operation's argument struct
 * by value. Launches go to the stream of the lane in use. */
#ifndef LYRNN_CUDA_CUH
#define LYRNN_CUDA_CUH

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "base/matrix.h"
#include "lyrnn/backend.h"

/* The lanes: three for layers, one for the output layer and one for the gradients of weights. Each
 * lane is a CUDA stream with its own cuBLAS handle. */
enum { LYRNN_CUDA_LANES = 5 };

/* The largest number of blocks of clip_and_adam that sum squares, and the threads of each. */
enum { LYRNN_CUDA_NORM_PARTS = 256 };

/* (high + low) * 4^exponent, a sum of squares (clip_and_adam.cu). */
typedef struct {
    float high, low;
    int exponent;
} lyrnn_cuda_squares;

/* What the blocks of a kernel leave for the last one of them, and a kernel for the next one. All of
 * it starts as 0. */
typedef struct {
    unsigned norm_arrived; /* blocks of the kernel that are done; 0 between kernels */
    lyrnn_cuda_squares squares[LYRNN_CUDA_NORM_PARTS];
    struct {
        float scale;        /* of the gradients: clips their norm */
        float step_size;    /* rate / (1 - beta1^t) */
        float v_scale;      /* 1 / sqrt(1 - beta2^t) */
        float keep;         /* what weight decay leaves of a weight */
        float rest_average; /* the share of the new weights in their average */
    } adam;
} lyrnn_cuda_sums;

/* Floats that one instruction loads or stores. */
template <int NUM> struct __align__(NUM * sizeof(float)) float_group
{
    float at[NUM];
};

/* Declares type *name, the dynamic shared memory of the launch. A kernel uses it once. The
 * simulator in tests/cuda_sim has its own definition, which watches every access. */
#ifndef LYRNN_CUDA_SIM
#define LYRNN_DYNAMIC_SHARED(type, name)                                                           \
    extern __shared__ __align__(16) unsigned char lyrnn_dynamic_shared[];                          \
    type *name = reinterpret_cast<type *>(lyrnn_dynamic_shared)
#endif

/* How a recurrence runs (recurrence_plan.cuh). */
typedef enum {
    LYRNN_RECURRENCE_BY_COST,
    LYRNN_RECURRENCE_BY_STEPS,
    LYRNN_RECURRENCE_RESIDENT,
    LYRNN_RECURRENCE_BLOCK,
    LYRNN_RECURRENCE_GRID
} lyrnn_recurrence_path;

/* The plan that plan_use chose for a shape; T does not matter. */
typedef struct {
    lyrnn_recurrence_shape shape;
    char text[LYRNN_PLAN_BYTES];
} lyrnn_cuda_used_plan;

/* How many shapes may have one: a training has two. */
enum { LYRNN_CUDA_USED_PLANS = 8 };

/* A recorded step. Its first run is eager, its second is captured, and later ones are replayed. */
typedef struct {
    void (*body)(void *); /* NULL: this place is free */
    void *context;
    int runs;
    cudaGraphExec_t graph;
} lyrnn_cuda_step;

/* How long a kernel waits for others of its launch: much longer than any step takes. */
#define LYRNN_CUDA_MAX_WAIT_NS 10000000000ull

/* The most slices of a batch that a recurrence over the grid has, and the bytes from the counter of
 * one slice's barrier to the next (slice_barrier.cuh). */
enum { LYRNN_CUDA_MAX_SLICES = 256, LYRNN_CUDA_COUNTER_BYTES = 128 };

/* How many recorded steps are kept: training and validation steps alternate. */
enum { LYRNN_CUDA_STEPS = 4 };

/* How many steps may be in flight. That hides the host's work from the device, and keeps the host
 * close enough to it: a progress line is true, and an interrupted training stops soon. */
enum { LYRNN_CUDA_STEPS_IN_FLIGHT = 4 };

/* The other ranks of a training (ranks.cuh). */
typedef struct lyrnn_cuda_ranks lyrnn_cuda_ranks;

/* The state of one open device. */
typedef struct {
    int device;
    cudaDeviceProp properties;
    /* Those of the lane in use. */
    cudaStream_t stream;
    cublasHandle_t cublas;
    void *workspace;
    struct {
        cudaStream_t stream;
        cublasHandle_t cublas;
        void *workspace;    /* device (workspace_bytes), for cuBLAS and cuBLASLt */
        cudaEvent_t queued; /* recorded by a lane that waits for this one */
    } lanes[LYRNN_CUDA_LANES];
    size_t workspace_bytes;
    /* device, one allocation: the workspaces of all lanes, slice_counters, sums, wait_expired */
    void *workspaces;
    lyrnn_precision precision;
    /* The path that LYRNN_DEBUG_RECURRENCE forces: steps, resident, block or grid. */
    lyrnn_recurrence_path recurrence_path;
    lyrnn_cuda_used_plan used[LYRNN_CUDA_USED_PLANS];
    int num_used;
    /* While plans are tried, a recurrence's launch that fails leaves its error here. */
    bool is_trying_plan;
    cudaError_t launch_error;
    char running[2][LYRNN_PLAN_BYTES]; /* the last plans that wait, forward and backward */
    lyrnn_cuda_sums *sums;             /* device */
    /* The bound of the waits within kernels (bounded_wait.cuh), and device (1): 1 after a kernel
     * waited longer. Its copy on the host is in pinned memory. */
    unsigned long long wait_ns;
    unsigned *wait_expired, *wait_expired_host;
    /* device (LYRNN_CUDA_MAX_SLICES * LYRNN_CUDA_COUNTER_BYTES / 4); only one grid at a time uses
     * them */
    unsigned *slice_counters;
    /* Orders the grids of the recurrence (recurrence_grid.cu). has_grid: it is recorded, since the
     * body of the step began or, outside of steps, since the last one ended. */
    cudaEvent_t grid_queued;
    bool has_grid;
    lyrnn_cuda_step steps[LYRNN_CUDA_STEPS];
    int next_step; /* the place that the next new step takes */
    /* A ring, in the order of the steps: each is recorded after a step. */
    cudaEvent_t step_done[LYRNN_CUDA_STEPS_IN_FLIGHT];
    int next_done; /* that of the step LYRNN_CUDA_STEPS_IN_FLIGHT ago, and of the next one */
    lyrnn_cuda_ranks *ranks; /* NULL: there are none */
} lyrnn_cuda_state;

#define LYRNN_CUDA_DECLARE(name)                                                                   \
    extern "C" void lyrnn_cuda_##name(lyrnn_backend *self, const lyrnn_##name##_args *args);
LYRNN_COMPUTE_OPERATIONS(LYRNN_CUDA_DECLARE)
#undef LYRNN_CUDA_DECLARE

/* Joins the ranks of comm (ranks.cu), which backend.h describes. */
lyrnn_status lyrnn_cuda_join(lyrnn_backend *self, lyrnn_comm *comm);

/* The host waits for a lane or an event. It watches the other ranks meanwhile, if there are any. If
 * one of them fails, the work ends with undefined values. No other call may wait for a device whose
 * work waits for other ranks. */
cudaError_t lyrnn_cuda_wait(lyrnn_cuda_state *state, cudaStream_t stream);
cudaError_t lyrnn_cuda_wait(lyrnn_cuda_state *state, cudaEvent_t event);

/* The operations on plans (plans.cu), which backend.h describes. */
int lyrnn_cuda_plan_list(lyrnn_backend *self, const lyrnn_recurrence_shape *shape,
                         lyrnn_plan *plans);
lyrnn_status lyrnn_cuda_plan_try(lyrnn_backend *self, const lyrnn_plan_probe *probe, int num_plans,
                                 lyrnn_plan *plans);
lyrnn_status lyrnn_cuda_plan_use(lyrnn_backend *self, const lyrnn_recurrence_shape *shape,
                                 const char *text);
void lyrnn_cuda_plan_device(lyrnn_backend *self, char *text, size_t size);
bool lyrnn_cuda_fills_device(lyrnn_backend *self, const lyrnn_recurrence_shape *shape);

/* Captures body(context). The caller destroys the graph. NULL: another rank has failed during a sum
 * of the body. */
cudaGraphExec_t lyrnn_cuda_record(lyrnn_cuda_state *state, void (*body)(void *), void *context);

/* Waits for queued work and drops all records of steps. */
void lyrnn_cuda_drop_steps(lyrnn_cuda_state *state);

/* Drops them at once. A graph that the device runs is destroyed when it has ended. */
void lyrnn_cuda_forget_steps(lyrnn_cuda_state *state);

[[noreturn]] void lyrnn_cuda_fault(const char *call, const char *reason, const char *file,
                                   int line);

#define LYRNN_CUDA_CHECK(call)                                                                     \
    do {                                                                                           \
        cudaError_t lyrnn_error = (call);                                                          \
        if (lyrnn_error != cudaSuccess)                                                            \
            lyrnn_cuda_fault(#call, cudaGetErrorString(lyrnn_error), __FILE__, __LINE__);          \
    } while (0)

#define LYRNN_CUBLAS_CHECK(call)                                                                   \
    do {                                                                                           \
        cublasStatus_t lyrnn_error = (call);                                                       \
        if (lyrnn_error != CUBLAS_STATUS_SUCCESS)                                                  \
            lyrnn_cuda_fault(#call, cublasGetStatusString(lyrnn_error), __FILE__, __LINE__);       \
    } while (0)

static inline lyrnn_cuda_state *lyrnn_cuda_state_of(lyrnn_backend *self)
{
    return (lyrnn_cuda_state *)self->state;
}

static inline int lyrnn_cuda_ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* The number of blocks of `threads` threads that cover count items. */
static inline unsigned lyrnn_cuda_blocks(size_t count, unsigned threads)
{
    return (unsigned)((count + threads - 1) / threads);
}

/* Queues kernel(args) in the lane in use. */
template <typename Args>
void lyrnn_cuda_launch(lyrnn_backend *self, void (*kernel)(Args), dim3 grid, unsigned threads,
                       size_t shared_bytes, const Args &args)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared_bytes;
    config.stream = lyrnn_cuda_state_of(self)->stream;
    LYRNN_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, args));
}

cublasComputeType_t lyrnn_cuda_compute_type(lyrnn_precision precision);

/* c (M,N) = a (M,K) b (K,N) + beta c, rows of c c_stride floats apart. */
void lyrnn_cuda_gemm(lyrnn_backend *self, lyrnn_matrix a, lyrnn_matrix b, float beta, float *c,
                     int c_stride);

/* y (M,N) = x (M,K) w^T + bias, for w (N,K) and bias (N). Rows of y are y_stride floats apart. */
void lyrnn_cuda_bias_gemm(lyrnn_backend *self, lyrnn_matrix x, lyrnn_matrix w, const float *bias,
                          float *y, int y_stride);

/* y (M,N) = x (M,K) w^T + bias, for w (N,K) without gaps and bias (N); bias NULL: none. Rows of y
 * are y_stride floats apart. A row of y depends on its row of x only, to the last bit. The
 * arithmetic is fp32, whatever the precision. */
void lyrnn_cuda_invariant_gemm(lyrnn_backend *self, lyrnn_matrix x, lyrnn_matrix w,
                               const float *bias, float *y, int y_stride);

/* sums[j] = sum over m of rows[m][j], in an order that depends on the number of rows only. add: the
 * sum is added to what sums holds. The sums of the first num_twice columns also go to twice. */
typedef struct {
    lyrnn_matrix rows; /* (M,N) */
    bool add;
    float *sums; /* (N) */
    int num_twice;
    float *twice; /* (num_twice) */
} column_sums_args;
void lyrnn_cuda_column_sums(lyrnn_backend *self, const column_sums_args &args);

#endif
