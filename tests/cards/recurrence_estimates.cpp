/* Prints how long a time step of the recurrence takes by the cost model of the plans
 * (cuda/recurrence_plan.cu), for each shape of the bench's ladder and each power of two of streams
 * up to the shape's own batch. One line of JSON per card, shape and number of streams.
 * scripts/bench/scaling_model.py reads them from scripts/bench/results/recurrence_estimates.jsonl;
 * a test compares that file with this output. */
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cards.h"
#include "launches.h"
#include "recurrence_plan.cuh"

static const char *const MODELED[] = {"A100", "RTX 4090", "H100 SXM, H200"};

static const char *name_of(lyrnn_recurrence_path path)
{
    switch (path) {
    case LYRNN_RECURRENCE_RESIDENT:
        return "resident";
    case LYRNN_RECURRENCE_BLOCK:
        return "block";
    case LYRNN_RECURRENCE_GRID:
        return "grid";
    default:
        return "steps";
    }
}

static void print_estimate(const lyrnn_cuda_state &state, const card &c, const bench_shape &shape,
                           int streams)
{
    const int T = shape.sizes[BENCH_NUM_STEPS], H = shape.sizes[BENCH_HIDDEN_SIZE];
    printf("{\"card\": \"%s\", \"preset\": \"%s\", \"streams\": %d", c.name, shape.row, streams);
    for (bool is_backward : {false, true}) {
        const char *way = is_backward ? "backward" : "forward";
        const recurrence_plan plan =
            lyrnn_cuda_plan_recurrence(&state, {shape.cell, is_backward, T, streams, H});
        printf(", \"%s\": \"%s\", \"%s_us\": %.2f", way, name_of(plan.path), way,
               plan.expected_ns / T / 1000);
    }
    puts("}");
}

static void print_estimates(const card &c)
{
    lyrnn_cuda_state state = {};
    simulate(c, nullptr);
    if (cudaGetDeviceProperties(&state.properties, 0) != cudaSuccess)
        abort();
    state.recurrence_path = LYRNN_RECURRENCE_BY_COST;
    size_t num = 0;
    bench_shape *ladder = list_ladder(&num);
    for (size_t i = 0; i < num; i++)
        for (int streams = ladder[i].sizes[BENCH_BATCH_SIZE]; streams > 0; streams /= 2)
            print_estimate(state, c, ladder[i], streams);
    free(ladder);
}

int main()
{
    for (const char *name : MODELED)
        for (int i = 0; i < NUM_CARDS; i++)
            if (!CARDS[i].is_worst && strcmp(CARDS[i].name, name) == 0)
                print_estimates(CARDS[i]);
    return 0;
}
