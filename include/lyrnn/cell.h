/* The recurrent cells, by the names of the command line and of model files.
 *
 * A cell has G gates. Its weights weight_ih and weight_hh have G * H rows, as in PyTorch. */
#ifndef LYRNN_CELL_H
#define LYRNN_CELL_H

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU } lyrnn_cell;

/* "rnn_tanh", "rnn_relu", "lstm" or "gru". */
const char *lyrnn_cell_name(lyrnn_cell cell);

/* Finds the cell of that name. LYRNN_ERR_USAGE when there is none. */
lyrnn_status lyrnn_cell_parse(const char *name, lyrnn_cell *cell);

/* LYRNN_ERR_USAGE for a value that is no lyrnn_cell. */
lyrnn_status lyrnn_cell_check(lyrnn_cell cell);

/* G, the number of gates: 1 for rnn_tanh and rnn_relu, 4 for lstm (i, f, g, o), 3 for gru
 * (r, z, n). */
int lyrnn_num_gates(lyrnn_cell cell);

#ifdef __cplusplus
}
#endif
#endif
