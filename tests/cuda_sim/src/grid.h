/* A running launch: a grid of clusters of blocks of warps of threads.
 *
 * One clock orders the memory accesses for the race checks. It ticks at every barrier. Each group
 * keeps the tick of the last barrier that all of its threads took part in. An access at time t
 * happened before the current access of another thread if t is below the tick of the smallest group
 * that holds both threads. */
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
    bool is_barrier; /* true for __syncwarp */
    lyrnn_sim_warp_operation operation;
    unsigned mask, lane;
    int width;
    uint64_t value;
};

/* An atomic has seen the first `count` releases of the word. */
struct Acquired {
    uintptr_t word;
    size_t count;
};

struct Thread {
    Block *block;
    Warp *warp;
    Fiber *fiber;
    /* Number in the grid. The blocks of a cluster are adjacent. */
    uint32_t id;
    unsigned rank; /* number in the block */
    uint3 index;
    State state;
    /* Source line of the barrier that the thread waits at. */
    int line;
    bool arrived_at_cluster;
    /* The barrier that cluster_wait waits for. */
    uint64_t cluster_generation;
    WarpRequest request;
    uint64_t result;
    uint32_t fence_time, fence_block_time; /* 0: no fence yet */
    std::vector<Acquired> pending, acquired;
};

/* A barrier of a group: how many threads have arrived, and the source line of the first. */
struct Barrier {
    unsigned arrived;
    int line;
    uint64_t generation;
};

struct Warp {
    uint32_t time;
    /* Masks of lanes. `waiting`: those in a warp operation. */
    unsigned exists, exited, waiting;
    Thread *lanes[32];
};

struct Block {
    Cluster *cluster;
    unsigned rank; /* number in the cluster */
    /* Number in the grid, in the order of thread ids. */
    uint32_t serial;
    uint3 index;
    uint32_t time;
    unsigned num_finished;
    Barrier barrier;
    Region *shared;
    /* Number of shared arrays that were poisoned so far. */
    size_t num_poisoned;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<Acquired> acquired;
};

struct Cluster {
    uint32_t time;
    unsigned num_finished; /* number of blocks */
    Barrier barrier;
    std::vector<Block *> blocks;
};

/* An array that every block of the launch has in its shared memory. The key of the dynamic array is
 * NULL. */
struct SharedArray {
    const void *key;
    size_t offset, bytes;
};

/* What one thread released by writing, then a fence, then an atomic. */
struct Release {
    /* Accesses of the thread itself before this time. */
    uint32_t thread, thread_time;
    /* Accesses of its block before this time. */
    uint32_t block, block_time;
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
    bool canceled;
};

extern Grid *grid; /* NULL while no kernel runs */
/* NULL on the host's stack, and in other threads of the host: while a thread of a library runs
 * kernels, the program itself may wait and poll. */
extern __thread Thread *running;
/* Like running, but NULL inside the simulator, whose accesses are not checked. */
extern __thread Thread *watched;
extern uint32_t clock_now;

/* Runs a kernel until it ends or until a defect cancels it. */
void run_grid(const Launch &launch);

/* Ends the launch. On a thread's stack it does not return. On the scheduler's stack the launch ends
 * when the scheduler next runs. */
void cancel_grid();

/* The running thread waits in the state until another thread makes it ready. */
void wait_in(State state, int line);
void make_ready(Thread *thread);

/* The part that all barriers share. Reports threads that arrive from different source lines. */
void arrive(Barrier *barrier, int line, const char *name);

/* Called when a thread ends: this may complete the operation in which the rest of its warp
 * waits. */
void complete_warp(Warp *warp);

/* Prepares the shared arrays that the launch has so far, in a block that begins. */
void shared_begin_block(Block *block);
/* Reports accesses by other blocks to this block's shared memory, unless a barrier orders them
 * before its end. */
void shared_end_block(const Block &block);

/* While an object of this class exists, accesses of the running thread are the simulator's own and
 * are not checked. */
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

/* Returns the running thread. Fails for host code, with the name of the function, which only
 * kernels may call. */
Thread *kernel_thread(const char *function);

} // namespace sim

#endif
