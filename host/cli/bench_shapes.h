/* The shapes that one call of lyrnn bench measures: the shapes of a preset, each with every
 * combination of the lists that the options give. */
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
    const char *row; /* its name in the preset, for example "D"; "" without a preset */
    lyrnn_cell cell;
    int sizes[BENCH_NUM_SIZES];
} bench_shape;

/* The values of --preset. BENCH_PRESET_ROW + i is shape number i of the ladder. */
typedef enum {
    BENCH_PRESET_NONE,
    BENCH_PRESET_ARTICLE,
    BENCH_PRESET_LADDER,
    BENCH_PRESET_ROW
} bench_preset;

/* The names of the values, "none|article|...". */
extern const char bench_presets[];

/* The options for the shape. Only a value whose flag is set replaces the preset's. */
typedef struct {
    bool replaces_cell, replaces_size[BENCH_NUM_SIZES];
    lyrnn_cell cell;
    int_list sizes[BENCH_NUM_SIZES];
} bench_choice;

enum { BENCH_MAX_SHAPES = 10000 };

/* Lists the shapes; the last size varies fastest. The caller frees *shapes. LYRNN_ERR_USAGE if
 * there are more than BENCH_MAX_SHAPES, LYRNN_ERR_MEMORY. */
lyrnn_status bench_shapes_list(bench_preset preset, const bench_choice *choice,
                               bench_shape **shapes, size_t *num);

#endif
