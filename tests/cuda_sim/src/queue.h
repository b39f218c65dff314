/* Work that was queued and waits to run, and what each piece must wait for. */
#ifndef LYRNN_SIM_QUEUE_H
#define LYRNN_SIM_QUEUE_H

#include <functional>
#include <vector>

#include "cuda_runtime.h"

namespace sim
{

using Work = std::function<void()>;

/* Work by its place in a list; what comes after it in time comes after it in the list. */
struct Node {
    Work work;
    std::vector<size_t> after; /* places of the nodes that must have run */
};

/* What the next work of a stream must wait for. */
using Frontier = std::vector<size_t>;
void join_frontier(Frontier *frontier, const Frontier &other);

/* Runs the nodes, each after those that it names, in an order drawn from the seed; 0: as they stand. */
void run_nodes(const std::vector<Node> &nodes);
/* Which of the nodes the frontier waits for, directly or through others. */
std::vector<bool> find_ancestors(const std::vector<Node> &nodes, const Frontier &frontier);

/* The queue: adds work that waits for the frontier's, and returns its place, good for ever. */
size_t enqueue(Work work, const Frontier &frontier);
/* Runs what the frontier waits for and no more; all that is queued; forgets it. What came of it. */
cudaError_t run_queue(const Frontier &frontier);
cudaError_t drain_queue();
void drop_queue();
bool queue_is_empty();

/* Queues work, or records it where the stream is capturing. */
cudaError_t submit(cudaStream_t stream, Work work);
/* Whether calls on stream are being recorded now. */
bool is_capturing(cudaStream_t stream);
/* What a call returns that a capture in progress forbids (and that spoils the capture), or cudaSuccess. */
cudaError_t forbid_in_capture();

/* The host waits for the device, or for a stream alone: counts it, and runs the work. */
cudaError_t synchronise_host();
cudaError_t synchronise_host(cudaStream_t stream);

/* Makes every call fail with error from now on. */
void fail_device(cudaError_t error);

} // namespace sim

/* What a capture recorded; an executable graph is a copy. */
struct lyrnn_sim_graph {
    std::vector<sim::Node> nodes;
};

#endif
