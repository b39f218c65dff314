/* A launch that runs: a grid of clusters of blocks of warps. */
#ifndef LYRNN_PTX_BLOCK_H
#define LYRNN_PTX_BLOCK_H

#include <deque>
#include <unordered_map>

#include "clock.h"
#include "grid.h" /* of the simulator */
#include "warp.h"

namespace ptx
{

struct Cluster;

/* A barrier of a block or a cluster that some threads have reached. */
struct Barrier {
    unsigned arrived;         /* threads */
    unsigned expected;        /* threads; 0: nobody has come */
    unsigned num_true;        /* threads whose predicate is true, for a reduction */
    Clock gathered;           /* from those who do not wait */
    const Instruction *first; /* where the first thread came */
};

constexpr unsigned num_barriers = 16;

struct Block {
    Cluster *cluster;
    uint32_t rank;   /* in the cluster */
    uint32_t serial; /* in the grid, in the order of thread numbers */
    uint3 index;
    unsigned num_threads, num_exited;
    sim::Region *shared;
    std::vector<Warp> warps;
    std::vector<Knowledge> knowledge; /* of each thread */
    Barrier barriers[num_barriers];

    bool has_ended() const
    {
        return num_exited == num_threads;
    }
};

struct Cluster {
    std::vector<Block *> blocks; /* by rank */
    Barrier barrier;
    Clock completed; /* what the last phase gives to those who wait */
};

/* A word in memory that threads have released something with. */
struct Word {
    std::vector<Released> releases;
    uint64_t version;
};

/* Lanes of a warp that have read a cell at the same time. */
struct Readers {
    uint32_t first_thread, time;
    Lanes lanes;
    int line;
    Scope scope;
    bool is_read_only;
};

/* A write of some bytes of a cell, before the one that the cell holds. */
struct Writer {
    sim::Stamp stamp;
    uint8_t mask; /* of the bytes that nobody has written since */
    Scope scope;
};

struct Mbarrier;

/* The launch that runs. */
struct Run {
    const sim::Launch *launch;
    Program *program;
    uint32_t begin_time; /* accesses before it belong to earlier launches */
    uint32_t threads_per_block, blocks_per_cluster, num_blocks;
    std::deque<Block> blocks; /* those that are on the device */
    std::deque<Cluster> clusters;
    std::unordered_map<uintptr_t, Word> words;
    std::unordered_map<uintptr_t, Mbarrier> mbarriers;
    uint32_t num_agents; /* see new_agent */
    bool is_ending;      /* all threads have ended */
    /* Readers and writers of a cell, by its address / 4, beyond those in the cell itself. */
    std::unordered_map<uintptr_t, std::vector<Readers>> readers;
    std::unordered_map<uintptr_t, std::vector<Writer>> writers;
    /* Counts what may let a waiting thread continue: writes and barriers. */
    uint64_t progress;
    uint32_t *grid_barrier; /* device (2): what %envreg1 and 2 point to */
};
extern Run *run;

inline uint32_t thread_in_block(const Warp &warp, unsigned lane)
{
    return warp.number * num_lanes + lane;
}
inline Knowledge &knowledge_of(Warp &warp, unsigned lane)
{
    return warp.block->knowledge[thread_in_block(warp, lane)];
}

/* Runs a kernel until it ends or a defect cancels it. */
void run_launch(const sim::Launch &launch);

} // namespace ptx

#endif
