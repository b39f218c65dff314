/* Rank 0's clock decides how long the messages must be, so that all ranks send the same ones. */
#include "bench/link_rates.h"

#include <stdbool.h>

#include "base/clock.h"
#include "bench/percentile.h"
#include "bench/rank_outcome.h"
#include "model/device_memory.h"

static const double long_enough_seconds = 5e-3;

/* A message of `length` floats and room for what comes back. */
typedef struct {
    lyrnn_backend *backend;
    size_t length;
    float *values, *scratch;
} message;

/* Sends each other rank its piece, and receives as much. */
static void exchange_pieces(const message *m)
{
    lyrnn_comm *comm = m->backend->comm;
    (void)comm->exchange(comm, m->values, m->scratch,
                         m->length / (size_t)comm->size * sizeof(float));
}

void lyrnn_bench_all_reduce(lyrnn_backend *backend, const lyrnn_all_reduce_args *args)
{
    int lane = lyrnn_all_reduce_lane(backend->num_lanes);
    backend->lane_use(backend, lane);
    backend->lane_wait(backend, 0);
    backend->all_reduce(backend, args);
    backend->lane_use(backend, 0);
    backend->lane_wait(backend, lane);
}

static void sum_over_ranks(const message *m)
{
    const lyrnn_all_reduce_args args = {
        .length = m->length, .values = m->values, .scratch = m->scratch};
    lyrnn_bench_all_reduce(m->backend, &args);
    m->backend->synchronize(m->backend);
}

/* Sets *seconds to the median of a few sends, by rank 0's clock. The first does not count. Failures
 * stay in comm. */
static lyrnn_status time_message(const message *m, void (*send)(const message *), double *seconds)
{
    enum { REPETITIONS = 9 };
    lyrnn_comm *comm = m->backend->comm;
    double times[REPETITIONS];
    for (int i = -1; i < REPETITIONS; i++) {
        double start = lyrnn_seconds();
        send(m);
        if (i >= 0)
            times[i] = lyrnn_seconds() - start;
    }
    LYRNN_TRY(comm->check(comm));
    *seconds = lyrnn_percentile(times, REPETITIONS, 0.5);
    return comm->broadcast(comm, seconds, sizeof *seconds);
}

static lyrnn_status allocate_message(message *m, size_t bytes)
{
    lyrnn_backend *backend = m->backend;
    m->length = lyrnn_all_reduce_length(bytes / sizeof(float), backend->comm->size);
    bytes = m->length * sizeof(float);
    void *memory = NULL;
    lyrnn_status status = lyrnn_device_alloc(backend, 2 * bytes, "the rate of the links",
                                             "end other programs that hold memory", &memory);
    m->values = (float *)memory;
    m->scratch = m->values + m->length;
    if (status == LYRNN_OK)
        backend->zero(backend, memory, 2 * bytes);
    return lyrnn_bench_agree(backend->comm, status);
}

static lyrnn_status time_bytes(lyrnn_backend *backend, size_t bytes, void (*send)(const message *),
                               double *seconds)
{
    message m = {.backend = backend};
    lyrnn_status status = allocate_message(&m, bytes);
    if (status == LYRNN_OK)
        status = time_message(&m, send, seconds);
    backend->memory_free(backend, m.values);
    return status;
}

lyrnn_status lyrnn_measure_link_rates(lyrnn_backend *backend, lyrnn_link_rates *rates)
{
    const size_t few = 64, smallest = (size_t)1 << 20, largest = (size_t)256 << 20;
    bool exchanges = backend->shares_host_memory;
    double size = backend->comm->size, times = exchanges ? 1 : 2, seconds = 0;
    LYRNN_TRY(time_bytes(backend, few, sum_over_ranks, &rates->latency_seconds));
    for (size_t bytes = smallest; bytes <= largest && seconds < long_enough_seconds; bytes *= 2) {
        LYRNN_TRY(
            time_bytes(backend, bytes, exchanges ? exchange_pieces : sum_over_ranks, &seconds));
        rates->bytes_per_second = times * (size - 1) / size * (double)bytes / seconds;
    }
    return LYRNN_OK;
}
