/* The minimum work of an operation of the seam, counted from the shapes in its arguments: FLOPs,
 * bytes, and time steps that must follow one another. This is the model that estimates come from.
 *
 * The list has all compute operations of the seam and the two memory operations that a step uses.
 * The linear operations of the output layer have names of their own, so that the bench reports them
 * separately. */
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
    double flop; /* a multiplication, an addition, a comparison or a call such as exp counts as 1 */
    double bytes;  /* each array is read once and written once, as if caches had room for all */
    double steps;  /* time steps of a recurrence: each one needs the result of the one before */
    double summed; /* bytes that the ranks sum; not among those above, which stay on the device */
} lyrnn_op_cost;

/* For example "linear_forward". */
const char *lyrnn_operation_name(lyrnn_operation operation);

/* args points to the operation's struct of arguments. For copy_rows and zero it points to the
 * number of bytes, a size_t. */
lyrnn_op_cost lyrnn_op_cost_of(lyrnn_operation operation, const void *args);

#endif
