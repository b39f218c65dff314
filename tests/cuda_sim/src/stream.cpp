/* Streams, capture and events. All streams share one queue, which runs when the host waits for any of it:
 * a legal order of the device, and one in which a forgotten synchronisation shows. */
#include <chrono>
#include <deque>
#include <memory>
#include <set>

#include "device.h"
#include "queue.h"

struct lyrnn_sim_stream {
    bool is_blocking;
    cudaStreamCaptureStatus capture;
    cudaStreamCaptureMode mode;
    std::unique_ptr<lyrnn_sim_graph> graph;
};

struct lyrnn_sim_event_state {
    bool recorded, captured, reached;
    std::chrono::steady_clock::time_point time;
};
struct lyrnn_sim_event {
    std::shared_ptr<lyrnn_sim_event_state> state;
};

namespace sim
{

static constexpr size_t longest_queue = 4096;
static std::deque<Work> queue;
static std::set<cudaStream_t> streams;
static bool draining;

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
    return !is_legacy(stream) && streams.count(stream) != 0 &&
           stream->capture != cudaStreamCaptureStatusNone;
}

cudaError_t forbid_in_capture()
{
    for (cudaStream_t stream : streams) {
        if (stream->capture != cudaStreamCaptureStatusNone &&
            stream->mode != cudaStreamCaptureModeRelaxed) {
            stream->capture = cudaStreamCaptureStatusInvalidated;
            return cudaErrorStreamCaptureUnsupported;
        }
    }
    return cudaSuccess;
}

/* Work on the legacy stream would wait for the blocking ones that capture. */
static cudaError_t forbid_legacy_in_capture()
{
    for (cudaStream_t stream : streams) {
        if (stream->is_blocking && stream->capture != cudaStreamCaptureStatusNone) {
            stream->capture = cudaStreamCaptureStatusInvalidated;
            return cudaErrorStreamCaptureImplicit;
        }
    }
    return cudaSuccess;
}

cudaError_t submit(cudaStream_t stream, Work work)
{
    if (!is_valid(stream))
        return cudaErrorInvalidResourceHandle;
    if (is_capturing(stream)) {
        if (stream->capture == cudaStreamCaptureStatusInvalidated)
            return cudaErrorStreamCaptureInvalidated;
        stream->graph->nodes.push_back(std::move(work));
        return cudaSuccess;
    }
    cudaError_t error = is_legacy(stream) ? forbid_legacy_in_capture() : cudaSuccess;
    if (error != cudaSuccess)
        return error;
    queue.push_back(std::move(work));
    if (device().eager || queue.size() > longest_queue)
        return drain_queue();
    return cudaSuccess;
}

cudaError_t drain_queue()
{
    while (!queue.empty() && !draining && device_error() == cudaSuccess) {
        Work work = std::move(queue.front());
        queue.pop_front();
        draining = true;
        work();
        draining = false;
    }
    if (device_error() != cudaSuccess)
        queue.clear();
    return device_error();
}

void drop_queue()
{
    queue.clear();
}

bool queue_is_empty()
{
    return queue.empty();
}

cudaError_t synchronise_host()
{
    cudaError_t error = forbid_in_capture();
    if (error != cudaSuccess)
        return error;
    counters.host_synchronisations++;
    return drain_queue();
}

} // namespace sim

using namespace sim;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    cudaError_t error = device_error();
    if (error != cudaSuccess)
        return done(error);
    *stream =
        new lyrnn_sim_stream{(flags & cudaStreamNonBlocking) == 0, cudaStreamCaptureStatusNone,
                             cudaStreamCaptureModeGlobal, nullptr};
    streams.insert(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
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
    if (error == cudaSuccess)
        error = is_valid(stream) ? synchronise_host() : cudaErrorInvalidResourceHandle;
    return done(error);
}

cudaError_t cudaDeviceSynchronize()
{
    cudaError_t error = device_error();
    return done(error == cudaSuccess ? synchronise_host() : error);
}

/* Queued work runs while a caller polls. */
cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess && !is_valid(stream))
        error = cudaErrorInvalidResourceHandle;
    if (error == cudaSuccess)
        error = forbid_in_capture();
    if (error != cudaSuccess || queue_is_empty())
        return done(error);
    error = drain_queue();
    return done(error == cudaSuccess ? cudaErrorNotReady : error);
}

/* One queue keeps the order anyway. */
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t, unsigned)
{
    return done(is_valid(stream) ? device_error() : cudaErrorInvalidResourceHandle);
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
    stream->capture = cudaStreamCaptureStatusActive;
    stream->mode = mode;
    stream->graph = std::make_unique<lyrnn_sim_graph>();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = nullptr;
    if (!is_capturing(stream))
        return done(cudaErrorStreamCaptureUnmatched);
    bool spoilt = stream->capture == cudaStreamCaptureStatusInvalidated;
    stream->capture = cudaStreamCaptureStatusNone;
    if (spoilt) {
        stream->graph.reset();
        return done(cudaErrorStreamCaptureInvalidated);
    }
    *graph = stream->graph.release();
    counters.captures++;
    return done(device_error());
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status)
{
    *status = is_capturing(stream) ? stream->capture : cudaStreamCaptureStatusNone;
    return done(is_valid(stream) ? device_error() : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
    *event = new lyrnn_sim_event{std::make_shared<lyrnn_sim_event_state>()};
    return done(device_error());
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return done(device_error());
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    cudaError_t error = device_error();
    if (error != cudaSuccess)
        return done(error);
    std::shared_ptr<lyrnn_sim_event_state> state = event->state;
    state->recorded = true;
    state->reached = false;
    state->captured = is_capturing(stream);
    return done(submit(stream, [state] {
        state->reached = true;
        state->time = std::chrono::steady_clock::now();
    }));
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    if (event->state->captured)
        return done(cudaErrorCapturedEvent);
    cudaError_t error = device_error();
    return done(error == cudaSuccess ? synchronise_host() : error);
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    if (event->state->captured)
        return done(cudaErrorCapturedEvent);
    return done(!event->state->recorded || event->state->reached ? device_error()
                                                                 : cudaStreamQuery(nullptr));
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    if (!start->state->recorded || !end->state->recorded)
        return done(cudaErrorInvalidResourceHandle);
    if (!start->state->reached || !end->state->reached)
        return done(cudaErrorNotReady);
    *ms = std::chrono::duration<float, std::milli>(end->state->time - start->state->time).count();
    return done(device_error());
}
