/* The numbers in a LIST of lyrnn bench, and the shapes that lists and presets select. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench_shapes.h"
#include "cli/options/int_list.h"

static void lists_and_ranges_are_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *numbers;
    } lists[] = {
        {"7", "7"},
        {"256,512,1024", "256 512 1024"},
        {"32..256*2", "32 64 128 256"},
        {"32..255*2", "32 64 128"},
        {"1..100*10", "1 10 100"},
        {"1..10+3", "1 4 7 10"},
        {"5..6+100", "5"},
        {"3,8..20+6,1", "3 8 14 20 1"},
        {"0..4+2", "0 2 4"},
        {"2147483647", "2147483647"},
        {"1073741824..2147483647*2", "1073741824"},
        {"2147483646..2147483647+1", "2147483646 2147483647"},
        {"7,7", "7 7"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        int_list list = {0};
        char numbers[128] = "";
        assert_null(int_list_parse(&list, lists[i].text, 0, INT32_MAX));
        for (size_t j = 0; j < list.num; j++)
            snprintf(numbers + strlen(numbers), sizeof numbers - strlen(numbers), "%s%d",
                     j > 0 ? " " : "", list.items[j]);
        assert_string_equal(numbers, lists[i].numbers);
        free(list.items);
    }
}

static void an_invalid_list_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } bad[] = {
        {"", "must be whole numbers"},
        {",", "must be whole numbers"},
        {"1,", "must be whole numbers"},
        {",1", "must be whole numbers"},
        {"1,,2", "must be whole numbers"},
        {" 1", "must be whole numbers"},
        {"1 ", "must be whole numbers"},
        {"+1", "must be whole numbers"},
        {"-1", "must be whole numbers"},
        {"1e3", "must be whole numbers"},
        {"a", "must be whole numbers"},
        {"1..", "must be whole numbers"},
        {"1..8", "must be whole numbers"},
        {"1..8*", "must be whole numbers"},
        {"1..8-2", "must be whole numbers"},
        {"1...8*2", "must be whole numbers"},
        {"1..8*2*2", "must be whole numbers"},
        {"..8*2", "must be whole numbers"},
        {"8..8*2", "a range must end above its first number"},
        {"8..4+1", "a range must end above its first number"},
        {"1..8*1", "a range must grow"},
        {"1..8*0", "a range must grow"},
        {"1..8+0", "a range must grow"},
        {"0..8*2", "a range must grow"},
        {"1001", "out of range"},
        {"2147483648", "out of range"},
        {"4294967297", "out of range"},
        {"18446744073709551617", "out of range"},
        {"1..1001+10", "out of range"},
        {"1..99999999999999999999*2", "out of range"},
        {"1..257+1", "too many numbers"},
        {"1..256+1,9", "too many numbers"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int_list list = {0};
        const char *problem = int_list_parse(&list, bad[i].text, 0, 1000);
        if (problem == NULL || strstr(problem, bad[i].problem) != problem)
            fail_msg("\"%s\": %s", bad[i].text, problem != NULL ? problem : "was taken");
        free(list.items);
    }
    /* A number below the minimum, and a range that begins below it. */
    int_list list = {0};
    assert_string_equal(int_list_parse(&list, "1", 2, 1000), "out of range");
    assert_string_equal(int_list_parse(&list, "1..4*2", 2, 1000), "out of range");
    assert_null(int_list_parse(&list, "1..256+1", 0, 1000));
    assert_int_equal(list.num, 256);
    free(list.items);
}

static void assert_shape(const bench_shape *shape, const char *row, lyrnn_cell cell, int V, int H,
                         int L, int B, int T)
{
    assert_string_equal(shape->row, row);
    assert_int_equal(shape->cell, cell);
    assert_int_equal(shape->sizes[BENCH_VOCAB_SIZE], V);
    assert_int_equal(shape->sizes[BENCH_HIDDEN_SIZE], H);
    assert_int_equal(shape->sizes[BENCH_NUM_LAYERS], L);
    assert_int_equal(shape->sizes[BENCH_BATCH_SIZE], B);
    assert_int_equal(shape->sizes[BENCH_NUM_STEPS], T);
}

static void a_preset_has_its_shapes(void **state)
{
    (void)state;
    const bench_choice nothing = {0};
    bench_shape *shapes;
    size_t num;
    assert_int_equal(bench_shapes_list(BENCH_PRESET_ARTICLE, &nothing, &shapes, &num), LYRNN_OK);
    assert_int_equal(num, 1);
    assert_shape(&shapes[0], "A", LYRNN_RNN_TANH, 1027, 256, 1, 32, 35);
    free(shapes);
    assert_string_equal(bench_presets, "none|article|ladder|A|B|C|D|E|F");
    assert_int_equal(bench_shapes_list(BENCH_PRESET_ROW + 5, &nothing, &shapes, &num), LYRNN_OK);
    assert_int_equal(num, 1);
    assert_shape(&shapes[0], "F", LYRNN_LSTM, 6000, 2048, 1, 256, 256);
    free(shapes);
    assert_int_equal(bench_shapes_list(BENCH_PRESET_LADDER, &nothing, &shapes, &num), LYRNN_OK);
    assert_int_equal(num, 6);
    assert_shape(&shapes[0], "A", LYRNN_RNN_TANH, 1027, 256, 1, 32, 35);
    assert_shape(&shapes[1], "B", LYRNN_LSTM, 4096, 512, 1, 64, 128);
    assert_shape(&shapes[2], "C", LYRNN_GRU, 4096, 512, 1, 64, 128);
    assert_shape(&shapes[3], "D", LYRNN_LSTM, 4096, 1024, 2, 128, 128);
    assert_shape(&shapes[4], "E", LYRNN_RNN_TANH, 4096, 2048, 1, 128, 128);
    assert_shape(&shapes[5], "F", LYRNN_LSTM, 6000, 2048, 1, 256, 256);
    free(shapes);
}

static void options_replace_the_presets_values(void **state)
{
    (void)state;
    int batch_sizes[] = {8, 16};
    bench_choice choice = {.cell = LYRNN_GRU};
    bench_shape *shapes;
    size_t num;
    choice.replaces_size[BENCH_BATCH_SIZE] = true;
    choice.sizes[BENCH_BATCH_SIZE] = (int_list){batch_sizes, 2};
    assert_int_equal(bench_shapes_list(BENCH_PRESET_LADDER, &choice, &shapes, &num), LYRNN_OK);
    assert_int_equal(num, 12);
    assert_shape(&shapes[0], "A", LYRNN_RNN_TANH, 1027, 256, 1, 8, 35);
    assert_shape(&shapes[1], "A", LYRNN_RNN_TANH, 1027, 256, 1, 16, 35);
    assert_shape(&shapes[6], "D", LYRNN_LSTM, 4096, 1024, 2, 8, 128);
    assert_shape(&shapes[11], "F", LYRNN_LSTM, 6000, 2048, 1, 16, 256);
    free(shapes);
    choice.replaces_cell = true;
    assert_int_equal(bench_shapes_list(BENCH_PRESET_LADDER, &choice, &shapes, &num), LYRNN_OK);
    assert_shape(&shapes[6], "D", LYRNN_GRU, 4096, 1024, 2, 8, 128);
    free(shapes);
}

static void without_a_preset_every_combination_comes(void **state)
{
    (void)state;
    int items[BENCH_NUM_SIZES][2] = {{10, 11}, {20, 21}, {1, 2}, {40, 41}, {50, 51}};
    bench_choice choice = {.replaces_cell = true, .cell = LYRNN_LSTM};
    bench_shape *shapes;
    size_t num;
    for (int i = 0; i < BENCH_NUM_SIZES; i++) {
        choice.replaces_size[i] = true;
        choice.sizes[i] = (int_list){items[i], 2};
    }
    assert_int_equal(bench_shapes_list(BENCH_PRESET_NONE, &choice, &shapes, &num), LYRNN_OK);
    assert_int_equal(num, 32);
    assert_shape(&shapes[0], "", LYRNN_LSTM, 10, 20, 1, 40, 50);
    assert_shape(&shapes[1], "", LYRNN_LSTM, 10, 20, 1, 40, 51);
    assert_shape(&shapes[2], "", LYRNN_LSTM, 10, 20, 1, 41, 50);
    assert_shape(&shapes[16], "", LYRNN_LSTM, 11, 20, 1, 40, 50);
    assert_shape(&shapes[31], "", LYRNN_LSTM, 11, 21, 2, 41, 51);
    free(shapes);

    /* 200 * 50 shapes, then one more hidden size. */
    int many[200] = {0};
    for (int i = 0; i < BENCH_NUM_SIZES; i++)
        choice.sizes[i].num = 1;
    choice.sizes[BENCH_BATCH_SIZE] = (int_list){many, 200};
    choice.sizes[BENCH_HIDDEN_SIZE] = (int_list){many, 50};
    assert_int_equal(bench_shapes_list(BENCH_PRESET_NONE, &choice, &shapes, &num), LYRNN_OK);
    assert_int_equal(num, BENCH_MAX_SHAPES);
    free(shapes);
    choice.sizes[BENCH_HIDDEN_SIZE].num = 51;
    assert_int_equal(bench_shapes_list(BENCH_PRESET_NONE, &choice, &shapes, &num), LYRNN_ERR_USAGE);
    assert_null(shapes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_ranges_are_numbers),
        cmocka_unit_test(an_invalid_list_is_refused),
        cmocka_unit_test(a_preset_has_its_shapes),
        cmocka_unit_test(options_replace_the_presets_values),
        cmocka_unit_test(without_a_preset_every_combination_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
