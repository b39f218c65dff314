/* Where h' = W_hh h + b_hh of each gate is kept, and its gradient on the way back: beside the input projection,
 * to which it is added, but for gru's n, which needs it apart. */
#ifndef LYRNN_GATE_PARTS_H
#define LYRNN_GATE_PARTS_H

#include "lyrnn/cell.h"

enum { LYRNN_MAX_GATE_PARTS = 2 };

/* Rows [first, first + num) of W_hh. */
typedef struct {
    int first, num;
    float *rows; /* (T,B,num), stride floats apart */
    int stride;
} lyrnn_gate_part;

/* Of gates (T,B,G*H) and gru's saved (T,B,H), or of their gradients. Returns the number of parts. */
static inline int lyrnn_gate_parts(lyrnn_cell cell, int H, float *gates, float *saved,
                                   lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS])
{
    int all = lyrnn_num_gates(cell) * H;
    const lyrnn_gate_part whole = {0, all, gates, all};
    const lyrnn_gate_part beside = {0, 2 * H, gates, all}, apart = {2 * H, H, saved, H};
    parts[0] = cell == LYRNN_GRU ? beside : whole;
    parts[1] = apart;
    return cell == LYRNN_GRU ? 2 : 1;
}

#endif
