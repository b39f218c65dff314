/* The check of one memory access by a kernel. */
#ifndef LYRNN_SIM_ACCESS_H
#define LYRNN_SIM_ACCESS_H

#include <cstddef>
#include <cstdint>

namespace sim
{

struct Thread;

enum class Access : uint8_t { read, write, atomic };

/* Checks an access. pc is the code address for the report. Returns only if the access is
 * correct. */
void check_access(const void *memory, size_t bytes, Access access, uintptr_t pc);
/* The same for an access whose address must be a multiple of its size. */
void check_aligned_access(const void *memory, size_t bytes, Access access, uintptr_t pc);

/* Reports that address is not a multiple of alignment. */
void report_misaligned(uintptr_t address, size_t alignment, uintptr_t pc);

/* The scheduler calls look_from when it switches to a thread. look_for_acquired is called when a
 * thread acquires what other threads released. */
void look_from(const Thread &thread);
void look_for_acquired(const Thread &thread);

/* Returns whether the kernel's own code is running, rather than the simulator's. */
bool in_kernel();

} // namespace sim

#endif
