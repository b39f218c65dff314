/* Releases and acquires: how threads come to know each other's accesses. */
#ifndef LYRNN_PTX_ORDER_H
#define LYRNN_PTX_ORDER_H

#include "block.h"

namespace ptx
{

/* Whether the thread in the lane knows all accesses of another thread before and at `time`. */
bool knows(Warp &warp, unsigned lane, uint32_t thread, uint32_t time);
/* The same for those lanes of another warp, and of this one without the lane itself. */
bool knows_all(Warp &warp, unsigned lane, const Readers &readers);

/* Whether both threads are in the scope of the thread in the lane. */
bool scope_holds(const Warp &warp, Scope scope, uint32_t thread);

/* All that the lane knows and has done, with a tick of the clock, so that its later accesses are
 * not part of it. */
std::shared_ptr<const Clock> released_clock_of_lane(Warp &warp, unsigned lane);
/* The same without building the clock, and the part of it that is the thread's own. */
Issued issued_by_lane(Warp &warp, unsigned lane);
void know_issued(Clock *clock, const Issued &issued);
/* The clock for lanes that release together. */
std::shared_ptr<const Clock> released_clock(Warp &warp, Lanes lanes);
void acquire(Warp &warp, Lanes lanes, const Clock &clock);

/* What a write or a read of the word at the address releases and acquires, after its order and the
 * fences around it. An atomic does both, and leaves what others have released there. */
void release_by_write(Warp &warp, unsigned lane, const Access &access, uintptr_t address,
                      bool is_atomic);
void acquire_by_read(Warp &warp, unsigned lane, const Access &access, uintptr_t address);
/* What the lane's last fence of at least this scope releases, or NULL. */
const Clock *fenced_clock(Warp &warp, unsigned lane, Scope scope);
/* A fence of this scope, which both releases and acquires. */
void fence(Warp &warp, unsigned lane, Scope scope);

/* A barrier of all threads of the block: each knows what all others did before. */
void synchronize_block(Block &block);
/* All lanes know what the others did before. */
void synchronize_lanes(Warp &warp, Lanes lanes);

} // namespace ptx

#endif
