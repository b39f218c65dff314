/* All launches of a training step and of a generation, as the simulated device gets them. */
#ifndef LYRNN_CARDS_LAUNCHES_H
#define LYRNN_CARDS_LAUNCHES_H

#include <stddef.h>

#include "cli/bench_shapes.h"
#include "lyrnn_sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the shapes of the bench's ladder, A to F; the caller frees them. */
bench_shape *list_ladder(size_t *num);

/* Calls `see` with each launch of a training step of this shape, and of one character of as many
 * texts as a batch has streams. Nothing runs, and no memory is allocated: F would need gigabytes.
 * Stops the program if the work cannot be set up. */
void show_launches(const bench_shape *shape, lyrnn_sim_launch_hook see);

#ifdef __cplusplus
}
#endif
#endif
