/* The runtime API without the launch templates. */
#pragma once
#include "sim_runtime_api.h"
