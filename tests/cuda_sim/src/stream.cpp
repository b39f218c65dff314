/* Streams and their capture. A stream only stores what its next work must wait for. The work itself
 * is in the queue, or in the capture that the stream takes part in. */
#include <algorithm>
#include <deque>
#include <memory>
#include <set>

#include "device.h"
#include "library.h"
#include "queue.h"
#include "stream.h"

using sim::Frontier;

struct lyrnn_sim_stream {
    bool is_blocking;
    int priority;
    Frontier frontier;          /* places in the queue */
    std::deque<size_t> pending; /* places of all its work that has not run yet */
    /* The capture that the stream takes part in, or NULL. */
    std::shared_ptr<sim::Capture> capture;
    Frontier captured; /* places in the capture */
};

namespace sim
{

/* As on devices: 0 is the lowest priority and that of the legacy stream, and -5 is the highest. */
enum { LEAST_PRIORITY = 0, GREATEST_PRIORITY = 1 - LYRNN_SIM_PRIORITIES };

static std::set<cudaStream_t> streams;
static size_t submitted;
/* What the next work of the legacy stream must wait for, in addition to the blocking streams. */
static Frontier legacy_frontier;
static std::deque<size_t> legacy_pending;

static bool is_legacy(cudaStream_t stream)
{
    return stream == nullptr || stream == cudaStreamLegacy;
}

static bool is_valid(cudaStream_t stream)
{
    return is_legacy(stream) || streams.count(stream) != 0;
}

bool is_capturing(cudaStream_t stream)
{
    return !is_legacy(stream) && streams.count(stream) != 0 && stream->capture != nullptr;
}

cudaError_t forbid_in_capture()
{
    for (cudaStream_t stream : streams) {
        if (stream->capture != nullptr && stream->capture->mode != cudaStreamCaptureModeRelaxed) {
            stream->capture->is_spoiled = true;
            return cudaErrorStreamCaptureUnsupported;
        }
    }
    return cudaSuccess;
}

/* Work on the legacy stream would wait for the blocking streams, which is not allowed while one of
 * them captures. */
static cudaError_t forbid_legacy_in_capture()
{
    for (cudaStream_t stream : streams) {
        if (stream->is_blocking && stream->capture != nullptr) {
            stream->capture->is_spoiled = true;
            return cudaErrorStreamCaptureImplicit;
        }
    }
    return cudaSuccess;
}

/* A stream holds a limited number of pieces of work. If it is full the host waits for the oldest.
 * NVIDIA does not document the limit; programs that count find about 1,000. */
static size_t enqueue_in(std::deque<size_t> *pending, Node node, const Frontier &frontier)
{
    auto forget_what_has_run = [pending] {
        while (!pending->empty() && has_run(pending->front()))
            pending->pop_front();
    };
    forget_what_has_run();
    if (pending->size() >= device().most_pending) {
        counters.blocked_calls++;
        run_queue({pending->front()}, "a call that finds its stream full");
    }
    size_t place = enqueue(std::move(node), frontier);
    pending->push_back(place);
    forget_what_has_run();
    counters.most_pending = std::max<uint64_t>(counters.most_pending, pending->size());
    return place;
}

/* The legacy stream and the blocking streams wait for each other. */
static cudaError_t submit_legacy(Node node)
{
    cudaError_t error = forbid_legacy_in_capture();
    if (error != cudaSuccess)
        return error;
    for (cudaStream_t stream : streams)
        if (stream->is_blocking)
            join_frontier(&legacy_frontier, stream->frontier);
    legacy_frontier = {enqueue_in(&legacy_pending, std::move(node), legacy_frontier)};
    for (cudaStream_t stream : streams)
        if (stream->is_blocking)
            stream->frontier = legacy_frontier;
    return device_error();
}

cudaError_t submit(cudaStream_t stream, Work work)
{
    return submit(stream, Node{std::move(work)});
}

int clamp_priority(int priority)
{
    return std::clamp<int>(priority, GREATEST_PRIORITY, LEAST_PRIORITY);
}

int priority_of(cudaStream_t stream)
{
    return is_legacy(stream) || !is_valid(stream) ? LEAST_PRIORITY : stream->priority;
}

Node kernel_node(cudaStream_t stream, Work work)
{
    return {std::move(work), {}, Kind::kernel, priority_of(stream)};
}

cudaError_t submit(cudaStream_t stream, Node node)
{
    if (!is_valid(stream))
        return cudaErrorInvalidResourceHandle;
    submitted++;
    if (!is_capturing(stream))
        counters.submissions++;
    if (is_legacy(stream))
        return submit_legacy(std::move(node));
    if (stream->capture == nullptr) {
        stream->frontier = {enqueue_in(&stream->pending, std::move(node), stream->frontier)};
        return device_error();
    }
    if (stream->capture->is_spoiled)
        return cudaErrorStreamCaptureInvalidated;
    std::vector<Node> &nodes = stream->capture->nodes;
    add_node(&nodes, std::move(node), stream->captured);
    stream->captured = {nodes.size() - 1};
    return device_error();
}

size_t num_submitted()
{
    return submitted;
}

cudaError_t synchronize_host(const char *call)
{
    cudaError_t error = forbid_in_capture();
    if (error != cudaSuccess)
        return error;
    counters.host_synchronizations++;
    return drain_queue(call);
}

cudaError_t synchronize_host(cudaStream_t stream, const char *call)
{
    if (is_legacy(stream))
        return synchronize_host(call);
    cudaError_t error = is_valid(stream) ? forbid_in_capture() : cudaErrorInvalidResourceHandle;
    if (error != cudaSuccess)
        return error;
    counters.host_synchronizations++;
    return run_queue(stream->frontier, call);
}

EventMark mark_of(cudaStream_t stream)
{
    if (is_legacy(stream))
        return {legacy_frontier, nullptr};
    return is_capturing(stream) ? EventMark{stream->captured, stream->capture}
                                : EventMark{stream->frontier, nullptr};
}

/* Invalidates the stream's capture: dependencies between two captures, or between a capture and
 * other work, are not allowed. */
static cudaError_t spoil(cudaStream_t stream, cudaError_t error)
{
    stream->capture->is_spoiled = true;
    return error;
}

cudaError_t wait_for(cudaStream_t stream, const EventMark &mark)
{
    if (!is_valid(stream))
        return cudaErrorInvalidResourceHandle;
    if (is_legacy(stream)) {
        if (mark.capture != nullptr)
            return cudaErrorStreamCaptureImplicit;
        join_frontier(&legacy_frontier, mark.frontier);
        return cudaSuccess;
    }
    if (mark.capture != nullptr && mark.capture->has_ended)
        return cudaErrorCapturedEvent;
    if (mark.capture != nullptr && stream->capture == nullptr) {
        stream->capture = mark.capture;
        stream->captured.clear();
    }
    if (mark.capture == nullptr && stream->capture != nullptr)
        return spoil(stream, cudaErrorStreamCaptureIsolation);
    if (mark.capture != stream->capture)
        return spoil(stream, cudaErrorStreamCaptureMerge);
    join_frontier(mark.capture != nullptr ? &stream->captured : &stream->frontier, mark.frontier);
    return cudaSuccess;
}

/* Returns whether the origin stream waits for everything that all streams of the capture
 * recorded. */
static bool all_joined(const Capture &capture)
{
    std::vector<bool> seen = find_ancestors(capture.nodes, capture.origin->captured);
    for (cudaStream_t stream : streams)
        if (stream->capture.get() == &capture)
            for (size_t place : stream->captured)
                if (!seen[place])
                    return false;
    return true;
}

/* The length of the longest path through the nodes. */
static size_t longest_chain(const std::vector<Node> &nodes)
{
    std::vector<size_t> length(nodes.size());
    size_t longest = 0;
    for (size_t i = 0; i < nodes.size(); i++) {
        for (size_t before : nodes[i].after)
            length[i] = std::max(length[i], length[before]);
        longest = std::max(longest, ++length[i]);
    }
    return longest;
}

} // namespace sim

using namespace sim;

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess && flags != cudaStreamDefault && flags != cudaStreamNonBlocking)
        error = cudaErrorInvalidValue;
    if (error != cudaSuccess)
        return done(error);
    *stream = new lyrnn_sim_stream{
        (flags & cudaStreamNonBlocking) == 0, clamp_priority(priority), {}, {}, nullptr, {}};
    streams.insert(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    return cudaStreamCreateWithPriority(stream, flags, LEAST_PRIORITY);
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

/* NULL: the caller does not want that number. */
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    if (least != nullptr)
        *least = LEAST_PRIORITY;
    if (greatest != nullptr)
        *greatest = GREATEST_PRIORITY;
    return done(device_error());
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority)
{
    *priority = priority_of(stream);
    return done(is_valid(stream) ? device_error() : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    if (streams.erase(stream) == 0)
        return done(cudaErrorInvalidResourceHandle);
    delete stream;
    return done(device_error());
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    cudaError_t error = device_error();
    return done(error == cudaSuccess ? synchronize_host(stream, __func__) : error);
}

cudaError_t cudaDeviceSynchronize()
{
    cudaError_t error = device_error();
    return done(error == cudaSuccess ? synchronize_host(__func__) : error);
}

/* The legacy stream has nothing left when no stream has. */
static bool has_nothing_left(cudaStream_t stream)
{
    if (is_legacy(stream))
        return queue_is_empty();
    return std::all_of(stream->frontier.begin(), stream->frontier.end(), has_run);
}

/* Polling runs queued work, but does not wait for other processes. */
cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess && !is_valid(stream))
        error = cudaErrorInvalidResourceHandle;
    if (error == cudaSuccess)
        error = forbid_in_capture();
    if (error != cudaSuccess || has_nothing_left(stream))
        return done(error);
    error = advance_queue();
    return done(error == cudaSuccess ? cudaErrorNotReady : error);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess && is_legacy(stream))
        error = cudaErrorStreamCaptureUnsupported;
    if (error == cudaSuccess && (!is_valid(stream) || is_capturing(stream)))
        error = cudaErrorInvalidValue;
    if (error != cudaSuccess)
        return done(error);
    if (mode == cudaStreamCaptureModeGlobal)
        library_hooks.global_capture_begins();
    stream->capture = std::make_shared<Capture>(Capture{stream, mode, false, false, {}});
    stream->captured.clear();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = nullptr;
    if (!is_capturing(stream) || stream->capture->origin != stream)
        return done(cudaErrorStreamCaptureUnmatched);
    std::shared_ptr<Capture> capture = stream->capture;
    bool is_joined = all_joined(*capture);
    capture->has_ended = true;
    for (cudaStream_t other : streams)
        if (other->capture == capture)
            other->capture = nullptr;
    if (capture->is_spoiled || !is_joined)
        return done(capture->is_spoiled ? cudaErrorStreamCaptureInvalidated
                                        : cudaErrorStreamCaptureUnjoined);
    counters.captures++;
    counters.captured_nodes = capture->nodes.size();
    counters.captured_chain = longest_chain(capture->nodes);
    *graph = new lyrnn_sim_graph{std::move(capture->nodes)};
    return done(device_error());
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status)
{
    *status = !is_capturing(stream)         ? cudaStreamCaptureStatusNone
              : stream->capture->is_spoiled ? cudaStreamCaptureStatusInvalidated
                                            : cudaStreamCaptureStatusActive;
    return done(is_valid(stream) ? device_error() : cudaErrorInvalidResourceHandle);
}
