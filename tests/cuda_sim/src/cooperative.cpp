/* Cooperative launches that the device may begin at the same time. All blocks of such a launch wait
 * for each other. So if two begin and the device does not hold both, each can wait forever for
 * blocks of its own that find no room. CUDA checks only that a launch fits on an empty device. */
#include "cooperative.h"

#include <algorithm>

#include "device.h"
#include "occupancy.h"
#include "report.h"

namespace sim
{

static unsigned volume(dim3 dim)
{
    return dim.x * dim.y * dim.z;
}

static bool has_room(const Room &free, const Room &block)
{
    return free.threads >= block.threads && free.blocks >= block.blocks &&
           free.shared >= block.shared && free.registers >= block.registers;
}

/* The free room on the multiprocessors of each GPC. */
using Gpcs = std::vector<std::vector<Room>>;

static Gpcs empty_device()
{
    Gpcs gpcs;
    for (int sms : device().gpcs)
        gpcs.emplace_back(static_cast<size_t>(sms), room_of_multiprocessor());
    return gpcs;
}

static bool place_cluster(std::vector<Room> *sms, const Room &block, unsigned num_blocks)
{
    std::vector<Room> left = *sms;
    for (unsigned i = 0; i < num_blocks; i++) {
        auto emptiest =
            std::max_element(left.begin(), left.end(), [](const Room &a, const Room &b) {
                return a.blocks < b.blocks || (a.blocks == b.blocks && a.shared < b.shared);
            });
        if (!has_room(*emptiest, block))
            emptiest = std::find_if(left.begin(), left.end(),
                                    [&](const Room &free) { return has_room(free, block); });
        if (emptiest == left.end())
            return false;
        emptiest->threads -= block.threads;
        emptiest->blocks -= block.blocks;
        emptiest->shared -= block.shared;
        emptiest->registers -= block.registers;
    }
    *sms = std::move(left);
    return true;
}

/* Returns how many more blocks a multiprocessor of the GPC takes on average. */
static double free_blocks(const std::vector<Room> &sms)
{
    size_t blocks = 0;
    for (const Room &free : sms)
        blocks += free.blocks;
    return static_cast<double>(blocks) / static_cast<double>(sms.size());
}

/* Places the blocks as evenly as possible, a cluster within a GPC. Returns whether all found
 * room. */
static bool place(const Launch &launch, Gpcs *gpcs)
{
    const Room block = room_of_block(launch.call.kernel, static_cast<int>(volume(launch.block)),
                                     launch.dynamic_bytes);
    const unsigned cluster = volume(launch.cluster);
    for (unsigned i = 0; i < volume(launch.grid) / cluster; i++) {
        std::stable_sort(gpcs->begin(), gpcs->end(),
                         [](const std::vector<Room> &a, const std::vector<Room> &b) {
                             return free_blocks(a) > free_blocks(b);
                         });
        if (std::none_of(gpcs->begin(), gpcs->end(), [&](std::vector<Room> &sms) {
                return place_cluster(&sms, block, cluster);
            }))
            return false;
    }
    return true;
}

/* Either may be the first to begin. */
static bool fit_together(const Launch &a, const Launch &b)
{
    Gpcs first_a = empty_device(), first_b = first_a;
    return place(a, &first_a) && place(b, &first_a) && place(b, &first_b) && place(a, &first_b);
}

static std::string describe(const Launch &launch)
{
    return function_name(reinterpret_cast<uintptr_t>(launch.call.kernel)) + " (" +
           std::to_string(volume(launch.grid)) + " blocks)";
}

void check_cooperative(const Cooperative &earlier, const Cooperative &later)
{
    for (const auto &a : earlier) {
        for (const auto &b : later) {
            if (fit_together(*a, *b))
                continue;
            report(LYRNN_SIM_COOPERATIVE_OVERLAP,
                   "the cooperative launches of %s and %s can begin at the same time, and the "
                   "device does not hold both, so that each may wait for the other forever; order "
                   "them with an event",
                   describe(*a).c_str(), describe(*b).c_str());
            return;
        }
    }
}

} // namespace sim
