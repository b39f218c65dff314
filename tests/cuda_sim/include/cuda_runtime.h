/* The simulator's replacement for the toolkit's cuda_runtime.h: all that lyrnn uses. */
#ifndef LYRNN_SIM_CUDA_RUNTIME_H
#define LYRNN_SIM_CUDA_RUNTIME_H

#include "sim_types.h"

#include "dynamic_shared.cuh"
#include "sim_device.h"
#include "sim_runtime_api.h"

#include "sim_launch.h"

#endif
