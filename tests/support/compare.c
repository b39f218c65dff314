/* See compare.h. Every comparison fails unless the error is within the tolerance, so a NaN cannot
 * pass. */
#include "compare.h"

#include <math.h>
#include <string.h>

typedef struct {
    double largest_difference, largest_expected;
    double squared_difference, squared_expected;
} error_sums;

static void error_add(error_sums *sums, double actual, double expected)
{
    double difference = fabs(actual - expected);
    if (!isfinite(difference) || !isfinite(expected))
        difference = INFINITY;
    sums->largest_difference = fmax(sums->largest_difference, difference);
    sums->largest_expected = fmax(sums->largest_expected, fabs(expected));
    sums->squared_difference += difference * difference;
    sums->squared_expected += expected * expected;
}

static compare_error error_of(const error_sums *sums)
{
    compare_error error = {0, 0};
    if (sums->largest_difference == 0)
        return error;
    if (!isfinite(sums->largest_difference) || sums->largest_expected == 0)
        return (compare_error){INFINITY, INFINITY};
    error.max = sums->largest_difference / sums->largest_expected;
    error.nmse = sums->squared_difference / sums->squared_expected;
    return error;
}

compare_error compare_doubles(const double *actual, const double *expected, size_t count)
{
    error_sums sums = {0, 0, 0, 0};
    for (size_t i = 0; i < count; i++)
        error_add(&sums, actual[i], expected[i]);
    return error_of(&sums);
}

compare_error compare_floats(const float *actual, const double *expected, size_t count)
{
    error_sums sums = {0, 0, 0, 0};
    for (size_t i = 0; i < count; i++)
        error_add(&sums, (double)actual[i], expected[i]);
    return error_of(&sums);
}

static void report(const char *what, compare_error error, double tolerance)
{
    print_message("    %-44s error %.1e  nmse %.1e\n", what, error.max, error.nmse);
    if (!(error.max <= tolerance))
        fail_msg("%s: error %g, tolerance %g (nmse %g)", what, error.max, tolerance, error.nmse);
}

void assert_doubles_near(const char *what, const double *actual, const double *expected,
                         size_t count, double tolerance)
{
    report(what, compare_doubles(actual, expected, count), tolerance);
}

void assert_near(const char *what, const float *actual, const double *expected, size_t count,
                 double tolerance)
{
    report(what, compare_floats(actual, expected, count), tolerance);
}

void assert_number_near(const char *what, double actual, double expected, double tolerance)
{
    compare_error error = compare_doubles(&actual, &expected, 1);
    if (!(error.max <= tolerance))
        fail_msg("%s: %.17g, expected %.17g within %g", what, actual, expected, tolerance);
}

void assert_same_bits(const char *what, const void *actual, const void *expected, size_t bytes)
{
    const unsigned char *a = actual, *e = expected;
    for (size_t i = 0; i < bytes; i++)
        if (a[i] != e[i])
            fail_msg("%s: differs from byte %zu of %zu", what, i, bytes);
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t random_bits(uint64_t seed, uint64_t position)
{
    return mix(mix(seed + UINT64_C(0x9e3779b97f4a7c15)) + position * UINT64_C(0x9e3779b97f4a7c15));
}

double random_number(uint64_t seed, uint64_t position, double bound)
{
    double unit = (double)(random_bits(seed, position) >> 11) * 0x1p-53;
    return (2 * unit - 1) * bound;
}

int32_t random_id(uint64_t seed, uint64_t position, int below)
{
    return (int32_t)(random_bits(seed, position) % (uint64_t)below);
}
