/* llama.cpp's samplers in its order, on one row of logits: repeat penalty, top-k, top-p, min-p,
 * temperature.
 *
 * The logits are ordered, the larger first and of equal ones the lower id first. Each filter keeps
 * a first part of this order and sets the other logits to -infinity. Probabilities are integers, in
 * units of 2^-42 of the first one's. Their sums are exact, so that neither the order of addition
 * nor the width of vectors changes a choice. The exponential of another device differs by one unit
 * at most.
 *
 * top-k and top-p find the last logit that they keep by a histogram, refined until a bucket holds a
 * single value. This needs no sorting and no memory except the row. */
#include "cpu/sampler.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "cpu/vector_math.h"

/* The number of logits that are processed together. */
enum { CHUNK = 16 };

void lyrnn_cpu_penalize(const lyrnn_sampler *sampler, const int32_t *seen, int length, int V,
                        float *logits)
{
    float penalty = sampler->repeat_penalty;
    int first = length > sampler->repeat_last_n ? length - sampler->repeat_last_n : 0;
#pragma omp simd
    for (int v = 0; v < V; v++) {
        float logit = logits[v];
        float penalized = logit > 0.0f ? logit / penalty : logit * penalty;
        /* The penalty must not forbid a character. */
        float lowest = penalized < -FLT_MAX ? -FLT_MAX : penalized;
        logits[v] = seen[v] > first && logit != -INFINITY ? lowest : logit;
    }
}

/* The lowest and the largest of some logits. */
typedef struct {
    float lowest, largest;
} bounds;

/* Makes logits comparable: NaN becomes -infinity (forbidden). Widens the bounds of each lane by the
 * logits that are allowed. */
static inline __attribute__((always_inline)) void
tidy_some(int count, float *logits, float lowest[CHUNK], float largest[CHUNK])
{
    for (int i = 0; i < count; i++) {
        float finite = logits[i] < FLT_MAX ? logits[i] : FLT_MAX;
        float x = logits[i] >= -FLT_MAX ? finite : -INFINITY;
        float y = logits[i] >= -FLT_MAX ? finite : INFINITY;
        largest[i] = x > largest[i] ? x : largest[i];
        lowest[i] = y < lowest[i] ? y : lowest[i];
        logits[i] = x;
    }
}

static bounds tidy(int V, float *logits)
{
    float lowest[CHUNK], largest[CHUNK];
    for (int i = 0; i < CHUNK; i++) {
        lowest[i] = INFINITY;
        largest[i] = -INFINITY;
    }
    int v = 0;
    for (; v + CHUNK <= V; v += CHUNK)
        tidy_some(CHUNK, logits + v, lowest, largest);
    tidy_some(V - v, logits + v, lowest, largest);
    bounds all = {INFINITY, -INFINITY};
    for (int i = 0; i < CHUNK; i++) {
        all.lowest = fminf(all.lowest, lowest[i]);
        all.largest = fmaxf(all.largest, largest[i]);
    }
    return all;
}

/* The bounds of all logits that no filter has dropped. */
static const bounds all_finite = {-FLT_MAX, FLT_MAX};

/* Loads the chunk at `first`, filled up with -infinity. False: no logit of it is in the range. */
static inline bool load_chunk(int V, const float *logits, int first, bounds range,
                              float chunk[CHUNK])
{
    int count = V - first < CHUNK ? V - first : CHUNK;
    if (count == CHUNK) {
        memcpy(chunk, logits + first, CHUNK * sizeof *chunk);
    } else {
        for (int i = 0; i < CHUNK; i++)
            chunk[i] = i < count ? logits[first + i] : -INFINITY;
    }
    int inside = 0;
#pragma omp simd reduction(| : inside)
    for (int i = 0; i < CHUNK; i++)
        inside |= (chunk[i] >= range.lowest) & (chunk[i] <= range.largest);
    return inside != 0;
}

/* e^((logit - largest) / temperature) in units of 2^-42; 0 for -infinity. */
static inline void weigh_chunk(const float chunk[CHUNK], float largest, double inverse_temperature,
                               uint64_t weights[CHUNK])
{
    for (int i = 0; i < CHUNK; i++)
        weights[i] = fixed_exp(((double)chunk[i] - (double)largest) * inverse_temperature);
}

/* How many first logits to keep: k, or by_weight as many as reach the share p of all
 * probabilities. */
typedef struct {
    bool by_weight;
    int k;
    float p;
} quota;

static uint64_t target_of(const quota *kept, uint64_t total)
{
    if (!kept->by_weight)
        return (uint64_t)kept->k;
    uint64_t target = (uint64_t)ceil((double)kept->p * (double)total);
    return target > 0 ? target : 1;
}

enum { BUCKETS = 256 };

/* The bucket of each logit of a chunk; -1: outside the range. Buckets are equal parts of the range,
 * from the largest down. */
static inline void find_buckets(const float chunk[CHUNK], bounds range, int32_t found[CHUNK])
{
    double largest = (double)range.largest, scale = BUCKETS / (largest - (double)range.lowest);
    for (int i = 0; i < CHUNK; i++) {
        double bucket = (largest - (double)chunk[i]) * scale;
        bucket = bucket < BUCKETS - 1 ? bucket : BUCKETS - 1;
        bool is_inside = chunk[i] >= range.lowest && chunk[i] <= range.largest;
        found[i] = is_inside ? (int32_t)bucket : -1;
    }
}

static void fill_buckets(const quota *kept, int V, const float *logits, float largest, bounds range,
                         uint64_t buckets[BUCKETS])
{
    memset(buckets, 0, BUCKETS * sizeof *buckets);
    for (int first = 0; first < V; first += CHUNK) {
        float chunk[CHUNK];
        uint64_t weights[CHUNK];
        int32_t found[CHUNK];
        if (!load_chunk(V, logits, first, range, chunk))
            continue;
        find_buckets(chunk, range, found);
        if (kept->by_weight)
            weigh_chunk(chunk, largest, 1.0, weights);
        for (int i = 0; i < CHUNK; i++)
            if (found[i] >= 0)
                buckets[found[i]] += kept->by_weight ? weights[i] : 1;
    }
}

/* The bounds of the logits in one bucket of the range. */
static bounds bounds_of_bucket(int V, const float *logits, bounds range, int bucket)
{
    bounds inner = {INFINITY, -INFINITY};
    for (int first = 0; first < V; first += CHUNK) {
        float chunk[CHUNK];
        int32_t found[CHUNK], any = 0;
        if (!load_chunk(V, logits, first, range, chunk))
            continue;
        find_buckets(chunk, range, found);
#pragma omp simd reduction(| : any)
        for (int i = 0; i < CHUNK; i++)
            any |= found[i] == bucket;
        for (int i = 0; i < CHUNK && any; i++) {
            if (found[i] != bucket)
                continue;
            inner.largest = fmaxf(inner.largest, chunk[i]);
            inner.lowest = fminf(inner.lowest, chunk[i]);
        }
    }
    return inner;
}

/* Drops all logits below `last`, and those equal to `last` except the first `equals` ones. */
static void drop_after(int V, float *logits, float last, uint64_t equals)
{
    int end = 0;
    float chunk[CHUNK];
    while (end < V && !load_chunk(V, logits, end, (bounds){last, last}, chunk))
        end += CHUNK;
    while (end < V && equals > 0)
        equals -= logits[end++] == last;
    for (int v = 0; v < V; v++)
        logits[v] = logits[v] < last || (logits[v] == last && v >= end) ? -INFINITY : logits[v];
}

/* Narrows the range until it is the one value of the last logit to keep. The lowest and the largest
 * logit are never in the same bucket, so that each round drops at least one. */
static void keep_first(const quota *kept, int V, float *logits, bounds range)
{
    uint64_t buckets[BUCKETS], before = 0, target = 0;
    const float largest = range.largest;
    while (range.largest > range.lowest || target == 0) {
        fill_buckets(kept, V, logits, largest, range, buckets);
        if (target == 0) {
            uint64_t total = 0;
            for (int i = 0; i < BUCKETS; i++)
                total += buckets[i];
            target = target_of(kept, total);
            target = target < total ? target : total;
        }
        int i = 0;
        for (; before + buckets[i] < target; i++)
            before += buckets[i];
        range = bounds_of_bucket(V, logits, range, i);
    }
    uint64_t each = 1;
    if (kept->by_weight)
        each = fixed_exp((double)range.largest - (double)largest);
    drop_after(V, logits, range.largest, (target - before + each - 1) / each);
}

static void keep_min_p(float min_p, int V, float *logits, float largest)
{
    double lowest = fmin(log((double)min_p), 0.0);
#pragma omp simd
    for (int v = 0; v < V; v++)
        logits[v] = (double)logits[v] - (double)largest >= lowest ? logits[v] : -INFINITY;
}

/* The first id at which the sum of the weights reaches u times the sum of all. The sums are kept
 * per span of the row, so that only one span is weighed again. */
static int draw(float temperature, int V, const float *logits, float largest, float u)
{
    enum { SPANS = 64 };
    double inverse_temperature = 1.0 / (double)temperature;
    uint64_t sums[SPANS] = {0}, weights[CHUNK], total = 0;
    float chunk[CHUNK];
    int span = (V + SPANS * CHUNK - 1) / (SPANS * CHUNK) * CHUNK;
    for (int first = 0; first < V; first += CHUNK) {
        if (!load_chunk(V, logits, first, all_finite, chunk))
            continue;
        weigh_chunk(chunk, largest, inverse_temperature, weights);
        uint64_t sum = 0;
        for (int i = 0; i < CHUNK; i++)
            sum += weights[i];
        sums[first / span] += sum;
        total += sum;
    }
    uint64_t left = (uint64_t)ceil((double)u * (double)total);
    left = left < total ? left : total;
    int first = 0;
    for (int i = 0; sums[i] < left; i++) {
        left -= sums[i];
        first += span;
    }
    for (;; first += CHUNK) {
        if (!load_chunk(V, logits, first, all_finite, chunk))
            continue;
        weigh_chunk(chunk, largest, inverse_temperature, weights);
        for (int i = 0; i < CHUNK; i++) {
            if (weights[i] >= left)
                return first + i;
            left -= weights[i];
        }
    }
}

enum { FEW = 256 };

/* Moves the logits that are left, at most FEW, to the front in order; ids says which they were.
 * Returns their number. */
static int compact(int V, float *logits, int32_t ids[FEW])
{
    int count = 0;
    for (int first = 0; first < V; first += CHUNK) {
        float chunk[CHUNK];
        if (!load_chunk(V, logits, first, all_finite, chunk))
            continue;
        for (int i = 0; i < CHUNK; i++) {
            if (chunk[i] < -FLT_MAX)
                continue;
            logits[count] = chunk[i];
            ids[count++] = first + i;
        }
    }
    return count;
}

/* Draws one at random, by all samplers after top-k. */
static int draw_after_top_k(const lyrnn_sampler *sampler, int V, float *logits, bounds all, float u)
{
    if (sampler->top_p < 1.0f)
        keep_first(&(quota){.by_weight = true, .p = sampler->top_p}, V, logits, all);
    if (sampler->min_p > 0.0f)
        keep_min_p(sampler->min_p, V, logits, all.largest);
    return draw(sampler->temperature, V, logits, all.largest, u);
}

int lyrnn_cpu_choose(const lyrnn_sampler *sampler, int V, float *logits, float u)
{
    int32_t ids[FEW];
    bounds all = tidy(V, logits);
    if (all.largest == -INFINITY)
        return -1;
    if (sampler->temperature == 0.0f) {
        int v = 0;
        while (logits[v] != all.largest)
            v++;
        return v;
    }
    if (sampler->top_k <= 0 || sampler->top_k >= V)
        return draw_after_top_k(sampler, V, logits, all, u);
    keep_first(&(quota){.k = sampler->top_k}, V, logits, all);
    if (sampler->top_k > FEW)
        return draw_after_top_k(sampler, V, logits, all, u);
    V = compact(V, logits, ids);
    return ids[draw_after_top_k(sampler, V, logits, all, u)];
}
