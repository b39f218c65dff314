/* Queries about shared memory. */
#ifndef LYRNN_SIM_SHARED_H
#define LYRNN_SIM_SHARED_H

#include "asan.h"
#include "memory.h"

namespace sim
{

/* Returns whether all bytes are within one shared array of the launch. */
bool shared_holds(const Region &region, uintptr_t address, size_t bytes);

inline void asan_poison_slot(const Region &region)
{
    asan_poison(reinterpret_cast<const void *>(region.begin), region.end - region.begin);
}

} // namespace sim

#endif
