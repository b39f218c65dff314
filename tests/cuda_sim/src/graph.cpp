/* Graphs: the work that a capture recorded, replayed as one unit of work. */
#include "device.h"
#include "queue.h"

#include <memory>

struct lyrnn_sim_graph_exec {
    std::shared_ptr<const std::vector<sim::Node>> nodes;
};

using namespace sim;

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long)
{
    *executable = nullptr;
    if (graph == nullptr)
        return done(cudaErrorInvalidValue);
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        *executable =
            new lyrnn_sim_graph_exec{std::make_shared<const std::vector<Node>>(graph->nodes)};
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
    auto nodes = executable->nodes;
    return done(submit(stream, [nodes] { run_nodes(*nodes); }));
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
