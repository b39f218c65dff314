/* llama.cpp's samplers, written like their definitions: a full sort, double precision, one filter
 * after the other. See oracle.h. */
#include <math.h>
#include <stdlib.h>

#include "oracle.h"

typedef struct {
    float logit;
    int id;
} candidate;

/* Larger logits first. Among equal logits, lower ids first. */
static int compare_candidates(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return a->id - b->id;
}

static bool is_among_last(int id, const int32_t *text, int length, int last_n)
{
    for (int i = 1; i <= last_n && i <= length; i++)
        if (text[length - i] == id)
            return true;
    return false;
}

/* Fills `sorted` with the ids that are not excluded, and returns their number. */
static int sort_candidates(const lyrnn_sampler *sampler, int V, const float *logits,
                           const int32_t *text, int length, candidate *sorted)
{
    int count = 0;
    for (int v = 0; v < V; v++) {
        float logit = logits[v];
        if (isnan(logit) || logit == -INFINITY)
            continue;
        if (is_among_last(v, text, length, sampler->repeat_last_n)) {
            if (logit > 0)
                logit /= sampler->repeat_penalty;
            else
                logit *= sampler->repeat_penalty;
        }
        sorted[count++] = (candidate){logit, v};
    }
    qsort(sorted, (size_t)count, sizeof *sorted, compare_candidates);
    return count;
}

/* Returns e^(logit - first logit) at a temperature. */
static double weight_of(const candidate *sorted, int i, double temperature)
{
    return exp(((double)sorted[i].logit - (double)sorted[0].logit) / temperature);
}

static int count_top_p(const candidate *sorted, int count, double p)
{
    double total = 0, sum = 0;
    for (int i = 0; i < count; i++)
        total += weight_of(sorted, i, 1);
    for (int i = 0; i < count; i++) {
        sum += weight_of(sorted, i, 1);
        if (sum >= p * total)
            return i + 1;
    }
    return count;
}

static int count_min_p(const candidate *sorted, int count, double min_p)
{
    int kept = 1;
    while (kept < count && weight_of(sorted, kept, 1) >= min_p)
        kept++;
    return kept;
}

bool oracle_sampler(const lyrnn_sampler *sampler, int V, const float *logits, const int32_t *text,
                    int length, double *probabilities)
{
    candidate *sorted = malloc((size_t)V * sizeof *sorted);
    if (sorted == NULL)
        abort();
    int count = sort_candidates(sampler, V, logits, text, length, sorted);
    bool is_any = count > 0;
    for (int v = 0; v < V; v++)
        probabilities[v] = 0;
    if (is_any) {
        if (sampler->top_k > 0 && sampler->top_k < count)
            count = sampler->top_k;
        if (sampler->top_p < 1)
            count = count_top_p(sorted, count, (double)sampler->top_p);
        count = count_min_p(sorted, count, (double)sampler->min_p);
        if (sampler->temperature == 0)
            count = 1;
        double temperature = count == 1 ? 1 : (double)sampler->temperature, total = 0;
        for (int i = 0; i < count; i++)
            total += weight_of(sorted, i, temperature);
        for (int i = 0; i < count; i++)
            probabilities[sorted[i].id] = weight_of(sorted, i, temperature) / total;
    }
    free(sorted);
    return is_any;
}

int oracle_draw(int V, const double *probabilities, double u)
{
    double sum = 0;
    int last = -1;
    for (int v = 0; v < V; v++) {
        if (probabilities[v] == 0)
            continue;
        last = v;
        sum += probabilities[v];
        if (sum >= u)
            return v;
    }
    return last;
}
