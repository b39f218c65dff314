/* The check of one access that a kernel makes. */
#ifndef LYRNN_SIM_ACCESS_H
#define LYRNN_SIM_ACCESS_H

#include <cstddef>
#include <cstdint>

namespace sim {

enum class Access : uint8_t { read, write, atomic };

/* pc is the code address to name in a report. Returns only when the access is sound. */
void check_access(const void *memory, size_t bytes, Access access, uintptr_t pc);
/* The same for an access that must be a multiple of its size. */
void check_aligned_access(const void *memory, size_t bytes, Access access, uintptr_t pc);

/* Says that address is not a multiple of alignment. */
void report_misaligned(uintptr_t address, size_t alignment, uintptr_t pc);

/* Whether a kernel's own code runs, not this library's. */
bool in_kernel();

} // namespace sim

#endif
