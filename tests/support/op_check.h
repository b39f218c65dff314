/* Runs a backend's operations and checks their memory accesses. On the device, every array is
 * between guard bands of NaN, outputs start as NaN, and inputs must not change. The device is
 * LYRNN_TEST_DEVICE (cpu if it is unset); only the seam's memory operations access it. */
#ifndef OP_CHECK_H
#define OP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"

enum { OP_CHECK_MAX_ARRAYS = 64, OP_CHECK_MAX_HOST_ARRAYS = 256 };

typedef struct {
    unsigned char *memory; /* device: guard, array, guard */
    /* A host copy of an input. NULL for an array that the operation may write. */
    unsigned char *original;
    size_t bytes; /* size of the array */
} op_check_array;

typedef struct {
    lyrnn_backend backend;
    op_check_array arrays[OP_CHECK_MAX_ARRAYS];
    int num_arrays;
    void *host[OP_CHECK_MAX_HOST_ARRAYS];
    int num_host;
} op_check;

/* Returns the device that tests run on. If it is not available, ends the program with status 77,
 * which CTest reports as skipped. */
const char *test_device(void);
void open_test_backend(lyrnn_backend *backend, int num_threads);

/* Fixtures for a cmocka group: *state is an op_check with an open backend. */
int op_check_setup(void **state);
int op_check_teardown(void **state);

/* Returns the test's op_check. Frees what an earlier test or case left in it. */
op_check *op_check_begin(void **state);

/* Host arrays of zeros or of random numbers. They live until the next op_check_begin. */
double *op_check_doubles(op_check *check, int count); /* zero */
float *op_check_floats(op_check *check, int count);   /* zero */
float *op_check_random(op_check *check, int count, double bound, uint64_t seed);
int32_t *op_check_ids(op_check *check, int count, int V, uint64_t seed);
double *op_check_widen(op_check *check, const float *values, int count);
void op_check_add(double *sums, const float *values, int count);

/* Device arrays. They live as long as the host arrays. */
const void *op_check_input(op_check *check, const void *host, size_t bytes);
void *op_check_in_out(op_check *check, const void *host, size_t bytes);
void *op_check_output(op_check *check, size_t bytes);
const float *op_check_input_floats(op_check *check, const float *host, int count);
float *op_check_in_out_floats(op_check *check, const float *host, int count);
/* weight (num,N,K), packed by the device. */
const float *op_check_input_packed(op_check *check, const float *weight, int num, int N, int K);
float *op_check_output_floats(op_check *check, int count);
/* An array that the operation adds to. It starts as `start`, or as an output if that is NULL. */
float *op_check_sums(op_check *check, const float *start, int count);
lyrnn_counters *op_check_counters(op_check *check, lyrnn_counters counters);

/* Rows (rows,cols) that begin stride floats apart on the device. In and out with host NULL, they
 * are an output. Fetching them also checks that the gaps between them are unchanged NaNs. */
const float *op_check_input_rows(op_check *check, const float *host, int rows, int cols,
                                 int stride);
float *op_check_in_out_rows(op_check *check, const float *host, int rows, int cols, int stride);
float *op_check_fetch_rows(op_check *check, const float *device, int rows, int cols, int stride);

/* Returns a host copy, after all checks of op_check_intact. */
float *op_check_fetch(op_check *check, const float *device, int count);
lyrnn_counters op_check_fetch_counters(op_check *check, const lyrnn_counters *device);

/* Returns whether every guard band and every input is unchanged. */
bool op_check_intact(op_check *check);

#endif
