/* A state_dict without metadata, as safetensors.torch.save_file writes it. The network is inferred
 * from the tensors, for every cell, number of layers and directions. Tensors that do not form a
 * network are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lyrnn/checkpoint.h"
#include "lyrnn/safetensors.h"
#include "temp_dir.h"

enum { V = 5, H = 2, E = 3, MAX_VALUES = 1024 };

typedef struct {
    lyrnn_metadata metadata[3];
    size_t num_metadata;
    lyrnn_parameters parameters;
    lyrnn_tensor tensors[LYRNN_MAX_PARAMETERS + 1];
    size_t num_tensors;
    float values[MAX_VALUES];
} state_dict;

/* How a network gets its characters in and out. */
enum { ONE_HOT, EMBEDDING, TIED, PROJECTION, NUM_ENDS };

/* The tensors of a network, in the reverse of the order in which save_file sorts them: the reader
 * must not rely on the order. */
static void fill(state_dict *dict, const lyrnn_rnn_config *config)
{
    memset(dict, 0, sizeof *dict);
    lyrnn_parameters_of_model(&dict->parameters, config);
    assert_true(lyrnn_parameters_total(&dict->parameters) <= MAX_VALUES);
    for (size_t i = 0; i < MAX_VALUES; i++)
        dict->values[i] = (float)i / 7.0f;
    float *next = dict->values;
    for (int i = dict->parameters.num - 1; i >= 0; i--) {
        const lyrnn_parameter *parameter = &dict->parameters.items[i];
        size_t count = lyrnn_parameter_count(parameter);
        dict->tensors[dict->num_tensors++] =
            (lyrnn_tensor){.name = parameter->name,
                           .dtype = "F32",
                           .num_dims = parameter->cols == 0 ? 1 : 2,
                           .shape = {(size_t)parameter->rows, (size_t)parameter->cols},
                           .data = next,
                           .num_bytes = count * sizeof(float)};
        next += count;
    }
}

static lyrnn_rnn_config config_of(lyrnn_cell cell, int num_layers, bool bidirectional)
{
    return (lyrnn_rnn_config){.cell = cell,
                              .input_size = V,
                              .hidden_size = H,
                              .num_layers = num_layers,
                              .bidirectional = bidirectional};
}

/* The two sizes of a tied network's ends differ only in a network with a projection. */
static lyrnn_rnn_config with_ends(lyrnn_rnn_config config, int ends)
{
    config.embedding_size =
        ends == ONE_HOT ? 0 : (ends == TIED ? H * lyrnn_num_directions(&config) : E);
    config.tied = ends == TIED || ends == PROJECTION;
    return config;
}

static lyrnn_status read_back(const state_dict *dict, lyrnn_checkpoint *checkpoint)
{
    unlink("dict");
    assert_int_equal(lyrnn_safetensors_write("dict", dict->metadata, dict->num_metadata,
                                             dict->tensors, dict->num_tensors),
                     LYRNN_OK);
    return lyrnn_checkpoint_read_state_dict(checkpoint, "dict");
}

static lyrnn_tensor *find(state_dict *dict, const char *name)
{
    for (size_t i = 0; i < dict->num_tensors; i++)
        if (strcmp(dict->tensors[i].name, name) == 0)
            return &dict->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

/* Changes the shape of a tensor, to one that its values are enough for. */
static void reshape(lyrnn_tensor *tensor, int num_dims, size_t rows, size_t cols)
{
    tensor->num_dims = num_dims;
    tensor->shape[0] = rows;
    tensor->shape[1] = cols;
    tensor->num_bytes = sizeof(float) * rows * (num_dims == 2 ? cols : 1);
}

static void assert_refused(const state_dict *dict, const char *problem)
{
    lyrnn_checkpoint checkpoint;
    assert_int_equal(read_back(dict, &checkpoint), LYRNN_ERR_MODEL_FILE);
    const char *text = lyrnn_error_text();
    assert_int_equal(strncmp(text, "dict: ", 6), 0);
    assert_null(strchr(text, '\n'));
    if (strstr(text, problem) == NULL)
        fail_msg("'%s' does not say '%s'", text, problem);
    assert_null(checkpoint.params);
}

static void assert_read_back(const lyrnn_rnn_config *config)
{
    state_dict dict;
    lyrnn_checkpoint checkpoint;
    fill(&dict, config);
    if (read_back(&dict, &checkpoint) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    assert_int_equal(checkpoint.config.cell, config->cell);
    assert_int_equal(checkpoint.config.input_size, V);
    assert_int_equal(checkpoint.config.hidden_size, H);
    assert_int_equal(checkpoint.config.num_layers, config->num_layers);
    assert_int_equal(checkpoint.config.bidirectional, config->bidirectional);
    assert_int_equal(checkpoint.config.embedding_size, config->embedding_size);
    assert_int_equal(checkpoint.config.tied, config->tied);
    assert_true(checkpoint.config.dropout == 0);
    assert_int_equal(checkpoint.vocab.V, 0);
    for (size_t i = 0; i < dict.num_tensors; i++) {
        float values[MAX_VALUES];
        const lyrnn_parameter *parameter = &dict.parameters.items[dict.num_tensors - 1 - i];
        lyrnn_parameter_unpack(parameter, checkpoint.params, values);
        assert_memory_equal(values, dict.tensors[i].data, dict.tensors[i].num_bytes);
    }
    lyrnn_checkpoint_free(&checkpoint);
}

static void every_network_is_read_off_its_tensors(void **state)
{
    (void)state;
    static const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_LSTM, LYRNN_GRU};
    for (size_t k = 0; k < 3 * 3 * 2; k++) {
        for (int ends = 0; ends < NUM_ENDS; ends++) {
            lyrnn_rnn_config config = config_of(cells[k % 3], 1 + (int)(k / 3 % 3), k / 9 == 1);
            config = with_ends(config, ends);
            assert_read_back(&config);
        }
    }
}

/* PyTorch's state_dict names the weight of a tied network twice. */
static void a_second_copy_of_the_embedding_is_a_tie(void **state)
{
    (void)state;
    static float copy[V * H];
    state_dict dict;
    lyrnn_checkpoint checkpoint;
    const lyrnn_rnn_config config = with_ends(config_of(LYRNN_GRU, 1, false), TIED);
    fill(&dict, &config);
    const lyrnn_tensor *embedding = find(&dict, "embedding.weight");
    memcpy(copy, embedding->data, sizeof copy);
    lyrnn_tensor *dense = &dict.tensors[dict.num_tensors++];
    *dense = *embedding;
    dense->name = "dense.weight";
    dense->data = copy;
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_true(checkpoint.config.tied);
    lyrnn_checkpoint_free(&checkpoint);

    /* One bit makes another tensor. */
    copy[V * H - 1] = nextafterf(copy[V * H - 1], 0);
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_false(checkpoint.config.tied);
    assert_int_equal(checkpoint.config.embedding_size, H);
    lyrnn_checkpoint_free(&checkpoint);

    dict.num_metadata = 1;
    dict.metadata[0] = (lyrnn_metadata){
        "config", "{\"cell\":\"gru\",\"input_size\":5,\"hidden_size\":2,\"num_layers\":1,"
                  "\"bidirectional\":false,\"dropout\":0,\"embedding_size\":2,\"tied\":true}"};
    assert_refused(&dict,
                   "tensor dense.weight differs from embedding.weight, but the network ties");
    memcpy(copy, embedding->data, sizeof copy);
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_true(checkpoint.config.tied);
    lyrnn_checkpoint_free(&checkpoint);
}

/* safetensors.torch.save_model keeps one name of a shared tensor, and notes the other one. */
static void a_shared_weight_may_have_its_other_name(void **state)
{
    (void)state;
    state_dict dict;
    lyrnn_checkpoint checkpoint;
    const lyrnn_rnn_config config = with_ends(config_of(LYRNN_LSTM, 2, true), PROJECTION);
    fill(&dict, &config);
    find(&dict, "embedding.weight")->name = "module.dense.weight";
    dict.num_metadata = 1;
    dict.metadata[0] = (lyrnn_metadata){"module.embedding.weight", "module.dense.weight"};
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_true(checkpoint.config.tied);
    assert_int_equal(checkpoint.config.embedding_size, E);
    lyrnn_checkpoint_free(&checkpoint);
    dict.num_metadata = 0;
    assert_refused(&dict, "tensor dense.weight does not have the shape");
}

static void ends_that_make_no_network_are_refused(void **state)
{
    (void)state;
    static const float values[V * 2 * H];
    state_dict dict;
    const lyrnn_rnn_config projected = with_ends(config_of(LYRNN_LSTM, 1, true), PROJECTION);
    const lyrnn_rnn_config untied = with_ends(config_of(LYRNN_LSTM, 1, true), EMBEDDING);

    fill(&dict, &projected);
    find(&dict, "projection.weight")->name = "project.weight";
    assert_refused(&dict, "no tensor projection.weight; ");
    fill(&dict, &projected);
    reshape(find(&dict, "projection.weight"), 2, 2 * H, E);
    assert_refused(&dict, "tensor projection.weight does not have the shape");
    fill(&dict, &projected);
    reshape(find(&dict, "dense.bias"), 1, V - 1, 0);
    assert_refused(&dict, "tensor dense.bias does not have the shape");
    fill(&dict, &projected);
    reshape(find(&dict, "embedding.weight"), 2, V, E - 1);
    assert_refused(&dict, "tensor rnn.weight_ih_l0 does not have the shape");
    fill(&dict, &projected);
    reshape(find(&dict, "embedding.weight"), 1, V, 0);
    assert_refused(&dict, "tensor embedding.weight is not a matrix; ");
    fill(&dict, &untied);
    reshape(find(&dict, "dense.weight"), 2, V, E);
    assert_refused(&dict, "tensor dense.weight does not have the shape");

    /* A network that is not tied has no projection. */
    fill(&dict, &untied);
    dict.tensors[dict.num_tensors] = (lyrnn_tensor){.name = "projection.weight", .dtype = "F32"};
    dict.tensors[dict.num_tensors].data = values;
    reshape(&dict.tensors[dict.num_tensors++], 2, E, 2 * H);
    assert_refused(&dict, "it has tensors that the network lacks: projection.weight;");
}

static void tanh_or_relu_is_left_to_the_reader(void **state)
{
    (void)state;
    state_dict dict;
    lyrnn_checkpoint checkpoint;
    lyrnn_rnn_config config = config_of(LYRNN_RNN_RELU, 1, false);
    fill(&dict, &config);
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_true(checkpoint.is_tanh_or_relu);
    lyrnn_checkpoint_choose_rnn(&checkpoint, LYRNN_LSTM);
    assert_int_equal(checkpoint.config.cell, LYRNN_RNN_TANH);
    lyrnn_checkpoint_choose_rnn(&checkpoint, LYRNN_RNN_RELU);
    assert_int_equal(checkpoint.config.cell, LYRNN_RNN_RELU);
    lyrnn_checkpoint_free(&checkpoint);

    config.cell = LYRNN_LSTM;
    fill(&dict, &config);
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_false(checkpoint.is_tanh_or_relu);
    lyrnn_checkpoint_choose_rnn(&checkpoint, LYRNN_RNN_RELU);
    assert_int_equal(checkpoint.config.cell, LYRNN_LSTM);
    lyrnn_checkpoint_free(&checkpoint);
}

static void either_half_of_the_metadata_may_be_there(void **state)
{
    (void)state;
    state_dict dict;
    lyrnn_checkpoint checkpoint;
    lyrnn_rnn_config config = config_of(LYRNN_RNN_RELU, 1, false);
    fill(&dict, &config);
    dict.num_metadata = 1;
    dict.metadata[0] = (lyrnn_metadata){"vocab", "[\"e\", \"d\", \"c\", \"b\", \"\\u5206\"]"};
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_int_equal(checkpoint.vocab.V, V);
    assert_int_equal(checkpoint.vocab.chars[0], 'e');
    assert_int_equal(checkpoint.config.cell, LYRNN_RNN_TANH);
    lyrnn_checkpoint_free(&checkpoint);

    dict.metadata[0] = (lyrnn_metadata){
        "config", "{\"cell\":\"rnn_relu\",\"input_size\":5,\"hidden_size\":2,\"num_layers\":1,"
                  "\"bidirectional\":false,\"dropout\":0.5}"};
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    assert_int_equal(checkpoint.config.cell, LYRNN_RNN_RELU);
    assert_false(checkpoint.is_tanh_or_relu);
    assert_int_equal(checkpoint.vocab.V, 0);
    lyrnn_checkpoint_free(&checkpoint);

    dict.metadata[0] = (lyrnn_metadata){"vocab", "[\"a\",\"b\"]"};
    assert_refused(&dict, "has 2 characters where the network has 5 inputs");
    dict.metadata[0] = (lyrnn_metadata){"config", "{}"};
    assert_refused(&dict, "does not describe a network");
}

static void a_missing_vocabulary_has_a_remedy(void **state)
{
    (void)state;
    state_dict dict;
    lyrnn_checkpoint checkpoint;
    lyrnn_rnn_config config = config_of(LYRNN_GRU, 1, false);
    fill(&dict, &config);
    assert_int_equal(read_back(&dict, &checkpoint), LYRNN_OK);
    lyrnn_checkpoint_free(&checkpoint);
    assert_int_equal(lyrnn_checkpoint_read(&checkpoint, "dict"), LYRNN_ERR_MODEL_FILE);
    assert_non_null(strstr(lyrnn_error_text(), "dict: it has no \"vocab\""));
    assert_non_null(strstr(lyrnn_error_text(), "lyrnn train --init dict --num-epochs 0 CORPUS"));
    assert_null(checkpoint.params);
}

static void tensors_that_make_no_network_are_refused(void **state)
{
    (void)state;
    state_dict dict;
    const lyrnn_rnn_config config = config_of(LYRNN_LSTM, 2, true);
    const char *hh = "rnn.weight_hh_l0";

    fill(&dict, &config);
    find(&dict, hh)->name = "rnn.weight_hr_l0";
    assert_refused(&dict, "no tensor rnn.weight_hh_l0; give the state_dict of an RNNModel");
    fill(&dict, &config);
    find(&dict, "rnn.weight_ih_l0")->name = "lstm.weight_ih_l0";
    assert_refused(&dict, "no tensor rnn.weight_ih_l0");
    fill(&dict, &config);
    find(&dict, "dense.weight")->name = "linear.weight";
    assert_refused(&dict, "no tensor dense.weight");

    /* Two gates, part of a gate, nothing at all, and something that is not a matrix. */
    fill(&dict, &config);
    reshape(find(&dict, hh), 2, 4, 2);
    assert_refused(&dict, "rnn.weight_hh_l0 is (4, 2), which is the shape of no cell");
    fill(&dict, &config);
    reshape(find(&dict, hh), 2, 3, 2);
    assert_refused(&dict, "rnn.weight_hh_l0 is (3, 2), which is the shape of no cell");
    fill(&dict, &config);
    reshape(find(&dict, hh), 2, 2, 0);
    assert_refused(&dict, "rnn.weight_hh_l0 is not a matrix");
    fill(&dict, &config);
    reshape(find(&dict, hh), 2, 0, 2);
    assert_refused(&dict, "rnn.weight_hh_l0 is not a matrix");
    fill(&dict, &config);
    reshape(find(&dict, "rnn.weight_ih_l0"), 1, 8, 0);
    assert_refused(&dict, "rnn.weight_ih_l0 is not a matrix");

    /* Each of these contradicts the other tensors. */
    fill(&dict, &config);
    reshape(find(&dict, hh), 2, 6, 2);
    assert_refused(&dict, "rnn.weight_ih_l0 does not have the shape");
    fill(&dict, &config);
    reshape(find(&dict, "rnn.weight_ih_l1"), 2, 8, 2);
    assert_refused(&dict, "rnn.weight_ih_l1 does not have the shape");
    fill(&dict, &config);
    reshape(find(&dict, "dense.weight"), 2, V, 2);
    assert_refused(&dict, "dense.weight does not have the shape");

    fill(&dict, &config);
    find(&dict, "rnn.bias_hh_l1_reverse")->name = "rnn.bias_hh_l2";
    assert_refused(&dict, "no tensor rnn.bias_hh_l1_reverse");
    fill(&dict, &config);
    find(&dict, "rnn.weight_hh_l0_reverse")->name = "rnn.weight_hh_l0_forward";
    assert_refused(&dict, "rnn.weight_ih_l1 does not have the shape");
    const lyrnn_rnn_config deep = config_of(LYRNN_GRU, 3, false);
    fill(&dict, &deep);
    find(&dict, "rnn.weight_hh_l1")->name = "rnn.weight_hh_l4";
    assert_refused(&dict, "lacks: rnn.bias_hh_l2, rnn.bias_ih_l2, rnn.weight_hh_l2 and 5 more;");
    fill(&dict, &config);
    find(&dict, "dense.bias")->dtype = "I32";
    assert_refused(&dict, "is I32; convert it to F32");
}

static void sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    static float values[2 * 1114113];
    state_dict dict;
    const lyrnn_rnn_config config = config_of(LYRNN_RNN_TANH, 1, false);
    fill(&dict, &config);
    lyrnn_tensor *weight = find(&dict, "rnn.weight_ih_l0");
    weight->data = values;
    reshape(weight, 2, 2, 1114113);
    assert_refused(&dict, "1114113 inputs and 2 hidden units are out of range");

    const lyrnn_rnn_config embedded = with_ends(config, TIED);
    fill(&dict, &embedded);
    lyrnn_tensor *embedding = find(&dict, "embedding.weight");
    embedding->data = values;
    reshape(embedding, 2, 1114113, 2);
    assert_refused(&dict, "embedding.weight is (1114113, 2), which is out of range");
    reshape(embedding, 2, 1, 65537);
    assert_refused(&dict, "embedding.weight is (1, 65537), which is out of range");

    lyrnn_rnn_config deep = config_of(LYRNN_RNN_TANH, LYRNN_MAX_LAYERS, false);
    fill(&dict, &deep);
    dict.tensors[dict.num_tensors++] = (lyrnn_tensor){.name = "rnn.weight_hh_l16",
                                                      .dtype = "F32",
                                                      .num_dims = 2,
                                                      .shape = {2, 2},
                                                      .data = values,
                                                      .num_bytes = 4 * sizeof(float)};
    assert_refused(&dict, "--num-layers 17");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_is_read_off_its_tensors),
        cmocka_unit_test(a_second_copy_of_the_embedding_is_a_tie),
        cmocka_unit_test(a_shared_weight_may_have_its_other_name),
        cmocka_unit_test(ends_that_make_no_network_are_refused),
        cmocka_unit_test(tanh_or_relu_is_left_to_the_reader),
        cmocka_unit_test(either_half_of_the_metadata_may_be_there),
        cmocka_unit_test(a_missing_vocabulary_has_a_remedy),
        cmocka_unit_test(tensors_that_make_no_network_are_refused),
        cmocka_unit_test(sizes_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
