/* How a defect leaves the simulator: to the test's hook, or to standard error and abort. */
#ifndef LYRNN_SIM_REPORT_H
#define LYRNN_SIM_REPORT_H

#include <cstdint>
#include <string>

#include "lyrnn_sim.h"

namespace sim
{

/* Reports a defect. Inside a kernel the text gains kernel, block and thread, the launch is cancelled and
 * the call does not return; outside it returns when there is a hook. */
__attribute__((format(printf, 2, 3))) void report(lyrnn_sim_defect defect, const char *format, ...);

/* The same at the code address pc of a kernel. */
__attribute__((format(printf, 3, 4))) void report_at(lyrnn_sim_defect defect, uintptr_t pc,
                                                     const char *format, ...);

/* "gemm.cu:31" and "column_sums_kernel", as far as the debug information says. */
std::string source_place(uintptr_t pc);
std::string function_name(uintptr_t pc);

} // namespace sim

#endif
