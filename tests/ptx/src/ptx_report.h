/* Reports a defect of a kernel that runs as PTX. */
#ifndef LYRNN_PTX_REPORT_H
#define LYRNN_PTX_REPORT_H

#include "lyrnn_sim.h"
#include "warp.h"

namespace ptx
{

/* Thrown after a report: the launch ends. */
struct Canceled {
};

/* Reports a defect with the kernel, the thread in this lane and the line of the PTX. Throws
 * Canceled if the report's hook returns. */
[[noreturn]] __attribute__((format(printf, 5, 6))) void
report(Warp &warp, const Instruction &instruction, unsigned lane, lyrnn_sim_defect defect,
       const char *format, ...);

} // namespace ptx

#endif
