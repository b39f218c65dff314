/* Model files that other programs make of the same network: weights of other types, names with the
 * prefixes of wrappers, further tensors, and a vocabulary that maps characters to ids. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "files/parameter_tensors.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/safetensors.h"
#include "temp_dir.h"

enum {
    V = 2,
    H = 1,
    NUM_TENSORS = 6,
    NUM_VALUES = V * H + H * H + 2 * H + V * H + V,
    MAX_NAME = 64
};

static const char *const names[NUM_TENSORS] = {"rnn.weight_ih_l0", "rnn.weight_hh_l0",
                                               "rnn.bias_ih_l0",   "rnn.bias_hh_l0",
                                               "dense.weight",     "dense.bias"};
static const size_t shapes[NUM_TENSORS][2] = {{H, V}, {H, H}, {H, 0}, {H, 0}, {V, H}, {V, 0}};

typedef struct {
    char names[NUM_TENSORS + 5][MAX_NAME];
    lyrnn_tensor tensors[NUM_TENSORS + 5];
    size_t num_tensors;
    const char *vocab;
} foreign_model;

/* A model whose values, of so many bytes each, follow each other in data. */
static void fill(foreign_model *model, const char *dtype, const void *data, size_t value_bytes)
{
    const unsigned char *next = data;
    memset(model, 0, sizeof *model);
    model->num_tensors = NUM_TENSORS;
    model->vocab = "[\"a\",\"b\"]";
    for (size_t i = 0; i < NUM_TENSORS; i++) {
        size_t count = shapes[i][0] * (shapes[i][1] == 0 ? 1 : shapes[i][1]);
        snprintf(model->names[i], MAX_NAME, "%s", names[i]);
        model->tensors[i] = (lyrnn_tensor){.name = model->names[i],
                                           .dtype = dtype,
                                           .num_dims = shapes[i][1] == 0 ? 1 : 2,
                                           .shape = {shapes[i][0], shapes[i][1]},
                                           .data = next,
                                           .num_bytes = count * value_bytes};
        next += count * value_bytes;
    }
}

static lyrnn_status read_back(const foreign_model *model, lyrnn_checkpoint *checkpoint)
{
    const lyrnn_metadata metadata = {"vocab", model->vocab};
    unlink("model");
    assert_int_equal(
        lyrnn_safetensors_write("model", &metadata, 1, model->tensors, model->num_tensors),
        LYRNN_OK);
    return lyrnn_checkpoint_read(checkpoint, "model");
}

/* The model is read, and has these values in the order of the tensors. */
static void assert_read(const foreign_model *model, const float expected[NUM_VALUES],
                        const char *dtype)
{
    lyrnn_checkpoint checkpoint;
    lyrnn_parameters parameters;
    if (read_back(model, &checkpoint) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    lyrnn_parameters_of_model(&parameters, &checkpoint.config);
    assert_int_equal(parameters.num, NUM_TENSORS);
    for (int i = 0; i < parameters.num; i++) {
        float values[NUM_VALUES];
        size_t count = lyrnn_parameter_count(&parameters.items[i]);
        assert_string_equal(parameters.items[i].name, names[i]);
        lyrnn_parameter_unpack(&parameters.items[i], checkpoint.params, values);
        assert_memory_equal(values, expected, count * sizeof *values);
        expected += count;
    }
    assert_string_equal(checkpoint.dtype, dtype);
    lyrnn_checkpoint_free(&checkpoint);
}

static void assert_refused(const foreign_model *model, const char *problem)
{
    lyrnn_checkpoint checkpoint;
    assert_int_equal(read_back(model, &checkpoint), LYRNN_ERR_MODEL_FILE);
    if (strstr(lyrnn_error_text(), problem) == NULL)
        fail_msg("'%s' does not say '%s'", lyrnn_error_text(), problem);
    assert_null(checkpoint.params);
}

static const float floats[NUM_VALUES] = {0.5f, -2, 3, 0.25f, -0.0f, 1, 1.5f, -1, 8};

static void every_half_is_converted_exactly(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        uint16_t half = (uint16_t)bits, bfloat = (uint16_t)bits;
        lyrnn_tensor tensor = {
            .name = "x", .dtype = "F16", .num_dims = 0, .data = &half, .num_bytes = 2};
        float value, expected_bf;
        uint32_t shifted = bits << 16;
        assert_int_equal(lyrnn_tensor_to_floats(&tensor, &value), 1);
        int exponent = (int)(bits >> 10 & 31);
        double fraction = (double)(bits & 1023) / 1024;
        double size = exponent == 0    ? ldexp(fraction, -14)
                      : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                       : ldexp(1 + fraction, exponent - 15);
        if (isnan(size))
            assert_true(isnan(value));
        else
            assert_true((double)value == (bits & 0x8000 ? -size : size) &&
                        (signbit(value) != 0) == ((bits & 0x8000) != 0));
        tensor.dtype = "BF16";
        tensor.data = &bfloat;
        memcpy(&expected_bf, &shifted, sizeof expected_bf);
        assert_int_equal(lyrnn_tensor_to_floats(&tensor, &value), 1);
        assert_memory_equal(&value, &expected_bf, sizeof value);
    }
}

static void weights_of_each_type_are_read(void **state)
{
    (void)state;
    foreign_model model;
    fill(&model, "F32", floats, sizeof floats[0]);
    assert_read(&model, floats, "F32");

    /* numpy.array(floats, numpy.float16).view(numpy.uint16) */
    static const uint16_t f16[NUM_VALUES] = {0x3800, 0xC000, 0x4200, 0x3400, 0x8000,
                                             0x3C00, 0x3E00, 0xBC00, 0x4800};
    fill(&model, "F16", f16, sizeof f16[0]);
    assert_read(&model, floats, "F16");

    /* The upper halves of the floats. */
    static const uint16_t bf16[NUM_VALUES] = {0x3F00, 0xC000, 0x4040, 0x3E80, 0x8000,
                                              0x3F80, 0x3FC0, 0xBF80, 0x4100};
    fill(&model, "BF16", bf16, sizeof bf16[0]);
    assert_read(&model, floats, "BF16");

    double f64[NUM_VALUES];
    for (int i = 0; i < NUM_VALUES; i++)
        f64[i] = (double)floats[i];
    fill(&model, "F64", f64, sizeof f64[0]);
    assert_read(&model, floats, "F64");

    /* To nearest, and to even between two. */
    float rounded[NUM_VALUES];
    memcpy(rounded, floats, sizeof rounded);
    f64[0] = 0.1, rounded[0] = 0.1f;
    f64[1] = 1 + 0x1p-24, rounded[1] = 1;
    f64[2] = 1 + 0x3p-24, rounded[2] = 1 + 0x1p-22f;
    f64[3] = 1e-60, rounded[3] = 0;
    assert_read(&model, rounded, "F64");

    /* One half leaves the floats after it unaligned. */
    fill(&model, "F32", floats, sizeof floats[0]);
    model.tensors[1].dtype = "F16";
    model.tensors[1].num_bytes = sizeof f16[0];
    model.tensors[1].data = &f16[V * H];
    assert_read(&model, floats, "mixed");
}

static void values_that_no_float_holds_are_refused(void **state)
{
    (void)state;
    foreign_model model;
    double f64[NUM_VALUES] = {0};
    f64[NUM_VALUES - 1] = 1e39;
    fill(&model, "F64", f64, sizeof f64[0]);
    assert_refused(&model, "value 1 of tensor dense.bias is too large for a float32");
    f64[NUM_VALUES - 1] = -INFINITY;
    assert_refused(&model, "value 1 of tensor dense.bias is not finite");
    f64[NUM_VALUES - 2] = 1e39; /* the first one counts */
    assert_refused(&model, "value 0 of tensor dense.bias is too large");
    uint16_t half[NUM_VALUES] = {[V * H] = 0x7C00};
    fill(&model, "F16", half, sizeof half[0]);
    assert_refused(&model, "value 0 of tensor rnn.weight_hh_l0 is not finite");
    fill(&model, "I16", half, sizeof half[0]);
    assert_refused(&model, "is I16; convert it to F32");
}

static void prefixes_of_wrappers_are_stripped(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"module.", "_orig_mod.", "_orig_mod.module.",
                                           "module._orig_mod.module.module."};
    foreign_model model;
    for (size_t k = 0; k < sizeof prefixes / sizeof prefixes[0]; k++) {
        fill(&model, "F32", floats, sizeof floats[0]);
        for (size_t i = 0; i < NUM_TENSORS; i++)
            snprintf(model.names[i], MAX_NAME, "%s%s", prefixes[k], names[i]);
        assert_read(&model, floats, "F32");
    }
    snprintf(model.names[0], MAX_NAME, "modul.%s", names[0]);
    assert_refused(&model, "no tensor rnn.weight_ih_l0");
}

static void further_tensors_are_refused_by_name(void **state)
{
    (void)state;
    foreign_model model;
    fill(&model, "F32", floats, sizeof floats[0]);
    for (size_t i = 0; i < 5; i++) {
        snprintf(model.names[NUM_TENSORS + i], MAX_NAME, "embedding.%zu", i);
        model.tensors[NUM_TENSORS + i] = model.tensors[2];
        model.tensors[NUM_TENSORS + i].name = model.names[NUM_TENSORS + i];
    }
    model.num_tensors = NUM_TENSORS + 1;
    assert_refused(&model, "has tensors that the network lacks: embedding.0;");
    model.num_tensors = NUM_TENSORS + 3;
    assert_refused(&model, "lacks: embedding.0, embedding.1, embedding.2;");
    model.num_tensors = NUM_TENSORS + 5;
    assert_refused(&model, "lacks: embedding.0, embedding.1, embedding.2 and 2 more;");
    /* A name occurs twice: once with a prefix. */
    model.num_tensors = NUM_TENSORS + 1;
    snprintf(model.names[NUM_TENSORS], MAX_NAME, "module.%s", names[2]);
    assert_refused(&model, "lacks: rnn.bias_ih_l0;");
}

static void a_vocabulary_may_map_characters_to_ids(void **state)
{
    (void)state;
    foreign_model model;
    lyrnn_checkpoint checkpoint;
    fill(&model, "F32", floats, sizeof floats[0]);
    model.vocab = "{\"\\u6708\": 1, \"\\n\": 0}";
    assert_int_equal(read_back(&model, &checkpoint), LYRNN_OK);
    assert_int_equal(checkpoint.vocab.V, V);
    assert_int_equal(checkpoint.vocab.chars[0], '\n');
    assert_int_equal(checkpoint.vocab.chars[1], 0x6708);
    assert_int_equal(lyrnn_vocab_id(&checkpoint.vocab, 0x6708), 1);
    lyrnn_checkpoint_free(&checkpoint);
    static const char *const wrong[] = {"{\"a\":0,\"b\":0}",     "{\"a\":1,\"b\":2}",
                                        "{\"a\":-1,\"b\":0}",    "{\"a\":0,\"b\":1.0}",
                                        "{\"a\":0,\"b\":\"1\"}", "{\"a\":0,\"b\":4294967297}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        model.vocab = wrong[i];
        assert_refused(&model, "its \"vocab\" does not give each id from 0 to 1 to one character");
    }
    model.vocab = "{\"<unk>\":0,\"b\":1}";
    assert_refused(&model, "entry 0 of its \"vocab\" is not one character");
    model.vocab = "{\"a\":0}";
    assert_refused(&model, "has 1 characters where the network has 2 inputs");
    model.vocab = "\"ab\"";
    assert_refused(&model, "\"vocab\" is not JSON");
    model.vocab = "{\"a\":0,\"a\":1}";
    assert_refused(&model, "has a key twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_is_converted_exactly),
        cmocka_unit_test(weights_of_each_type_are_read),
        cmocka_unit_test(values_that_no_float_holds_are_refused),
        cmocka_unit_test(prefixes_of_wrappers_are_stripped),
        cmocka_unit_test(further_tensors_are_refused_by_name),
        cmocka_unit_test(a_vocabulary_may_map_characters_to_ids),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
