/* One run of a recurrence operation under watch, from host arrays to host arrays; for the tests that ask
 * what a backend's recurrence must keep to. */
#ifndef RECURRENCE_CHECK_H
#define RECURRENCE_CHECK_H

#include "op_check.h"
#include "oracle.h"

/* A layer's arrays on the host. Rows of h, c and doutput are h_stride floats apart, the layer's own H at
 * column. */
typedef struct {
    oracle_recurrence shape;
    int column;
    bool batch_invariant;
    float *gates_x; /* (T,B,G*H) */
    float *w_hh;    /* (G*H,H) */
    float *b_hh;    /* (G*H) */
    float *h;       /* (T+1,B,h_stride) */
    float *c;       /* (T+1,B,h_stride) lstm, else NULL, as is dc */
    float *doutput; /* (T,B,h_stride) */
    float *dh, *dc; /* (B,H) */
} recurrence_case;

/* Floats of h and c, of doutput, and of gates. */
int recurrence_h_count(const recurrence_case *layer);
int recurrence_doutput_count(const recurrence_case *layer);
int recurrence_gates_count(const recurrence_case *layer);

/* Random inputs: weights at PyTorch's bound, so that long sequences stay lively and stable. NaN stands in
 * h and c wherever the operation has to write, and in doutput's other columns. */
recurrence_case recurrence_case_new(op_check *check, oracle_recurrence shape, int column,
                                    uint64_t seed);

/* What forward leaves. */
typedef struct {
    float *h, *c;         /* (T+1,B,h_stride) */
    float *gates, *saved; /* (T,B,G*H), (T,B,H) for backward */
} recurrence_states;

recurrence_states recurrence_run_forward(op_check *check, const recurrence_case *layer);

typedef struct {
    float *dh, *dc, *dgates_x, *dsaved, *dw_hh, *db_hh;
} recurrence_grads;

/* Through the states that forward left; both operations of backward. */
recurrence_grads recurrence_run_backward(op_check *check, const recurrence_case *layer,
                                         const recurrence_states *states);

/* dw_hh and db_hh of time steps [first, end) alone, or added to those that grads hold. */
void recurrence_run_backward_weights(op_check *check, const recurrence_case *layer,
                                     const recurrence_states *states, recurrence_grads *grads,
                                     int first, int end, bool add);

/* The same by the oracle: h and c forward, with the layer's stride. */
typedef struct {
    double *h, *c;
} recurrence_expected_states;
recurrence_expected_states recurrence_expect_forward(op_check *check, const recurrence_case *layer);
/* From the same h and c as the backend's, so that a relu on its edge cannot fall to different sides. */
oracle_recurrence_grads recurrence_expect_backward(op_check *check, const recurrence_case *layer,
                                                   const recurrence_states *states);

#endif
