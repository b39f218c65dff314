/* Sorts the values and interpolates between the two that are nearest to the share. */
#include "bench/percentile.h"

#include <stdlib.h>

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double lyrnn_percentile(double *values, size_t num, double share)
{
    qsort(values, num, sizeof *values, compare_doubles);
    double place = share * (double)(num - 1);
    size_t below = (size_t)place;
    size_t above = below + 1 < num ? below + 1 : below;
    return values[below] + (place - (double)below) * (values[above] - values[below]);
}
