/* What the simulator reports to a library of communicating ranks (lyrnn_sim_library.h), and the
 * check of its work. */
#ifndef LYRNN_SIM_LIBRARY_STATE_H
#define LYRNN_SIM_LIBRARY_STATE_H

#include <vector>

#include "lyrnn_sim_library.h"

namespace sim
{

/* Without a library, these do nothing. */
extern lyrnn_sim_library_hooks library_hooks;

/* Reports a communicator that is in both lists, whose work nothing orders. */
void check_communicators(const std::vector<const void *> &earlier,
                         const std::vector<const void *> &later);

/* The host sleeps for a moment before it looks again whether other processes have come. */
void pause_host();

} // namespace sim

#endif
