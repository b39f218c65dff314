/* Events: marks in a stream, and the time at which the device reached them. */
#include <chrono>
#include <memory>

#include "device.h"
#include "stream.h"

struct lyrnn_sim_event_state {
    bool recorded, reached;
    std::chrono::steady_clock::time_point time;
    sim::EventMark mark;
};
struct lyrnn_sim_event {
    std::shared_ptr<lyrnn_sim_event_state> state;
};

using namespace sim;

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
    /* Waits that were queued earlier keep waiting for the earlier mark. */
    auto state = event->state = std::make_shared<lyrnn_sim_event_state>();
    state->recorded = true;
    if (!is_capturing(stream))
        error = submit(stream, [state] {
            state->reached = true;
            state->time = std::chrono::steady_clock::now();
        });
    state->mark = mark_of(stream);
    return done(error);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    cudaError_t error = device_error();
    if (error != cudaSuccess || !event->state->recorded)
        return done(error);
    return done(wait_for(stream, event->state->mark));
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    if (event->state->mark.capture != nullptr)
        return done(cudaErrorCapturedEvent);
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = forbid_in_capture();
    if (error != cudaSuccess)
        return done(error);
    counters.event_waits += event->state->recorded && !event->state->reached;
    return done(run_queue(event->state->mark.frontier, __func__));
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    if (event->state->mark.capture != nullptr)
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
