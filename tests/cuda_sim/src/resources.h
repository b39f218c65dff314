/* What the machine code of a kernel needs, where it is known: the compiler of the host allocates
 * other registers. */
#ifndef LYRNN_SIM_RESOURCES_H
#define LYRNN_SIM_RESOURCES_H

#include <cstddef>

namespace sim
{

struct Resources {
    int registers;       /* per thread; 0: unknown */
    size_t shared_bytes; /* static */
};

/* Returns what LYRNN_SIM_RESOURCES says of the kernel on the present device. */
Resources resources_of(const void *kernel);

/* Returns the name of the function in the program's symbol table, or "". */
const char *symbol_of(const void *function);

/* Reads LYRNN_SIM_RESOURCES again, for a device of this compute capability. */
void read_resources(int capability);

} // namespace sim

#endif
