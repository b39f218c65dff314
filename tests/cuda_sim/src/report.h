/* Reports a defect: to the test's hook, or to standard error followed by an abort. */
#ifndef LYRNN_SIM_REPORT_H
#define LYRNN_SIM_REPORT_H

#include <cstdint>
#include <string>

#include "lyrnn_sim.h"

namespace sim
{

/* Reports a defect. Inside a kernel, the kernel, block and thread are added to the text, the launch
 * is canceled, and the call does not return. Outside, the call returns if there is a hook. */
__attribute__((format(printf, 2, 3))) void report(lyrnn_sim_defect defect, const char *format, ...);

/* The same, for the code address pc of a kernel. */
__attribute__((format(printf, 3, 4))) void report_at(lyrnn_sim_defect defect, uintptr_t pc,
                                                     const char *format, ...);

/* Reports a defect with its whole text. If there is a hook, the call returns, and CUDA calls fail
 * from now on. */
void report_text(lyrnn_sim_defect defect, const std::string &text);

/* For example "gemm.cu:31" and "column_sums_kernel", if there is debug information. */
std::string source_place(uintptr_t pc);
std::string function_name(uintptr_t pc);
/* A readable function name without its parameters. */
std::string without_parameters(const std::string &name);

} // namespace sim

#endif
