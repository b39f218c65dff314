/* What limits the blocks of a kernel that a device holds: the kernel's launch bounds and the
 * multiprocessors' resources, and for clusters also the layout of the GPCs. */
#ifndef LYRNN_SIM_OCCUPANCY_H
#define LYRNN_SIM_OCCUPANCY_H

#include <cstddef>
#include <vector>

namespace sim
{

/* Returns the threads per block that __launch_bounds__ allows, or 0 if the kernel has none. */
int launch_bound(const void *kernel);

/* What a multiprocessor has, or what a block takes of it. */
struct Room {
    size_t threads, blocks, shared, registers;
};
Room room_of_multiprocessor();
Room room_of_block(const void *kernel, int threads, size_t dynamic_bytes);

/* Returns how many blocks of a launch a multiprocessor holds. */
int blocks_per_sm(const void *kernel, int threads, size_t dynamic_bytes);

/* Returns whether a block of so many threads has registers enough. */
bool has_registers(const void *kernel, int threads);

/* Returns how many clusters of blocks_per_cluster blocks the device holds. A cluster must fit in
 * one graphics processing cluster (GPC). */
int clusters_at_once(const void *kernel, int threads, size_t dynamic_bytes,
                     unsigned blocks_per_cluster);

/* Returns the multiprocessors of each GPC: those that the text lists ("18,18,16"), or, without a
 * text, what we assume of a device with num_sms. Stops the program if the text is not such a list,
 * or if its sum is not num_sms. num_sms 0: it is the sum. */
std::vector<int> gpcs_from(const char *text, int num_sms);

} // namespace sim

#endif
