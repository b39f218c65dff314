/* llama.cpp's samplers in its order, on one row of logits: repeat penalty, top-k, top-p, min-p, temperature.
 *
 * Each filter keeps an upper set of one order, the greater logit first and the lower id among equals, and
 * sets the logits of the others to -infinity. Probabilities are compared as integers, parts in 2^42 of the
 * first one's: their sums are exact, so that no order of addition, vector width or device changes a choice.
 * top-k and top-p find the last one they keep by a histogram over the bits of the logits, refined until a
 * bucket holds a single value: no sort, and no memory beside the row. */
#include "sampler.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "vector_math.h"

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

/* Makes logits that can be compared bit by bit, NaN forbidden and no -0, and returns the largest. */
static float tidy(int V, float *logits)
{
    float lanes[CHUNK];
    for (int i = 0; i < CHUNK; i++)
        lanes[i] = -INFINITY;
    for (int first = 0; first < V; first += CHUNK) {
        int count = V - first < CHUNK ? V - first : CHUNK;
        float *x = logits + first;
        for (int i = 0; i < count; i++) {
            float tidied = x[i] >= -FLT_MAX ? x[i] + 0.0f : -INFINITY;
            x[i] = tidied > FLT_MAX ? FLT_MAX : tidied;
            lanes[i] = x[i] > lanes[i] ? x[i] : lanes[i];
        }
    }
    float largest = lanes[0];
    for (int i = 1; i < CHUNK; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    return largest;
}

/* The bits of a float as a number that is ordered as floats are. */
static inline uint32_t key_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}

static float float_of(uint32_t key)
{
    uint32_t bits = key ^ ((key >> 31) != 0 ? 0x80000000u : 0xffffffffu);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Loads the chunk at `first`, filled up with -infinity; false where nothing in it is left. */
static inline bool load_chunk(int V, const float *logits, int first, float chunk[CHUNK])
{
    int count = V - first < CHUNK ? V - first : CHUNK;
    if (count == CHUNK) {
        memcpy(chunk, logits + first, CHUNK * sizeof *chunk);
    } else {
        for (int i = 0; i < CHUNK; i++)
            chunk[i] = i < count ? logits[first + i] : -INFINITY;
    }
    int left = 0;
    for (int i = 0; i < CHUNK; i++)
        left |= chunk[i] >= -FLT_MAX;
    return left != 0;
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

enum { BUCKET_BITS = 11, BUCKETS = 1 << BUCKET_BITS };

/* Keys low to high, both included, cut into buckets of 2^shift keys from the highest down. */
typedef struct {
    uint32_t low, high;
    int shift;
} key_range;

static int shift_of(uint32_t low, uint32_t high)
{
    int shift = 0;
    while ((high - low) >> shift >= BUCKETS)
        shift++;
    return shift;
}

static void fill_buckets(const quota *kept, int V, const float *logits, float largest,
                         const key_range *range, uint64_t buckets[BUCKETS])
{
    memset(buckets, 0, BUCKETS * sizeof *buckets);
    for (int first = 0; first < V; first += CHUNK) {
        float chunk[CHUNK];
        uint64_t weights[CHUNK];
        uint32_t below[CHUNK], span = range->high - range->low;
        if (!load_chunk(V, logits, first, chunk))
            continue;
        int inside = 0;
        for (int i = 0; i < CHUNK; i++) {
            below[i] = range->high - key_of(chunk[i]);
            inside |= below[i] <= span;
        }
        if (!inside)
            continue;
        if (kept->by_weight)
            weigh_chunk(chunk, largest, 1.0, weights);
        for (int i = 0; i < CHUNK; i++)
            if (below[i] <= span)
                buckets[below[i] >> range->shift] += kept->by_weight ? weights[i] : 1;
    }
}

/* Of the logits that equal `last` only the first so many stay, of the lower ones none. */
static void drop_after(int V, float *logits, float last, uint64_t equals)
{
    int v = 0;
    for (; v < V && equals > 0; v++) {
        equals -= logits[v] == last;
        logits[v] = logits[v] < last ? -INFINITY : logits[v];
    }
    for (; v < V; v++)
        logits[v] = logits[v] <= last ? -INFINITY : logits[v];
}

static void keep_first(const quota *kept, int V, float *logits, float largest)
{
    uint64_t buckets[BUCKETS], before = 0, target = 0;
    key_range range = {key_of(-FLT_MAX), key_of(largest), 0};
    do {
        range.shift = shift_of(range.low, range.high);
        fill_buckets(kept, V, logits, largest, &range, buckets);
        if (target == 0) {
            uint64_t total = 0;
            for (int i = 0; i < BUCKETS; i++)
                total += buckets[i];
            target = target_of(kept, total);
            if (target >= total && !kept->by_weight)
                return;
            target = target < total ? target : total;
        }
        uint32_t i = 0;
        for (; before + buckets[i] < target; i++)
            before += buckets[i];
        range.high -= i << range.shift;
        uint32_t size = (uint32_t)1 << range.shift;
        if (range.high - range.low >= size)
            range.low = range.high - size + 1;
    } while (range.shift > 0);

    float last = float_of(range.high);
    uint64_t each = 1;
    if (kept->by_weight)
        each = fixed_exp((double)last - (double)largest);
    drop_after(V, logits, last, (target - before + each - 1) / each);
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
        if (!load_chunk(V, logits, first, chunk))
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
        if (!load_chunk(V, logits, first, chunk))
            continue;
        weigh_chunk(chunk, largest, inverse_temperature, weights);
        for (int i = 0; i < CHUNK; i++) {
            if (weights[i] >= left)
                return first + i;
            left -= weights[i];
        }
    }
}

int lyrnn_cpu_choose(const lyrnn_sampler *sampler, int V, float *logits, float u)
{
    float largest = tidy(V, logits);
    if (largest == -INFINITY)
        return -1;
    if (sampler->temperature == 0.0f) {
        int v = 0;
        while (logits[v] != largest)
            v++;
        return v;
    }
    if (sampler->top_k > 0 && sampler->top_k < V)
        keep_first(&(quota){.k = sampler->top_k}, V, logits, largest);
    if (sampler->top_p < 1.0f)
        keep_first(&(quota){.by_weight = true, .p = sampler->top_p}, V, logits, largest);
    if (sampler->min_p > 0.0f)
        keep_min_p(sampler->min_p, V, logits, largest);
    return draw(sampler->temperature, V, logits, largest, u);
}
