/* Prints the plans that cuda/recurrence_plan.cu makes for a card of tests/cards, so that
 * sass_estimate.py can count the cycles of their kernels. kernel_report.sh compiles it with the
 * headers of tests/cuda_sim.
 *     print_plans CARD (CELL B H T)...
 * CELL is a number of lyrnn_cell. One line per shape, direction and path that fits; chosen=1 is the
 * plan that runs. */
#include "../../cuda/recurrence_plan.cu"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cards.h"

static const card *the_card;

int lyrnn_cuda_grid_max_clusters(const lyrnn_cuda_state *, const recurrence_problem &, int cluster)
{
    return count_clusters(*the_card, 1, cluster);
}

/* One block per multiprocessor, as for the grid. */
int lyrnn_cuda_resident_max_clusters(const lyrnn_cuda_state *, const recurrence_problem &,
                                     const resident_plan &layout)
{
    return count_clusters(*the_card, 1, layout.cluster);
}

int lyrnn_num_gates(lyrnn_cell cell)
{
    return cell == LYRNN_LSTM ? 4 : cell == LYRNN_GRU ? 3 : 1;
}

static void print_plan(const recurrence_problem &p, const recurrence_plan &plan, bool is_chosen)
{
    static const char *const paths[] = {"cost", "steps", "resident", "grid"};
    static_assert(LYRNN_RECURRENCE_BY_STEPS == 1 && LYRNN_RECURRENCE_RESIDENT == 2 &&
                      LYRNN_RECURRENCE_GRID == 3,
                  "the order of paths");
    const resident_plan &r = plan.resident;
    const grid_plan &g = plan.grid;
    bool resident = plan.path == LYRNN_RECURRENCE_RESIDENT;
    std::printf(
        "cell=%d backward=%d B=%d H=%d T=%d path=%s chosen=%d expected_us=%.3f blocks=%d "
        "cluster=%d slices=%d weights=%d streams=%d units=%d columns=%d depth=%d groups=%d\n",
        p.cell, p.is_backward, p.B, p.H, p.T, paths[plan.path], is_chosen,
        plan.expected_ns / p.T / 1e3, plan.launch.num_blocks, plan.launch.cluster, r.slices,
        r.weights, resident ? r.streams : 1 << g.streams_log, resident ? r.units : g.units,
        g.columns, g.depth, g.groups);
}

int main(int argc, char **argv)
{
    lyrnn_cuda_state state = {};
    for (int i = 0; i < NUM_CARDS && the_card == nullptr; i++)
        if (argc > 1 && std::strcmp(CARDS[i].name, argv[1]) == 0)
            the_card = &CARDS[i];
    if (the_card == nullptr) {
        std::fprintf(stderr, "print_plans: no such card; name one of tests/cards/cards.cpp\n");
        return 2;
    }
    state.properties.major = the_card->capability / 10;
    state.properties.minor = the_card->capability % 10;
    state.properties.multiProcessorCount = the_card->num_sms;
    state.properties.sharedMemPerBlockOptin = limits_of(*the_card).shared_per_block;
    state.properties.cooperativeLaunch = 1;
    state.precision = LYRNN_FP32;
    for (int i = 2; i + 3 < argc; i += 4)
        for (int backward = 0; backward < 2; backward++) {
            recurrence_problem p = {(lyrnn_cell)std::atoi(argv[i]), backward != 0,
                                    std::atoi(argv[i + 3]), std::atoi(argv[i + 1]),
                                    std::atoi(argv[i + 2])};
            state.recurrence_path = LYRNN_RECURRENCE_BY_COST;
            recurrence_plan chosen = lyrnn_cuda_plan_recurrence(&state, p);
            for (int path = LYRNN_RECURRENCE_BY_STEPS; path <= LYRNN_RECURRENCE_GRID; path++) {
                state.recurrence_path = (lyrnn_recurrence_path)path;
                recurrence_plan plan = lyrnn_cuda_plan_recurrence(&state, p);
                if (plan.path == path)
                    print_plan(p, plan, plan.path == chosen.path);
            }
        }
    return 0;
}
