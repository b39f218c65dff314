/* The check of one access that a kernel makes. */
#ifndef LYRNN_SIM_ACCESS_H
#define LYRNN_SIM_ACCESS_H

#include <cstddef>
#include <cstdint>

namespace sim
{

struct Thread;

enum class Access : uint8_t { read, write, atomic };

/* pc is the code address to name in a report. Returns only when the access is sound. */
void check_access(const void *memory, size_t bytes, Access access, uintptr_t pc);
/* The same for an access that must be a multiple of its size. */
void check_aligned_access(const void *memory, size_t bytes, Access access, uintptr_t pc);

/* Says that address is not a multiple of alignment. */
void report_misaligned(uintptr_t address, size_t alignment, uintptr_t pc);

/* Told when a thread is switched to, and when it acquires what others released. */
void look_from(const Thread &thread);
void look_for_acquired(const Thread &thread);

/* Whether a kernel's own code runs, not this library's. */
bool in_kernel();

} // namespace sim

#endif
