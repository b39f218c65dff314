#include "occupancy.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <sstream>

#include "device.h"
#include "resources.h"

/* The macro __launch_bounds__ (sim_types.h) puts one no-operation per thread before the kernel, and
 * the compiler lists the addresses of the first ones in this section. The linker defines the ends
 * of a section that exists. */
extern "C" const char *const __start___patchable_function_entries[] __attribute__((weak));
extern "C" const char *const __stop___patchable_function_entries[] __attribute__((weak));

namespace sim
{

#if defined(__x86_64__)
enum { NOP_BYTES = 1 };
#else
enum { NOP_BYTES = 4 };
#endif

int launch_bound(const void *kernel)
{
    const char *entry = static_cast<const char *>(kernel), *first = nullptr;
    for (const char *const *at = __start___patchable_function_entries;
         at != __stop___patchable_function_entries; at++)
        if (*at<entry && * at> first)
            first = *at;
    /* A kernel without bounds comes after the code of another kernel. */
    if (first == nullptr || memcmp(first, first + NOP_BYTES, entry - first - NOP_BYTES) != 0)
        return 0;
    return static_cast<int>(entry - first) / NOP_BYTES;
}

/* Rounds up to a multiple of step. */
static size_t round_up(size_t number, size_t step)
{
    return (number + step - 1) / step * step;
}

/* A quarter of a multiprocessor has a quarter of the registers. Each warp gets its registers in its
 * quarter, in units of 256. */
static size_t blocks_by_registers(const void *kernel, size_t warps)
{
    const size_t registers = static_cast<size_t>(resources_of(kernel).registers);
    if (registers == 0)
        return SIZE_MAX;
    const size_t all = static_cast<size_t>(device().properties.regsPerMultiprocessor);
    return 4 * (all / 4 / round_up(registers * 32, 256)) / warps;
}

int blocks_per_sm(const void *kernel, int threads, size_t dynamic_bytes)
{
    const cudaDeviceProp &p = device().properties;
    const size_t warps = round_up(static_cast<size_t>(threads), 32) / 32;
    const size_t shared =
        round_up(resources_of(kernel).shared_bytes + dynamic_bytes + p.reservedSharedMemPerBlock,
                 p.major < 8 ? 256 : 128);
    return static_cast<int>(std::min(
        {static_cast<size_t>(p.maxThreadsPerMultiProcessor) / (32 * warps),
         static_cast<size_t>(p.maxBlocksPerMultiProcessor), blocks_by_registers(kernel, warps),
         shared > 0 ? p.sharedMemPerMultiprocessor / shared : SIZE_MAX}));
}

bool has_registers(const void *kernel, int threads)
{
    return blocks_by_registers(kernel, round_up(static_cast<size_t>(threads), 32) / 32) > 0;
}

int clusters_at_once(const void *kernel, int threads, size_t dynamic_bytes,
                     unsigned blocks_per_cluster)
{
    int each = blocks_per_sm(kernel, threads, dynamic_bytes), clusters = 0;
    for (int sms : device().gpcs)
        clusters += sms * each / static_cast<int>(blocks_per_cluster);
    return clusters;
}

/* We assume the smallest number of GPCs that holds the multiprocessors at 18 each, and spread them
 * evenly: over 8 GPCs for H100's 132. */
static std::vector<int> even_gpcs(int num_sms)
{
    const int count = (num_sms + 17) / 18;
    std::vector<int> gpcs(static_cast<size_t>(count));
    for (int gpc = 0; gpc < count; gpc++)
        gpcs[static_cast<size_t>(gpc)] = (num_sms + gpc) / count;
    return gpcs;
}

std::vector<int> gpcs_from(const char *text, int num_sms)
{
    if (text == nullptr || *text == '\0')
        return even_gpcs(num_sms);
    std::vector<int> gpcs;
    std::istringstream list(text);
    bool is_list = false;
    for (int sms = 0; !is_list && list >> sms && sms > 0;) {
        gpcs.push_back(sms);
        is_list = list.peek() == EOF;
        if (!is_list && list.get() != ',')
            break;
    }
    if (is_list && (num_sms == 0 || num_sms == std::accumulate(gpcs.begin(), gpcs.end(), 0)))
        return gpcs;
    fprintf(stderr,
            "lyrnn_sim: LYRNN_SIM_GPCS=%s: not the multiprocessors of each GPC, which are as many "
            "as LYRNN_SIM_SMS in all; write for example 18,18,16\n",
            text);
    abort();
}

} // namespace sim
