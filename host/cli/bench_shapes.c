/* Lists the shapes to measure: every combination of the size lists. Combination number n is read as
 * a mixed-radix number with one digit per list, and each digit is an index into its list. */
#include "cli/bench_shapes.h"

#include <stdlib.h>

#include "base/memory.h"

/* The columns are name, cell, vocabulary size V, hidden size H, number of layers L, batch size B
 * and time steps T. A is the shape that the tutorial trains. scripts/bench/bench_shapes.py has the
 * same list, and tests/scripts/test_bench_scripts.py compares the two. */
#define BENCH_LADDER(X)                                                                            \
    X(A, RNN_TANH, 1027, 256, 1, 32, 35)                                                           \
    X(B, LSTM, 4096, 512, 1, 64, 128)                                                              \
    X(C, GRU, 4096, 512, 1, 64, 128)                                                               \
    X(D, LSTM, 4096, 1024, 2, 128, 128)                                                            \
    X(E, RNN_TANH, 4096, 2048, 1, 128, 128)                                                        \
    X(F, LSTM, 6000, 2048, 1, 256, 256)

#define ROW(name, cell, ...) {#name, LYRNN_##cell, {__VA_ARGS__}},
static const bench_shape ladder[] = {BENCH_LADDER(ROW)};
#undef ROW
static const bench_shape no_preset[] = {{.row = ""}};

#define NAME(name, ...) "|" #name
const char bench_presets[] = "none|article|ladder" BENCH_LADDER(NAME);
#undef NAME

/* Returns the preset's shapes and their number. */
static const bench_shape *rows_of(bench_preset preset, size_t *num)
{
    *num = preset == BENCH_PRESET_LADDER ? sizeof ladder / sizeof *ladder : 1;
    if (preset == BENCH_PRESET_NONE)
        return no_preset;
    return preset < BENCH_PRESET_ROW ? ladder : &ladder[preset - BENCH_PRESET_ROW];
}

static bench_shape shape_of(const bench_shape *row, const bench_choice *choice, size_t number)
{
    bench_shape shape = *row;
    if (choice->replaces_cell)
        shape.cell = choice->cell;
    for (int i = BENCH_NUM_SIZES - 1; i >= 0; i--) {
        const int_list *list = &choice->sizes[i];
        if (!choice->replaces_size[i])
            continue;
        shape.sizes[i] = list->items[number % list->num];
        number /= list->num;
    }
    return shape;
}

lyrnn_status bench_shapes_list(bench_preset preset, const bench_choice *choice,
                               bench_shape **shapes, size_t *num)
{
    size_t per_row = 1, num_rows;
    const bench_shape *rows = rows_of(preset, &num_rows);
    *shapes = NULL;
    for (int i = 0; i < BENCH_NUM_SIZES; i++)
        if (choice->replaces_size[i] && per_row <= BENCH_MAX_SHAPES)
            per_row *= choice->sizes[i].num;
    *num = num_rows * per_row;
    if (*num > BENCH_MAX_SHAPES)
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "bench: more than %d shapes; give shorter lists, or run lyrnn bench several "
            "times",
            BENCH_MAX_SHAPES);
    *shapes = malloc(*num * sizeof **shapes);
    if (*shapes == NULL)
        return lyrnn_out_of_memory("bench", *num * sizeof **shapes, "give shorter lists");
    for (size_t i = 0; i < *num; i++)
        (*shapes)[i] = shape_of(&rows[i / per_row], choice, i % per_row);
    return LYRNN_OK;
}

void bench_choose(const option_table *table, const option_result *result, bench_preset preset,
                  bench_choice *choice)
{
    static const char *const names[] = {
        [BENCH_VOCAB_SIZE] = "vocab-size", [BENCH_HIDDEN_SIZE] = "hidden-size",
        [BENCH_NUM_LAYERS] = "num-layers", [BENCH_BATCH_SIZE] = "batch-size",
        [BENCH_NUM_STEPS] = "num-steps",
    };
    bool no_preset = preset == BENCH_PRESET_NONE;
    choice->replaces_cell = no_preset || options_given(table, result, "cell");
    for (int i = 0; i < BENCH_NUM_SIZES; i++)
        choice->replaces_size[i] = no_preset || options_given(table, result, names[i]);
}

void bench_shape_to_config(const bench_shape *shape, const bench_choice *choice,
                           lyrnn_bench_config *config)
{
    config->model.cell = shape->cell;
    config->model.bidirectional = choice->bidirectional;
    config->model.input_size = shape->sizes[BENCH_VOCAB_SIZE];
    config->model.hidden_size = shape->sizes[BENCH_HIDDEN_SIZE];
    config->model.num_layers = shape->sizes[BENCH_NUM_LAYERS];
    config->B = shape->sizes[BENCH_BATCH_SIZE];
    config->T = shape->sizes[BENCH_NUM_STEPS];
}
