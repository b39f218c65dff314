/* llama.cpp's samplers on one row of logits, one block per row. They choose what the CPU chooses
 * (host/cpu/sampler.c has the method). The sums are of integers, so that atomics may add them in
 * any order. top-k and top-p find the last logit that they keep by a histogram. Its keys are the
 * bits of the logits, mapped to integers of the same order; each round fixes eight to eleven of
 * these bits. Every thread of the block must call these functions. Each has a stretch of
 * neighboring ids. */
#ifndef LYRNN_SAMPLER_CUH
#define LYRNN_SAMPLER_CUH

#include <curand_kernel.h>
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "cuda.cuh"
#include "reduce.cuh"

/* The largest number of threads per block, a power of two, and the buckets per thread. */
enum { SAMPLE_THREADS_MAX = 256, BUCKETS_EACH = 8 };

typedef unsigned long long weight_sum;

/* The operation's arguments and what the host computes from them. */
typedef struct {
    lyrnn_sample_token_args args;
    double min_p_log;
    precise_sum inverse_temperature;
} sampling;

/* Shared memory. */
typedef struct {
    weight_sum sums[32];
    float floats[32];
    int ints[32];
    /* What one thread found for all. */
    weight_sum found_before, found_sum, target;
    int found;
    float limit;
    size_t range[2]; /* of suffixes */
    /* A smaller block has fewer of them. */
    weight_sum buckets[SAMPLE_THREADS_MAX * BUCKETS_EACH];
} sample_memory;

/* At least one warp, and otherwise no more threads than characters. */
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

/* The ids [first, end) of a thread. */
typedef struct {
    int first, end;
} stretch;

__device__ __forceinline__ stretch own_stretch(int count)
{
    int threads = (int)blockDim.x, each = (count + threads - 1) / threads;
    int first = min((int)threadIdx.x * each, count);
    return stretch{first, min(first + each, count)};
}

/* The sum over the threads before this one; *total is the sum over all. */
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

/* Maps the bits of a float to an integer of the same order, and back. */
__device__ __forceinline__ unsigned key_of(float x)
{
    unsigned bits = __float_as_uint(x);
    return bits ^ (bits >> 31 != 0 ? 0xffffffffu : 0x80000000u);
}

__device__ __forceinline__ float float_of(unsigned key)
{
    return __uint_as_float(key ^ (key >> 31 != 0 ? 0x80000000u : 0xffffffffu));
}

/* e^((logit - largest) * factor) in units of 2^-42, for logit <= largest; NaN gives 0. The result
 * is that of fixed_exp in host/cpu/vector_math.h, or differs by one unit. It is computed from
 * integers and pairs of floats, because on many cards fp64 is 64 times slower. */
__device__ __forceinline__ weight_sum fixed_exp(float logit, float largest, precise_sum factor)
{
    const weight_sum one = (weight_sum)1 << 63; /* the numbers below are in units of 2^-63 */
    const weight_sum log2_e = 0xb8aa3b295c17f0bcu, ln_2 = 0xb17217f7d1cf79acu;
    precise_sum x = add_sums(precise_sum{logit, 0.0f}, precise_sum{-largest, 0.0f});
    float high = x.high * factor.high;
    float low = fmaf(x.high, factor.high, -high) + (x.high * factor.low + x.low * factor.high);
    /* Smaller numbers round to 0. */
    if (!(high > -30.0f))
        return 0;
    long long fixed = __float2ll_rn(high * 0x1p58f) + __float2ll_rn(low * 0x1p58f);
    /* e^x = 2^-(n + f), where f is below 1. The unit is 2^-57. */
    weight_sum exponent = __umul64hi((weight_sum)-fixed, log2_e);
    int n = (int)(exponent >> 57);
    if (n > 42)
        return 0;
    /* z = f ln 2 in units of 2^-64, and the series of e^-z up to z^14 by Horner's rule. */
    weight_sum z = __umul64hi(exponent << 7, ln_2);
    weight_sum factorial = 87178291200u, series = one / factorial;
#pragma unroll
    for (unsigned k = 14; k > 0; k--) {
        factorial /= k;
        series = one / factorial - __umul64hi(z, series);
    }
    int shift = 63 - 42 + n;
    return (series + ((weight_sum)1 << (shift - 1))) >> shift;
}

/* Makes logits comparable by their bits: NaN becomes -infinity (forbidden), and -0 becomes 0. */
__device__ __forceinline__ float tidied(float x)
{
    return x >= -FLT_MAX ? fminf(x + 0.0f, FLT_MAX) : -INFINITY;
}

/* Penalizes the last characters of a text of `length`, within the thread's own ids. */
__device__ __forceinline__ void penalize(const lyrnn_sampler &sampler, const int32_t *seen,
                                         int length, stretch own, float *logits)
{
    int first = max(length - sampler.repeat_last_n, 0);
    for (int v = own.first; v < own.end; v++) {
        float logit = seen[v] > first ? logits[v] : -INFINITY;
        if (logit == -INFINITY)
            continue;
        float penalized =
            logit > 0.0f ? logit / sampler.repeat_penalty : logit * sampler.repeat_penalty;
        /* The penalty must not forbid a character. */
        logits[v] = penalized < -FLT_MAX ? -FLT_MAX : penalized;
    }
}

/* How many first logits to keep: k, or by_weight as many as reach the share p of all
 * probabilities. */
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

/* A row of logits and its largest one. */
typedef struct {
    float *logits;
    float largest;
} logit_row;

/* The keys low to high, in buckets of 2^shift keys each, from the highest down. */
typedef struct {
    unsigned low, high;
    int shift;
} key_range;

/* Adds up the logits whose keys are in the range, per bucket: their weights, or their number. */
__device__ __forceinline__ void fill_buckets(const quota &kept, stretch own, const logit_row &row,
                                             const key_range &keys, sample_memory *memory)
{
    for (unsigned i = 0; i < BUCKETS_EACH; i++)
        memory->buckets[i * blockDim.x + threadIdx.x] = 0;
    __syncthreads();
    for (int v = own.first; v < own.end; v++) {
        unsigned below = keys.high - key_of(row.logits[v]);
        if (below > keys.high - keys.low)
            continue;
        weight_sum weight = 1;
        if (kept.by_weight)
            weight = fixed_exp(row.logits[v], row.largest, precise_sum{1.0f, 0.0f});
        atomicAdd(&memory->buckets[below >> keys.shift], weight);
    }
    __syncthreads();
}

/* Finds the bucket in which the sum, counted from *before on, reaches the target. A target of 0 is
 * first computed from the quota. Returns the bucket; *before becomes the sum up to it, *own_sum its
 * own. */
__device__ __forceinline__ unsigned find_bucket(const quota &kept, weight_sum *before,
                                                weight_sum *own_sum, weight_sum *target,
                                                sample_memory *memory)
{
    int bucket = (int)threadIdx.x * BUCKETS_EACH;
    weight_sum sum = 0, total;
    for (int i = 0; i < BUCKETS_EACH; i++)
        sum += memory->buckets[bucket + i];
    weight_sum passed = *before + sum_before(sum, memory->sums, &total);
    if (*target == 0) {
        if (threadIdx.x == 0)
            memory->target = target_of(kept, total);
        __syncthreads();
        *target = memory->target;
    }
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

/* Drops all logits below `last`, and those equal to `last` except the first `equals` ones. */
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

__device__ __forceinline__ void keep_first(const quota &kept, stretch own, const logit_row &row,
                                           sample_memory *memory)
{
    weight_sum before = 0, sum, smallest, target = 0;
    key_range keys = {key_of(-FLT_MAX), key_of(row.largest), 0};
    int bits = 31 - __clz((int)(blockDim.x * BUCKETS_EACH));
    bool needs_all;
    do {
        keys.shift = max(32 - __clz((int)(keys.high - keys.low)) - bits, 0);
        fill_buckets(kept, own, row, keys, memory);
        keys.high -= find_bucket(kept, &before, &sum, &target, memory) << keys.shift;
        unsigned size = 1u << keys.shift;
        keys.low = keys.high - keys.low >= size ? keys.high - size + 1 : keys.low;
        /* If any logit of the bucket were dropped, the sum would miss the target. */
        smallest = kept.by_weight
                       ? fixed_exp(float_of(keys.low), row.largest, precise_sum{1.0f, 0.0f})
                       : 1;
        needs_all = before + sum < target + smallest;
    } while (keys.shift > 0 && !needs_all);

    weight_sum equals = needs_all ? ~(weight_sum)0 : (target - before + smallest - 1) / smallest;
    drop_after(own, row.logits, float_of(keys.low), equals, memory);
}

/* The first id at which the sum of the weights reaches u times the sum of all. */
__device__ __forceinline__ int draw(const sampling &s, stretch own, const float *logits,
                                    float largest, float u, sample_memory *memory)
{
    weight_sum sum = 0, total;
    for (int v = own.first; v < own.end; v++)
        sum += fixed_exp(logits[v], largest, s.inverse_temperature);
    weight_sum passed = sum_before(sum, memory->sums, &total);
    if (threadIdx.x == 0)
        memory->target = min((weight_sum)ceil((double)u * (double)total), total);
    __syncthreads();
    weight_sum target = memory->target;
    if (passed < target && target <= passed + sum) {
        int v = own.first;
        for (;; v++) {
            passed += fixed_exp(logits[v], largest, s.inverse_temperature);
            if (passed >= target)
                break;
        }
        memory->found = v;
    }
    __syncthreads();
    return memory->found;
}

/* The smallest logit x with x - largest >= min_p_log, where the difference is in double as on the
 * CPU. The rounded sum is at most one float away from it. */
__device__ __forceinline__ float smallest_kept(float largest, double min_p_log)
{
    unsigned key = key_of((float)((double)largest + min_p_log)) + 1;
    while ((double)float_of(key - 1) - (double)largest >= min_p_log)
        key--;
    while (!((double)float_of(key) - (double)largest >= min_p_log))
        key++;
    return float_of(key);
}

/* The id that all samplers after the penalty choose from tidied logits; -1: all are -infinity. */
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
    /* One copy of the machine code serves top-k and top-p. */
#pragma unroll 1
    for (int filter = 0; filter < 2; filter++) {
        quota kept = {filter == 1, sampler.top_k, sampler.top_p};
        bool keeps_all = kept.by_weight ? kept.p >= 1.0f : kept.k <= 0 || kept.k >= s.args.V;
        if (!keeps_all)
            keep_first(kept, own, logit_row{logits, largest}, memory);
    }
    if (sampler.min_p > 0.0f) {
        if (threadIdx.x == 0)
            memory->limit = smallest_kept(largest, s.min_p_log);
        __syncthreads();
        for (int v = own.first; v < own.end; v++)
            if (!(logits[v] >= memory->limit))
                logits[v] = -INFINITY;
    }
    return draw(s, own, logits, largest, u, memory);
}

#endif
