/* How the numeric tests compare results, and where their random numbers come from. Errors are
 * normalized by the largest expected value, so that one tolerance fits every shape. A NaN or an
 * infinity on either side is an infinite error and never passes. This header includes cmocka.h and
 * the headers that cmocka needs. */
#ifndef COMPARE_H
#define COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct {
    double max;  /* largest |actual - expected| over largest |expected| */
    double nmse; /* sum of (actual - expected)^2 over sum of expected^2 */
} compare_error;

/* If all expected values are zero, any other actual value is an infinite error. */
compare_error compare_doubles(const double *actual, const double *expected, size_t count);
compare_error compare_floats(const float *actual, const double *expected, size_t count);

/* Prints the error to the test's log. Fails the test if its max is above the tolerance. */
void assert_doubles_near(const char *what, const double *actual, const double *expected,
                         size_t count, double tolerance);
void assert_near(const char *what, const float *actual, const double *expected, size_t count,
                 double tolerance);
void assert_number_near(const char *what, double actual, double expected, double tolerance);

/* Compares the bits: a NaN equals itself, and 0 differs from -0. */
void assert_same_bits(const char *what, const void *actual, const void *expected, size_t bytes);

/* Returns a number in [-bound, bound) that depends only on seed and position. */
double random_number(uint64_t seed, uint64_t position, double bound);
/* Returns a number in [0, below). */
int32_t random_id(uint64_t seed, uint64_t position, int below);

#endif
