/* Runs the threads of a launch one at a time, in an order drawn from the seed.
 *
 * Without a cooperative launch, clusters run one after the other, which is one of the orders that a
 * device may choose. The blocks of a cooperative launch are all resident at once. A thread runs
 * until it waits. */
#include "scheduler.h"

#include <cstdlib>
#include <deque>
#include <utility>

#include "access.h"
#include "device.h"
#include "grid.h"
#include "report.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace sim
{

Grid *grid;
__thread Thread *running, *watched;
uint32_t clock_now;

static uint64_t seed, random_state;
/* ready[ready_head, ready_drawn) run next, in this order. */
static std::vector<Thread *> ready;
static size_t ready_head, ready_drawn;
static std::vector<Fiber *> idle_fibers;
static std::deque<Cluster> clusters;
static std::deque<Block> blocks;
static std::vector<Cluster *> idle_clusters;

void set_seed(uint64_t new_seed)
{
    seed = random_state = new_seed;
}

bool order_is_drawn()
{
    return seed != 0;
}

uint64_t order_seed()
{
    return seed;
}

/* The generator is splitmix64. */
uint64_t draw(uint64_t bound)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (z ^ z >> 31) % bound;
}

void make_ready(Thread *thread)
{
    thread->state = State::ready;
    ready.push_back(thread);
}

static void clear_ready()
{
    ready.clear();
    ready_head = ready_drawn = 0;
}

/* Draws which thread comes at this place of the order. */
static void draw_next()
{
    if (seed != 0)
        std::swap(ready[ready_drawn], ready[ready_drawn + draw(ready.size() - ready_drawn)]);
    ready_drawn++;
}

/* The states and stacks of many threads do not fit into the cache. So the next threads are drawn
 * before their turn, and fetched step by step, as each step needs the address that the one before
 * fetched. None is drawn early if few are ready, so that one that has just become ready may be the
 * next. */
static void draw_ahead()
{
    const size_t num_ahead = 3, num_many = 64;
    if (ready.size() - ready_drawn < num_many)
        return;
    while (ready_drawn < ready_head + num_ahead)
        draw_next();
    const Thread *const *next = &ready[ready_head];
    __builtin_prefetch(next[2]);
    if (next[1]->fiber != nullptr)
        __builtin_prefetch(next[1]->fiber);
    if (next[0]->fiber != nullptr)
        fiber_prefetch(*next[0]->fiber);
}

static Thread *take_ready()
{
    if (ready_head == ready.size()) {
        clear_ready();
        return nullptr;
    }
    if (ready_head == ready_drawn)
        draw_next();
    Thread *thread = ready[ready_head++];
    draw_ahead();
    return thread;
}

/* The body of every fiber: runs the thread that the fiber was switched to for, from start to
 * end. */
static void run_thread()
{
    grid->call->run(grid->call->arguments.get());
    watched = nullptr;
    running->state = State::finished;
    fiber_switch(running->fiber, &host_fiber);
}

/* Makes it the running thread, before the switch to its fiber. */
static void begin_turn(Thread *thread)
{
    if (thread->fiber == nullptr) {
        if (idle_fibers.empty())
            idle_fibers.push_back(fiber_create(run_thread));
        thread->fiber = idle_fibers.back();
        idle_fibers.pop_back();
    }
    threadIdx = thread->index;
    blockIdx = thread->block->index;
    running = watched = thread;
    look_from(*thread);
}

/* Switches to the next thread that is ready, and to the host only if there is none: switches are a
 * large part of a launch's time. */
void wait_in(State state, int line)
{
    Thread *self = running;
    self->state = state;
    self->line = line;
    Thread *next = take_ready();
    if (next != nullptr)
        begin_turn(next);
    if (next != self)
        fiber_switch(self->fiber, next != nullptr ? next->fiber : &host_fiber);
}

void cancel_grid()
{
    grid->canceled = true;
    if (running != nullptr)
        fiber_switch(running->fiber, &host_fiber);
}

static void finish_thread(Thread *thread)
{
    Block *block = thread->block;
    idle_fibers.push_back(thread->fiber);
    thread->fiber = nullptr;
    thread->warp->exited |= 1u << thread->rank % 32;
    if (++block->num_finished == grid->threads_per_block) {
        shared_end_block(*block);
        block->cluster->num_finished++;
    }
    complete_warp(thread->warp);
}

/* Runs threads, from this one on, until one ends or none is ready. */
static void resume(Thread *thread)
{
    begin_turn(thread);
    fiber_switch(&host_fiber, thread->fiber);
    Thread *last = running;
    running = watched = nullptr;
    if (!grid->canceled && last->state == State::finished)
        finish_thread(last);
}

static uint3 coordinates(unsigned rank, dim3 dim)
{
    return uint3{rank % dim.x, rank / dim.x % dim.y, rank / dim.x / dim.y};
}

static void begin_threads(Block *block)
{
    uint32_t count = grid->threads_per_block;
    block->threads.resize(count);
    block->warps.assign((count + 31) / 32, Warp{});
    for (uint32_t i = 0; i < count; i++) {
        Thread *thread = &block->threads[i];
        Warp *warp = &block->warps[i / 32];
        thread->block = block;
        thread->warp = warp;
        thread->fiber = nullptr;
        thread->id = block->serial * count + i;
        thread->rank = i;
        thread->index = coordinates(i, grid->launch->block);
        thread->arrived_at_cluster = false;
        thread->fence_time = thread->fence_block_time = 0;
        thread->pending.clear();
        thread->acquired.clear();
        warp->lanes[i % 32] = thread;
        warp->exists |= 1u << i % 32;
        make_ready(thread);
    }
}

static Cluster *take_cluster()
{
    if (idle_clusters.empty()) {
        clusters.emplace_back();
        idle_clusters.push_back(&clusters.back());
    }
    Cluster *cluster = idle_clusters.back();
    idle_clusters.pop_back();
    while (cluster->blocks.size() < grid->blocks_per_cluster) {
        blocks.emplace_back();
        cluster->blocks.push_back(&blocks.back());
    }
    return cluster;
}

/* Starts the blocks of cluster number `serial` of the grid. */
static void begin_cluster(unsigned serial)
{
    dim3 cluster_dim = grid->launch->cluster, grid_dim = grid->launch->grid;
    uint3 at = coordinates(serial, dim3(grid_dim.x / cluster_dim.x, grid_dim.y / cluster_dim.y,
                                        grid_dim.z / cluster_dim.z));
    Cluster *cluster = take_cluster();
    cluster->time = grid->time;
    cluster->num_finished = 0;
    cluster->barrier = Barrier{};
    for (unsigned rank = 0; rank < grid->blocks_per_cluster; rank++) {
        Block *block = cluster->blocks[rank];
        uint3 within = coordinates(rank, cluster_dim);
        block->cluster = cluster;
        block->rank = rank;
        block->serial = serial * grid->blocks_per_cluster + rank;
        block->index = uint3{at.x * cluster_dim.x + within.x, at.y * cluster_dim.y + within.y,
                             at.z * cluster_dim.z + within.z};
        block->time = grid->time;
        block->num_finished = 0;
        block->barrier = Barrier{};
        block->acquired.clear();
        shared_begin_block(block);
        begin_threads(block);
    }
    grid->resident.push_back(cluster);
}

static const char *state_name(State state)
{
    switch (state) {
    case State::at_block:
        return "__syncthreads";
    case State::at_warp:
        return "a warp operation";
    case State::at_cluster:
        return "cluster.sync";
    case State::at_grid:
        return "grid.sync";
    default:
        return "nothing";
    }
}

/* Some threads wait, and no thread is left that could release them. */
static void report_divergence()
{
    unsigned num_finished = 0, num_waiting = 0;
    const Thread *first = nullptr, *other = nullptr;
    for (const Cluster *cluster : grid->resident) {
        for (unsigned rank = 0; rank < grid->blocks_per_cluster; rank++) {
            for (const Thread &thread : cluster->blocks[rank]->threads) {
                bool finished = thread.state == State::finished;
                num_finished += finished;
                num_waiting += !finished;
                if (!finished && first == nullptr)
                    first = &thread;
                if (!finished && (thread.state != first->state || thread.line != first->line))
                    other = &thread;
            }
        }
    }
    if (first == nullptr)
        abort(); /* without waiting threads the blocks have ended, so there is nothing to report */
    if (other != nullptr)
        report(LYRNN_SIM_DIVERGENT_BARRIER,
               "some threads wait at %s (line %d), others at %s (line %d)",
               state_name(first->state), first->line, state_name(other->state), other->line);
    else
        report(
            LYRNN_SIM_DIVERGENT_BARRIER,
            "%u threads wait at %s (line %d) for %u threads that have returned or do not take part",
            num_waiting, state_name(first->state), first->line, num_finished);
}

/* Runs all resident blocks to their end. */
static void run_resident()
{
    while (!grid->canceled) {
        Thread *thread = take_ready();
        if (thread != nullptr) {
            resume(thread);
            continue;
        }
        bool all_finished = true;
        for (const Cluster *cluster : grid->resident)
            all_finished = all_finished && cluster->num_finished == grid->blocks_per_cluster;
        if (all_finished)
            break;
        report_divergence();
    }
}

/* Takes back the blocks' resources. The stacks of threads that a defect stopped stay as they
 * are. */
static void end_resident()
{
    for (Cluster *cluster : grid->resident) {
        for (unsigned rank = 0; rank < grid->blocks_per_cluster; rank++) {
            Block *block = cluster->blocks[rank];
            for (Thread &thread : block->threads) {
                if (thread.fiber != nullptr) {
                    fiber_restart(thread.fiber);
                    idle_fibers.push_back(thread.fiber);
                    thread.fiber = nullptr;
                }
            }
            if (block->shared != nullptr)
                block->shared->block = nullptr;
        }
        idle_clusters.push_back(cluster);
    }
    grid->resident.clear();
    clear_ready();
}

void run_grid(const Launch &launch)
{
    Grid new_grid{};
    grid = &new_grid;
    grid->launch = &launch;
    grid->call = &launch.call;
    grid->time = ++clock_now;
    grid->threads_per_block = launch.block.x * launch.block.y * launch.block.z;
    grid->blocks_per_cluster = launch.cluster.x * launch.cluster.y * launch.cluster.z;
    grid->num_blocks = launch.grid.x * launch.grid.y * launch.grid.z;
    grid->shared_arrays.push_back({nullptr, 0, launch.dynamic_bytes});
    blockDim = launch.block;
    gridDim = launch.grid;

    std::vector<unsigned> order(grid->num_blocks / grid->blocks_per_cluster);
    for (unsigned i = 0; i < order.size(); i++)
        order[i] = i;
    if (seed != 0)
        for (size_t i = order.size(); i > 1; i--)
            std::swap(order[i - 1], order[draw(i)]);
    for (size_t i = 0; i < order.size() && !grid->canceled; i++) {
        begin_cluster(order[i]);
        if (launch.cooperative && i + 1 < order.size())
            continue;
        run_resident();
        end_resident();
    }
    grid = nullptr;
}

Thread *kernel_thread(const char *function)
{
    if (running == nullptr)
        report(LYRNN_SIM_HOST_ACCESS, "%s is called by host code", function);
    if (running == nullptr)
        abort();
    return running;
}

} // namespace sim

extern "C" void lyrnn_sim_set_seed(uint64_t seed)
{
    /* The first use of the device reads the environment. It must happen before, or it would
     * override this seed. */
    (void)sim::device();
    sim::set_seed(seed);
}
