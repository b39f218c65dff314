/* Faults of the simulated device itself: LYRNN_SIM_FAULT=KIND:KERNEL, for example
 * wrong:grid_forward. They show what a program does on a card that does not behave as it should. */
#ifndef LYRNN_SIM_FAULT_H
#define LYRNN_SIM_FAULT_H

#include <functional>

namespace sim
{

/* The kinds, for each kernel whose name contains KERNEL:
 *     wrong   after each launch, one of the floats that it wrote is off by 1
 *     launch  a launch fails with cudaErrorLaunchOutOfResources
 *     hang    a bounded wait for other blocks expires (cuda/bounded_wait.cuh) */
enum class Fault { none, wrong, launch, hang };

void read_fault();
Fault fault_of(const void *kernel);

/* Runs the kernel as its fault wants. */
void run_faulty(const void *kernel, const std::function<void()> &run);

} // namespace sim

#endif
