/* A launch while it runs: threads in warps in blocks in clusters in a grid.
 *
 * One clock orders the accesses that races are looked for in. It ticks at every barrier; each group keeps the
 * tick of the last barrier that all of it took part in. An access at time t by one thread happened before
 * what another does now if t is below the tick of the smallest group that holds both. */
#ifndef LYRNN_SIM_GRID_H
#define LYRNN_SIM_GRID_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda_runtime.h"
#include "fiber.h"
#include "memory.h"

namespace sim
{

struct Warp;
struct Block;
struct Cluster;
struct Thread;

enum class State : uint8_t { fresh, ready, at_block, at_warp, at_cluster, at_grid, finished };

struct WarpRequest {
    bool is_barrier; /* __syncwarp */
    lyrnn_sim_warp_operation operation;
    unsigned mask, lane;
    int width;
    uint64_t value;
};

/* The first `count` releases of an atomic word, which an atomic on it has seen. */
struct Acquired {
    uintptr_t word;
    size_t count;
};

struct Thread {
    Block *block;
    Warp *warp;
    Fiber *fiber;
    uint32_t id;   /* in the grid, blocks of a cluster next to each other */
    unsigned rank; /* in the block */
    uint3 index;
    State state;
    int line; /* of the barrier it waits at */
    bool arrived_at_cluster;
    uint64_t cluster_generation; /* the barrier that cluster_wait waits for */
    WarpRequest request;
    uint64_t result;
    uint32_t fence_time, fence_block_time; /* 0: no fence yet */
    std::vector<Acquired> pending, acquired;
};

/* A barrier of a whole group: who waits, and the line that the first named. */
struct Barrier {
    unsigned arrived;
    int line;
    uint64_t generation;
};

struct Warp {
    uint32_t time;
    unsigned exists, exited, waiting; /* masks of lanes, of those in a warp operation the last */
    Thread *lanes[32];
};

struct Block {
    Cluster *cluster;
    unsigned rank;   /* in the cluster */
    uint32_t serial; /* in the grid, as thread ids are numbered */
    uint3 index;
    uint32_t time;
    unsigned num_finished;
    Barrier barrier;
    Region *shared;
    size_t num_poisoned; /* shared arrays made ready so far */
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<Acquired> acquired;
};

struct Cluster {
    uint32_t time;
    unsigned num_finished; /* blocks */
    Barrier barrier;
    std::vector<Block *> blocks;
};

/* An array in the shared memory of every block of the launch; key NULL is the dynamic one. */
struct SharedArray {
    const void *key;
    size_t offset, bytes;
};

/* What one thread made known by write, fence, atomic. */
struct Release {
    uint32_t thread, thread_time; /* its own accesses before this time                            */
    uint32_t block, block_time;   /* its block's accesses before this time                        */
};
struct Word {
    uintptr_t address;
    std::vector<Release> releases;
};

struct Launch {
    dim3 grid, block, cluster;
    size_t dynamic_bytes, shared_limit;
    bool cooperative;
    lyrnn_sim_call call;
};

struct Grid {
    const Launch *launch;
    const lyrnn_sim_call *call;
    uint32_t time;
    uint32_t threads_per_block, blocks_per_cluster;
    unsigned num_blocks;
    Barrier barrier;
    std::vector<Cluster *> resident;
    std::vector<SharedArray> shared_arrays;
    std::vector<Word> words;
    bool cancelled;
};

extern Grid *grid;      /* NULL while no kernel runs                                              */
extern Thread *running; /* NULL on the host's stack                                               */
extern Thread *watched; /* the same, but NULL inside this library, whose accesses go unchecked    */
extern uint32_t clock_now;

/* Runs a kernel to its end, or until a defect cancels it. */
void run_grid(const Launch &launch);

/* Ends the launch: from a thread, without return; from the scheduler, at its next turn. */
void cancel_grid();

/* Lets the running thread wait in a state until some other makes it ready. */
void wait_in(State state, int line);
void make_ready(Thread *thread);

/* The common part of all barriers; reports a line that differs from that of the others. */
void arrive(Barrier *barrier, int line, const char *name);

/* A thread that ends may complete the operation that the rest of its warp waits in. */
void complete_warp(Warp *warp);

/* Makes the shared arrays that the launch has so far ready in a block that begins. */
void shared_begin_block(Block *block);
/* Reports other blocks' accesses to this block's shared memory that nothing orders before its end. */
void shared_end_block(const Block &block);

/* While in scope, accesses of the running thread are this library's and not looked at. */
class Inside
{
  public:
    Inside() : before(watched)
    {
        watched = nullptr;
    }
    ~Inside()
    {
        watched = before;
    }
    Inside(const Inside &) = delete;
    Inside &operator=(const Inside &) = delete;

  private:
    Thread *before;
};

/* The running thread, for a function that only kernels may call. */
Thread *kernel_thread(const char *function);

} // namespace sim

#endif
