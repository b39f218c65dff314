/* Graphs: the work that a capture recorded, replayed as one unit of work. */
#include <memory>

#include "device.h"
#include "queue.h"
#include "report.h"

struct lyrnn_sim_graph_exec {
    std::shared_ptr<const std::vector<sim::Node>> nodes;
    /* cudaGraphInstantiateFlagUseNodePriority: each kernel runs at the priority that its stream had
     * at capture. Otherwise all run at the priority of the stream that launches the graph. */
    bool uses_node_priority;
};

using namespace sim;

template <typename List> static void append(List *list, const List &more)
{
    list->insert(list->end(), more.begin(), more.end());
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph,
                                 unsigned long long flags)
{
    *executable = nullptr;
    if (graph == nullptr)
        return done(cudaErrorInvalidValue);
    if (flags != 0 && flags != cudaGraphInstantiateFlagUseNodePriority) {
        report(LYRNN_SIM_BAD_ARGUMENT,
               "cudaGraphInstantiate: flags %#llx; the simulator models only "
               "cudaGraphInstantiateFlagUseNodePriority (%#x)",
               flags, cudaGraphInstantiateFlagUseNodePriority);
        return done(cudaErrorInvalidValue);
    }
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        *executable = new lyrnn_sim_graph_exec{
            std::make_shared<const std::vector<Node>>(graph->nodes), flags != 0};
    return done(error);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t)
{
    return done(executable == nullptr ? cudaErrorInvalidValue : device_error());
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream)
{
    cudaError_t error = executable == nullptr ? cudaErrorInvalidValue : device_error();
    if (error != cudaSuccess)
        return done(error);
    if (!is_capturing(stream))
        counters.graph_launches++;
    Node node{[] {}};
    node.is_ready = [nodes = *executable->nodes, priority = priority_of(stream),
                     own = executable->uses_node_priority]() mutable {
        return run_nodes(&nodes, own ? nullptr : &priority);
    };
    node.kind = Kind::graph;
    node.priority = priority_of(stream);
    for (const Node &part : *executable->nodes) {
        append(&node.cooperative, part.cooperative);
        append(&node.communicators, part.communicators);
    }
    return done(submit(stream, std::move(node)));
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable)
{
    delete executable;
    return done(executable == nullptr ? cudaErrorInvalidValue : device_error());
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return done(graph == nullptr ? cudaErrorInvalidValue : device_error());
}
