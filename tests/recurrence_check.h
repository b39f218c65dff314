/* One run of a recurrence operation under watch, from host arrays to host arrays; for the tests that ask
 * what a backend's recurrence must keep to. */
#ifndef RECURRENCE_CHECK_H
#define RECURRENCE_CHECK_H

#include "op_check.h"
#include "oracle.h"

/* A layer's arrays on the host. Rows of h and doutput are h_stride floats apart, the layer's own H at
 * column. */
typedef struct {
    oracle_recurrence shape;
    int column;
    float *gates_x; /* (T,B,H) */
    float *w_hh;    /* (H,H) */
    float *b_hh;    /* (H) */
    float *h;       /* (T+1,B,h_stride) */
    float *doutput; /* (T,B,h_stride) */
    float *dh;      /* (B,H) */
} recurrence_case;

/* Floats of h and of doutput. */
int recurrence_h_count(const recurrence_case *layer);
int recurrence_doutput_count(const recurrence_case *layer);

/* Random inputs: weights at PyTorch's bound, so that long sequences stay lively and stable. NaN stands in
 * h wherever the operation has to write, and in doutput's other columns. */
recurrence_case recurrence_case_new(op_check *check, oracle_recurrence shape, int column,
                                    uint64_t seed);

/* Returns h (T+1,B,h_stride) as the backend left it. */
float *recurrence_run_forward(op_check *check, const recurrence_case *layer);

typedef struct {
    float *dh, *dgates_x, *dw_hh, *db_hh;
} recurrence_grads;

/* layer->h must be a forward pass's. */
recurrence_grads recurrence_run_backward(op_check *check, const recurrence_case *layer);

/* The same by the oracle, with stride H. */
typedef struct {
    double *h, *dh, *dgates_x, *dw_hh, *db_hh;
} recurrence_expected;

double *recurrence_expect_forward(op_check *check, const recurrence_case *layer);
/* From the same h as the backend's, so that a relu on its edge cannot fall to different sides. */
recurrence_expected recurrence_expect_backward(op_check *check, const recurrence_case *layer);

#endif
