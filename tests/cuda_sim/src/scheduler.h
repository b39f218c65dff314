/* The order in which simulated threads and the work of streams run. */
#ifndef LYRNN_SIM_SCHEDULER_H
#define LYRNN_SIM_SCHEDULER_H

#include <cstdint>

namespace sim
{

/* 0: ascending order. */
void set_seed(uint64_t seed);
bool order_is_drawn();
/* The seed itself, for an order that has to be the same in a whole run. */
uint64_t order_seed();
/* Returns a random number below bound, from the seed's sequence. */
uint64_t draw(uint64_t bound);

} // namespace sim

#endif
