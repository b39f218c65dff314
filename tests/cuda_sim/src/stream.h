/* What an event remembers about a stream, and how another stream waits for it. */
#ifndef LYRNN_SIM_STREAM_H
#define LYRNN_SIM_STREAM_H

#include <memory>

#include "queue.h"

namespace sim
{

/* A capture in progress: recorded by the stream that began it and by streams that waited for its
 * events. */
struct Capture {
    cudaStream_t origin;
    cudaStreamCaptureMode mode;
    bool is_spoiled, has_ended;
    std::vector<Node> nodes;
};

/* All work of a stream so far: places in the queue, or in the capture. */
struct EventMark {
    Frontier frontier;
    std::shared_ptr<Capture> capture;
};

/* Returns the mark of a stream for all its work so far. */
EventMark mark_of(cudaStream_t stream);
/* The stream's next work waits for the mark. If the mark belongs to a capture, the stream joins
 * that capture. */
cudaError_t wait_for(cudaStream_t stream, const EventMark &mark);

} // namespace sim

#endif
