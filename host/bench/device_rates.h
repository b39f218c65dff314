/* What a device can do at best, measured through the seam. */
#ifndef LYRNN_DEVICE_RATES_H
#define LYRNN_DEVICE_RATES_H

#include "bench/bench_run.h"

/* LYRNN_ERR_MEMORY where even the smallest buffers do not fit. */
lyrnn_status lyrnn_bench_measure_floors(lyrnn_backend *backend, lyrnn_cell cell,
                                        lyrnn_bench_floors *floors);

#endif
