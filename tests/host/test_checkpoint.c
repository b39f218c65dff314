/* Model files: weights and vocabulary come back bit for bit. A file that contradicts itself is
 * refused before anything of its claimed size is allocated. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "checksum.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/safetensors.h"
#include "memory_limit.h"
#include "temp_dir.h"

enum { V = 4, H = 3, NUM_TENSORS = 6 };

static const uint32_t chars[V] = {'\n', 0x5206, '"', 0x1F3B5};
static const lyrnn_rnn_config config = {
    .cell = LYRNN_RNN_RELU, .input_size = V, .hidden_size = H, .num_layers = 1};

#define CONFIG                                                                                     \
    "{\"cell\":\"rnn_relu\",\"input_size\":4,\"hidden_size\":3,\"num_layers\":1,"                  \
    "\"bidirectional\":false,\"dropout\":0.0}"
#define VOCAB "[\"\\n\",\"分\",\"\\\"\",\"🎵\"]"

/* Distinct values, including a negative zero and a denormal. The padding is zero. */
static float *make_params(const lyrnn_parameters *parameters)
{
    float *params = calloc(parameters->count, sizeof *params);
    assert_non_null(params);
    for (int i = 0; i < parameters->num; i++)
        for (size_t k = 0; k < lyrnn_parameter_count(&parameters->items[i]); k++)
            params[parameters->items[i].offset + k] = (float)(100 * i + (int)k) / 7.0f;
    params[0] = -0.0f;
    params[1] = 1e-41f;
    return params;
}

static void write_model(const char *path)
{
    lyrnn_parameters parameters;
    lyrnn_vocab vocab;
    lyrnn_parameters_of_model(&parameters, &config);
    float *params = make_params(&parameters);
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, V), LYRNN_OK);
    assert_int_equal(lyrnn_checkpoint_write(path, &config, &vocab, params, NULL), LYRNN_OK);
    lyrnn_vocab_free(&vocab);
    free(params);
}

static void a_model_comes_back_bit_for_bit(void **state)
{
    (void)state;
    lyrnn_checkpoint checkpoint;
    lyrnn_parameters parameters;
    write_model("model");
    assert_int_equal(lyrnn_checkpoint_read(&checkpoint, "model"), LYRNN_OK);
    assert_int_equal(checkpoint.config.cell, config.cell);
    assert_int_equal(checkpoint.config.input_size, V);
    assert_int_equal(checkpoint.config.hidden_size, H);
    assert_int_equal(checkpoint.config.num_layers, 1);
    assert_false(checkpoint.config.bidirectional);
    assert_true(checkpoint.config.dropout == 0);
    assert_int_equal(checkpoint.vocab.V, V);
    assert_memory_equal(checkpoint.vocab.chars, chars, sizeof chars);
    lyrnn_parameters_of_model(&parameters, &config);
    float *params = make_params(&parameters);
    assert_memory_equal(checkpoint.params, params, parameters.count * sizeof *params);
    free(params);
    lyrnn_checkpoint_free(&checkpoint);
}

/* Writes and reads a model, all of whose weights are 0. */
static void assert_config_comes_back(const lyrnn_rnn_config *network, const char *json)
{
    lyrnn_parameters parameters;
    lyrnn_vocab vocab;
    lyrnn_checkpoint checkpoint;
    lyrnn_safetensors file;
    lyrnn_parameters_of_model(&parameters, network);
    float *params = calloc(parameters.count, sizeof *params);
    assert_non_null(params);
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, V), LYRNN_OK);
    unlink("config");
    assert_int_equal(lyrnn_checkpoint_write("config", network, &vocab, params, NULL), LYRNN_OK);
    assert_int_equal(lyrnn_safetensors_open(&file, "config"), LYRNN_OK);
    assert_string_equal(lyrnn_safetensors_metadata(&file, "config"), json);
    lyrnn_safetensors_close(&file);
    if (lyrnn_checkpoint_read(&checkpoint, "config") != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
    assert_memory_equal(&checkpoint.config, network, sizeof *network);
    lyrnn_checkpoint_free(&checkpoint);
    lyrnn_vocab_free(&vocab);
    free(params);
}

/* What is off is not in the file. */
static void a_config_has_only_what_the_network_has(void **state)
{
    (void)state;
    lyrnn_rnn_config network = config;
#define ONE_HOT                                                                                    \
    "{\"cell\":\"rnn_relu\",\"input_size\":4,\"hidden_size\":3,\"num_layers\":1,"                  \
    "\"bidirectional\":false,\"dropout\":0.0"
    assert_config_comes_back(&network, ONE_HOT "}");
    network.dropout_output = 0.5f;
    assert_config_comes_back(&network, ONE_HOT ",\"dropout_output\":0.5}");
    network.embedding_size = 2;
    assert_config_comes_back(&network, ONE_HOT ",\"embedding_size\":2,\"dropout_output\":0.5}");
    network.tied = true;
    network.dropout_input = 0.25f;
    network.dropout_weight = 1;
    assert_config_comes_back(&network,
                             ONE_HOT ",\"embedding_size\":2,\"tied\":true,\"dropout_input\":0.25,"
                                     "\"dropout_output\":0.5,\"dropout_weight\":1.0}");
#undef ONE_HOT
}

static void the_same_model_gives_the_same_bytes(void **state)
{
    (void)state;
    size_t a_bytes, b_bytes;
    write_model("same1");
    write_model("same2");
    unsigned char *a = read_file("same1", &a_bytes), *b = read_file("same2", &b_bytes);
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(a, b, a_bytes);
    free(a), free(b);
}

static void the_file_is_what_pytorch_expects(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int num_dims;
        size_t shape[2];
    } expected[NUM_TENSORS] = {
        {"rnn.weight_ih_l0", 2, {H, V}}, {"rnn.weight_hh_l0", 2, {H, H}},
        {"rnn.bias_ih_l0", 1, {H}},      {"rnn.bias_hh_l0", 1, {H}},
        {"dense.weight", 2, {V, H}},     {"dense.bias", 1, {V}},
    };
    lyrnn_safetensors file;
    write_model("pytorch");
    assert_int_equal(lyrnn_safetensors_open(&file, "pytorch"), LYRNN_OK);
    assert_int_equal(file.num_tensors, NUM_TENSORS);
    for (int i = 0; i < NUM_TENSORS; i++) {
        const lyrnn_tensor *tensor = &file.tensors[i];
        assert_string_equal(tensor->name, expected[i].name);
        assert_string_equal(tensor->dtype, "F32");
        assert_int_equal(tensor->num_dims, expected[i].num_dims);
        assert_memory_equal(tensor->shape, expected[i].shape, sizeof expected[i].shape);
    }
    /* Stored transposed in memory, but (H,V) in the file: row 1 of the file is column 1 of
     * memory. */
    const float *weight_ih = file.tensors[0].data;
    assert_true(weight_ih[V * 1 + 2] == (float)(2 * H + 1) / 7.0f);
    assert_string_equal(lyrnn_safetensors_metadata(&file, "format"), "pt");
    assert_string_equal(lyrnn_safetensors_metadata(&file, "config"), CONFIG);
    assert_string_equal(lyrnn_safetensors_metadata(&file, "vocab"), VOCAB);
    lyrnn_safetensors_close(&file);
}

/* A model file to spoil: change what fill_model set, then state how the file must be refused. */
typedef struct {
    lyrnn_metadata metadata[3];
    size_t num_metadata;
    lyrnn_tensor tensors[NUM_TENSORS + 1];
    size_t num_tensors;
    float values[64];
} model_file;

static void fill_model(model_file *model, const char *config_json, const char *vocab_json)
{
    *model = (model_file){
        .metadata = {{"format", "pt"}, {"config", config_json}, {"vocab", vocab_json}},
        .num_metadata = 3,
        .tensors = {{.name = "rnn.weight_ih_l0", .num_dims = 2, .shape = {H, V}},
                    {.name = "rnn.weight_hh_l0", .num_dims = 2, .shape = {H, H}},
                    {.name = "rnn.bias_ih_l0", .num_dims = 1, .shape = {H}},
                    {.name = "rnn.bias_hh_l0", .num_dims = 1, .shape = {H}},
                    {.name = "dense.weight", .num_dims = 2, .shape = {V, H}},
                    {.name = "dense.bias", .num_dims = 1, .shape = {V}},
                    {.name = "extra", .num_dims = 1, .shape = {1}}},
        .num_tensors = NUM_TENSORS,
    };
    for (size_t i = 0; i < NUM_TENSORS + 1; i++) {
        lyrnn_tensor *tensor = &model->tensors[i];
        tensor->dtype = "F32";
        tensor->data = model->values;
        tensor->num_bytes =
            sizeof(float) * tensor->shape[0] * (tensor->num_dims == 2 ? tensor->shape[1] : 1);
    }
}

static void assert_model(const model_file *model, lyrnn_status expected, const char *problem)
{
    lyrnn_checkpoint checkpoint;
    unlink("spoiled");
    assert_int_equal(lyrnn_safetensors_write("spoiled", model->metadata, model->num_metadata,
                                             model->tensors, model->num_tensors),
                     LYRNN_OK);
    lyrnn_status status = lyrnn_checkpoint_read(&checkpoint, "spoiled");
    if (status != expected)
        fail_msg("status %d, not %d: %s", (int)status, (int)expected, lyrnn_error_text());
    if (expected != LYRNN_OK) {
        const char *text = lyrnn_error_text();
        assert_int_equal(strncmp(text, "spoiled: ", 8), 0);
        assert_null(strchr(text, '\n'));
        if (strstr(text, problem) == NULL)
            fail_msg("'%s' does not say '%s'", text, problem);
        assert_null(checkpoint.params);
        assert_null(checkpoint.vocab.chars);
    }
    lyrnn_checkpoint_free(&checkpoint);
}

static void assert_config(const char *config_json, lyrnn_status expected, const char *problem)
{
    model_file model;
    fill_model(&model, config_json, VOCAB);
    assert_model(&model, expected, problem);
}

static void assert_vocab(const char *vocab_json, const char *problem)
{
    model_file model;
    fill_model(&model, CONFIG, vocab_json);
    assert_model(&model, LYRNN_ERR_MODEL_FILE, problem);
}

/* The fields of a config in the file's order, all as JSON. */
#define CONFIG_OF(cell, input, hidden, layers, bidirectional, dropout)                             \
    "{\"cell\":" cell ",\"input_size\":" input ",\"hidden_size\":" hidden                          \
    ",\"num_layers\":" layers ",\"bidirectional\":" bidirectional ",\"dropout\":" dropout "}"

static void an_unspoiled_file_is_read(void **state)
{
    (void)state;
    assert_config(CONFIG, LYRNN_OK, "");
    /* As Python's json module writes it. */
    assert_config("{\"dropout\": 0, \"cell\": \"rnn_tanh\", \"input_size\": 4, \"hidden_size\": 3, "
                  "\"num_layers\": 1, \"bidirectional\": false}",
                  LYRNN_OK, "");
    model_file model;
    fill_model(&model, CONFIG, "[\"\\n\", \"\\u5206\", \"\\\"\", \"\\ud83c\\udfb5\"]");
    assert_model(&model, LYRNN_OK, "");
}

static void a_config_that_is_not_one_is_refused(void **state)
{
    (void)state;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    const char *problem = "does not describe a network";
    assert_config("", bad, "\"config\" is not JSON");
    assert_config("{\"cell\":", bad, "\"config\" is not JSON");
    assert_config("{\"cell\":\"rnn_tanh\",\"cell\":\"rnn_tanh\"}", bad,
                  "\"config\" has a key twice");
    assert_config("{}", bad, problem);
    assert_config("[]", bad, problem);
    assert_config("{\"cell\":\"rnn_relu\",\"input_size\":4,\"hidden_size\":3,\"num_layers\":1,"
                  "\"bidirectional\":false}",
                  bad, problem);
    assert_config("{\"proj_size\":2,\"cell\":\"rnn_relu\",\"input_size\":4,\"hidden_size\":3,"
                  "\"num_layers\":1,\"bidirectional\":false,\"dropout\":0}",
                  bad, problem);
    assert_config(CONFIG_OF("1", "4", "3", "1", "false", "0"), bad, problem);
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4.0", "3", "1", "false", "0"), bad, problem);
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "\"3\"", "1", "false", "0"), bad, problem);
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "3", "1", "0", "0"), bad, problem);
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "3", "1", "false", "1e308"), bad, problem);
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "3", "1", "false", "-1"), bad, problem);
}

/* Adds entries to a config, whose tensors are those of a network without them. */
#define CONFIG_AND(entries)                                                                        \
    "{\"cell\":\"rnn_relu\",\"input_size\":4,\"hidden_size\":3,\"num_layers\":1,"                  \
    "\"bidirectional\":false,\"dropout\":0.0," entries "}"

static void entries_that_a_network_need_not_have_are_checked(void **state)
{
    (void)state;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    static const char *const dropouts[] = {"dropout_input", "dropout_output", "dropout_weight"};
    static const char *const not_shares[] = {"-0.1", "1.1", "\"0\"", "null", "true", "[0]"};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        for (size_t k = 0; k < sizeof not_shares / sizeof not_shares[0]; k++) {
            snprintf(text, sizeof text, CONFIG_AND("\"%s\":%s"), dropouts[i], not_shares[k]);
            assert_config(text, bad, "does not describe a network");
        }
        snprintf(text, sizeof text, CONFIG_AND("\"%s\":0"), dropouts[i]);
        assert_config(text, LYRNN_OK, "");
    }
    static const char *const wrong[] = {CONFIG_AND("\"embedding_size\":-1"),
                                        CONFIG_AND("\"embedding_size\":2.0"),
                                        CONFIG_AND("\"embedding_size\":\"2\""),
                                        CONFIG_AND("\"embedding_size\":2147483648"),
                                        CONFIG_AND("\"tied\":1"),
                                        CONFIG_AND("\"tied\":null"),
                                        CONFIG_AND("\"tie\":true"),
                                        CONFIG_AND("\"tied\":false,\"projection\":2")};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_config(wrong[i], bad, "does not describe a network");
    assert_config(CONFIG_AND("\"embedding_size\":0,\"tied\":false"), LYRNN_OK, "");
    assert_config(CONFIG_AND("\"dropout_weight\":0.5,\"dropout_output\":1"), LYRNN_OK, "");
    assert_config(CONFIG_AND("\"tied\":true"), bad, "--tie: there is no embedding to share");
    assert_config(CONFIG_AND("\"dropout_input\":0.5"), bad, "--dropout-input: ");
    assert_config(CONFIG_AND("\"embedding_size\":65537"), bad, "--embedding-size 65537: ");
    assert_config(CONFIG_AND("\"embedding_size\":65536"), bad, "no tensor embedding.weight");
}

static void a_network_out_of_range_is_refused(void **state)
{
    (void)state;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    assert_config(CONFIG_OF("\"a\\nb\"", "4", "3", "1", "false", "0"), bad, "--cell: ");
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "3", "0", "false", "0"), bad, "--num-layers 0");
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "3", "17", "false", "0"), bad, "--num-layers 17");
}

static void tensors_that_contradict_the_config_are_refused(void **state)
{
    (void)state;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    const char *shape = "rnn.weight_ih_l0 does not have the shape";
    assert_config(CONFIG_OF("\"lstm\"", "4", "3", "1", "false", "0"), bad, shape);
    assert_config(CONFIG_OF("\"gru\"", "4", "3", "1", "false", "0"), bad, shape);
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "3", "2", "false", "0"), bad,
                  "no tensor rnn.weight_ih_l1");
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "3", "1", "true", "0"), bad,
                  "no tensor rnn.weight_ih_l0_reverse");
}

/* Under this memory limit, allocating by the config's sizes would give a different error. */
static void hostile_sizes_are_refused_without_allocating(void **state)
{
    (void)state;
    const lyrnn_status bad = LYRNN_ERR_MODEL_FILE;
    struct rlimit old = memory_limit_set(64 << 20);
    const char *const too_large[] = {"1000000000", "2147483647", "65537"};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof text, CONFIG_OF("\"rnn_tanh\"", "4", "%s", "1", "false", "0"),
                 too_large[i]);
        assert_config(text, bad, "--hidden-size");
    }
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "9223372036854775807", "1", "false", "0"), bad,
                  "does not describe");
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "4294967299", "1", "false", "0"), bad,
                  "does not describe");
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "-3", "1", "false", "0"), bad,
                  "does not describe");
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "0", "1", "false", "0"), bad, "--hidden-size 0");
    assert_config(CONFIG_OF("\"rnn_tanh\"", "1114112", "65536", "1", "false", "0"), bad,
                  "has 4 characters where the network has 1114112");
    /* The size is in range, but its 17 GB of weight_hh are not in the file. */
    assert_config(CONFIG_OF("\"rnn_tanh\"", "4", "65536", "1", "false", "0"), bad,
                  "rnn.weight_ih_l0 does not have the shape");
    memory_limit_lift(&old);
}

static void a_vocabulary_that_is_not_one_is_refused(void **state)
{
    (void)state;
    const char *problem = "is not one character";
    assert_vocab("[\"a\",\"b\",\"c\",", "\"vocab\" is not JSON");
    assert_vocab("{\"a\":0,\"b\":1,\"c\":2,\"d\":4}", "does not give each id");
    assert_vocab("[\"a\",\"b\",\"c\"]", "has 3 characters where the network has 4");
    assert_vocab("[\"a\",\"b\",\"c\",\"d\",\"e\"]", "has 5 characters where the network has 4");
    assert_vocab("[]", "has 0 characters");
    assert_vocab("[\"a\",\"b\",\"c\",\"de\"]", problem);
    assert_vocab("[\"a\",\"b\",\"c\",\"分开\"]", problem);
    assert_vocab("[\"a\",\"b\",\"c\",\"e\\u0301\"]", problem);
    assert_vocab("[\"a\",\"b\",\"c\",\"\"]", problem);
    assert_vocab("[\"a\",\"b\",\"c\",1]", problem);
    assert_vocab("[\"a\",\"b\",\"c\",[\"d\"]]", problem);
    assert_vocab("[\"a\",\"b\",\"c\",null]", problem);
    assert_vocab("[\"a\",\"b\",\"c\",\"\\ud800\"]", "\"vocab\" is not JSON");
    assert_vocab("[\"a\",\"b\",\"c\",\"a\"]", "twice");
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_TENSORS; i++) {
        model_file model;
        char problem[64];
        fill_model(&model, CONFIG, VOCAB);
        snprintf(problem, sizeof problem, "no tensor %s", model.tensors[i].name);
        for (size_t k = i; k < NUM_TENSORS; k++)
            model.tensors[k] = model.tensors[k + 1];
        model.num_tensors--;
        assert_model(&model, LYRNN_ERR_MODEL_FILE, problem);
        /* A tensor with another name does not replace it. */
        model.num_tensors++;
        assert_model(&model, LYRNN_ERR_MODEL_FILE, problem);
    }
}

static void an_extra_tensor_is_refused(void **state)
{
    (void)state;
    model_file model;
    fill_model(&model, CONFIG, VOCAB);
    model.num_tensors++;
    assert_model(&model, LYRNN_ERR_MODEL_FILE, "has tensors that the network lacks: extra;");
}

static void a_tensor_of_another_shape_or_type_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_TENSORS; i++) {
        model_file model;
        fill_model(&model, CONFIG, VOCAB);
        lyrnn_tensor *tensor = &model.tensors[i], whole = *tensor;
        /* The same bytes in another shape: transposed, or a vector as a column. */
        tensor->num_dims = 2;
        tensor->shape[0] = whole.num_dims == 2 ? whole.shape[1] : whole.shape[0];
        tensor->shape[1] = whole.num_dims == 2 ? whole.shape[0] : 1;
        if (i != LYRNN_WEIGHT_HH)
            assert_model(&model, LYRNN_ERR_MODEL_FILE, "does not have the shape");
        *tensor = whole;
        tensor->shape[0]++;
        tensor->num_bytes += sizeof(float) * (whole.num_dims == 2 ? whole.shape[1] : 1);
        assert_model(&model, LYRNN_ERR_MODEL_FILE, "does not have the shape");
        *tensor = whole;
        tensor->dtype = "I32";
        assert_model(&model, LYRNN_ERR_MODEL_FILE, "is I32; convert it to F32");
    }
}

static void weights_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < NUM_TENSORS; i++) {
        for (size_t k = 0; k < 3; k++) {
            model_file model;
            float values[64] = {0};
            fill_model(&model, CONFIG, VOCAB);
            values[model.tensors[i].num_bytes / sizeof(float) - 1] = bad[k];
            model.tensors[i].data = values;
            assert_model(&model, LYRNN_ERR_MODEL_FILE, "is not finite");
            assert_non_null(strstr(lyrnn_error_text(), model.tensors[i].name));
        }
    }
}

/* Reads the file with each of some flipped bits. */
static void flip_bits(unsigned char *bytes, size_t num_bytes, bool has_checksum)
{
    lyrnn_checkpoint checkpoint;
    for (size_t i = 0; i < num_bytes; i++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            bytes[i] ^= (unsigned char)(1u << bit);
            assert_true(write_file("damaged", bytes, num_bytes));
            lyrnn_status status = lyrnn_checkpoint_read(&checkpoint, "damaged");
            assert_true(status == (has_checksum ? LYRNN_ERR_DAMAGED : LYRNN_OK) ||
                        status == LYRNN_ERR_MODEL_FILE);
            if (status == LYRNN_OK)
                assert_int_equal(checkpoint.vocab.V, checkpoint.config.input_size);
            lyrnn_checkpoint_free(&checkpoint);
            bytes[i] ^= (unsigned char)(1u << bit);
        }
    }
}

static void a_model_file_cut_or_changed_never_crashes(void **state)
{
    (void)state;
    size_t num_bytes;
    write_model("whole");
    unsigned char *bytes = read_file("whole", &num_bytes);
    lyrnn_checkpoint checkpoint;
    for (size_t length = 0; length < num_bytes; length += 7) {
        assert_true(write_file("damaged", bytes, length));
        assert_int_equal(lyrnn_checkpoint_read(&checkpoint, "damaged"), LYRNN_ERR_MODEL_FILE);
    }
    flip_bits(bytes, num_bytes, true);
    assert_true(checksum_remove(bytes, num_bytes) > 0);
    flip_bits(bytes, num_bytes, false);
    free(bytes);
}

static void a_file_that_is_absent_is_an_io_error(void **state)
{
    (void)state;
    lyrnn_checkpoint checkpoint;
    assert_int_equal(lyrnn_checkpoint_read(&checkpoint, "absent"), LYRNN_ERR_IO);
    lyrnn_checkpoint_free(&checkpoint);
}

static void a_failed_write_leaves_nothing_and_harms_nothing(void **state)
{
    (void)state;
    struct rlimit old, tiny;
    lyrnn_vocab vocab;
    lyrnn_checkpoint checkpoint;
    lyrnn_parameters parameters;
    write_model("earlier");
    lyrnn_parameters_of_model(&parameters, &config);
    float *params = make_params(&parameters);
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, V), LYRNN_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tiny = old;
    tiny.rlim_cur = 600;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    lyrnn_status status = lyrnn_checkpoint_write("later", &config, &vocab, params, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, LYRNN_ERR_IO);
    assert_false(exists("later"));
    assert_int_equal(lyrnn_checkpoint_write("earlier", &config, &vocab, params, NULL),
                     LYRNN_ERR_IO);
    assert_int_equal(lyrnn_checkpoint_read(&checkpoint, "earlier"), LYRNN_OK);
    assert_memory_equal(checkpoint.params, params, parameters.count * sizeof *params);
    lyrnn_checkpoint_free(&checkpoint);
    lyrnn_vocab_free(&vocab);
    free(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back_bit_for_bit),
        cmocka_unit_test(a_config_has_only_what_the_network_has),
        cmocka_unit_test(the_same_model_gives_the_same_bytes),
        cmocka_unit_test(the_file_is_what_pytorch_expects),
        cmocka_unit_test(an_unspoiled_file_is_read),
        cmocka_unit_test(a_config_that_is_not_one_is_refused),
        cmocka_unit_test(entries_that_a_network_need_not_have_are_checked),
        cmocka_unit_test(a_network_out_of_range_is_refused),
        cmocka_unit_test(tensors_that_contradict_the_config_are_refused),
        cmocka_unit_test(hostile_sizes_are_refused_without_allocating),
        cmocka_unit_test(a_vocabulary_that_is_not_one_is_refused),
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(an_extra_tensor_is_refused),
        cmocka_unit_test(a_tensor_of_another_shape_or_type_is_refused),
        cmocka_unit_test(weights_that_are_not_finite_are_refused),
        cmocka_unit_test(a_model_file_cut_or_changed_never_crashes),
        cmocka_unit_test(a_file_that_is_absent_is_an_io_error),
        cmocka_unit_test(a_failed_write_leaves_nothing_and_harms_nothing),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
