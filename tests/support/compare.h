/* How the numeric tests compare, and where their random numbers come from. Errors are normalized by the
 * largest expected value, so that one tolerance fits every shape; a NaN or an infinity on either side is
 * an infinite error, never a passed comparison. Includes cmocka with the headers that it asks for. */
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

/* Where everything expected is zero, anything else is an infinite error. */
compare_error compare_doubles(const double *actual, const double *expected, size_t count);
compare_error compare_floats(const float *actual, const double *expected, size_t count);

/* Prints the error as a line of the test's log and fails the test when its max is above tolerance. */
void assert_doubles_near(const char *what, const double *actual, const double *expected,
                         size_t count, double tolerance);
void assert_near(const char *what, const float *actual, const double *expected, size_t count,
                 double tolerance);
void assert_number_near(const char *what, double actual, double expected, double tolerance);

/* As bits: a NaN equals itself, and 0 differs from -0. */
void assert_same_bits(const char *what, const void *actual, const void *expected, size_t bytes);

/* A number in [-bound, bound) that depends on (seed, position) alone. */
double random_number(uint64_t seed, uint64_t position, double bound);
/* A number in [0, below). */
int32_t random_id(uint64_t seed, uint64_t position, int below);

#endif
