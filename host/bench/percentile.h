/* Percentiles. Between two values they are interpolated linearly, as numpy.percentile does. */
#ifndef LYRNN_PERCENTILE_H
#define LYRNN_PERCENTILE_H

#include <stddef.h>

/* Returns the value below which this share (0 to 1) of the values lies; 0.5 gives the median.
 * num is at least 1. Sorts the values in place. */
double lyrnn_percentile(double *values, size_t num, double share);

#endif
