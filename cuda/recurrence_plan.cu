/* Chooses how a recurrence runs: lays it out for each path and estimates the time of each.
 *
 * The estimates only order the paths and layouts; no result depends on them beyond the order of
 * sums. All that they assume of a device is in the table below. The cycles of our kernels are
 * counted in their machine code, which scripts/kernel_report.sh --estimate does; no GPU has
 * confirmed them yet. */
#include "recurrence_plan.cuh"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exchange.cuh"
#include "recurrence_block.cuh"
#include "recurrence_grid.cuh"
#include "recurrence_resident.cuh"

/* Cycles are of one multiprocessor. They are those of compute capability 9.0. The estimates for
 * 8.0 and 8.9 differ by up to a third, apart from the arithmetic (fma_cycles). Count again after a
 * change of these kernels; tests/scripts/test_sass_estimate.sh compares the two. */
struct device_costs {
    double cycles_per_ns = 1.7;

    /* By steps: per time step the latency of two kernels, and a GEMM at cuBLAS's share of the peak
     * for few rows. Tensor cores make it faster. These are guesses: the kernels are cuBLAS's. */
    double two_kernels_ns = 6000.0;
    double gemm_share = 0.6;
    double tensor_core_speedup = 4.0;

    /* Resident, per step: the cell with its addresses, and more for each gate. For each stream, the
     * latencies of shared memory and of a butterfly, and the FMAs, two warps per scheduler. In a
     * cluster, the way to another block, and each value that a thread sends. */
    double resident_cell_cycles = 210.0;
    double resident_gate_cycles = 115.0;
    double resident_stream_cycles = 200.0;
    double cycles_per_weight = 1.7;
    double resident_exchange_cycles = 90.0;
    double send_cycles = 50.0;

    /* In one block: the read of W_hh, in bytes per cycle. Per step a barrier, and for each stream
     * the latencies from the vector to the new state. Each warp of a scheduler then adds its FMAs,
     * which hide the reads of shared memory, and its own instructions, more for each gate. */
    double block_load_bytes = 40.0;
    double block_barrier_cycles = 60.0;
    double block_stream_cycles = 280.0;
    double block_warp_cycles = 25.0;
    double block_gate_cycles = 50.0;

    /* Over the grid: the launch, and the way of W_hh into shared memory, per weight of a thread. */
    double grid_launch_ns = 8000.0;
    double load_cycles = 85.0;
    /* Per step: the barrier, which is a fence, a message to L2 and a poll, and the sums' way
     * through shared memory. The first chunk's copy takes its latency and its bytes; the other
     * copies are hidden where the FMAs of a chunk take as long. FMAs run at a share of the peak,
     * because of the reads of shared memory, and each chunk begins with a barrier and addresses. */
    double grid_step_cycles = 4000.0;
    double copy_latency_cycles = 280.0;
    double copy_bytes = 24.0; /* per cycle */
    double tile_fma_share = 0.75;
    double chunk_cycles = 380.0;
    /* Sums of groups, per pass of the block over its tile. */
    double sum_cycles = 200.0;
    /* The cell, per pass of the block over its units, with the sums over the cluster's blocks. */
    double cell_cycles[2] = {280.0, 430.0}; /* forward, backward */
    double cell_gate_cycles = 195.0;
    double exchange_cycles = 50.0;
    double cluster_barrier_cycles = 120.0;
};
static constexpr device_costs COSTS = {};

/* Cycles in which a scheduler issues one fp32 instruction: it has 16 lanes or 32 (CUDA Programming
 * Guide, throughput of arithmetic instructions). */
static double fma_cycles(const lyrnn_cuda_state *state)
{
    const cudaDeviceProp &device = state->properties;
    return device.major < 8 || (device.major == 8 && device.minor == 0) ? 2.0 : 1.0;
}

static int max_cluster(const lyrnn_cuda_state *state)
{
    return state->properties.major >= 9 ? MAX_CLUSTER : 1;
}

static recurrence_plan does_not_fit(lyrnn_recurrence_path path)
{
    recurrence_plan plan = {};
    plan.path = path;
    plan.expected_ns = INFINITY;
    return plan;
}

recurrence_plan lyrnn_cuda_plan_by_steps(const lyrnn_cuda_state *state,
                                         const lyrnn_recurrence_shape &p)
{
    double H = (double)p.H, fmas = (double)p.B * lyrnn_num_gates(p.cell) * H * H;
    double fmas_per_cycle = 4 * 32 / fma_cycles(state); /* four schedulers */
    double fmas_per_ns = state->properties.multiProcessorCount * fmas_per_cycle *
                         COSTS.cycles_per_ns * COSTS.gemm_share;
    double speedup = state->precision == LYRNN_FP32 ? 1.0 : COSTS.tensor_core_speedup;
    recurrence_plan plan = {};
    plan.path = LYRNN_RECURRENCE_BY_STEPS;
    plan.expected_ns = p.T * (COSTS.two_kernels_ns + fmas / (fmas_per_ns * speedup));
    return plan;
}

/* Lays out a cluster of this size. False: a thread would hold more weights than any kernel does.
 * Forward multiplies h (H). Backward multiplies dh' (G*H). */
static bool lay_out_cluster(const lyrnn_recurrence_shape &p, int cluster, resident_plan *plan)
{
    const int G = lyrnn_num_gates(p.cell), K = p.is_backward ? G * p.H : p.H;
    const int units = lyrnn_cuda_ceil_div(p.H, cluster);
    const int groups = lyrnn_cuda_ceil_div(units, resident_units(G, p.is_backward));
    for (int i = 0; i < RESIDENT_KERNELS; i++) {
        const resident_shape kernel = resident_kernel(p.cell, p.is_backward, i);
        if (groups * kernel.slices > RESIDENT_THREADS || kernel.slices * kernel.weights < K)
            continue;
        const int blocks = lyrnn_cuda_ceil_div(p.H, units);
        *plan = resident_plan{cluster, blocks, units, i, kernel.slices, kernel.weights, 1};
        return true;
    }
    return false;
}

/* Two buffers of a vector per stream, behind the barriers of the exchange. */
static size_t resident_shared_bytes(const resident_plan &plan, int streams)
{
    return EXCHANGE_BYTES + 2 * (size_t)(streams * plan.slices * plan.weights) * sizeof(float);
}

/* Each thread finishes at most one unit of one stream. */
static bool resident_fits(const lyrnn_recurrence_shape &p, const resident_plan &plan, int streams)
{
    const size_t max_shared_bytes = 48 * 1024; /* what every kernel may have */
    const int units = resident_units(lyrnn_num_gates(p.cell), p.is_backward);
    return units * streams <= plan.slices &&
           resident_shared_bytes(plan, streams) <= max_shared_bytes;
}

/* As few streams per cluster as let all clusters be on the device at once. */
static int choose_streams(const lyrnn_recurrence_shape &p, const resident_plan &layout, int at_once)
{
    int streams = 1;
    while (lyrnn_cuda_ceil_div(p.B, streams) > at_once && resident_fits(p, layout, 2 * streams))
        streams *= 2;
    return streams;
}

/* How often a thread sends in a step. Threads that finish the same unit share the blocks. */
static int num_sends(const lyrnn_recurrence_shape &p, const resident_plan &plan)
{
    const int units = resident_units(lyrnn_num_gates(p.cell), p.is_backward);
    return lyrnn_cuda_ceil_div(plan.blocks * units * plan.streams, plan.slices);
}

/* streams 0: chosen here. */
static recurrence_plan plan_resident(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                                     int cluster, int streams)
{
    recurrence_plan plan = does_not_fit(LYRNN_RECURRENCE_RESIDENT);
    resident_plan &layout = plan.resident;
    int G = lyrnn_num_gates(p.cell);
    if (!lay_out_cluster(p, cluster, &layout))
        return plan;
    plan.at_once = lyrnn_cuda_resident_max_clusters(state, p, layout);
    if (plan.at_once == 0)
        return plan;
    layout.streams = streams > 0 ? streams : choose_streams(p, layout, plan.at_once);
    if (!resident_fits(p, layout, layout.streams))
        return plan;
    int clusters = lyrnn_cuda_ceil_div(p.B, layout.streams);
    plan.launch.num_blocks = clusters * layout.cluster;
    plan.launch.threads = RESIDENT_THREADS;
    plan.launch.cluster = layout.cluster;
    plan.launch.shared_bytes = resident_shared_bytes(layout, layout.streams);
    /* Clusters beyond those at once begin when others have ended. */
    int waves = lyrnn_cuda_ceil_div(clusters, plan.at_once);
    int rows = p.is_backward || G == 1 ? 4 : G, values = p.is_backward ? G : 1;
    double cycles = COSTS.resident_cell_cycles + COSTS.resident_gate_cycles * G +
                    layout.streams * (COSTS.resident_stream_cycles +
                                      COSTS.cycles_per_weight * rows * layout.weights);
    if (layout.cluster > 1)
        cycles +=
            COSTS.resident_exchange_cycles + COSTS.send_cycles * values * num_sends(p, layout);
    plan.expected_ns = (double)p.T * waves * cycles / COSTS.cycles_per_ns;
    return plan;
}

/* The weights, two vectors per stream, and what a unit of a stream carries from step to step. */
static size_t block_shared_bytes(const block_plan &plan, int streams)
{
    const size_t weights = (size_t)(4 * plan.shared_quads * plan.threads);
    const size_t per_stream = 2 * (size_t)(4 * plan.quads * plan.slices) + 2 * (size_t)plan.max_h;
    return (weights + (size_t)streams * per_stream) * sizeof(float);
}

/* As few streams per block as let all blocks be on the device at once, if there is room for them.
 * streams 0: chosen here. */
static recurrence_plan plan_block(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                                  int streams)
{
    recurrence_plan plan = does_not_fit(LYRNN_RECURRENCE_BLOCK);
    const int G = lyrnn_num_gates(p.cell), step = block_max_h(G) / BLOCK_SIZES;
    if (p.H > block_max_h(G))
        return plan;
    block_plan &layout = plan.block;
    layout = lay_out_block(G, p.is_backward, step * lyrnn_cuda_ceil_div(p.H, step));
    plan.at_once = lyrnn_cuda_block_max_blocks(state, p, layout);
    if (plan.at_once == 0)
        return plan;
    const size_t max_bytes = state->properties.sharedMemPerBlockOptin;
    layout.streams = streams > 0 ? streams : lyrnn_cuda_ceil_div(p.B, plan.at_once);
    while (streams == 0 && layout.streams > 1 &&
           block_shared_bytes(layout, layout.streams) > max_bytes)
        layout.streams--;
    plan.launch.num_blocks = lyrnn_cuda_ceil_div(p.B, layout.streams);
    plan.launch.threads = layout.threads;
    plan.launch.cluster = 1;
    plan.launch.shared_bytes = block_shared_bytes(layout, layout.streams);
    if (plan.launch.shared_bytes > max_bytes)
        return does_not_fit(LYRNN_RECURRENCE_BLOCK);
    const int rows = layout.units * (p.is_backward ? 1 : G);
    const int warps = lyrnn_cuda_ceil_div(layout.threads, 128); /* per scheduler */
    double fmas = 4.0 * rows * layout.quads * layout.threads / 128 * fma_cycles(state);
    double warp = COSTS.block_warp_cycles + COSTS.block_gate_cycles * G;
    double cycles = COSTS.block_barrier_cycles +
                    layout.streams * (COSTS.block_stream_cycles + fmas + warps * warp);
    double load = 4.0 * G * p.H * p.H / COSTS.block_load_bytes;
    int waves = lyrnn_cuda_ceil_div(plan.launch.num_blocks, plan.at_once);
    plan.expected_ns = waves * (load + p.T * cycles) / COSTS.cycles_per_ns;
    return plan;
}

static size_t grid_shared_bytes(const grid_plan &plan)
{
    size_t streams = (size_t)1 << plan.streams_log, columns = (size_t)plan.columns;
    size_t chunks = 2 * (TILE_CHUNK >> plan.streams_log) * (streams + TILE_PADDING);
    size_t sums = (size_t)plan.groups * streams * columns;
    size_t work = chunks > sums ? chunks : sums;
    return ((size_t)plan.depth * (columns + TILE_PADDING) + work) * sizeof(float);
}

/* The clusters that a layout may use: their size, how many, and the streams of their tiles. */
typedef struct {
    int cluster, clusters, streams_log;
} tile_choice;

/* Lays out tiles for such a choice. False: they do not fit.
 * Forward multiplies h (H) and a unit has a column per gate. Backward multiplies dh' (G*H) and a
 * unit has one column. */
static bool lay_out_tiles(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                          const tile_choice &choice, grid_plan *plan)
{
    int G = lyrnn_num_gates(p.cell), K = p.is_backward ? G * p.H : p.H;
    int columns_per_unit = p.is_backward ? 1 : G;
    int slices = lyrnn_cuda_ceil_div(p.B, 1 << choice.streams_log);
    if (slices > choice.clusters || slices > LYRNN_CUDA_MAX_SLICES)
        return false;
    plan->cluster = choice.cluster;
    plan->units = lyrnn_cuda_ceil_div(p.H, choice.clusters / slices);
    plan->tiles = lyrnn_cuda_ceil_div(p.H, plan->units);
    plan->columns = TILE_SIDE * lyrnn_cuda_ceil_div(columns_per_unit * plan->units, TILE_SIDE);
    plan->depth = 8 * lyrnn_cuda_ceil_div(K, 8 * choice.cluster);
    plan->streams_log = choice.streams_log;
    plan->groups =
        GRID_THREADS / (((1 << choice.streams_log) / TILE_SIDE) * (plan->columns / TILE_SIDE));
    /* A group with fewer than eight values of k costs more than it saves: its sums pass through
     * shared memory. */
    plan->groups = plan->groups < plan->depth / 8 ? plan->groups : plan->depth / 8;
    while (plan->groups > 1 && grid_shared_bytes(*plan) > state->properties.sharedMemPerBlockOptin)
        plan->groups--;
    return plan->groups > 0 && grid_shared_bytes(*plan) <= state->properties.sharedMemPerBlockOptin;
}

/* The cycles of one time step. The parts follow one another: two warps per scheduler, which do the
 * same, hide little of each other's latency.
 *
 * Estimated microseconds per step on an H100: over the grid forward, backward, and by steps.
 *     lstm H 512 B 64         7.5   7.6    9.9
 *     gru H 512 B 64          6.7   6.6    8.9
 *     lstm H 1024 B 128      35.0  36.4   37.2
 *     rnn_tanh H 2048 B 128  34.7  35.4   37.2 */
static double step_cycles(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                          const grid_plan &plan)
{
    const int way = p.is_backward ? 1 : 0, G = lyrnn_num_gates(p.cell);
    const double square = TILE_SIDE * TILE_SIDE;
    int streams = 1 << plan.streams_log, sums = streams * plan.columns;
    double warps = ceil(plan.groups * sums / (32 * square));
    int chunks = lyrnn_cuda_ceil_div(streams * plan.depth, TILE_CHUNK);
    double chunk_floats = (double)streams * plan.depth / chunks;
    double fma = ceil((double)plan.depth / plan.groups) * square * ceil(warps / 4) *
                 fma_cycles(state) / COSTS.tile_fma_share / chunks;
    double copy = COSTS.copy_latency_cycles + 4 * chunk_floats / COSTS.copy_bytes;
    double product =
        copy + (chunks - 1) * (fma > copy ? fma : copy) + fma + chunks * COSTS.chunk_cycles;
    int passes = plan.groups > 1 ? lyrnn_cuda_ceil_div(sums, TILE_CHUNK) : 0;
    int cells = lyrnn_cuda_ceil_div(streams * plan.units, GRID_THREADS * plan.cluster);
    double cell = COSTS.cell_cycles[way] + COSTS.cell_gate_cycles * G;
    if (plan.cluster > 1)
        cell += COSTS.exchange_cycles * plan.cluster * (p.is_backward ? 1 : G);
    return COSTS.grid_step_cycles + product + passes * COSTS.sum_cycles + cells * cell +
           (plan.cluster > 1 ? COSTS.cluster_barrier_cycles : 0);
}

static recurrence_plan plan_grid(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                                 int cluster, int streams_log)
{
    recurrence_plan plan = does_not_fit(LYRNN_RECURRENCE_GRID);
    grid_plan &layout = plan.grid;
    if (!state->properties.cooperativeLaunch)
        return plan;
    plan.at_once = lyrnn_cuda_grid_max_clusters(state, p, cluster);
    if (!lay_out_tiles(state, p, tile_choice{cluster, plan.at_once, streams_log}, &layout))
        return plan;
    int slices = lyrnn_cuda_ceil_div(p.B, 1 << layout.streams_log);
    plan.launch.num_blocks = slices * layout.tiles * layout.cluster;
    plan.launch.threads = GRID_THREADS;
    plan.launch.cluster = layout.cluster;
    plan.launch.shared_bytes = grid_shared_bytes(layout);
    plan.launch.is_cooperative = true;
    double load = (double)layout.depth * layout.columns / (int)GRID_THREADS * COSTS.load_cycles;
    plan.expected_ns =
        COSTS.grid_launch_ns + (load + p.T * step_cycles(state, p, layout)) / COSTS.cycles_per_ns;
    return plan;
}

/* A list of plans, the fastest first by expectation. */
typedef struct {
    recurrence_plan plans[LYRNN_MAX_PLANS];
    int count;
} plan_list;

/* Adds a plan, of several that are equally fast after those. Drops the last one where there are
 * more than `most`, and a plan that does not fit. */
static void add_plan(plan_list *list, const recurrence_plan &plan, int most)
{
    int at = list->count;
    while (at > 0 && plan.expected_ns < list->plans[at - 1].expected_ns)
        at--;
    if (isinf(plan.expected_ns) || at >= most)
        return;
    list->count = list->count < most ? list->count + 1 : most;
    for (int i = list->count - 1; i > at; i--)
        list->plans[i] = list->plans[i - 1];
    list->plans[at] = plan;
}

/* Where a path is forced, its plans with clusters, if there are any: the small shapes of tests
 * would not get them otherwise. */
static plan_list prefer_clusters(const lyrnn_cuda_state *state, lyrnn_recurrence_path path,
                                 const plan_list &all, const plan_list &with_clusters)
{
    return state->recurrence_path == path && with_clusters.count > 0 ? with_clusters : all;
}

static plan_list list_resident(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p)
{
    plan_list list = {}, with_clusters = {};
    for (int cluster = 1; cluster <= max_cluster(state); cluster *= 2) {
        const recurrence_plan plan = plan_resident(state, p, cluster, 0);
        add_plan(&list, plan, LYRNN_MAX_PLANS);
        if (cluster > 1)
            add_plan(&with_clusters, plan, LYRNN_MAX_PLANS);
    }
    return prefer_clusters(state, LYRNN_RECURRENCE_RESIDENT, list, with_clusters);
}

/* The two layouts that are fastest by expectation. */
static plan_list list_grid(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p)
{
    const int most = 2;
    plan_list list = {}, with_clusters = {};
    for (int cluster = 1; cluster <= max_cluster(state); cluster *= 2)
        for (int log = 3; log <= TILE_MAX_STREAMS_LOG && (log == 3 || 1 << (log - 1) < p.B);
             log++) {
            const recurrence_plan plan = plan_grid(state, p, cluster, log);
            add_plan(&list, plan, most);
            if (cluster > 1)
                add_plan(&with_clusters, plan, most);
        }
    return prefer_clusters(state, LYRNN_RECURRENCE_GRID, list, with_clusters);
}

static plan_list list_path(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                           lyrnn_recurrence_path path)
{
    if (path == LYRNN_RECURRENCE_RESIDENT)
        return list_resident(state, p);
    if (path == LYRNN_RECURRENCE_GRID)
        return list_grid(state, p);
    plan_list list = {};
    add_plan(&list,
             path == LYRNN_RECURRENCE_BLOCK ? plan_block(state, p, 0)
                                            : lyrnn_cuda_plan_by_steps(state, p),
             1);
    return list;
}

int lyrnn_cuda_list_plans(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                          recurrence_plan *plans)
{
    const lyrnn_recurrence_path paths[] = {LYRNN_RECURRENCE_RESIDENT, LYRNN_RECURRENCE_BLOCK,
                                           LYRNN_RECURRENCE_GRID, LYRNN_RECURRENCE_BY_STEPS};
    plan_list all = {};
    for (lyrnn_recurrence_path path : paths) {
        const plan_list list = list_path(state, p, path);
        /* There is always room for the last path, which fits every shape. */
        const int most = path == LYRNN_RECURRENCE_BY_STEPS ? LYRNN_MAX_PLANS : LYRNN_MAX_PLANS - 1;
        for (int i = 0; i < list.count; i++)
            add_plan(&all, list.plans[i], most);
    }
    memcpy(plans, all.plans, sizeof all.plans);
    return all.count;
}

static const char *const path_names[] = {NULL, "steps", "resident", "block", "grid"};
static_assert(LYRNN_RECURRENCE_BY_STEPS == 1 && LYRNN_RECURRENCE_RESIDENT == 2 &&
                  LYRNN_RECURRENCE_BLOCK == 3 && LYRNN_RECURRENCE_GRID == 4,
              "the order of path_names");

void lyrnn_cuda_plan_text(const recurrence_plan &plan, char text[LYRNN_PLAN_BYTES])
{
    int cluster = plan.resident.cluster, streams = plan.resident.streams;
    if (plan.path == LYRNN_RECURRENCE_GRID) {
        cluster = plan.grid.cluster;
        streams = 1 << plan.grid.streams_log;
    }
    if (plan.path == LYRNN_RECURRENCE_BY_STEPS)
        snprintf(text, LYRNN_PLAN_BYTES, "%s", path_names[plan.path]);
    else if (plan.path == LYRNN_RECURRENCE_BLOCK)
        snprintf(text, LYRNN_PLAN_BYTES, "%s.s%d", path_names[plan.path], plan.block.streams);
    else
        snprintf(text, LYRNN_PLAN_BYTES, "%s.c%d.s%d", path_names[plan.path], cluster, streams);
}

/* Reads the two numbers of a text. False: it is not one that lyrnn_cuda_plan_text writes. */
static bool read_layout(const char *text, const char *path, int *cluster, int *streams)
{
    const size_t length = strlen(path);
    char again[LYRNN_PLAN_BYTES];
    if (strncmp(text, path, length) != 0 ||
        sscanf(text + length, ".c%3d.s%3d", cluster, streams) != 2)
        return false;
    snprintf(again, sizeof again, "%s.c%d.s%d", path, *cluster, *streams);
    const bool are_powers = (*cluster & (*cluster - 1)) == 0 && (*streams & (*streams - 1)) == 0;
    return strcmp(again, text) == 0 && *cluster > 0 && *streams > 0 && are_powers;
}

/* Reads the number of a block's text, likewise. */
static bool read_streams(const char *text, int *streams)
{
    const char *path = path_names[LYRNN_RECURRENCE_BLOCK];
    const size_t length = strlen(path);
    char again[LYRNN_PLAN_BYTES];
    if (strncmp(text, path, length) != 0 || sscanf(text + length, ".s%3d", streams) != 1)
        return false;
    snprintf(again, sizeof again, "%s.s%d", path, *streams);
    return strcmp(again, text) == 0 && *streams > 0;
}

bool lyrnn_cuda_plan_named(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &p,
                           const char *text, recurrence_plan *plan)
{
    int cluster = 0, streams = 0;
    *plan = does_not_fit(LYRNN_RECURRENCE_BY_STEPS);
    if (strcmp(text, path_names[LYRNN_RECURRENCE_BY_STEPS]) == 0)
        *plan = lyrnn_cuda_plan_by_steps(state, p);
    else if (read_layout(text, path_names[LYRNN_RECURRENCE_RESIDENT], &cluster, &streams) &&
             cluster <= max_cluster(state))
        *plan = plan_resident(state, p, cluster, streams);
    else if (read_streams(text, &streams))
        *plan = plan_block(state, p, streams);
    else if (read_layout(text, path_names[LYRNN_RECURRENCE_GRID], &cluster, &streams) &&
             cluster <= max_cluster(state) && streams >= TILE_SIDE &&
             streams <= 1 << TILE_MAX_STREAMS_LOG)
        *plan = plan_grid(state, p, cluster, __builtin_ctz((unsigned)streams));
    return isfinite(plan->expected_ns);
}

recurrence_plan lyrnn_cuda_plan_recurrence(const lyrnn_cuda_state *state,
                                           const lyrnn_recurrence_shape &p)
{
    recurrence_plan plan;
    for (int i = 0; i < state->num_used; i++)
        if (lyrnn_cuda_same_problem(state->used[i].shape, p) &&
            lyrnn_cuda_plan_named(state, p, state->used[i].text, &plan))
            return plan;
    if (state->recurrence_path != LYRNN_RECURRENCE_BY_COST) {
        const plan_list list = list_path(state, p, state->recurrence_path);
        return list.count > 0 ? list.plans[0] : lyrnn_cuda_plan_by_steps(state, p);
    }
    recurrence_plan plans[LYRNN_MAX_PLANS];
    lyrnn_cuda_list_plans(state, p, plans);
    return plans[0];
}
