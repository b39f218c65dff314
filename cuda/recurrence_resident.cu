/* The recurrence in one kernel, with W_hh in registers for the whole sequence.
 *
 * A cluster of C blocks takes a slice of the batch and needs no other cluster. Each block owns H/C units: S
 * neighbouring threads share a unit, each holding every S-th group of four of the weights of each of its G
 * gates. A step is G dot products a stream, a butterfly over the S threads, the cell, and a store of the
 * new state into the shared memory of every block of the cluster; vectors alternate between two buffers, so
 * that one barrier a step suffices. Backward is the same walk with W_hh transposed and the losses by h', G
 * vectors of them, in the place of h. */
#include "recurrence_resident.cuh"

#include <math.h>

#include "cell_math.cuh"
#include "cluster.cuh"

/* The kernels ask for one block a multiprocessor: registers for the weights matter, occupancy does not. */
enum { RESIDENT_THREADS = 256 };

/* How a recurrence is laid out on the device. */
typedef struct {
    int cluster; /* C blocks */
    int slices;  /* S threads that share a unit, a power of two of at most 32 */
    int units;   /* ceil(H / C) units a block */
    int weights; /* weights of a gate that a thread holds: one of the kernels' template arguments */
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

/* This thread's weights of its unit, for each gate: k = 4 (i S + slice) + q for weights[4 i + q], zero
 * beyond H. Forward: the gate's row of w_hh; backward (transposed): the unit's column in the gate's rows. */
template <int G, int WEIGHTS>
__device__ void load_weights(float (&weights)[G][WEIGHTS], const float *w_hh, int H,
                             const resident_plan &plan, const seat &s, bool transposed)
{
#pragma unroll
    for (int gate = 0; gate < G; gate++) {
        const float *rows = w_hh + (size_t)gate * (size_t)H * (size_t)H;
#pragma unroll
        for (int i = 0; i < WEIGHTS; i++) {
            int k = 4 * (i / 4 * plan.slices + s.slice) + i % 4;
            bool inside = s.unit < H && k < H;
            size_t at = transposed ? (size_t)k * (size_t)H + (size_t)s.unit
                                   : (size_t)s.unit * (size_t)H + (size_t)k;
            weights[gate][i] = inside ? rows[at] : 0.0f;
        }
    }
}

/* This thread's part of a gate's dot product with a vector (padded) in shared memory. */
template <int WEIGHTS>
__device__ __forceinline__ float dot_part(const float (&weights)[WEIGHTS], const float *vector,
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
    return sum;
}

/* The sum over the S threads that share a unit, in all of them. */
__device__ __forceinline__ float sum_slices(float part, const resident_plan &plan)
{
    for (int offset = plan.slices / 2; offset > 0; offset /= 2)
        part += __shfl_xor_sync(0xffffffffu, part, offset);
    return part;
}

/* Each gate's dot product with the vector of the stream that this thread finishes. */
template <int G, int WEIGHTS>
__device__ __forceinline__ void dot_own(const float (&weights)[G][WEIGHTS], const float *vectors,
                                        const resident_plan &plan, const seat &s, float (&own)[G])
{
    for (int b = 0; b < s.streams; b++) {
        const float *vector = vectors + (size_t)b * (size_t)s.padded;
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            float sum = sum_slices(dot_part(weights[gate], vector, plan, s), plan);
            if (b == s.stream)
                own[gate] = sum;
        }
    }
}

/* The sum over all gates of the dot product with the gate's own vector; vectors (streams,G,padded). */
template <int G, int WEIGHTS>
__device__ __forceinline__ float dot_all(const float (&weights)[G][WEIGHTS], const float *vectors,
                                         const resident_plan &plan, const seat &s)
{
    float own = 0.0f;
    for (int b = 0; b < s.streams; b++) {
        const float *vector = vectors + (size_t)b * (size_t)(G * s.padded);
        float part = 0.0f;
#pragma unroll
        for (int gate = 0; gate < G; gate++)
            part += dot_part(weights[gate], vector + gate * s.padded, plan, s);
        float sum = sum_slices(part, plan);
        if (b == s.stream)
            own = sum;
    }
    return own;
}

/* Stores value as this thread's unit into vector number `vector` of every block of the cluster. */
__device__ __forceinline__ void broadcast(const block_team &team, float *vectors, const seat &s,
                                          int vector, float value)
{
    size_t at = (size_t)vector * (size_t)s.padded + (size_t)s.unit;
    for (unsigned rank = 0; rank < team.num_blocks(); rank++)
        team.map_shared_rank(vectors, rank)[at] = value;
}

/* Fills both buffers of so many vectors with zeros, so that the padding beyond H multiplies as nothing. */
__device__ void clear_vectors(float *vectors, int num_vectors, const seat &s)
{
    for (int i = (int)threadIdx.x; i < 2 * num_vectors * s.padded; i += RESIDENT_THREADS)
        vectors[i] = 0.0f;
}

template <int G, int WEIGHTS>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_forward_kernel(resident_forward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, vectors); /* (2,streams,padded) */
    const block_team team = THIS_TEAM();
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const seat s = find_seat(a.plan, r.B, r.H);
    const size_t buffer = (size_t)a.plan.streams * (size_t)s.padded;
    const bool finishes = s.stream >= 0;
    const int own = s.first + max(s.stream, 0);

    float weights[G][WEIGHTS], bias[G], next[G];
    load_weights(weights, r.w_hh, r.H, a.plan, s, false);
    clear_vectors(vectors, a.plan.streams, s);
    team.sync();
    int t = r.reverse ? r.T - 1 : 0;
    unit_place place = find_unit(G, t, r.B, r.H, r.h_stride, r.reverse, own, s.unit);
    unit_state<G> unit = {};
    if (finishes) {
        unit.h = r.h[place.before];
        if (G == 4)
            unit.c = r.c[place.before];
        broadcast(team, vectors, s, s.stream, unit.h);
    }
#pragma unroll
    for (int gate = 0; gate < G; gate++) {
        bias[gate] = finishes ? r.b_hh[gate * r.H + s.unit] : 0.0f;
        next[gate] = finishes ? r.gates[place.gates + (size_t)(gate * r.H)] : 0.0f;
    }
    team.sync();
    for (int i = 0; i < r.T; i++) {
        t = r.reverse ? r.T - 1 - i : i;
        place = find_unit(G, t, r.B, r.H, r.h_stride, r.reverse, own, s.unit);
        int t_next = r.reverse ? t - 1 : t + 1;
        unit_place place_next = find_unit(G, t_next, r.B, r.H, r.h_stride, r.reverse, own, s.unit);
        /* The next step's input is asked for before this step's arithmetic hides its latency. */
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            unit.gates[gate] = next[gate];
            if (finishes && i + 1 < r.T)
                next[gate] = r.gates[place_next.gates + (size_t)(gate * r.H)];
        }
        float prime[G] = {};
        dot_own(weights, vectors + (i % 2 == 0 ? 0 : buffer), a.plan, s, prime);
        if (finishes) {
#pragma unroll
            for (int gate = 0; gate < G; gate++)
                prime[gate] += bias[gate];
            unit.h_before = unit.h;
            unit.c_before = unit.c;
            cell_forward(r.cell, prime, unit);
            store_unit(r, place, unit);
            broadcast(team, vectors + (i % 2 == 0 ? buffer : 0), s, s.stream, unit.h);
        }
        team.sync();
    }
}

template <int G, int WEIGHTS>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_backward_kernel(resident_backward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, vectors); /* (2,streams,G,padded) */
    const block_team team = THIS_TEAM();
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const seat s = find_seat(a.plan, r.B, r.H);
    const size_t buffer = (size_t)(a.plan.streams * G) * (size_t)s.padded;
    const size_t slot = (size_t)r.B * (size_t)r.h_stride;
    const bool finishes = s.stream >= 0;
    const int own = s.first + max(s.stream, 0);
    const size_t in_slot = (size_t)own * (size_t)r.h_stride + (size_t)s.unit;
    const size_t in_state = (size_t)own * (size_t)r.H + (size_t)s.unit;

    float weights[G][WEIGHTS];
    load_weights(weights, r.w_hh, r.H, a.plan, s, true);
    clear_vectors(vectors, a.plan.streams * G, s);
    unit_losses<G> loss = {};
    float dh = finishes ? r.dh[in_state] : 0.0f;
    if (G == 4 && finishes)
        loss.dc = r.dc[in_state];
    team.sync();
    for (int i = 0; i < r.T; i++) {
        int t = r.reverse ? i : r.T - 1 - i;
        float *current = vectors + (i % 2 == 0 ? 0 : buffer);
        if (finishes) {
            unit_place place = find_unit(G, t, r.B, r.H, r.h_stride, r.reverse, own, s.unit);
            unit_state<G> unit = load_unit<G>(r, place);
            loss.dh = r.doutput[(size_t)t * slot + in_slot] + dh;
            cell_backward(r.cell, unit, loss);
            store_losses(r, place, loss);
#pragma unroll
            for (int gate = 0; gate < G; gate++)
                broadcast(team, current, s, s.stream * G + gate, loss.dprime[gate]);
        }
        team.sync();
        dh = loss.dh + dot_all(weights, current, a.plan, s);
    }
    if (finishes) {
        r.dh[in_state] = dh;
        if (G == 4)
            r.dc[in_state] = loss.dc;
    }
}

/* The most weights of a gate that any kernel holds in a thread: the registers are shared by the gates. */
static int max_weights(int G)
{
    return G == 1 ? 128 : 32;
}

/* The plan for a cluster size; false when a thread would have to hold more weights than any kernel does. */
static bool plan_cluster(int G, int H, int cluster, resident_plan *plan)
{
    int units = lyrnn_cuda_ceil_div(H, cluster);
    if (units > RESIDENT_THREADS)
        return false;
    int slices = 1;
    while (slices < 32 && 2 * slices * units <= RESIDENT_THREADS)
        slices *= 2;
    int needed = 4 * lyrnn_cuda_ceil_div(H, 4 * slices), weights = 4;
    while (weights < needed)
        weights *= 2;
    if (weights > max_weights(G))
        return false;
    *plan = resident_plan{cluster, slices, units, weights, 1};
    return true;
}

/* Two buffers of num_vectors vectors a stream. */
static size_t shared_bytes(const resident_plan &plan, int num_vectors)
{
    return 2 * (size_t)(plan.streams * num_vectors) * (size_t)(plan.weights * plan.slices) *
           sizeof(float);
}

/* The smallest cluster whose threads hold at most 64 weights: more blocks shorten the dot product, but
 * lengthen the barrier. Then as few streams a cluster as keep all clusters on the device at once, within
 * the shared memory that any kernel may have. */
static bool make_plan(const lyrnn_cuda_state *state, int G, int B, int H, resident_plan *plan)
{
    const size_t max_shared_bytes = 48 * 1024;
    int max_cluster = state->properties.major >= 9 ? LYRNN_MAX_CLUSTER : 1;
    bool found = false;
    for (int cluster = 1; cluster <= max_cluster && !(found && G * plan->weights <= 64);
         cluster *= 2)
        found = plan_cluster(G, H, cluster, plan);
    if (!found)
        return false;
    int at_once = state->properties.multiProcessorCount / plan->cluster;
    while (2 * plan->streams <= plan->slices && lyrnn_cuda_ceil_div(B, plan->streams) > at_once &&
           2 * shared_bytes(*plan, G) <= max_shared_bytes)
        plan->streams *= 2;
    return true;
}

double lyrnn_cuda_resident_ns(lyrnn_backend *self, lyrnn_cell cell, int T, int B, int H)
{
    const double barrier_cycles = 600.0;
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    int G = lyrnn_num_gates(cell);
    resident_plan plan;
    if (!make_plan(state, G, B, H, &plan))
        return INFINITY;
    double clusters = (double)lyrnn_cuda_ceil_div(B, plan.streams);
    double at_once = (double)(state->properties.multiProcessorCount / plan.cluster);
    double waves = clusters > at_once ? clusters / at_once : 1.0;
    double cycles = barrier_cycles + 2.5 * plan.streams * G * plan.weights;
    return T * waves * cycles / LYRNN_CUDA_CYCLES_PER_NS;
}

template <typename Args>
static void launch_clusters(lyrnn_backend *self, void (*kernel)(Args), const resident_plan &plan,
                            int B, size_t num_shared_bytes, const Args &args)
{
    cudaLaunchAttribute attribute = cluster_attribute(plan.cluster);
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)(lyrnn_cuda_ceil_div(B, plan.streams) * plan.cluster));
    config.blockDim = dim3(RESIDENT_THREADS);
    config.dynamicSmemBytes = num_shared_bytes;
    config.stream = lyrnn_cuda_state_of(self)->stream;
    config.attrs = &attribute;
    config.numAttrs = plan.cluster > 1 ? 1 : 0;
    LYRNN_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, args));
}

/* The kernels of a cell with G gates by the weights of a gate that a thread holds, 4 << i. */
#define RESIDENT_KERNELS(name, G)                                                                  \
    {                                                                                              \
        name<G, 4>, name<G, 8>, name<G, 16>, name<G, 32>                                           \
    }

/* Plans and launches the kernel that holds as many weights as the plan wants; kernels[i] holds 4 << i. */
template <typename Args>
static void run_resident(lyrnn_backend *self, void (*const kernels[])(Args), int num_vectors,
                         Args args)
{
    int G = lyrnn_num_gates(args.recurrence.cell), B = args.recurrence.B;
    LYRNN_CHECK(make_plan(lyrnn_cuda_state_of(self), G, B, args.recurrence.H, &args.plan));
    int kernel = 0;
    while (4 << kernel < args.plan.weights)
        kernel++;
    launch_clusters(self, kernels[kernel], args.plan, B, shared_bytes(args.plan, num_vectors),
                    args);
}

void lyrnn_cuda_resident_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    typedef void (*forward_kernel)(resident_forward_args);
    static const forward_kernel rnn[] = {
        resident_forward_kernel<1, 4>,  resident_forward_kernel<1, 8>,
        resident_forward_kernel<1, 16>, resident_forward_kernel<1, 32>,
        resident_forward_kernel<1, 64>, resident_forward_kernel<1, 128>};
    static const forward_kernel lstm[] = RESIDENT_KERNELS(resident_forward_kernel, 4);
    static const forward_kernel gru[] = RESIDENT_KERNELS(resident_forward_kernel, 3);
    const forward_kernel *kernels = args->cell == LYRNN_LSTM  ? lstm
                                    : args->cell == LYRNN_GRU ? gru
                                                              : rnn;
    run_resident(self, kernels, 1, resident_forward_args{*args, {}});
}

void lyrnn_cuda_resident_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    typedef void (*backward_kernel)(resident_backward_args);
    static const backward_kernel rnn[] = {
        resident_backward_kernel<1, 4>,  resident_backward_kernel<1, 8>,
        resident_backward_kernel<1, 16>, resident_backward_kernel<1, 32>,
        resident_backward_kernel<1, 64>, resident_backward_kernel<1, 128>};
    static const backward_kernel lstm[] = RESIDENT_KERNELS(resident_backward_kernel, 4);
    static const backward_kernel gru[] = RESIDENT_KERNELS(resident_backward_kernel, 3);
    const backward_kernel *kernels = args->cell == LYRNN_LSTM  ? lstm
                                     : args->cell == LYRNN_GRU ? gru
                                                               : rnn;
    run_resident(self, kernels, lyrnn_num_gates(args->cell), resident_backward_args{*args, {}});
}
