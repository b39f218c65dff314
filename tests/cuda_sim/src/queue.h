/* Work that was queued and waits to run, in the order in which it was queued. */
#ifndef LYRNN_SIM_QUEUE_H
#define LYRNN_SIM_QUEUE_H

#include <functional>
#include <vector>

#include "cuda_runtime.h"

namespace sim
{

using Work = std::function<void()>;

/* Queues work, or records it where the stream is capturing. */
cudaError_t submit(cudaStream_t stream, Work work);
/* Whether calls on stream are being recorded now. */
bool is_capturing(cudaStream_t stream);
/* What a call returns that a capture in progress forbids (and that spoils the capture), or cudaSuccess. */
cudaError_t forbid_in_capture();

/* Runs everything that is queued, and says what came of it. */
cudaError_t drain_queue();
void drop_queue();
bool queue_is_empty();

/* The host waits for the device: counts it, and drains. */
cudaError_t synchronise_host();

/* Makes every call fail with error from now on. */
void fail_device(cudaError_t error);

} // namespace sim

/* What a capture recorded; an executable graph is a copy. */
struct lyrnn_sim_graph {
    std::vector<sim::Work> nodes;
};

#endif
