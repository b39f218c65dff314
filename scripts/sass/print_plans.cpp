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

int lyrnn_cuda_grid_max_clusters(const lyrnn_cuda_state *, const lyrnn_recurrence_shape &,
                                 int cluster)
{
    return count_clusters(*the_card, 1, cluster);
}

/* One block per multiprocessor, as for the grid. */
int lyrnn_cuda_resident_max_clusters(const lyrnn_cuda_state *, const lyrnn_recurrence_shape &,
                                     const resident_plan &layout)
{
    return count_clusters(*the_card, 1, layout.cluster);
}

int lyrnn_cuda_block_max_blocks(const lyrnn_cuda_state *, const lyrnn_recurrence_shape &,
                                const block_plan &)
{
    return the_card->num_sms;
}

int lyrnn_num_gates(lyrnn_cell cell)
{
    return cell == LYRNN_LSTM ? 4 : cell == LYRNN_GRU ? 3 : 1;
}

static void print_plan(const lyrnn_recurrence_shape &p, const recurrence_plan &plan, bool is_chosen)
{
    static const char *const paths[] = {"cost", "steps", "resident", "block", "grid"};
    static_assert(LYRNN_RECURRENCE_BY_STEPS == 1 && LYRNN_RECURRENCE_RESIDENT == 2 &&
                      LYRNN_RECURRENCE_BLOCK == 3 && LYRNN_RECURRENCE_GRID == 4,
                  "the order of paths");
    std::printf(
        "cell=%d backward=%d B=%d H=%d T=%d path=%s chosen=%d expected_us=%.3f sms=%d blocks=%d "
        "threads=%d cluster=%d",
        p.cell, p.is_backward, p.B, p.H, p.T, paths[plan.path], is_chosen,
        plan.expected_ns / p.T / 1e3, the_card->num_sms, plan.launch.num_blocks,
        plan.launch.threads, plan.launch.cluster);
    const resident_plan &r = plan.resident;
    const block_plan &b = plan.block;
    const grid_plan &g = plan.grid;
    if (plan.path == LYRNN_RECURRENCE_RESIDENT)
        std::printf(" slices=%d weights=%d streams=%d sends=%d", r.slices, r.weights, r.streams,
                    num_sends(p, r));
    if (plan.path == LYRNN_RECURRENCE_BLOCK)
        std::printf(" max_h=%d shared_quads=%d streams=%d", b.max_h, b.shared_quads, b.streams);
    if (plan.path == LYRNN_RECURRENCE_GRID)
        std::printf(" streams=%d units=%d columns=%d depth=%d groups=%d", 1 << g.streams_log,
                    g.units, g.columns, g.depth, g.groups);
    std::putchar('\n');
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
            lyrnn_recurrence_shape p = {(lyrnn_cell)std::atoi(argv[i]), backward != 0,
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
