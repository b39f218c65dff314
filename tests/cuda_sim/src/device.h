/* The simulated device, and the state of the runtime that belongs to the process: environment,
 * faults, counters. */
#ifndef LYRNN_SIM_DEVICE_STATE_H
#define LYRNN_SIM_DEVICE_STATE_H

#include <vector>

#include "cuda_runtime.h"
#include "lyrnn_sim.h"

namespace sim
{

struct Device {
    int num_devices, driver_version;
    bool eager;
    bool runs_ptx;       /* LYRNN_SIM_KERNELS=ptx: kernels run as PTX (tests/ptx) */
    size_t most_pending; /* LYRNN_SIM_PENDING */
    /* LYRNN_SIM_CUBLASLT: 0: the heuristic finds no algorithm; 1: it finds one; 2: it finds one
     * that is then refused. */
    int cublaslt;
    cudaDeviceProp properties;
    std::vector<int> gpcs; /* the multiprocessors of each */
};

/* Returns the device that the environment described at the first call or at the last
 * lyrnn_sim_reset. */
const Device &device();
extern lyrnn_sim_counters counters;

/* Every runtime call begins with this. Returns cudaSuccess, or the error that makes all calls fail
 * now. */
cudaError_t device_error();
/* Every runtime call returns through this. It remembers an error for cudaGetLastError. */
cudaError_t done(cudaError_t error);

void read_environment();
void forget_errors();

/* Returns how many bytes of device memory are allocated. */
size_t device_bytes_in_use();

} // namespace sim

#endif
