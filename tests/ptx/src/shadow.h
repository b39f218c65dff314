/* The check of one access against what earlier accesses left in the shadow cells. */
#ifndef LYRNN_PTX_SHADOW_H
#define LYRNN_PTX_SHADOW_H

#include "block.h"

namespace ptx
{

enum class Use : uint8_t { read, write, atomic };

/* Checks an access of the lanes to one place in device or shared memory, for races and
 * initialization, and notes it. Several lanes may only read. */
void check_cells(Warp &warp, const Instruction &instruction, Lanes lanes, uintptr_t address,
                 size_t bytes, Use use);

/* An access of a lane to an mbarrier. */
void check_mbarrier(Warp &warp, const Instruction &instruction, unsigned lane, uintptr_t place,
                    Use use);

/* A write by an asynchronous copy, which counts as one by `writer`; the lane issued it. */
void check_copy_write(Warp &warp, const Instruction &instruction, unsigned lane, uintptr_t address,
                      size_t bytes, uint32_t writer);

} // namespace ptx

#endif
