/* Asynchronous copies that have been issued and are not complete. */
#ifndef LYRNN_PTX_COPIES_H
#define LYRNN_PTX_COPIES_H

#include <cstddef>
#include <cstdint>

namespace ptx
{

/* Completes one of them, as the seed says. Returns false if there are none. */
bool complete_copy();
/* Completes one after the other until a phase of an mbarrier ends: before, nobody can notice.
 * Returns false if there are none. */
bool complete_phase();
/* Whether a copy that is not complete has yet to read some of these bytes. */
bool is_source_of_copy(uintptr_t address, size_t bytes);
/* Drops what a canceled launch has left. */
void forget_copies();

} // namespace ptx

#endif
