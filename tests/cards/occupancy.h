/* The answer of the toolkit's calculator (cuda_occupancy.h), which the simulator knows nothing
 * of. */
#ifndef LYRNN_CARDS_OCCUPANCY_H
#define LYRNN_CARDS_OCCUPANCY_H

#include "cards.h"

/* A kernel's machine code, and what a launch asks for. */
struct block_needs {
    int registers;
    size_t static_bytes, dynamic_bytes;
    int threads;
};

/* How many such blocks a multiprocessor of the card holds; 0: it holds none. */
int blocks_per_sm(const card &c, const block_needs &needs);

#endif
