/* Barriers in shared memory that count arrivals of threads and bytes of asynchronous copies. */
#ifndef LYRNN_PTX_MBARRIER_H
#define LYRNN_PTX_MBARRIER_H

#include "block.h"

namespace ptx
{

/* What the threads of one block have released with one scope. */
struct FromBlock {
    uint32_t thread; /* one of them */
    Scope scope;
    Clock clock;
    std::shared_ptr<const Clock> last_joined; /* with the clock, by a thread; NULL: none */
};

struct Mbarrier {
    uint32_t expected, pending; /* arrivals: of each phase, and missing in this one */
    int64_t bytes;              /* announced and not here; below 0: here and not announced */
    uint64_t phase;             /* the one that is not complete */
    uint32_t agent;             /* its copies count as accesses of this thread */
    /* What is released in this phase, and in all phases that are complete. */
    std::vector<FromBlock> gathering, completed;
};

/* The one at this generic address, or NULL. */
Mbarrier *mbarrier_at(uintptr_t place);
/* The same for the operand of an instruction, which may not use memory without one. */
Mbarrier &mbarrier_of(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address);

/* A number that stands for a thread, for accesses that no thread makes. */
uint32_t new_agent();

/* Bytes of a copy that the thread has issued are here, with what it releases; NULL: nothing. */
void complete_bytes(Mbarrier &barrier, size_t bytes, uint32_t thread, const Issued *issued);

} // namespace ptx

#endif
