/* The table of cells. The CUDA module compiles this file too, so it uses nothing but status.h. */
#include "lyrnn/cell.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    int num_gates;
} cells[] = {
    [LYRNN_RNN_TANH] = {"rnn_tanh", 1},
    [LYRNN_RNN_RELU] = {"rnn_relu", 1},
    [LYRNN_LSTM] = {"lstm", 4},
    [LYRNN_GRU] = {"gru", 3},
};
enum { NUM_CELLS = sizeof cells / sizeof cells[0] };

#define CELL_NAMES "rnn_tanh, rnn_relu, lstm or gru"

const char *lyrnn_cell_name(lyrnn_cell cell)
{
    LYRNN_CHECK((size_t)cell < NUM_CELLS);
    return cells[cell].name;
}

int lyrnn_num_gates(lyrnn_cell cell)
{
    LYRNN_CHECK((size_t)cell < NUM_CELLS);
    return cells[cell].num_gates;
}

lyrnn_status lyrnn_cell_parse(const char *name, lyrnn_cell *cell)
{
    for (size_t i = 0; i < NUM_CELLS; i++) {
        if (strcmp(name, cells[i].name) == 0) {
            *cell = (lyrnn_cell)i;
            return LYRNN_OK;
        }
    }
    /* The text does not repeat the name, which may come from a model file and be anything. */
    return lyrnn_fail(LYRNN_ERR_USAGE, "--cell: there is no cell of that name; use " CELL_NAMES);
}

lyrnn_status lyrnn_cell_check(lyrnn_cell cell)
{
    if ((size_t)cell < NUM_CELLS)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_USAGE, "--cell: no cell has number %d; use " CELL_NAMES, (int)cell);
}
