/* Barriers of a block, a cluster and the grid, and fences. A barrier completes when every thread of
 * the group has arrived, including threads that have returned. Those never arrive, so the scheduler
 * reports the barrier. */
#include "grid.h"

#include "access.h"
#include "cooperative_groups.h"
#include "report.h"

namespace sim
{

void arrive(Barrier *barrier, int line, const char *name)
{
    if (barrier->arrived == 0)
        barrier->line = line;
    else if (barrier->line != line)
        report(LYRNN_SIM_DIVERGENT_BARRIER,
               "%s at line %d, while other threads of the group wait at line %d", name, line,
               barrier->line);
    barrier->arrived++;
}

static void release_threads(Block *block, State state)
{
    for (Thread &thread : block->threads)
        if (thread.state == state)
            make_ready(&thread);
}

/* Gives everything that a thread of the block has acquired to all of the block's threads, as
 * __syncthreads does. */
static void share_acquired(Block *block)
{
    for (Thread &thread : block->threads) {
        for (const Acquired &item : thread.acquired)
            block->acquired.push_back(item);
        thread.acquired.clear();
    }
}

static void finish_cluster_barrier(Cluster *cluster)
{
    cluster->time = ++clock_now;
    cluster->barrier.arrived = 0;
    cluster->barrier.generation++;
    for (unsigned rank = 0; rank < grid->blocks_per_cluster; rank++) {
        share_acquired(cluster->blocks[rank]);
        for (Thread &thread : cluster->blocks[rank]->threads)
            thread.arrived_at_cluster = false;
        release_threads(cluster->blocks[rank], State::at_cluster);
    }
}

} // namespace sim

using namespace sim;

void __syncthreads(int line)
{
    Thread *self = kernel_thread("__syncthreads");
    Inside inside;
    Block *block = self->block;
    arrive(&block->barrier, line, "__syncthreads");
    if (block->barrier.arrived < grid->threads_per_block) {
        wait_in(State::at_block, line);
        return;
    }
    block->time = ++clock_now;
    block->barrier.arrived = 0;
    share_acquired(block);
    self->state = State::at_block;
    release_threads(block, State::at_block);
    wait_in(State::ready, line);
}

void lyrnn_sim_grid_sync(int line)
{
    Thread *self = kernel_thread("grid.sync");
    Inside inside;
    if (!grid->launch->cooperative)
        report(LYRNN_SIM_DIVERGENT_BARRIER, "grid.sync in a launch that is not cooperative");
    arrive(&grid->barrier, line, "grid.sync");
    if (grid->barrier.arrived < grid->num_blocks * grid->threads_per_block) {
        wait_in(State::at_grid, line);
        return;
    }
    grid->time = ++clock_now;
    grid->barrier.arrived = 0;
    self->state = State::at_grid;
    for (Cluster *cluster : grid->resident)
        for (unsigned rank = 0; rank < grid->blocks_per_cluster; rank++)
            release_threads(cluster->blocks[rank], State::at_grid);
    wait_in(State::ready, line);
}

void lyrnn_sim_cluster_arrive(int line)
{
    Thread *self = kernel_thread("cluster.barrier_arrive");
    Inside inside;
    Cluster *cluster = self->block->cluster;
    if (self->arrived_at_cluster)
        report(LYRNN_SIM_DIVERGENT_BARRIER,
               "cluster barrier at line %d: no wait since the last arrive", line);
    arrive(&cluster->barrier, line, "cluster.sync");
    self->arrived_at_cluster = true;
    self->line = line;
    self->cluster_generation = cluster->barrier.generation;
    if (cluster->barrier.arrived == grid->blocks_per_cluster * grid->threads_per_block)
        finish_cluster_barrier(cluster);
}

void lyrnn_sim_cluster_wait()
{
    Thread *self = kernel_thread("cluster.barrier_wait");
    Inside inside;
    if (self->cluster_generation == self->block->cluster->barrier.generation) {
        wait_in(State::at_cluster, self->line);
        return;
    }
    /* The last thread to arrive continues in its place of the drawn order, not before all the
     * others. */
    make_ready(self);
    wait_in(State::ready, self->line);
}

void __threadfence()
{
    Thread *self = kernel_thread("__threadfence");
    Inside inside;
    self->fence_time = ++clock_now;
    self->fence_block_time = self->block->time;
    self->acquired.insert(self->acquired.end(), self->pending.begin(), self->pending.end());
    self->pending.clear();
    look_for_acquired(*self);
}

void __trap()
{
    kernel_thread("__trap");
    report(LYRNN_SIM_OUT_OF_BOUNDS, "__trap");
    __builtin_unreachable();
}

bool lyrnn_sim_grid_is_cooperative()
{
    return grid->launch->cooperative;
}

unsigned lyrnn_sim_cluster_rank()
{
    return kernel_thread("cluster.block_rank")->block->rank;
}

dim3 lyrnn_sim_cluster_dim()
{
    return grid->launch->cluster;
}

dim3 lyrnn_sim_cluster_index()
{
    unsigned rank = lyrnn_sim_cluster_rank();
    dim3 dim = grid->launch->cluster;
    return dim3(rank % dim.x, rank / dim.x % dim.y, rank / dim.x / dim.y);
}

unsigned lyrnn_sim_thread_rank()
{
    return kernel_thread("thread_rank")->rank;
}
