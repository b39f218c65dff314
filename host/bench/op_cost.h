/* What an operation of the seam costs at least, by its shapes alone: the bench's model of a step.
 *
 * Operations are numbered here. Beside the seam's own these are the two device operations that a step uses,
 * and under names of their own the linear operations of the output layer. */
#ifndef LYRNN_OP_COST_H
#define LYRNN_OP_COST_H

#include "lyrnn/backend.h"

#define LYRNN_COSTED_OPERATIONS(X)                                                                 \
    LYRNN_COMPUTE_OPERATIONS(X)                                                                    \
    X(linear_forward_output)                                                                       \
    X(linear_backward_output)                                                                      \
    X(linear_backward_weights_output)                                                              \
    X(copy_rows)                                                                                   \
    X(zero)

#define LYRNN_MEMBER(name) LYRNN_OP_##name,
typedef enum { LYRNN_COSTED_OPERATIONS(LYRNN_MEMBER) LYRNN_NUM_OPERATIONS } lyrnn_operation;
#undef LYRNN_MEMBER

typedef struct {
    double flop;  /* a multiplication, an addition, a comparison or a function such as exp is one */
    double bytes; /* each array read and written once, were there cache enough for all of it */
    double steps; /* that must follow one another, each waiting for the one before */
} lyrnn_op_cost;

/* "linear_forward" */
const char *lyrnn_operation_name(lyrnn_operation operation);

/* args is the operation's struct of arguments, of copy_rows and zero the number of bytes, a size_t. */
lyrnn_op_cost lyrnn_op_cost_of(lyrnn_operation operation, const void *args);

#endif
