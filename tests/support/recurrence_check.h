/* Runs one recurrence operation between guarded arrays, from host arrays to host arrays. For the
 * tests of a backend's recurrence. */
#ifndef RECURRENCE_CHECK_H
#define RECURRENCE_CHECK_H

#include "op_check.h"
#include "oracle.h"

/* A layer's arrays on the host. The rows of h, c and doutput are h_stride floats apart; the layer's
 * own H floats start at `column`. */
typedef struct {
    oracle_recurrence shape;
    int column;
    bool batch_invariant;
    float *gates_x; /* (T,B,G*H) */
    float *w_hh;    /* (G*H,H) */
    float *b_hh;    /* (G*H) */
    float *h;       /* (T+1,B,h_stride) */
    /* (T+1,B,h_stride) lstm only, else NULL. The same holds for dc. */
    float *c;
    float *doutput; /* (T,B,h_stride) */
    float *dh, *dc; /* (B,H) */
} recurrence_case;

/* Return the number of floats in h and c, in doutput, and in the gates. */
int recurrence_h_count(const recurrence_case *layer);
int recurrence_doutput_count(const recurrence_case *layer);
int recurrence_gates_count(const recurrence_case *layer);

/* Makes random inputs. The weights have PyTorch's bound, so that states in long sequences neither
 * vanish nor explode. h and c are NaN where the operation has to write, and doutput is NaN in the
 * other columns. */
recurrence_case recurrence_case_new(op_check *check, oracle_recurrence shape, int column,
                                    uint64_t seed);

/* The results of forward. */
typedef struct {
    float *h, *c; /* (T+1,B,h_stride) */
    /* (T,B,G*H) and (T,B,H), for backward. */
    float *gates, *saved;
} recurrence_states;

recurrence_states recurrence_run_forward(op_check *check, const recurrence_case *layer);

typedef struct {
    float *dh, *dc, *dgates_x, *dsaved, *dw_hh, *db_hh, *db_ih;
} recurrence_grads;

/* Runs both operations of backward, with the states that forward left. */
recurrence_grads recurrence_run_backward(op_check *check, const recurrence_case *layer,
                                         const recurrence_states *states);

/* Computes dw_hh, db_hh and db_ih of the time steps [first, end), or adds them to those in
 * grads. */
void recurrence_run_backward_weights(op_check *check, const recurrence_case *layer,
                                     const recurrence_states *states, recurrence_grads *grads,
                                     int first, int end, bool add);

/* The oracle's results: h and c have the layer's stride. */
typedef struct {
    double *h, *c;
} recurrence_expected_states;
recurrence_expected_states recurrence_expect_forward(op_check *check, const recurrence_case *layer);
/* Starts from the same h and c as the backend, so that a relu at its kink cannot have different
 * signs. */
oracle_recurrence_grads recurrence_expect_backward(op_check *check, const recurrence_case *layer,
                                                   const recurrence_states *states);

#endif
