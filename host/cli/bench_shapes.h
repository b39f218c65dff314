/* The shapes that one call of lyrnn bench or lyrnn tune measures: the shapes of a preset, each with
 * every combination of the lists that the options give. */
#ifndef LYRNN_CLI_BENCH_SHAPES_H
#define LYRNN_CLI_BENCH_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/bench_run.h"
#include "cli/options/int_list.h"
#include "cli/options/options.h"
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
    bool bidirectional;
    int_list sizes[BENCH_NUM_SIZES];
} bench_choice;

/* The entries of a command's table, for the members `preset` and `choice` of the struct
 * `fields`. */
#define BENCH_SHAPE_OPTIONS(fields, preset, choice)                                                \
    {OPTION_HEADING, .help = "Shape:"},                                                            \
        {OPTION_CHOICE,                                                                            \
         "preset",                                                                                 \
         bench_presets,                                                                            \
         "one of six shapes, A to F, or ladder for all of them",                                   \
         .offset = offsetof(fields, preset),                                                       \
         .fallback = "none",                                                                       \
         .detail =                                                                                 \
             "The shapes go from small to large. A is the shape that the tutorial trains, and "    \
             "article is another name for it. A size option replaces the preset's size in every "  \
             "shape."},                                                                            \
        {OPTION_CHOICE,                                                                            \
         "cell",                                                                                   \
         "rnn_tanh|rnn_relu|lstm|gru",                                                             \
         "recurrent cell",                                                                         \
         .offset = offsetof(fields, choice.cell),                                                  \
         .fallback = "rnn_tanh"},                                                                  \
        {OPTION_INTS,                                                                              \
         "vocab-size",                                                                             \
         "LIST",                                                                                   \
         "distinct characters",                                                                    \
         .offset = offsetof(fields, choice.sizes[BENCH_VOCAB_SIZE]),                               \
         .fallback = "1027",                                                                       \
         .min = "2",                                                                               \
         .max = "1114112"},                                                                        \
        {OPTION_INTS,                                                                              \
         "hidden-size",                                                                            \
         "LIST",                                                                                   \
         "hidden units per layer and direction",                                                   \
         .offset = offsetof(fields, choice.sizes[BENCH_HIDDEN_SIZE]),                              \
         .fallback = "256",                                                                        \
         .min = "1",                                                                               \
         .max = "65536"},                                                                          \
        {OPTION_INTS,                                                                              \
         "num-layers",                                                                             \
         "LIST",                                                                                   \
         "stacked recurrent layers",                                                               \
         .offset = offsetof(fields, choice.sizes[BENCH_NUM_LAYERS]),                               \
         .fallback = "1",                                                                          \
         .min = "1",                                                                               \
         .max = "16"},                                                                             \
        {OPTION_FLAG, "bidirectional", NULL, "also read backward",                                 \
         .offset = offsetof(fields, choice.bidirectional)},                                        \
        {OPTION_INTS,                                                                              \
         "batch-size",                                                                             \
         "LIST",                                                                                   \
         "text sequences per batch, or texts in parallel",                                         \
         .offset = offsetof(fields, choice.sizes[BENCH_BATCH_SIZE]),                               \
         .fallback = "32",                                                                         \
         .min = "1",                                                                               \
         .max = "65536"},                                                                          \
    {                                                                                              \
        OPTION_INTS, "num-steps", "LIST", "time steps per batch in training",                      \
            .offset = offsetof(fields, choice.sizes[BENCH_NUM_STEPS]), .fallback = "35",           \
            .min = "1", .max = "8192"                                                              \
    }

/* What a LIST is, for the text of a command's --help. */
#define BENCH_LIST_DOC                                                                             \
    "A LIST has numbers and ranges: 256,512 or 32..256*2 (doubling) or 10..50+10."

/* Decides which options apply. A preset sets all sizes and the cell, and an option replaces the
 * preset's value only if the user gave it. Without a preset every option applies. */
void bench_choose(const option_table *table, const option_result *result, bench_preset preset,
                  bench_choice *choice);

enum { BENCH_MAX_SHAPES = 10000 };

/* Lists the shapes; the last size varies fastest. The caller frees *shapes. LYRNN_ERR_USAGE if
 * there are more than BENCH_MAX_SHAPES, LYRNN_ERR_MEMORY. */
lyrnn_status bench_shapes_list(bench_preset preset, const bench_choice *choice,
                               bench_shape **shapes, size_t *num);

/* Sets the shape of the config. */
void bench_shape_to_config(const bench_shape *shape, const bench_choice *choice,
                           lyrnn_bench_config *config);

#endif
