/* llama.cpp's samplers in its order, on one row of logits: repeat penalty, top-k, top-p, min-p, temperature.
 *
 * Each filter keeps an upper set of one order, the greater logit first and the lower id among equals, and
 * sets the logits of the others to -infinity. Probabilities are compared as integers, parts in 2^42 of the
 * first one's: their sums are exact, so that neither the order of addition nor the width of vectors changes a
 * choice; another device's exponential differs by a part at most.
 * top-k and top-p find the last one they keep by a histogram of the logits, refined until a bucket holds a
 * single value: no sort, and no memory beside the row. */
#include "cpu/sampler.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "cpu/vector_math.h"

/* Logits that are looked at together. */
enum { CHUNK = 16 };

void lyrnn_cpu_penalise(const lyrnn_sampler *sampler, const int32_t *text, int length,
                        float *logits)
{
    float penalty = sampler->repeat_penalty;
    int first = length > sampler->repeat_last_n ? length - sampler->repeat_last_n : 0;
    for (int i = first; i < length && penalty != 1.0f; i++) {
        bool is_last = true;
        for (int later = i + 1; later < length; later++)
            is_last &= text[later] != text[i];
        float *logit = &logits[text[i]];
        if (!is_last || *logit == -INFINITY)
            continue;
        float penalised = *logit > 0.0f ? *logit / penalty : *logit * penalty;
        /* The penalty forbids nothing. */
        *logit = penalised < -FLT_MAX ? -FLT_MAX : penalised;
    }
}

/* What the logits of a row lie between. */
typedef struct {
    float lowest, largest;
} bounds;

/* Makes logits that can be compared, NaN forbidden, and widens each lane's bounds of those that are not. */
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

/* Those of logits that no filter has dropped. */
static const bounds all_finite = {-FLT_MAX, FLT_MAX};

/* Loads the chunk at `first`, filled up with -infinity; false where nothing in it lies in the range. */
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

/* e^((logit - largest) / temperature) in parts of 2^-42, which is nothing for -infinity. */
static inline void weigh_chunk(const float chunk[CHUNK], float largest, double inverse_temperature,
                               uint64_t weights[CHUNK])
{
    for (int i = 0; i < CHUNK; i++)
        weights[i] = fixed_exp(((double)chunk[i] - (double)largest) * inverse_temperature);
}

/* How many first logits to keep: so many, or as many as reach a share of all their probabilities. */
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

/* The bucket of each logit of a chunk, equal stretches of the range from its largest down; -1 outside. */
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

/* The bounds of what lies in a bucket of the range. */
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

/* Of the logits that equal `last` only the first so many stay, of the lower ones none. */
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

/* Narrows a range down to the one value that the last logit to be kept has. The lowest and the largest never
 * share a bucket, so that each turn leaves something out. */
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
    double least = fmin(log((double)min_p), 0.0);
#pragma omp simd
    for (int v = 0; v < V; v++)
        logits[v] = (double)logits[v] - (double)largest >= least ? logits[v] : -INFINITY;
}

/* The first id at which the sum of the weights reaches u times all. Sums are kept by span of the row, so that
 * only one span is weighed again. */
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

/* Moves what is left to the front, in order, where it is few; ids says what it was. Returns how many. */
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

/* Draws by all samplers after top-k. */
static int choose_by_chance(const lyrnn_sampler *sampler, int V, float *logits, bounds all, float u)
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
        return choose_by_chance(sampler, V, logits, all, u);
    keep_first(&(quota){.k = sampler->top_k}, V, logits, all);
    if (sampler->top_k > FEW)
        return choose_by_chance(sampler, V, logits, all, u);
    V = compact(V, logits, ids);
    return ids[choose_by_chance(sampler, V, logits, all, u)];
}
