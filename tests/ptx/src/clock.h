/* Who knows of whose accesses: the happens-before order of the PTX memory model.
 *
 * One clock ticks at every release. A thread knows an access of another thread if the access came
 * before the time up to which it knows that thread's accesses. This is kept for whole blocks and
 * whole warps where they synchronize as one, and for single threads otherwise. Asynchronous copies
 * have no thread; each mbarrier that they report to counts as a block with one thread. */
#ifndef LYRNN_PTX_CLOCK_H
#define LYRNN_PTX_CLOCK_H

#include <cstdint>
#include <memory>
#include <vector>

#include "program.h"

namespace ptx
{

/* All accesses of the item before the time are known. Lists are sorted by item. */
struct Known {
    uint32_t item, time;
};

struct Clock {
    std::vector<uint32_t> blocks; /* times; those that are missing are 0 */
    std::vector<Known> warps;     /* by the number of their first thread */
    std::vector<Known> threads;

    void know_block(uint32_t block, uint32_t time);
    void know_warp(uint32_t first_thread, uint32_t time);
    void know_thread(uint32_t thread, uint32_t time);
    void join(const Clock &other);
    bool is_empty() const
    {
        return blocks.empty() && warps.empty() && threads.empty();
    }
};

uint32_t time_of(const std::vector<Known> &list, uint32_t item);

/* What a release by a thread gives to those who acquire it within the scope. */
struct Released {
    uint32_t thread;
    Scope scope;
    std::shared_ptr<const Clock> clock;
};

/* The same before its clock is built: what the thread knew of other threads, and the times up to
 * which its block, its warp and itself are known. Many threads share one `known`. */
struct Issued {
    uint32_t thread;
    std::shared_ptr<const Clock> known;
    uint32_t block_time, warp_time, thread_time;
};

/* What a relaxed read of a word has found. A fence acquires it, or an acquire of the same word. */
struct Unfenced {
    uintptr_t word;
    Released released;
};

/* What one thread knows. */
struct Knowledge {
    std::shared_ptr<const Clock> clock; /* of other threads; NULL: nothing */
    uint32_t block_time, warp_time;     /* of its own block and warp */
    /* By its last fence of at least this scope; NULL: none yet. */
    std::shared_ptr<const Clock> fenced[num_scopes];
    std::vector<Unfenced> unfenced;
    uint32_t proxy_time; /* asynchronous copies see accesses before it */
    uintptr_t last_word; /* the last word acquired, and its version */
    uint64_t last_version;
    Order last_order;
    Scope last_scope;
};

} // namespace ptx

#endif
