/* Addresses of every state space, and what they stand for.
 *
 * A generic address is an address of the host: device and shared memory lie in the simulator's
 * arena, local memory and parameters elsewhere. An address in .shared counts from the begin of the
 * block's window. In a cluster it may name another block, by its rank + 1 in the bits from 24 on.
 */
#ifndef LYRNN_PTX_ADDRESSES_H
#define LYRNN_PTX_ADDRESSES_H

#include "block.h"
#include "shadow.h"

namespace ptx
{

constexpr unsigned rank_shift = 24;

/* The memory at the address, after checks of bounds and alignment. is_checked: it has shadow cells.
 */
char *memory_at(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address,
                size_t bytes, Use use, bool *is_checked);

/* The address of an operand in a lane. */
uint64_t address_of(Warp &warp, const Operand &operand, unsigned lane);
/* Those in all 32 lanes. */
void addresses_of(Warp &warp, const Operand &operand, uint64_t *addresses);

/* Reads or writes the memory of a lane, with all checks. The space is that of the instruction. */
void read_memory(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address,
                 size_t bytes, void *to);
void write_memory(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address,
                  size_t bytes, const void *from);

/* The block whose shared memory holds the generic address, or NULL. */
Block *block_at(uintptr_t address);
/* Where an address in .shared, or .shared::cluster, is for this warp; its block is in *block. */
uintptr_t place_in_shared(Warp &warp, const Instruction &instruction, unsigned lane,
                          uint64_t address, Block **block);

} // namespace ptx

#endif
