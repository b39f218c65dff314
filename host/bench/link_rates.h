/* How fast the links between ranks are at best. bench_run.c compares all_reduce with it. */
#ifndef LYRNN_LINK_RATES_H
#define LYRNN_LINK_RATES_H

#include "lyrnn/backend.h"

typedef struct {
    /* What a rank sends to all others, while it receives as much. The messages double from 1 MiB
     * until one exchange takes 5 ms, up to 256 MiB. */
    double bytes_per_second;
    /* The time of an all_reduce of a few bytes. */
    double latency_seconds;
} lyrnn_link_rates;

/* all_reduce in the lane of all sums over ranks. Lane 0 is in use before and after. */
void lyrnn_bench_all_reduce(lyrnn_backend *backend, const lyrnn_all_reduce_args *args);

/* Measures both the way that gradients go: the exchange of the ranks where the backend computes in
 * host memory, and the backend's own all_reduce elsewhere. Collective; the backend has joined
 * ranks. LYRNN_ERR_MEMORY, LYRNN_ERR_RANK. */
lyrnn_status lyrnn_measure_link_rates(lyrnn_backend *backend, lyrnn_link_rates *rates);

#endif
