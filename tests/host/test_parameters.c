/* The offset table: PyTorch's names and shapes, ranges that never overlap, and the one tensor that
 * is stored transposed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/parameters.h"

static lyrnn_rnn_config config_of(int V, int H)
{
    return (lyrnn_rnn_config){
        .cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = H, .num_layers = 1};
}

static void assert_parameter(const lyrnn_parameter *item, const char *name, int rows, int cols)
{
    assert_string_equal(item->name, name);
    assert_int_equal(item->rows, rows);
    assert_int_equal(item->cols, cols);
}

static void model_has_the_tutorials_names_and_shapes(void **state)
{
    (void)state;
    lyrnn_parameters parameters;
    lyrnn_rnn_config config = config_of(7, 33);
    lyrnn_parameters_of_model(&parameters, &config);
    assert_int_equal(parameters.num, 6);
    assert_parameter(&parameters.items[LYRNN_WEIGHT_IH], "rnn.weight_ih_l0", 33, 7);
    assert_parameter(&parameters.items[LYRNN_WEIGHT_HH], "rnn.weight_hh_l0", 33, 33);
    assert_parameter(&parameters.items[LYRNN_BIAS_IH], "rnn.bias_ih_l0", 33, 0);
    assert_parameter(&parameters.items[LYRNN_BIAS_HH], "rnn.bias_hh_l0", 33, 0);
    assert_parameter(&parameters.items[4], "dense.weight", 7, 33);
    assert_parameter(&parameters.items[5], "dense.bias", 7, 0);
    for (int i = 0; i < parameters.num; i++) {
        assert_int_equal(parameters.items[i].transposed, i == LYRNN_WEIGHT_IH);
        assert_true(fabsf(parameters.items[i].bound - 1.0f / sqrtf(33)) < 1e-7f);
    }
}

static void rnn_has_pytorchs_names_and_nothing_transposed(void **state)
{
    (void)state;
    lyrnn_parameters parameters;
    lyrnn_rnn_config config = config_of(7, 33);
    lyrnn_parameters_of_rnn(&parameters, &config);
    assert_int_equal(parameters.num, 4);
    assert_parameter(&parameters.items[LYRNN_WEIGHT_IH], "weight_ih_l0", 33, 7);
    assert_parameter(&parameters.items[LYRNN_WEIGHT_HH], "weight_hh_l0", 33, 33);
    assert_parameter(&parameters.items[LYRNN_BIAS_IH], "bias_ih_l0", 33, 0);
    assert_parameter(&parameters.items[LYRNN_BIAS_HH], "bias_hh_l0", 33, 0);
    for (int i = 0; i < parameters.num; i++)
        assert_false(parameters.items[i].transposed);
}

static void tensors_follow_each_other_aligned_without_overlap(void **state)
{
    (void)state;
    const int sizes[] = {1, 7, 33, 64, 100};
    for (size_t v = 0; v < 5; v++) {
        for (size_t h = 0; h < 5; h++) {
            lyrnn_parameters parameters;
            lyrnn_rnn_config config = config_of(sizes[v], sizes[h]);
            lyrnn_parameters_of_model(&parameters, &config);
            size_t end = 0;
            for (int i = 0; i < parameters.num; i++) {
                const lyrnn_parameter *item = &parameters.items[i];
                assert_int_equal(item->offset % 64, 0);
                assert_true(item->offset >= end && item->offset < end + 64);
                end = item->offset + lyrnn_parameter_count(item);
            }
            assert_true(parameters.count >= end && parameters.count < end + 64);
        }
    }
}

static void total_counts_weights_without_padding(void **state)
{
    (void)state;
    lyrnn_parameters parameters;
    lyrnn_rnn_config config = config_of(1027, 256);
    lyrnn_parameters_of_model(&parameters, &config);
    size_t expected = 256u * 1027 + 256u * 256 + 256 + 256 + 1027u * 256 + 1027;
    assert_int_equal(lyrnn_parameters_total(&parameters), expected);
    assert_true(parameters.count > expected);
}

static void largest_sizes_do_not_overflow(void **state)
{
    (void)state;
    lyrnn_parameters parameters;
    lyrnn_rnn_config config = config_of(LYRNN_MAX_INPUT_SIZE, LYRNN_MAX_HIDDEN_SIZE);
    assert_int_equal(lyrnn_rnn_config_check(&config), LYRNN_OK);
    lyrnn_parameters_of_model(&parameters, &config);
    uint64_t V = LYRNN_MAX_INPUT_SIZE, H = LYRNN_MAX_HIDDEN_SIZE;
    assert_true(lyrnn_parameters_total(&parameters) == 2 * V * H + H * H + 2 * H + V);
}

enum { V = 3, H = 2, BIG = 4096 };

static void weight_ih_is_stored_with_one_row_per_character(void **state)
{
    (void)state;
    static float flat[BIG];
    const float values[H * V] = {1, 2, 3, 10, 20, 30}, rows[V * H] = {1, 10, 2, 20, 3, 30};
    lyrnn_parameters parameters;
    lyrnn_rnn_config config = config_of(V, H);
    lyrnn_parameters_of_model(&parameters, &config);
    const lyrnn_parameter *item = &parameters.items[LYRNN_WEIGHT_IH];
    lyrnn_parameter_pack(item, values, flat);
    assert_memory_equal(flat + item->offset, rows, sizeof rows);
}

static void unpack_returns_what_pack_took_and_touches_nothing_else(void **state)
{
    (void)state;
    static float flat[BIG], values[64], back[64];
    lyrnn_parameters parameters;
    lyrnn_rnn_config config = config_of(V, H);
    lyrnn_parameters_of_model(&parameters, &config);
    assert_true(parameters.count + 1 <= BIG);
    for (int i = 0; i < parameters.num; i++) {
        const lyrnn_parameter *item = &parameters.items[i];
        size_t count = lyrnn_parameter_count(item), changed = 0;
        for (size_t k = 0; k < BIG; k++)
            flat[k] = -1;
        for (size_t k = 0; k < 64; k++) {
            values[k] = (float)(k + 1);
            back[k] = -1;
        }
        lyrnn_parameter_pack(item, values, flat);
        lyrnn_parameter_unpack(item, flat, back);
        assert_memory_equal(back, values, count * sizeof *values);
        assert_true(back[count] < 0);
        for (size_t k = 0; k < BIG; k++)
            changed += flat[k] > 0;
        assert_int_equal(changed, count);
        for (size_t k = 0; k < count; k++)
            assert_true(flat[item->offset + k] > 0);
    }
}

static void layers_and_directions_have_pytorchs_order_and_shapes(void **state)
{
    (void)state;
    lyrnn_parameters parameters;
    lyrnn_rnn_config config = {.cell = LYRNN_LSTM,
                               .input_size = 7,
                               .hidden_size = 5,
                               .num_layers = 2,
                               .bidirectional = true};
    const struct {
        const char *name;
        int rows, cols;
    } expected[] = {
        {"rnn.weight_ih_l0", 20, 7},
        {"rnn.weight_hh_l0", 20, 5},
        {"rnn.bias_ih_l0", 20, 0},
        {"rnn.bias_hh_l0", 20, 0},
        {"rnn.weight_ih_l0_reverse", 20, 7},
        {"rnn.weight_hh_l0_reverse", 20, 5},
        {"rnn.bias_ih_l0_reverse", 20, 0},
        {"rnn.bias_hh_l0_reverse", 20, 0},
        {"rnn.weight_ih_l1", 20, 10},
        {"rnn.weight_hh_l1", 20, 5},
        {"rnn.bias_ih_l1", 20, 0},
        {"rnn.bias_hh_l1", 20, 0},
        {"rnn.weight_ih_l1_reverse", 20, 10},
        {"rnn.weight_hh_l1_reverse", 20, 5},
        {"rnn.bias_ih_l1_reverse", 20, 0},
        {"rnn.bias_hh_l1_reverse", 20, 0},
        {"dense.weight", 7, 10},
        {"dense.bias", 7, 0},
    };
    enum { NUM = sizeof expected / sizeof *expected };
    lyrnn_parameters_of_model(&parameters, &config);
    assert_int_equal(parameters.num, NUM);
    for (int i = 0; i < NUM; i++) {
        const lyrnn_parameter *item = &parameters.items[i];
        assert_parameter(item, expected[i].name, expected[i].rows, expected[i].cols);
        assert_int_equal(item->transposed, i == 0 || i == 4);
        assert_true(fabsf(item->bound - 1.0f / sqrtf(i < 16 ? 5 : 10)) < 1e-7f);
    }
    assert_ptr_equal(lyrnn_parameters_of_layer(&parameters, &config, 1, 1, LYRNN_WEIGHT_HH),
                     &parameters.items[13]);
}

/* One network per line: E, tied, and the tensors outside the recurrent stack. */
static void embeddings_come_first_and_tied_models_share_them(void **state)
{
    (void)state;
    const struct {
        int E;
        bool tied;
        int num;
        const char *last[3];
    } cases[] = {
        {3, false, 11, {"rnn.bias_hh_l1", "dense.weight", "dense.bias"}},
        {3, true, 11, {"rnn.bias_hh_l1", "projection.weight", "dense.bias"}},
        {5, true, 10, {"rnn.bias_ih_l1", "rnn.bias_hh_l1", "dense.bias"}},
    };
    for (size_t i = 0; i < 3; i++) {
        lyrnn_parameters parameters;
        const lyrnn_rnn_config config = {.cell = LYRNN_GRU,
                                         .input_size = 7,
                                         .hidden_size = 5,
                                         .num_layers = 2,
                                         .embedding_size = cases[i].E,
                                         .tied = cases[i].tied};
        lyrnn_parameters_of_model(&parameters, &config);
        assert_int_equal(parameters.num, cases[i].num);
        assert_parameter(&parameters.items[0], "embedding.weight", 7, cases[i].E);
        assert_parameter(&parameters.items[1], "rnn.weight_ih_l0", 15, cases[i].E);
        for (int k = 0; k < 3; k++)
            assert_string_equal(parameters.items[parameters.num - 3 + k].name, cases[i].last[k]);
        const lyrnn_parameter *output = lyrnn_parameters_output_weight(&parameters);
        assert_true((output == lyrnn_parameters_embedding(&parameters)) == cases[i].tied);
        assert_true((lyrnn_parameters_projection(&parameters) != NULL) == (i == 1));
        for (int k = 0; k < parameters.num; k++) {
            const lyrnn_parameter *item = &parameters.items[k];
            bool is_outer = k == 0 || strncmp(item->name, "dense.", 6) == 0;
            assert_false(item->transposed);
            assert_true(item->has_row_per_id == is_outer);
            assert_true(item->decays == (item->cols > 0 && k > 0));
        }
    }
}

static void cell_names_and_back(void **state)
{
    (void)state;
    const char *const names[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    const int gates[] = {1, 1, 4, 3};
    for (int i = 0; i < 4; i++) {
        lyrnn_cell cell = LYRNN_RNN_RELU;
        assert_int_equal(lyrnn_cell_parse(names[i], &cell), LYRNN_OK);
        assert_int_equal(cell, cells[i]);
        assert_string_equal(lyrnn_cell_name(cell), names[i]);
        assert_int_equal(lyrnn_num_gates(cell), gates[i]);
    }
}

static void other_cells_are_usage_errors(void **state)
{
    (void)state;
    const char *const names[] = {"lstmm", "rnn", "RNN_TANH", ""};
    for (size_t i = 0; i < 4; i++) {
        lyrnn_cell cell;
        assert_int_equal(lyrnn_cell_parse(names[i], &cell), LYRNN_ERR_USAGE);
        assert_non_null(strstr(lyrnn_error_text(), "use rnn_tanh, rnn_relu, lstm or gru"));
    }
}

static void assert_config(lyrnn_rnn_config config, lyrnn_status status, const char *text)
{
    assert_int_equal(lyrnn_rnn_config_check(&config), status);
    if (strncmp(lyrnn_error_text(), text, strlen(text)) != 0)
        fail_msg("'%s' does not begin with '%s'", lyrnn_error_text(), text);
}

static void sizes_out_of_range_are_usage_errors(void **state)
{
    (void)state;
    lyrnn_rnn_config config = config_of(10, 8);
    assert_int_equal(lyrnn_rnn_config_check(&config), LYRNN_OK);
    assert_config(config_of(10, 0), LYRNN_ERR_USAGE, "--hidden-size 0: ");
    assert_config(config_of(10, -1), LYRNN_ERR_USAGE, "--hidden-size -1: ");
    assert_config(config_of(10, 65537), LYRNN_ERR_USAGE, "--hidden-size 65537: ");
    assert_config(config_of(0, 8), LYRNN_ERR_USAGE, "input size 0: ");
    assert_config(config_of(1114113, 8), LYRNN_ERR_USAGE, "input size 1114113: ");
    config.num_layers = 0;
    assert_config(config, LYRNN_ERR_USAGE, "--num-layers 0: ");
    config.num_layers = LYRNN_MAX_LAYERS + 1;
    assert_config(config, LYRNN_ERR_USAGE, "--num-layers 17: ");
    config = config_of(10, 8);
    config.dropout = 1.5f;
    assert_config(config, LYRNN_ERR_USAGE, "--dropout 1.5: ");
    config.dropout = NAN;
    assert_config(config, LYRNN_ERR_USAGE, "--dropout ");
    config = config_of(10, 8);
    config.cell = (lyrnn_cell)4;
    assert_config(config, LYRNN_ERR_USAGE, "--cell");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_has_the_tutorials_names_and_shapes),
        cmocka_unit_test(rnn_has_pytorchs_names_and_nothing_transposed),
        cmocka_unit_test(tensors_follow_each_other_aligned_without_overlap),
        cmocka_unit_test(total_counts_weights_without_padding),
        cmocka_unit_test(largest_sizes_do_not_overflow),
        cmocka_unit_test(weight_ih_is_stored_with_one_row_per_character),
        cmocka_unit_test(unpack_returns_what_pack_took_and_touches_nothing_else),
        cmocka_unit_test(embeddings_come_first_and_tied_models_share_them),
        cmocka_unit_test(cell_names_and_back),
        cmocka_unit_test(layers_and_directions_have_pytorchs_order_and_shapes),
        cmocka_unit_test(other_cells_are_usage_errors),
        cmocka_unit_test(sizes_out_of_range_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
