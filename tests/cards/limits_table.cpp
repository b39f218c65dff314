/* Prints the rows of the table of limits in cuda/README.md, one per card: the largest hidden sizes
 * of the paths that keep W_hh on chip, and the path that the plan takes for each shape of the
 * bench's ladder. Where the worst layout of GPCs has another value, it follows in parentheses.
 * scripts/limits_table.sh writes the page. */
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "cards.h"
#include "launches.h"
#include "recurrence_plan.cuh"

static lyrnn_cuda_state state_on(const card &c, lyrnn_recurrence_path path)
{
    lyrnn_cuda_state state = {};
    simulate(c, nullptr);
    if (cudaGetDeviceProperties(&state.properties, 0) != cudaSuccess)
        abort();
    state.recurrence_path = path;
    return state;
}

static bool fits(const lyrnn_cuda_state &state, lyrnn_cell cell, int B, int H)
{
    for (bool is_backward : {false, true})
        if (lyrnn_cuda_plan_recurrence(&state, {cell, is_backward, 2, B, H}).path !=
            state.recurrence_path)
            return false;
    return true;
}

/* The largest hidden size up to which every size fits, forward and backward. */
static std::string largest_sizes(const card &c, lyrnn_recurrence_path path, int B)
{
    const lyrnn_cuda_state state = state_on(c, path);
    std::string sizes;
    for (lyrnn_cell cell : {LYRNN_RNN_TANH, LYRNN_LSTM, LYRNN_GRU}) {
        int H = 0;
        while (fits(state, cell, B, H + 1))
            H++;
        sizes += (sizes.empty() ? "" : ", ") + std::to_string(H);
    }
    return sizes;
}

static char letter_of(lyrnn_recurrence_path path)
{
    switch (path) {
    case LYRNN_RECURRENCE_RESIDENT:
        return 'r';
    case LYRNN_RECURRENCE_BLOCK:
        return 'b';
    case LYRNN_RECURRENCE_GRID:
        return 'g';
    default:
        return 's';
    }
}

/* One letter per shape; two if forward and backward differ. */
static std::string paths(const card &c)
{
    const lyrnn_cuda_state state = state_on(c, LYRNN_RECURRENCE_BY_COST);
    size_t num = 0;
    bench_shape *ladder = list_ladder(&num);
    std::string text;
    for (size_t i = 0; i < num; i++) {
        const int *sizes = ladder[i].sizes;
        text += i > 0 ? " " : "";
        for (bool is_backward : {false, true}) {
            char letter =
                letter_of(lyrnn_cuda_plan_recurrence(
                              &state, {ladder[i].cell, is_backward, sizes[BENCH_NUM_STEPS],
                                       sizes[BENCH_BATCH_SIZE], sizes[BENCH_HIDDEN_SIZE]})
                              .path);
            if (!is_backward || text.back() != letter)
                text += letter;
        }
    }
    free(ladder);
    return text;
}

struct row {
    std::string resident, block, grid, ladder;
};

static row row_of(const card &c)
{
    return {largest_sizes(c, LYRNN_RECURRENCE_RESIDENT, 1),
            largest_sizes(c, LYRNN_RECURRENCE_BLOCK, 1),
            largest_sizes(c, LYRNN_RECURRENCE_GRID, 128), paths(c)};
}

static std::string both(const std::string &usual, const std::string &worst)
{
    return worst.empty() || worst == usual ? usual : usual + " (" + worst + ")";
}

int main()
{
    std::map<std::string, row> worst;
    for (int i = 0; i < NUM_CARDS; i++)
        if (CARDS[i].is_worst)
            worst[CARDS[i].name] = row_of(CARDS[i]);
    for (int i = 0; i < NUM_CARDS; i++) {
        const card &c = CARDS[i];
        if (c.is_worst)
            continue;
        const row usual = row_of(c), other = worst[c.name];
        printf("| %s | %d.%d | %d | %s | %s | %s | %s |\n", c.name, c.capability / 10,
               c.capability % 10, c.num_sms, both(usual.resident, other.resident).c_str(),
               both(usual.block, other.block).c_str(), both(usual.grid, other.grid).c_str(),
               both(usual.ladder, other.ladder).c_str());
    }
    return 0;
}
