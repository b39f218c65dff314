/* Work that is queued and has not run yet, and what each part of it must wait for. */
#ifndef LYRNN_SIM_QUEUE_H
#define LYRNN_SIM_QUEUE_H

#include <functional>
#include <vector>

#include "cooperative.h"
#include "cuda_runtime.h"

namespace sim
{

using Work = std::function<void()>;

/* Only kernels have a priority. A graph that is launched has that of the stream, for those of its
 * kernels that do not have their own. */
enum class Kind { other, kernel, graph };

/* A piece of work, identified by its place in a list. It only waits for work at earlier places.
 * A node that has run has no work. */
struct Node {
    Work work;
    /* Places of the nodes that must run first. submit sets them. */
    std::vector<size_t> after = {};
    Kind kind = Kind::other;
    int priority = 0; /* a smaller number is a higher priority */
    Cooperative cooperative = {};
    /* If there is one, `work` runs only after this returned true. Until then it is called again and
     * again. So work waits for other processes. */
    std::function<bool()> is_ready = {};
    /* The communicators of ranks whose calls this is, or that are in its graph. */
    std::vector<const void *> communicators = {};
};

/* What the next work of a stream must wait for. */
using Frontier = std::vector<size_t>;
void join_frontier(Frontier *frontier, const Frontier &other);

/* Runs all nodes that have not run, each after those that it waits for. The seed determines the
 * order. Seed 0 is the order of the list, but a kernel lets ready kernels of a higher priority go
 * first. Kernels run at their own priority, or all at the given one. Returns false if nodes are
 * left, because they wait for other processes. */
bool run_nodes(std::vector<Node> *nodes, const int *priority_of_all = nullptr);
/* Returns which nodes the frontier waits for, directly or through other nodes. */
std::vector<bool> find_ancestors(const std::vector<Node> &nodes, const Frontier &frontier);

/* Adds a node that waits for the frontier to the end of the list. Reports cooperative launches that
 * it may run into. */
void add_node(std::vector<Node> *nodes, Node node, const Frontier &frontier);
/* Adds a node that waits for the frontier to the queue. Returns its place, which stays valid. */
size_t enqueue(Node node, const Frontier &frontier);
/* The host waits in a CUDA call: run_queue runs only what the frontier waits for, drain_queue
 * everything; both return the result. */
cudaError_t run_queue(const Frontier &frontier, const char *call);
cudaError_t drain_queue(const char *call);
/* Runs everything that does not wait for other processes. */
cudaError_t advance_queue();
/* Discards everything. */
void drop_queue();
bool queue_is_empty();
/* Returns whether it has work of the communicator, also in graphs. */
bool queue_has(const void *communicator);
/* Returns whether the node at the place has run or was dropped. */
bool has_run(size_t place);

/* Queues the node, or records it if the stream is capturing. */
cudaError_t submit(cudaStream_t stream, Node node);
cudaError_t submit(cudaStream_t stream, Work work);
/* How often these were called. */
size_t num_submitted();
/* Returns a node for a kernel that runs at the priority of the stream. */
Node kernel_node(cudaStream_t stream, Work work);
int priority_of(cudaStream_t stream);
/* As on devices, a priority outside the range counts as the nearest one in it. */
int clamp_priority(int priority);
/* Returns whether calls on the stream are being recorded. */
bool is_capturing(cudaStream_t stream);
/* For calls that are not allowed during a capture: returns the error and invalidates the capture,
 * or returns cudaSuccess if no capture is in progress. */
cudaError_t forbid_in_capture();

/* The host waits in a CUDA call for the whole device or for one stream: counts this, and runs the
 * work. */
cudaError_t synchronize_host(const char *call);
cudaError_t synchronize_host(cudaStream_t stream, const char *call);

/* Makes every call from now on fail with the error. */
void fail_device(cudaError_t error);

} // namespace sim

/* What a capture recorded. An executable graph is a copy of it. */
struct lyrnn_sim_graph {
    std::vector<sim::Node> nodes;
};

#endif
