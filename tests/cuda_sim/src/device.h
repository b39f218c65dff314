/* The device that is simulated, and the process-wide state of the runtime: environment, faults, counters. */
#ifndef LYRNN_SIM_DEVICE_STATE_H
#define LYRNN_SIM_DEVICE_STATE_H

#include "cuda_runtime.h"
#include "lyrnn_sim.h"

namespace sim
{

struct Device {
    int num_devices, driver_version;
    bool eager;
    int cublaslt; /* 0: the heuristic finds no algorithm, 1: it does, 2: one that is then refused */
    cudaDeviceProp properties;
};

/* As the environment described it at the first call, or at the last lyrnn_sim_reset. */
const Device &device();
extern lyrnn_sim_counters counters;

/* What every runtime call begins with: cudaSuccess, or why no call can work now. */
cudaError_t device_error();
/* What every runtime call returns through: remembers an error for cudaGetLastError. */
cudaError_t done(cudaError_t error);

void read_environment();
void forget_errors();

/* Bytes of device memory that are handed out. */
size_t device_bytes_in_use();

} // namespace sim

#endif
