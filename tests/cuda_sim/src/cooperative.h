/* The check for cooperative launches that no dependency orders and that do not fit on the device
 * together. */
#ifndef LYRNN_SIM_COOPERATIVE_H
#define LYRNN_SIM_COOPERATIVE_H

#include <memory>
#include <vector>

#include "grid.h"

namespace sim
{

/* The cooperative launches of a node: its own, or those of its graph. */
using Cooperative = std::vector<std::shared_ptr<const Launch>>;

/* Reports a launch of each list if the device does not hold both at once. */
void check_cooperative(const Cooperative &earlier, const Cooperative &later);

} // namespace sim

#endif
