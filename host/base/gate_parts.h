/* Where the recurrent projection W_hh h + b_hh of each gate is stored; the backward pass finds its
 * gradient in the same places. It is added to the input projection in `gates`. Only gru's gate n
 * has a place of its own, because n = tanh(W_in x + b_in + r * (W_hn h + b_hn)) needs the second
 * sum by itself. */
#ifndef LYRNN_GATE_PARTS_H
#define LYRNN_GATE_PARTS_H

#include "lyrnn/cell.h"

enum { LYRNN_MAX_GATE_PARTS = 2 };

/* One place: the outputs of rows [first, first + num) of W_hh. */
typedef struct {
    int first, num;
    float *rows; /* (T,B,num), stride floats apart */
    int stride;
} lyrnn_gate_part;

/* Lists the parts in gates (T,B,G*H) and, for gru, saved (T,B,H); or in the gradients of both.
 * Returns the number of parts. */
static inline int lyrnn_gate_parts(lyrnn_cell cell, int H, float *gates, float *saved,
                                   lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS])
{
    int all = lyrnn_num_gates(cell) * H;
    const lyrnn_gate_part whole = {0, all, gates, all};
    const lyrnn_gate_part r_and_z = {0, 2 * H, gates, all}, n = {2 * H, H, saved, H};
    parts[0] = cell == LYRNN_GRU ? r_and_z : whole;
    parts[1] = n;
    return cell == LYRNN_GRU ? 2 : 1;
}

#endif
