/* One call of NCCL: an all-gather, a send or receive, or a group of them. Ranks compare their calls
 * by number, and each keeps the last ones of all ranks for reports. */
#ifndef LYRNN_FAKE_NCCL_CALL_H
#define LYRNN_FAKE_NCCL_CALL_H

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "lyrnn_sim_library.h"
#include "nccl.h"

namespace fake
{

enum class Kind : int32_t { send, receive, all_gather };

/* What one function was called with. */
struct Part {
    Kind kind;
    int32_t peer; /* of an all-gather: -1 */
    uint64_t count;
    int32_t type; /* an ncclDataType_t */
    const char *from;
    char *to;

    size_t bytes() const; /* that one rank sends */
};

struct Call {
    bool is_captured;
    std::vector<Part> parts;

    std::string text() const;
};

/* The last calls of a rank. */
struct History {
    uint64_t num_calls = 0;
    std::deque<std::string> last = {};

    void add(const Call &call);
    std::string text(int rank) const;
};

/* A defect in calls, or LYRNN_SIM_NO_DEFECT. */
struct Accusation {
    lyrnn_sim_defect defect;
    std::string text;
};

/* Whether the buffers are device memory and do not overlap, for a rank of `size`. */
Accusation check_buffers(const Call &call, int rank, int size);
/* Whether all that the call sends has been written. */
Accusation check_written(const Call &call);
/* Whether the calls of two ranks match. */
Accusation compare(const Call &mine, int rank, const Call &theirs, int peer);

} // namespace fake

#endif
