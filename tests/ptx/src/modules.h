/* The PTX that the build ships, and its kernels by their functions on the host. */
#ifndef LYRNN_PTX_MODULES_H
#define LYRNN_PTX_MODULES_H

#include "program.h"

namespace ptx
{

/* Returns the program of a kernel: the one that a device of this compute capability would take from
 * the folder LYRNN_SIM_PTX. Aborts with one line if there is none, or if it cannot be decoded. */
Program &program_of(const void *kernel, int capability);

/* Returns all modules in the folder. Throws Error. */
std::vector<const Module *> all_modules();

} // namespace ptx

#endif
