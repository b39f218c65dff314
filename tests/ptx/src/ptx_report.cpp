#include "ptx_report.h"

#include <cxxabi.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "block.h"
#include "report.h" /* of the simulator */

namespace ptx
{

static std::string readable(const std::string &name)
{
    int status;
    char *text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    const std::string function = status == 0 ? text : name;
    free(text);
    return sim::without_parameters(function);
}

void report(Warp &warp, const Instruction &instruction, unsigned lane, lyrnn_sim_defect defect,
            const char *format, ...)
{
    char what[1024], where[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const dim3 size = run->launch->block;
    const unsigned thread = warp.number * num_lanes + lane;
    const uint3 &block = warp.block->index;
    snprintf(where, sizeof where, ": kernel %s, block (%u,%u,%u) thread (%u,%u,%u), %s:%d: ",
             readable(warp.program->name).c_str(), block.x, block.y, block.z, thread % size.x,
             thread / size.x % size.y, thread / size.x / size.y, warp.program->module_name.c_str(),
             instruction.statement->line);
    sim::report_text(defect, std::string(lyrnn_sim_defect_name(defect)) + where + what + " (`" +
                                 instruction.statement->mnemonic + "`)");
    throw Canceled();
}

} // namespace ptx
