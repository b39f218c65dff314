/* The shapes of one bench: every combination of the lists that were given, over the rows of a preset. */
#ifndef LYRNN_CLI_BENCH_SHAPES_H
#define LYRNN_CLI_BENCH_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options/int_list.h"
#include "lyrnn/backend.h"

typedef enum {
    BENCH_VOCAB_SIZE,
    BENCH_HIDDEN_SIZE,
    BENCH_NUM_LAYERS,
    BENCH_BATCH_SIZE,
    BENCH_NUM_STEPS,
    BENCH_NUM_SIZES
} bench_size;

typedef struct {
    const char *row; /* its name in the preset; "" outside of one */
    lyrnn_cell cell;
    int sizes[BENCH_NUM_SIZES];
} bench_shape;

/* As --preset has them: from BENCH_PRESET_ROW on a row of the ladder each. */
typedef enum {
    BENCH_PRESET_NONE,
    BENCH_PRESET_ARTICLE,
    BENCH_PRESET_LADDER,
    BENCH_PRESET_ROW
} bench_preset;

/* Their names, "none|article|...". */
extern const char bench_presets[];

/* What takes the place of a preset's: all that the user gave, without a preset everything. */
typedef struct {
    bool cell_counts, sizes_count[BENCH_NUM_SIZES];
    lyrnn_cell cell;
    int_list sizes[BENCH_NUM_SIZES];
} bench_choice;

enum { BENCH_MAX_SHAPES = 10000 };

/* The shapes in order, the last size varying fastest, to be freed. LYRNN_ERR_USAGE where they are more than
 * BENCH_MAX_SHAPES, LYRNN_ERR_MEMORY. */
lyrnn_status bench_shapes_list(bench_preset preset, const bench_choice *choice,
                               bench_shape **shapes, size_t *num);

#endif
