/* The recurrence in one kernel, with W_hh in registers for the whole sequence.
 *
 * A cluster of C blocks takes a slice of the batch and needs no other cluster. Each block owns H/C units:
 * S neighbouring threads share a unit, each holding every S-th group of four of its weights. A step is a
 * dot product a stream, a butterfly over the S threads, the pointwise part, and a store of the new value
 * into the shared memory of every block of the cluster; vectors alternate between two buffers, so that
 * one barrier a step suffices. Backward is the same walk with W_hh transposed and dgates for h. */
#include "recurrence_resident.cuh"

#include <cooperative_groups.h>

/* The blocks that share a slice of the batch. Before compute capability 9.0 there are no clusters: a
 * slice has one block, which is then the whole team. */
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
typedef cooperative_groups::cluster_group block_team;
#define THIS_TEAM() cooperative_groups::this_cluster()
#else
struct block_team {
    __device__ void sync() const
    {
        __syncthreads();
    }
    __device__ unsigned num_blocks() const
    {
        return 1;
    }
    __device__ float *map_shared_rank(float *shared, unsigned) const
    {
        return shared;
    }
};
#define THIS_TEAM() block_team()
#endif

/* The kernels ask for one block a multiprocessor: registers for the weights matter, occupancy does not. */
enum { RESIDENT_THREADS = 256, MAX_CLUSTER = 8 };

/* How a recurrence is laid out on the device. */
typedef struct {
    int cluster; /* C blocks */
    int slices;  /* S threads that share a unit, a power of two of at most 32 */
    int units;   /* ceil(H / C) units a block */
    int weights; /* weights a thread holds: one of the kernels' template arguments */
    int streams; /* streams a cluster, at most S so that each thread finishes at most one */
} resident_plan;

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    resident_plan plan;
} resident_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    resident_plan plan;
} resident_backward_args;

/* Where a thread stands in its cluster. */
struct seat {
    int slice;   /* which of the S threads of its unit */
    int unit;    /* the unit, of all H; H or more: none */
    int padded;  /* floats of a vector in shared memory: weights * slices, at least H */
    int first;   /* first stream of the cluster */
    int streams; /* streams of the cluster that exist */
    int stream;  /* the stream that this thread finishes; -1: none */
};

__device__ seat find_seat(const resident_plan &plan, int B, int H)
{
    int rank = (int)(blockIdx.x % (unsigned)plan.cluster);
    int local = (int)threadIdx.x / plan.slices;
    seat s;
    s.slice = (int)threadIdx.x % plan.slices;
    s.unit = local < plan.units ? rank * plan.units + local : H;
    s.padded = plan.weights * plan.slices;
    s.first = (int)(blockIdx.x / (unsigned)plan.cluster) * plan.streams;
    s.streams = min(plan.streams, B - s.first);
    s.stream = s.slice < s.streams && s.unit < H ? s.slice : -1;
    return s;
}

/* This thread's weights of its unit: k = 4 (i S + slice) + q for weights[4 i + q], zero beyond H. */
template <int WEIGHTS>
__device__ void load_weights(float (&weights)[WEIGHTS], const float *w_hh, int H,
                             const resident_plan &plan, const seat &s, bool transposed)
{
#pragma unroll
    for (int i = 0; i < WEIGHTS; i++) {
        int k = 4 * (i / 4 * plan.slices + s.slice) + i % 4;
        bool inside = s.unit < H && k < H;
        size_t at = transposed ? (size_t)k * (size_t)H + (size_t)s.unit
                               : (size_t)s.unit * (size_t)H + (size_t)k;
        weights[i] = inside ? w_hh[at] : 0.0f;
    }
}

/* The whole unit's dot product with a vector (padded) in shared memory, in all of its S threads. */
template <int WEIGHTS>
__device__ __forceinline__ float dot(const float (&weights)[WEIGHTS], const float *vector,
                                     const resident_plan &plan, const seat &s)
{
    const float4 *quads = (const float4 *)vector + s.slice;
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < WEIGHTS / 4; i++) {
        float4 quad = quads[i * plan.slices];
        sum = fmaf(weights[4 * i], quad.x, sum);
        sum = fmaf(weights[4 * i + 1], quad.y, sum);
        sum = fmaf(weights[4 * i + 2], quad.z, sum);
        sum = fmaf(weights[4 * i + 3], quad.w, sum);
    }
    for (int offset = plan.slices / 2; offset > 0; offset /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    return sum;
}

/* The dot product with the vector of the stream that this thread finishes. */
template <int WEIGHTS>
__device__ __forceinline__ float dot_own(const float (&weights)[WEIGHTS], const float *vectors,
                                         const resident_plan &plan, const seat &s)
{
    float own = 0.0f;
    for (int b = 0; b < s.streams; b++) {
        float sum = dot(weights, vectors + (size_t)b * (size_t)s.padded, plan, s);
        if (b == s.stream)
            own = sum;
    }
    return own;
}

/* Stores value as this thread's unit and stream into the vectors of every block of the cluster. */
__device__ __forceinline__ void broadcast(const block_team &team, float *vectors, const seat &s,
                                          float value)
{
    size_t at = (size_t)s.stream * (size_t)s.padded + (size_t)s.unit;
    for (unsigned rank = 0; rank < team.num_blocks(); rank++)
        team.map_shared_rank(vectors, rank)[at] = value;
}

/* Fills both buffers with zeros, so that the padding beyond H multiplies as nothing. */
__device__ void clear_vectors(float *vectors, const resident_plan &plan, const seat &s)
{
    for (int i = (int)threadIdx.x; i < 2 * plan.streams * s.padded; i += RESIDENT_THREADS)
        vectors[i] = 0.0f;
}

template <int WEIGHTS>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_forward_kernel(resident_forward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, vectors); /* (2,streams,padded) */
    const block_team team = THIS_TEAM();
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const seat s = find_seat(a.plan, r.B, r.H);
    const size_t buffer = (size_t)a.plan.streams * (size_t)s.padded;
    const size_t slot = (size_t)r.B * (size_t)r.h_stride;
    const int direction = r.reverse ? -1 : 1;
    int t = r.reverse ? r.T - 1 : 0;
    const size_t own = (size_t)(s.first + max(s.stream, 0));
    float *h = r.h + (size_t)(r.reverse ? r.T : 0) * slot + own * (size_t)r.h_stride + s.unit;
    const float *gates = r.gates_x + ((size_t)t * (size_t)r.B + own) * (size_t)r.H + s.unit;
    const ptrdiff_t h_step = direction * (ptrdiff_t)slot;
    const ptrdiff_t gates_step = direction * (ptrdiff_t)r.B * (ptrdiff_t)r.H;

    float weights[WEIGHTS];
    load_weights(weights, r.w_hh, r.H, a.plan, s, false);
    clear_vectors(vectors, a.plan, s);
    team.sync();
    if (s.stream >= 0)
        broadcast(team, vectors, s, *h);
    float bias = s.stream >= 0 ? r.b_hh[s.unit] : 0.0f;
    float gate = s.stream >= 0 ? *gates : 0.0f;
    team.sync();
    for (int i = 0; i < r.T; i++) {
        /* The next step's input is asked for before this step's arithmetic hides its latency. */
        gates += gates_step;
        float next_gate = s.stream >= 0 && i + 1 < r.T ? *gates : 0.0f;
        float x = dot_own(weights, vectors + (i % 2 == 0 ? 0 : buffer), a.plan, s) + gate + bias;
        h += h_step;
        if (s.stream >= 0) {
            float state = lyrnn_cuda_activate(r.cell, x);
            *h = state;
            broadcast(team, vectors + (i % 2 == 0 ? buffer : 0), s, state);
        }
        gate = next_gate;
        team.sync();
    }
}

template <int WEIGHTS>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_backward_kernel(resident_backward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, vectors); /* (2,streams,padded) */
    const block_team team = THIS_TEAM();
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const seat s = find_seat(a.plan, r.B, r.H);
    const size_t buffer = (size_t)a.plan.streams * (size_t)s.padded;
    const size_t slot = (size_t)r.B * (size_t)r.h_stride;
    const size_t own = (size_t)(s.first + max(s.stream, 0));
    const size_t in_slot = own * (size_t)r.h_stride + (size_t)s.unit;
    float *dh_own = r.dh + own * (size_t)r.H + s.unit;

    float weights[WEIGHTS];
    load_weights(weights, r.w_hh, r.H, a.plan, s, true);
    clear_vectors(vectors, a.plan, s);
    float dh = s.stream >= 0 ? *dh_own : 0.0f;
    team.sync();
    for (int i = 0; i < r.T; i++) {
        int t = r.reverse ? i : r.T - 1 - i;
        float *current = vectors + (i % 2 == 0 ? 0 : buffer);
        if (s.stream >= 0) {
            float h = r.h[(size_t)(r.reverse ? t : t + 1) * slot + in_slot];
            float doutput = r.doutput[(size_t)t * slot + in_slot];
            float dgates = lyrnn_cuda_activate_backward(r.cell, h, doutput + dh);
            r.dgates_x[((size_t)t * (size_t)r.B + own) * (size_t)r.H + (size_t)s.unit] = dgates;
            broadcast(team, current, s, dgates);
        }
        team.sync();
        dh = dot_own(weights, current, a.plan, s);
    }
    if (s.stream >= 0)
        *dh_own = dh;
}

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* The plan for a cluster size; false when a thread would have to hold more weights than any kernel does. */
static bool plan_cluster(int H, int cluster, resident_plan *plan)
{
    static const int kernels[] = {4, 8, 16, 32, 64, 128};
    int units = ceil_div(H, cluster);
    if (units > RESIDENT_THREADS)
        return false;
    int slices = 1;
    while (slices < 32 && 2 * slices * units <= RESIDENT_THREADS)
        slices *= 2;
    int needed = 4 * ceil_div(H, 4 * slices);
    for (int weights : kernels) {
        if (weights >= needed) {
            *plan = resident_plan{cluster, slices, units, weights, 1};
            return true;
        }
    }
    return false;
}

/* The smallest cluster whose threads hold at most 64 weights: more blocks shorten the dot product, but
 * lengthen the barrier. Then as few streams a cluster as keep all clusters on the device at once. */
static bool make_plan(const lyrnn_cuda_state *state, int B, int H, resident_plan *plan)
{
    int max_cluster = state->properties.major >= 9 ? MAX_CLUSTER : 1;
    bool found = false;
    for (int cluster = 1; cluster <= max_cluster && !(found && plan->weights <= 64); cluster *= 2)
        found = plan_cluster(H, cluster, plan);
    if (!found)
        return false;
    int at_once = state->properties.multiProcessorCount / plan->cluster;
    while (2 * plan->streams <= plan->slices && ceil_div(B, plan->streams) > at_once)
        plan->streams *= 2;
    return true;
}

static size_t shared_bytes(const resident_plan &plan)
{
    return 2 * (size_t)plan.streams * (size_t)plan.weights * (size_t)plan.slices * sizeof(float);
}

/* Expected time against that of a GEMM and a pointwise kernel a step. The figures are from published
 * latencies, to be replaced by measured ones. */
static bool worth_it(const lyrnn_cuda_state *state, const resident_plan &plan, int B)
{
    const double barrier_cycles = 600.0, cycles_per_ns = 1.7, step_by_kernels_ns = 6000.0;
    double clusters = (double)ceil_div(B, plan.streams);
    double at_once = (double)(state->properties.multiProcessorCount / plan.cluster);
    double waves = clusters > at_once ? clusters / at_once : 1.0;
    double cycles = barrier_cycles + 2.5 * plan.streams * plan.weights;
    return waves * cycles / cycles_per_ns < step_by_kernels_ns;
}

static bool choose(const lyrnn_cuda_state *state, int B, int H, resident_plan *plan)
{
    if (state->recurrence_path == LYRNN_RECURRENCE_BY_STEPS)
        return false;
    return make_plan(state, B, H, plan) &&
           (state->recurrence_path == LYRNN_RECURRENCE_RESIDENT || worth_it(state, *plan, B));
}

template <typename Args>
static void launch_clusters(lyrnn_backend *self, void (*kernel)(Args), const resident_plan &plan,
                            int B, const Args &args)
{
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = (unsigned)plan.cluster;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)(ceil_div(B, plan.streams) * plan.cluster));
    config.blockDim = dim3(RESIDENT_THREADS);
    config.dynamicSmemBytes = shared_bytes(plan);
    config.stream = lyrnn_cuda_state_of(self)->stream;
    config.attrs = &attribute;
    config.numAttrs = plan.cluster > 1 ? 1 : 0;
    LYRNN_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, args));
}

/* Plans and launches the kernel that holds as many weights as the plan wants; kernels[i] holds 4 << i. */
template <typename Args>
static bool run_resident(lyrnn_backend *self, void (*const kernels[])(Args), int B, int H,
                         Args args)
{
    if (!choose(lyrnn_cuda_state_of(self), B, H, &args.plan))
        return false;
    int kernel = 0;
    while (4 << kernel < args.plan.weights)
        kernel++;
    launch_clusters(self, kernels[kernel], args.plan, B, args);
    return true;
}

bool lyrnn_cuda_resident_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    static void (*const kernels[])(resident_forward_args) = {
        resident_forward_kernel<4>,  resident_forward_kernel<8>,  resident_forward_kernel<16>,
        resident_forward_kernel<32>, resident_forward_kernel<64>, resident_forward_kernel<128>};
    return run_resident(self, kernels, args->B, args->H, resident_forward_args{*args, {}});
}

bool lyrnn_cuda_resident_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    static void (*const kernels[])(resident_backward_args) = {
        resident_backward_kernel<4>,  resident_backward_kernel<8>,  resident_backward_kernel<16>,
        resident_backward_kernel<32>, resident_backward_kernel<64>, resident_backward_kernel<128>};
    return run_resident(self, kernels, args->B, args->H, resident_backward_args{*args, {}});
}
