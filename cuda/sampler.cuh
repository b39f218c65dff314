/* llama.cpp's samplers on one row of logits, a block a row, with the CPU's choices (host/cpu/sampler.c). Sums
 * are of integers, so that atomics may add them in any order. top-k and top-p find the last logit they keep by
 * a histogram over the bits of the logits, read as numbers in the order of floats, eight to eleven at a time.
 * Every thread of the block must take part; each has a stretch of neighbouring ids. */
#ifndef LYRNN_SAMPLER_CUH
#define LYRNN_SAMPLER_CUH

#include <curand_kernel.h>
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "cuda.cuh"
#include "reduce.cuh"

/* Of a block, a power of two; and how many buckets each of its threads looks after. */
enum { SAMPLE_THREADS_MAX = 256, BUCKETS_EACH = 8 };

typedef unsigned long long weight_sum;

/* The operation's arguments and what the host works out from them. */
typedef struct {
    lyrnn_sample_token_args args;
    double min_p_log, inverse_temperature;
} sampling;

/* Shared memory. */
typedef struct {
    weight_sum sums[32];
    float floats[32];
    int ints[32];
    weight_sum found_before, found_sum; /* what one thread found for all */
    int found;
    size_t range[2];                                       /* of suffixes */
    weight_sum buckets[SAMPLE_THREADS_MAX * BUCKETS_EACH]; /* a smaller block has fewer */
} sample_memory;

/* No more threads than characters, but for the first warp. */
static inline unsigned sample_threads(int V)
{
    unsigned threads = LYRNN_WARP;
    while (threads < SAMPLE_THREADS_MAX && threads < (unsigned)V)
        threads *= 2;
    return threads;
}

static inline size_t sample_memory_bytes(unsigned threads)
{
    return offsetof(sample_memory, buckets) + threads * BUCKETS_EACH * sizeof(weight_sum);
}

/* The ids of a thread. */
typedef struct {
    int first, end;
} stretch;

__device__ __forceinline__ stretch own_stretch(int count)
{
    int threads = (int)blockDim.x, each = (count + threads - 1) / threads;
    int first = min((int)threadIdx.x * each, count);
    return stretch{first, min(first + each, count)};
}

/* The sum over the threads before this one, and over all. */
__device__ __forceinline__ weight_sum sum_before(weight_sum value, weight_sum *scratch,
                                                 weight_sum *total)
{
    unsigned lane = threadIdx.x % LYRNN_WARP, warp = threadIdx.x / LYRNN_WARP;
    weight_sum sum = value;
    for (unsigned offset = 1; offset < LYRNN_WARP; offset *= 2) {
        weight_sum other = __shfl_up_sync(0xffffffffu, sum, offset);
        sum += lane >= offset ? other : 0;
    }
    if (lane == LYRNN_WARP - 1)
        scratch[warp] = sum;
    __syncthreads();
    sum -= value;
    *total = 0;
    for (unsigned w = 0; w < blockDim.x / LYRNN_WARP; w++) {
        sum += w < warp ? scratch[w] : 0;
        *total += scratch[w];
    }
    __syncthreads();
    return sum;
}

/* The bits of a float as a number that is ordered as floats are, and back. */
__device__ __forceinline__ unsigned key_of(float x)
{
    unsigned bits = __float_as_uint(x);
    return bits ^ (bits >> 31 != 0 ? 0xffffffffu : 0x80000000u);
}

__device__ __forceinline__ float float_of(unsigned key)
{
    return __uint_as_float(key ^ (key >> 31 != 0 ? 0x80000000u : 0xffffffffu));
}

/* e^x for x <= 0 in parts of 2^-42; NaN gives 0. */
__device__ __forceinline__ weight_sum fixed_exp(double x)
{
    return (weight_sum)llrint(exp(x > -40.0 ? x : -40.0) * 0x1p42);
}

/* Logits that can be compared bit by bit: NaN forbidden, and no -0. */
__device__ __forceinline__ float tidied(float x)
{
    return x >= -FLT_MAX ? fminf(x + 0.0f, FLT_MAX) : -INFINITY;
}

__device__ __forceinline__ void penalise(const lyrnn_sampler &sampler, const int32_t *text,
                                         int length, float *logits)
{
    int first = max(length - sampler.repeat_last_n, 0);
    if (sampler.repeat_penalty == 1.0f)
        return;
    for (int i = first + (int)threadIdx.x; i < length; i += (int)blockDim.x) {
        int id = text[i];
        bool is_last = true;
        for (int later = i + 1; later < length && is_last; later++)
            is_last = text[later] != id;
        float logit = is_last ? logits[id] : -INFINITY;
        if (logit == -INFINITY)
            continue;
        float penalised =
            logit > 0.0f ? logit / sampler.repeat_penalty : logit * sampler.repeat_penalty;
        /* The penalty forbids nothing. */
        logits[id] = penalised < -FLT_MAX ? -FLT_MAX : penalised;
    }
    __syncthreads();
}

/* How many first logits to keep: so many, or as many as reach a share of all their probabilities. */
typedef struct {
    bool by_weight;
    int k;
    float p;
} quota;

__device__ __forceinline__ weight_sum target_of(const quota &kept, weight_sum total)
{
    weight_sum target =
        kept.by_weight ? (weight_sum)ceil((double)kept.p * (double)total) : (weight_sum)kept.k;
    return max(min(target, total), (weight_sum)1);
}

/* Adds up, in buckets of 2^shift keys from the highest down, what lies in low to high. */
__device__ __forceinline__ void fill_buckets(const quota &kept, stretch own, const float *logits,
                                             float largest, unsigned low, unsigned high, int shift,
                                             sample_memory *memory)
{
    for (unsigned i = 0; i < BUCKETS_EACH; i++)
        memory->buckets[i * blockDim.x + threadIdx.x] = 0;
    __syncthreads();
    for (int v = own.first; v < own.end; v++) {
        unsigned below = high - key_of(logits[v]);
        if (below > high - low)
            continue;
        weight_sum weight = 1;
        if (kept.by_weight)
            weight = fixed_exp((double)logits[v] - (double)largest);
        atomicAdd(&memory->buckets[below >> shift], weight);
    }
    __syncthreads();
}

/* Finds the bucket in which the sum, counted from `before` on, reaches the target; a target of 0 is first
 * worked out from the quota. Returns the bucket, in *before the sum up to it and in *own_sum its own. */
__device__ __forceinline__ unsigned find_bucket(const quota &kept, weight_sum *before,
                                                weight_sum *own_sum, weight_sum *target,
                                                sample_memory *memory)
{
    int bucket = (int)threadIdx.x * BUCKETS_EACH;
    weight_sum sum = 0, total;
    for (int i = 0; i < BUCKETS_EACH; i++)
        sum += memory->buckets[bucket + i];
    weight_sum passed = *before + sum_before(sum, memory->sums, &total);
    if (*target == 0)
        *target = target_of(kept, total);
    if (passed < *target && *target <= passed + sum) {
        for (; passed + memory->buckets[bucket] < *target; bucket++)
            passed += memory->buckets[bucket];
        memory->found = bucket;
        memory->found_before = passed;
        memory->found_sum = memory->buckets[bucket];
    }
    __syncthreads();
    *before = memory->found_before;
    *own_sum = memory->found_sum;
    return (unsigned)memory->found;
}

/* Of the logits that equal `last` only the first so many stay, of the lower ones none. */
__device__ __forceinline__ void drop_after(stretch own, float *logits, float last,
                                           weight_sum equals, sample_memory *memory)
{
    weight_sum count = 0, total;
    for (int v = own.first; v < own.end; v++)
        count += logits[v] == last;
    weight_sum rank = sum_before(count, memory->sums, &total);
    for (int v = own.first; v < own.end; v++) {
        if (logits[v] < last || (logits[v] == last && rank >= equals))
            logits[v] = -INFINITY;
        else
            rank += logits[v] == last;
    }
}

__device__ __forceinline__ void keep_first(const quota &kept, stretch own, float *logits,
                                           float largest, sample_memory *memory)
{
    weight_sum before = 0, sum, smallest, target = 0;
    unsigned low = key_of(-FLT_MAX), high = key_of(largest);
    int bits = 31 - __clz((int)(blockDim.x * BUCKETS_EACH)), shift;
    bool needs_all;
    do {
        shift = max(32 - __clz((int)(high - low)) - bits, 0);
        fill_buckets(kept, own, logits, largest, low, high, shift, memory);
        high -= find_bucket(kept, &before, &sum, &target, memory) << shift;
        unsigned size = 1u << shift;
        low = high - low >= size ? high - size + 1 : low;
        /* Without any one of the bucket's logits the sum would fall short. */
        smallest = kept.by_weight ? fixed_exp((double)float_of(low) - (double)largest) : 1;
        needs_all = before + sum < target + smallest;
    } while (shift > 0 && !needs_all);

    weight_sum equals = needs_all ? ~(weight_sum)0 : (target - before + smallest - 1) / smallest;
    drop_after(own, logits, float_of(low), equals, memory);
}

/* The first id at which the sum of the weights reaches u times all. */
__device__ __forceinline__ int draw(const sampling &s, stretch own, const float *logits,
                                    float largest, float u, sample_memory *memory)
{
    weight_sum sum = 0, total;
    for (int v = own.first; v < own.end; v++)
        sum += fixed_exp(((double)logits[v] - (double)largest) * s.inverse_temperature);
    weight_sum passed = sum_before(sum, memory->sums, &total);
    weight_sum target = min((weight_sum)ceil((double)u * (double)total), total);
    if (passed < target && target <= passed + sum) {
        int v = own.first;
        for (;; v++) {
            passed += fixed_exp(((double)logits[v] - (double)largest) * s.inverse_temperature);
            if (passed >= target)
                break;
        }
        memory->found = v;
    }
    __syncthreads();
    return memory->found;
}

/* The id chosen from tidied logits by all samplers after the penalty; -1 where all are -infinity. */
__device__ __forceinline__ int choose(const sampling &s, stretch own, float *logits, float u,
                                      sample_memory *memory)
{
    const lyrnn_sampler &sampler = s.args.sampler;
    float largest = -INFINITY;
    for (int v = own.first; v < own.end; v++)
        largest = fmaxf(largest, logits[v]);
    largest = block_reduce(largest, memory->floats, [](float a, float b) { return fmaxf(a, b); });
    if (largest == -INFINITY)
        return -1;
    if (sampler.temperature == 0.0f) {
        int first = own.first;
        while (first < own.end && logits[first] != largest)
            first++;
        return block_reduce(first < own.end ? first : s.args.V, memory->ints,
                            [](int a, int b) { return min(a, b); });
    }
    /* One copy of the code for top-k and top-p. */
#pragma unroll 1
    for (int filter = 0; filter < 2; filter++) {
        quota kept = {filter == 1, sampler.top_k, sampler.top_p};
        bool keeps_all = kept.by_weight ? kept.p >= 1.0f : kept.k <= 0 || kept.k >= s.args.V;
        if (!keeps_all)
            keep_first(kept, own, logits, largest, memory);
    }
    if (sampler.min_p > 0.0f)
        for (int v = own.first; v < own.end; v++)
            if (!((double)logits[v] - (double)largest >= s.min_p_log))
                logits[v] = -INFINITY;
    return draw(s, own, logits, largest, u, memory);
}

#endif
