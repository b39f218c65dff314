/* The order in which simulated threads run. */
#ifndef LYRNN_SIM_SCHEDULER_H
#define LYRNN_SIM_SCHEDULER_H

#include <cstdint>

namespace sim
{

/* 0: ascending. */
void set_seed(uint64_t seed);

} // namespace sim

#endif
