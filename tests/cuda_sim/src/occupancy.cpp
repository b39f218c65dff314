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
    if (first == nullptr ||
        memcmp(first, first + NOP_BYTES, static_cast<size_t>(entry - first - NOP_BYTES)) != 0)
        return 0;
    return static_cast<int>(entry - first) / NOP_BYTES;
}

/* Rounds up to a multiple of step. */
static size_t round_up(size_t number, size_t step)
{
    return (number + step - 1) / step * step;
}

Room room_of_multiprocessor()
{
    const cudaDeviceProp &p = device().properties;
    return {static_cast<size_t>(p.maxThreadsPerMultiProcessor),
            static_cast<size_t>(p.maxBlocksPerMultiProcessor), p.sharedMemPerMultiprocessor,
            static_cast<size_t>(p.regsPerMultiprocessor)};
}

/* A quarter of a multiprocessor has a quarter of the registers. Each warp gets its registers in its
 * quarter, in units of 256. What is left over in the quarters is counted with the warps. */
static size_t registers_per_warp(const void *kernel)
{
    const size_t registers = static_cast<size_t>(resources_of(kernel).registers);
    const size_t all = room_of_multiprocessor().registers;
    return registers == 0 ? 0 : all / (4 * (all / 4 / round_up(registers * 32, 256)));
}

Room room_of_block(const void *kernel, int threads, size_t dynamic_bytes)
{
    const cudaDeviceProp &p = device().properties;
    const size_t warps = round_up(static_cast<size_t>(threads), 32) / 32;
    const size_t shared =
        round_up(resources_of(kernel).shared_bytes + dynamic_bytes + p.reservedSharedMemPerBlock,
                 p.major < 8 ? 256 : 128);
    return {32 * warps, 1, shared, warps * registers_per_warp(kernel)};
}

int blocks_per_sm(const void *kernel, int threads, size_t dynamic_bytes)
{
    const Room all = room_of_multiprocessor(),
               block = room_of_block(kernel, threads, dynamic_bytes);
    return static_cast<int>(
        std::min({all.threads / block.threads, all.blocks,
                  block.shared > 0 ? all.shared / block.shared : SIZE_MAX,
                  block.registers > 0 ? all.registers / block.registers : SIZE_MAX}));
}

bool has_registers(const void *kernel, int threads)
{
    return room_of_block(kernel, threads, 0).registers <= room_of_multiprocessor().registers;
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
