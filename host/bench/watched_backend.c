/* Copies the inner backend's table of operations and replaces some of them with measuring ones.
 * These find their struct by their first argument. Operations that are not replaced run on the
 * copy, which points to the same state as the inner backend. */
#include "bench/watched_backend.h"

#include <string.h>

#include "base/clock.h"
#include "bench/link_rates.h"

static lyrnn_watched_backend *watched_of(lyrnn_backend *self)
{
    return (lyrnn_watched_backend *)self;
}

static double start_timer(lyrnn_watched_backend *watched)
{
    watched->inner->synchronize(watched->inner);
    return lyrnn_seconds();
}

static void stop_timer(lyrnn_watched_backend *watched, lyrnn_operation operation, const void *args,
                       double start)
{
    watched->inner->synchronize(watched->inner);
    lyrnn_op_tally *tally = &watched->tallies[operation];
    lyrnn_op_cost cost = lyrnn_op_cost_of(operation, args);
    tally->seconds += lyrnn_seconds() - start;
    tally->calls += 1;
    tally->cost.flop += cost.flop;
    tally->cost.bytes += cost.bytes;
    tally->cost.steps += cost.steps;
    tally->cost.summed += cost.summed;
}

/* Returns the operation's name for the output layer if it works on the logits. */
static lyrnn_operation operation_or_output(const lyrnn_watched_backend *watched,
                                           lyrnn_operation operation, const void *args)
{
    const float *rows = NULL;
    lyrnn_operation of_output = operation;
    if (operation == LYRNN_OP_linear_forward) {
        rows = ((const lyrnn_linear_forward_args *)args)->y;
        of_output = LYRNN_OP_linear_forward_output;
    } else if (operation == LYRNN_OP_linear_backward) {
        rows = ((const lyrnn_linear_backward_args *)args)->dy;
        of_output = LYRNN_OP_linear_backward_output;
    } else if (operation == LYRNN_OP_linear_backward_weights) {
        rows = ((const lyrnn_linear_backward_weights_args *)args)->dy;
        of_output = LYRNN_OP_linear_backward_weights_output;
    }
    return rows != NULL && rows == watched->logits ? of_output : operation;
}

#define LYRNN_MEMBER(name)                                                                         \
    static void timed_##name(lyrnn_backend *self, const lyrnn_##name##_args *args)                 \
    {                                                                                              \
        lyrnn_watched_backend *watched = watched_of(self);                                         \
        double start = start_timer(watched);                                                       \
        watched->inner->name(watched->inner, args);                                                \
        stop_timer(watched, operation_or_output(watched, LYRNN_OP_##name, args), args, start);     \
    }
LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER

/* The inner backend sums in the lane in which its trainer does, timed or not. */
static void timed_all_reduce_in_its_lane(lyrnn_backend *self, const lyrnn_all_reduce_args *args)
{
    lyrnn_watched_backend *watched = watched_of(self);
    double start = start_timer(watched);
    lyrnn_bench_all_reduce(watched->inner, args);
    stop_timer(watched, LYRNN_OP_all_reduce, args, start);
}

static void timed_copy_rows(lyrnn_backend *self, void *to, size_t to_stride, const void *from,
                            size_t from_stride, size_t num_bytes, size_t num_rows)
{
    lyrnn_watched_backend *watched = watched_of(self);
    size_t all_bytes = num_bytes * num_rows;
    double start = start_timer(watched);
    watched->inner->copy_rows(watched->inner, to, to_stride, from, from_stride, num_bytes,
                              num_rows);
    stop_timer(watched, LYRNN_OP_copy_rows, &all_bytes, start);
}

static void timed_zero(lyrnn_backend *self, void *memory, size_t bytes)
{
    lyrnn_watched_backend *watched = watched_of(self);
    double start = start_timer(watched);
    watched->inner->zero(watched->inner, memory, bytes);
    stop_timer(watched, LYRNN_OP_zero, &bytes, start);
}

static void check_lane_zero(lyrnn_backend *self, int lane)
{
    (void)self;
    LYRNN_CHECK(lane == 0);
}

/* Runs the body each time. A replay of a recorded step would bypass the timed operations. */
static void run_step_unrecorded(lyrnn_backend *self, void (*body)(void *), void *context)
{
    (void)self;
    body(context);
}

static lyrnn_status counted_memory_alloc(lyrnn_backend *self, size_t bytes, void **memory)
{
    lyrnn_watched_backend *watched = watched_of(self);
    LYRNN_TRY(watched->inner->memory_alloc(watched->inner, bytes, memory));
    watched->num_bytes += bytes;
    return LYRNN_OK;
}

void lyrnn_watch(lyrnn_watched_backend *watched, lyrnn_backend *inner, bool time_operations)
{
    memset(watched, 0, sizeof *watched);
    watched->inner = inner;
    watched->backend = *inner;
    watched->backend.memory_alloc = counted_memory_alloc;
    if (!time_operations)
        return;
    watched->backend.num_lanes = 1;
    watched->backend.lane_use = check_lane_zero;
    watched->backend.lane_wait = check_lane_zero;
    watched->backend.run_step = run_step_unrecorded;
    watched->backend.copy_rows = timed_copy_rows;
    watched->backend.zero = timed_zero;
#define LYRNN_MEMBER(name) watched->backend.name = timed_##name;
    LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
    watched->backend.all_reduce = timed_all_reduce_in_its_lane;
}

void lyrnn_watched_reset(lyrnn_watched_backend *watched)
{
    memset(watched->tallies, 0, sizeof watched->tallies);
}
