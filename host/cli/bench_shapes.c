/* A shape's number, taken apart as one digit for each list, says which item of each it has. */
#include "bench_shapes.h"

#include <stdlib.h>

static const bench_shape article[] = {
    {"article", LYRNN_RNN_TANH, {1027, 256, 1, 32, 35}},
};
static const bench_shape ladder[] = {
    {"A", LYRNN_RNN_TANH, {1027, 256, 1, 32, 35}},    {"B", LYRNN_LSTM, {4096, 512, 1, 64, 128}},
    {"C", LYRNN_GRU, {4096, 512, 1, 64, 128}},        {"D", LYRNN_LSTM, {4096, 1024, 2, 128, 128}},
    {"E", LYRNN_RNN_TANH, {4096, 2048, 1, 128, 128}}, {"F", LYRNN_LSTM, {6000, 2048, 1, 256, 256}},
};
static const bench_shape outside[] = {{.row = ""}};

static const struct {
    const bench_shape *rows;
    size_t num;
} presets[] = {
    [BENCH_PRESET_NONE] = {outside, sizeof outside / sizeof *outside},
    [BENCH_PRESET_ARTICLE] = {article, sizeof article / sizeof *article},
    [BENCH_PRESET_LADDER] = {ladder, sizeof ladder / sizeof *ladder},
};

static bench_shape shape_of(const bench_shape *row, const bench_choice *choice, size_t number)
{
    bench_shape shape = *row;
    if (choice->cell_counts)
        shape.cell = choice->cell;
    for (int i = BENCH_NUM_SIZES - 1; i >= 0; i--) {
        const int_list *list = &choice->sizes[i];
        if (!choice->sizes_count[i])
            continue;
        shape.sizes[i] = list->items[number % list->num];
        number /= list->num;
    }
    return shape;
}

lyrnn_status bench_shapes_list(bench_preset preset, const bench_choice *choice,
                               bench_shape **shapes, size_t *num)
{
    size_t per_row = 1, num_rows = presets[preset].num;
    *shapes = NULL;
    for (int i = 0; i < BENCH_NUM_SIZES; i++)
        if (choice->sizes_count[i] && per_row <= BENCH_MAX_SHAPES)
            per_row *= choice->sizes[i].num;
    *num = num_rows * per_row;
    if (*num > BENCH_MAX_SHAPES)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "bench: more than %d shapes; give shorter lists, or several benches",
                          BENCH_MAX_SHAPES);
    *shapes = malloc(*num * sizeof **shapes);
    if (*shapes == NULL)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "bench: no memory; give shorter lists");
    for (size_t i = 0; i < *num; i++)
        (*shapes)[i] = shape_of(&presets[preset].rows[i / per_row], choice, i % per_row);
    return LYRNN_OK;
}
