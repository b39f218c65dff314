/* Runs a backend's operations under watch. Every array on the device stands between guard bands of NaN,
 * outputs begin as NaN, and inputs must come back as they went in. The device is LYRNN_TEST_DEVICE's (cpu
 * where that is unset), reached through the seam's own memory operations alone. */
#ifndef OP_CHECK_H
#define OP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"

enum { OP_CHECK_MAX_ARRAYS = 64, OP_CHECK_MAX_HOST_ARRAYS = 256 };

typedef struct {
    unsigned char *memory;   /* device: guard, array, guard */
    unsigned char *original; /* host: what an input held; NULL where the operation may write */
    size_t bytes;            /* of the array */
} op_check_array;

typedef struct {
    lyrnn_backend backend;
    op_check_array arrays[OP_CHECK_MAX_ARRAYS];
    int num_arrays;
    void *host[OP_CHECK_MAX_HOST_ARRAYS];
    int num_host;
} op_check;

/* The device that tests run on. Where it cannot be had, ends the program with 77, which says skipped. */
const char *test_device(void);
void open_test_backend(lyrnn_backend *backend, int num_threads);

/* cmocka's group fixtures: *state is an op_check with an open backend. */
int op_check_setup(void **state);
int op_check_teardown(void **state);

/* Takes the state that a test was given and frees what an earlier test or case left. */
op_check *op_check_begin(void **state);

/* Host arrays, which live until the next begin. */
double *op_check_doubles(op_check *check, int count); /* zero */
float *op_check_floats(op_check *check, int count);   /* zero */
float *op_check_random(op_check *check, int count, double bound, uint64_t seed);
int32_t *op_check_ids(op_check *check, int count, int V, uint64_t seed);
double *op_check_widen(op_check *check, const float *values, int count);
void op_check_add(double *sums, const float *values, int count);

/* Device arrays, which live as long. */
const void *op_check_input(op_check *check, const void *host, size_t bytes);
void *op_check_in_out(op_check *check, const void *host, size_t bytes);
void *op_check_output(op_check *check, size_t bytes);
const float *op_check_input_floats(op_check *check, const float *host, int count);
float *op_check_in_out_floats(op_check *check, const float *host, int count);
/* weight (num,N,K) as the device packs it. */
const float *op_check_input_packed(op_check *check, const float *weight, int num, int N, int K);
float *op_check_output_floats(op_check *check, int count);
/* What is added to start; NULL: an output. */
float *op_check_sums(op_check *check, const float *start, int count);
lyrnn_counters *op_check_counters(op_check *check, lyrnn_counters counters);

/* A host copy. Checks everything that op_check_intact does first. */
float *op_check_fetch(op_check *check, const float *device, int count);
lyrnn_counters op_check_fetch_counters(op_check *check, const lyrnn_counters *device);

/* Whether every guard band and every input is as it was. */
bool op_check_intact(op_check *check);

#endif
