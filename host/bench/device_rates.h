/* Four rates that say what a device can do at best. Each is the median of several calls through the
 * seam. bench_run.c estimates from them the time of each operation. */
#ifndef LYRNN_DEVICE_RATES_H
#define LYRNN_DEVICE_RATES_H

#include "lyrnn/backend.h"

typedef struct {
    /* Matrix products: linear_backward on square matrices. Their size doubles from 256 until one
     * product takes 5 ms, up to 8192. */
    double flop_per_second;
    /* copy_rows from one buffer to another, bytes read plus bytes written. The buffers double from
     * 16 MiB until one copy takes 5 ms, up to 512 MiB. */
    double bytes_per_second;
    /* The bare time step: what each further time step adds to a recurrence of the same cell with
     * B = 1 and H = 8. It does almost no work, so this is the latency from one step to the next. */
    double step_seconds;
    /* The bare call: zeroing one number and waiting for it. */
    double call_seconds;
} lyrnn_device_rates;

/* Measures all four. LYRNN_ERR_MEMORY if even the smallest buffers do not fit. */
lyrnn_status lyrnn_measure_device_rates(lyrnn_backend *backend, lyrnn_cell cell,
                                        lyrnn_device_rates *rates);

#endif
