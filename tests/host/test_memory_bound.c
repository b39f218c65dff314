/* Loading needs memory for what a file holds, not for what it claims. Each file is read under a
 * limit that is far below its claims: if memory were allocated before the check, the allocation
 * would fail instead of the check. Saving needs as much memory as it announces. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "files/trainer_state.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/safetensors.h"
#include "memory_limit.h"
#include "run/metrics.h"
#include "temp_dir.h"

/* The C library allocates at least this much at once. */
enum { SMALL = 4 << 20 };

static size_t write_safetensors(uint64_t N, const char *header)
{
    size_t length = strlen(header);
    unsigned char *bytes = malloc(sizeof N + length);
    assert_non_null(bytes);
    memcpy(bytes, &N, sizeof N);
    /* The header in a file has no terminator.
     * NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(bytes + sizeof N, header, length);
    assert_true(write_file("hostile", bytes, sizeof N + length));
    free(bytes);
    return sizeof N + length;
}

static void assert_refused(size_t num_bytes_more, const char *problem)
{
    lyrnn_checkpoint checkpoint;
    struct rlimit old = memory_limit_set(num_bytes_more);
    lyrnn_status status = lyrnn_checkpoint_read(&checkpoint, "hostile");
    memory_limit_lift(&old);
    if (status != LYRNN_ERR_MODEL_FILE || strstr(lyrnn_error_text(), problem) == NULL)
        fail_msg("status %d, '%s' instead of '%s'", (int)status, lyrnn_error_text(), problem);
}

static void a_header_longer_than_its_file_takes_no_memory(void **state)
{
    (void)state;
    write_safetensors(100000000, "{}");
    assert_refused(SMALL, "header ends at byte 100000008");
    write_safetensors(UINT64_MAX, "{}");
    assert_refused(SMALL, "format allows 100000000");
}

static void a_shape_larger_than_its_data_takes_no_memory(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1073741824],\"data_offsets\":[0,4294967296]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1073741824],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,0]}}",
    };
    static const char *const problems[] = {"the file is truncated", "where its shape takes",
                                           "whose size overflows"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        write_safetensors(strlen(headers[i]), headers[i]);
        assert_refused(SMALL, problems[i]);
    }
}

/* Writes a model file without data, whose metadata has these two texts. */
static size_t write_metadata(const char *config, const char *vocab)
{
    const lyrnn_metadata metadata[] = {{"config", config}, {"vocab", vocab}};
    const float value = 0;
    const lyrnn_tensor tensor = {
        .name = "a", .dtype = "F32", .num_dims = 0, .data = &value, .num_bytes = sizeof value};
    struct stat info;
    unlink("hostile");
    assert_int_equal(lyrnn_safetensors_write("hostile", metadata, 2, &tensor, 1), LYRNN_OK);
    assert_int_equal(stat("hostile", &info), 0);
    return (size_t)info.st_size;
}

#define CONFIG(input_size, hidden_size, num_layers)                                                \
    "{\"cell\":\"lstm\",\"input_size\":" #input_size ",\"hidden_size\":" #hidden_size              \
    ",\"num_layers\":" #num_layers ",\"bidirectional\":true,\"dropout\":0}"

static void a_network_larger_than_its_tensors_takes_no_memory(void **state)
{
    (void)state;
    write_metadata(CONFIG(1, 65536, 16), "[\"a\"]");
    assert_refused(SMALL, "no tensor rnn.weight_ih_l0");
    write_metadata(CONFIG(1114112, 65536, 16), "[\"a\"]");
    assert_refused(SMALL, "has 1 characters where the network has 1114112");
}

/* As a jansson tree, an empty object takes 75 times the three bytes of its text. */
static void a_text_of_nothing_but_brackets_is_not_made_a_tree(void **state)
{
    (void)state;
    enum { NUM_OBJECTS = 1000000 };
    char *text = malloc(3 * NUM_OBJECTS + 2);
    assert_non_null(text);
    for (size_t i = 0; i < NUM_OBJECTS; i++)
        memcpy(text + 1 + 3 * i, "{},", 3);
    text[0] = '[';
    text[3 * NUM_OBJECTS] = ']';
    text[3 * NUM_OBJECTS + 1] = '\0';
    size_t num_bytes = write_metadata(CONFIG(1000000, 1, 1), text);
    assert_refused(8 * num_bytes, "\"vocab\" has more brackets");
    num_bytes = write_metadata(text, "[\"a\"]");
    assert_refused(8 * num_bytes, "\"config\" has more brackets");
    free(text);
}

/* As a jansson tree, a text of one character takes 25 times the four bytes of its text. */
static void a_text_of_too_many_values_is_not_made_a_tree(void **state)
{
    (void)state;
    enum { NUM_VALUES = 4000000 };
    char *text = malloc(4 * NUM_VALUES + 2);
    assert_non_null(text);
    for (size_t i = 0; i < NUM_VALUES; i++)
        memcpy(text + 1 + 4 * i, "\"a\",", 4);
    text[0] = '[';
    text[4 * NUM_VALUES] = ']';
    text[4 * NUM_VALUES + 1] = '\0';
    size_t num_bytes = write_metadata(CONFIG(1000000, 1, 1), text);
    assert_refused(8 * num_bytes, "\"vocab\" has more values");
    num_bytes = write_metadata(text, "[\"a\"]");
    assert_refused(8 * num_bytes, "\"config\" has more values");
    free(text);
}

/* A line of a run's metrics may claim to be the report of an epoch and never end. */
static void a_line_of_metrics_takes_bounded_memory(void **state)
{
    (void)state;
    static const char begin[] = "{\"epoch\":1,\"step\":1,\"perplexity\":2}\n{\"epoch\":2,\"x\":[";
    enum { NUM_BYTES = 64 << 20 };
    char *text = malloc(NUM_BYTES);
    assert_non_null(text);
    memset(text, ' ', NUM_BYTES);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(text, begin, sizeof begin - 1);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(text + NUM_BYTES - 3, "]}\n", 3);
    assert_int_equal(mkdir("run", 0777), 0);
    assert_true(write_file("run/metrics.jsonl", text, NUM_BYTES));
    free(text);
    malloc_trim(0);
    json_t *last, *best;
    struct rlimit old = memory_limit_set(SMALL);
    lyrnn_status status = lyrnn_metrics_read("run", &last, &best, NULL);
    memory_limit_lift(&old);
    assert_int_equal(status, LYRNN_ERR_IO);
    assert_string_equal(lyrnn_error_text(), "run/metrics.jsonl: line 2 is not the report of an "
                                            "epoch; it is left out");
    assert_int_equal(json_integer_value(json_object_get(last, "epoch")), 1);
    json_decref(last);
    json_decref(best);
    assert_int_equal(truncate("run/metrics.jsonl", (off_t)2 << 30), 0);
    assert_int_equal(lyrnn_metrics_read("run", &last, &best, NULL), LYRNN_ERR_IO);
    assert_non_null(strstr(lyrnn_error_text(), "has more than 1073741824 bytes"));
}

/* Makes a state and writes it to a place that cannot be written, so that only errors from memory
 * take time. */
static lyrnn_status make_and_write(const lyrnn_rnn_config *config, int B, bool has_average,
                                   size_t num_bytes)
{
    lyrnn_trainer_state training = {0};
    /* Memory that was freed before must not be used again. */
    malloc_trim(0);
    struct rlimit old = memory_limit_set(num_bytes);
    lyrnn_status status = lyrnn_trainer_snapshot_init(&training.snapshot, config, B, has_average);
    if (status == LYRNN_OK) {
        status = lyrnn_trainer_state_write("no/such/directory", config, &training);
        lyrnn_trainer_snapshot_free(&training.snapshot);
    }
    memory_limit_lift(&old);
    return status;
}

static void saving_a_trainers_state_takes_the_memory_that_is_counted(void **state)
{
    (void)state;
    const lyrnn_rnn_config configs[] = {
        {.cell = LYRNN_RNN_TANH, .input_size = 16384, .hidden_size = 256, .num_layers = 1},
        {.cell = LYRNN_GRU, .input_size = 16, .hidden_size = 1024, .num_layers = 1},
        {.cell = LYRNN_LSTM, .input_size = 16, .hidden_size = 256, .num_layers = 1},
    };
    const int B[] = {2, 2, 16384};
    for (int i = 0; i < 6; i++) {
        bool has_average = i >= 3;
        const lyrnn_rnn_config *config = &configs[i % 3];
        int streams = B[i % 3];
        size_t num_bytes = lyrnn_trainer_state_bytes(config, streams, has_average);
        assert_true(num_bytes > 4 * (size_t)SMALL);
        assert_int_equal(make_and_write(config, streams, has_average, num_bytes + SMALL),
                         LYRNN_ERR_IO);
        if (MEMORY_HAS_LIMIT)
            assert_int_equal(make_and_write(config, streams, has_average, num_bytes - SMALL),
                             LYRNN_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_longer_than_its_file_takes_no_memory),
        cmocka_unit_test(a_shape_larger_than_its_data_takes_no_memory),
        cmocka_unit_test(a_network_larger_than_its_tensors_takes_no_memory),
        cmocka_unit_test(a_text_of_nothing_but_brackets_is_not_made_a_tree),
        cmocka_unit_test(saving_a_trainers_state_takes_the_memory_that_is_counted),
        /* They free large blocks, which malloc then keeps for the next ones. */
        cmocka_unit_test(a_text_of_too_many_values_is_not_made_a_tree),
        cmocka_unit_test(a_line_of_metrics_takes_bounded_memory),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
