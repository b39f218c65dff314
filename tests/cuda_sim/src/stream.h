/* What an event takes from a stream, and how another stream waits for it. */
#ifndef LYRNN_SIM_STREAM_H
#define LYRNN_SIM_STREAM_H

#include <memory>

#include "queue.h"

namespace sim
{

/* Work that is being recorded, by the stream that began and by those that waited for its events. */
struct Capture {
    cudaStream_t origin;
    cudaStreamCaptureMode mode;
    bool is_spoilt, has_ended;
    std::vector<Node> nodes;
};

/* All that a stream was given before: places in the queue, or in the capture. */
struct EventMark {
    Frontier frontier;
    std::shared_ptr<Capture> capture;
};

/* The mark of a stream as it stands. */
EventMark mark_of(cudaStream_t stream);
/* The stream's next work waits for the mark. A stream outside the mark's capture joins it. */
cudaError_t wait_for(cudaStream_t stream, const EventMark &mark);

} // namespace sim

#endif
