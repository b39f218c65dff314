/* Every launch of a training step and of a generation fits every card: A to F of the bench's
 * ladder, each with all cells. The plan runs on the simulated card. What fits is the answer of the
 * toolkit's calculator (occupancy.cpp) and of the card's layout. Registers and static shared memory
 * are those of the machine code that ships.
 *
 * Usage: test_cards RESOURCES, the file build/kernels/resources of scripts/kernel_report.sh. */
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>

extern "C" {
#include <cmocka.h>
}

#include "cards.h"
#include "launches.h"
#include "occupancy.h"
#include "recurrence_plan.cuh"

static const char *resources;

/* A launch as the hook shows it: kernel, blocks, threads, cluster, dynamic bytes, cooperative,
 * error, and the blocks per multiprocessor that the simulator finds. Equal ones count once. */
using launch = std::tuple<std::string, unsigned, unsigned, unsigned, size_t, int, int, int>;
static std::set<launch> launches;

static void remember(const lyrnn_sim_launch_info *info)
{
    launches.emplace(info->kernel, info->blocks, info->threads, info->cluster, info->shared_bytes,
                     info->is_cooperative, info->error, info->blocks_per_sm);
}

/* Registers and static bytes of the kernels that were built for the card's compute capability. */
static std::map<std::string, block_needs> kernels_of(const card &c)
{
    std::map<std::string, block_needs> kernels;
    std::ifstream file(resources);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string ptx, use, name;
        int machine = 0;
        block_needs needs = {};
        if (words >> ptx >> machine >> use >> name >> needs.registers >> needs.static_bytes &&
            machine == c.capability && use == "built")
            kernels[name] = needs;
    }
    assert_true(kernels.size() > 50);
    return kernels;
}

static std::string name_of(const card &c)
{
    return std::string(c.name) + (c.is_worst ? ", worst layout" : "");
}

static void check_launch(const card &c, const std::map<std::string, block_needs> &kernels,
                         const launch &l)
{
    const auto &[kernel, blocks, threads, cluster, bytes, is_cooperative, error, simulated] = l;
    const std::string where = name_of(c) + ": " + kernel;
    auto found = kernels.find(kernel);
    if (found == kernels.end())
        fail_msg("%s: not in %s", where.c_str(), resources);
    block_needs needs = found->second;
    needs.threads = static_cast<int>(threads);
    needs.dynamic_bytes = bytes;
    const int each = blocks_per_sm(c, needs);
    const int clusters = count_clusters(c, each, static_cast<int>(cluster));
    if (error != 0)
        fail_msg("%s: the launch of %u blocks of %u threads fails with %d", where.c_str(), blocks,
                 threads, error);
    if (clusters == 0)
        fail_msg("%s: no cluster of %u blocks of %u threads with %d registers and %zu bytes fits",
                 where.c_str(), cluster, threads, needs.registers, needs.static_bytes + bytes);
    if (is_cooperative && blocks / cluster > static_cast<unsigned>(clusters))
        fail_msg("%s: %u clusters must run together, %d fit", where.c_str(), blocks / cluster,
                 clusters);
    if (simulated != each)
        fail_msg("%s: the simulator holds %d blocks per multiprocessor, the calculator %d",
                 where.c_str(), simulated, each);
}

/* The ladder, each shape with every cell. */
static void for_each_shape(void (*body)(const card &, const bench_shape &), const card &c)
{
    size_t num = 0;
    bench_shape *ladder = list_ladder(&num);
    assert_int_equal(num, 6);
    for (size_t i = 0; i < num; i++)
        for (int cell = LYRNN_RNN_TANH; cell <= LYRNN_GRU; cell++) {
            ladder[i].cell = static_cast<lyrnn_cell>(cell);
            body(c, ladder[i]);
        }
    free(ladder);
}

static void launch_all(const card &, const bench_shape &shape)
{
    show_launches(&shape, remember);
}

static void every_launch_fits(void **)
{
    size_t num = 0;
    for (int i = 0; i < NUM_CARDS; i++) {
        const card &c = CARDS[i];
        simulate(c, resources);
        launches.clear();
        for_each_shape(launch_all, c);
        const std::map<std::string, block_needs> kernels = kernels_of(c);
        for (const launch &l : launches)
            check_launch(c, kernels, l);
        num += launches.size();
    }
    print_message("%zu different launches on %d cards\n", num, NUM_CARDS);
}

static lyrnn_cuda_state state_on(const card &c, lyrnn_recurrence_path path)
{
    lyrnn_cuda_state state = {};
    simulate(c, resources);
    assert_int_equal(cudaGetDeviceProperties(&state.properties, 0), cudaSuccess);
    state.recurrence_path = path;
    return state;
}

static lyrnn_recurrence_shape problem_of(const bench_shape &shape, bool is_backward)
{
    return {shape.cell, is_backward, shape.sizes[BENCH_NUM_STEPS], shape.sizes[BENCH_BATCH_SIZE],
            shape.sizes[BENCH_HIDDEN_SIZE]};
}

/* The plan counts on so many clusters at once, with a multiprocessor for each block. */
static void check_plan(const card &c, const bench_shape &shape)
{
    for (lyrnn_recurrence_path path : {LYRNN_RECURRENCE_BY_COST, LYRNN_RECURRENCE_RESIDENT,
                                       LYRNN_RECURRENCE_BLOCK, LYRNN_RECURRENCE_GRID})
        for (bool is_backward : {false, true}) {
            const lyrnn_cuda_state state = state_on(c, path);
            const recurrence_plan plan =
                lyrnn_cuda_plan_recurrence(&state, problem_of(shape, is_backward));
            if (plan.path == LYRNN_RECURRENCE_BY_STEPS)
                continue;
            const int fit = count_clusters(c, 1, plan.launch.cluster);
            if (plan.at_once != fit)
                fail_msg("%s, %s: the plan counts on %d clusters of %d blocks, %d fit",
                         name_of(c).c_str(), shape.row, plan.at_once, plan.launch.cluster, fit);
        }
}

static void the_plan_counts_on_what_fits(void **)
{
    for (int i = 0; i < NUM_CARDS; i++)
        for_each_shape(check_plan, CARDS[i]);
}

static const card &find_card(const char *name, bool is_worst)
{
    for (int i = 0; i < NUM_CARDS; i++)
        if (std::string(CARDS[i].name) == name && CARDS[i].is_worst == is_worst)
            return CARDS[i];
    fail_msg("%s: not in the table", name);
    return CARDS[0];
}

static recurrence_plan plan_resident_on(const card &c, const lyrnn_recurrence_shape &problem)
{
    const lyrnn_cuda_state state = state_on(c, LYRNN_RECURRENCE_RESIDENT);
    return lyrnn_cuda_plan_recurrence(&state, problem);
}

/* One GPC of 14 instead of 16 multiprocessors: 31 clusters of four fit, and 15 of eight. The
 * tutorial's shape then gives each cluster two streams. Where more streams do not help, 32 clusters
 * of eight take three waves, not 2.13. */
static void a_smaller_gpc_costs_a_whole_wave(void **)
{
    const card &usual = find_card("H100 SXM, H200", false);
    const card &worst = find_card("H100 SXM, H200", true);
    const lyrnn_recurrence_shape tutorial = {LYRNN_RNN_TANH, false, 35, 32, 256};
    assert_int_equal(plan_resident_on(usual, tutorial).launch.num_blocks, 32 * 4);
    assert_int_equal(plan_resident_on(worst, tutorial).launch.num_blocks, 16 * 4);
    const lyrnn_recurrence_shape wide = {LYRNN_RNN_TANH, false, 35, 128, 512};
    const recurrence_plan two = plan_resident_on(usual, wide);
    const recurrence_plan three = plan_resident_on(worst, wide);
    assert_int_equal(two.launch.num_blocks, 32 * 8);
    assert_int_equal(three.launch.num_blocks, 32 * 8);
    assert_true(std::fabs(three.expected_ns / two.expected_ns - 1.5) < 1e-9);
}

/* The table is right where a second source exists: each layout has all multiprocessors, and the
 * simulator's limits, which were written down for themselves, are the same. */
static void the_table_is_consistent(void **)
{
    for (int i = 0; i < NUM_CARDS; i++) {
        const card &c = CARDS[i];
        const capability_limits &limits = limits_of(c);
        const cudaDeviceProp p = state_on(c, LYRNN_RECURRENCE_BY_COST).properties;
        int sum = 0;
        for (int sms : c.gpcs)
            sum += sms;
        assert_int_equal(sum, c.capability >= 90 ? c.num_sms : 0);
        assert_int_equal(p.multiProcessorCount, c.num_sms);
        assert_int_equal(p.maxThreadsPerMultiProcessor, limits.threads_per_sm);
        assert_int_equal(p.maxBlocksPerMultiProcessor, limits.blocks_per_sm);
        assert_int_equal(p.regsPerMultiprocessor, limits.registers_per_sm);
        assert_int_equal(p.sharedMemPerMultiprocessor, limits.shared_per_sm);
        assert_int_equal(p.sharedMemPerBlockOptin, limits.shared_per_block);
        assert_int_equal(p.reservedSharedMemPerBlock, limits.reserved_per_block);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_cards build/kernels/resources\n");
        return 2;
    }
    resources = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_consistent),
        cmocka_unit_test(every_launch_fits),
        cmocka_unit_test(the_plan_counts_on_what_fits),
        cmocka_unit_test(a_smaller_gpc_costs_a_whole_wave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
