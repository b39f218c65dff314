/* The value below which a share of some numbers lies, between two of them by linear interpolation (numpy's
 * percentile). */
#ifndef LYRNN_PERCENTILE_H
#define LYRNN_PERCENTILE_H

#include <stddef.h>

/* Of num >= 1 values, which it sorts; share from 0 to 1: 0.5 is the median. */
double lyrnn_percentile(double *values, size_t num, double share);

#endif
