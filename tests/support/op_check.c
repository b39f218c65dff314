/* See op_check.h. The guard bands hold NaN: reading past an array spoils the result, and writing
 * past it is detected. They are as long as the alignment that memory_alloc promises. */
#include "op_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/device.h"

enum { GUARD_BYTES = 256, CTEST_SKIPPED = 77 };

/* A quiet NaN with a payload that no arithmetic produces. */
static const uint32_t guard_word = 0x7fdeadf1u;

const char *test_device(void)
{
    const char *device = getenv("LYRNN_TEST_DEVICE");
    return device != NULL && device[0] != '\0' ? device : "cpu";
}

void open_test_backend(lyrnn_backend *backend, int num_threads)
{
    lyrnn_status status = lyrnn_backend_open(test_device(), num_threads, LYRNN_FP32, backend);
    if (status == LYRNN_ERR_UNSUPPORTED) {
        fprintf(stderr, "skipped: %s\n", lyrnn_error_text());
        exit(CTEST_SKIPPED);
    }
    if (status != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

int op_check_setup(void **state)
{
    op_check *check = calloc(1, sizeof *check);
    if (check == NULL)
        return -1;
    open_test_backend(&check->backend, 0);
    *state = check;
    return 0;
}

static void free_arrays(op_check *check)
{
    for (int i = 0; i < check->num_arrays; i++) {
        check->backend.memory_free(&check->backend, check->arrays[i].memory);
        free(check->arrays[i].original);
    }
    for (int i = 0; i < check->num_host; i++)
        free(check->host[i]);
    check->num_arrays = check->num_host = 0;
}

int op_check_teardown(void **state)
{
    op_check *check = *state;
    free_arrays(check);
    lyrnn_backend_close(&check->backend);
    free(check);
    return 0;
}

op_check *op_check_begin(void **state)
{
    op_check *check = *state;
    free_arrays(check);
    return check;
}

static void *host_array(op_check *check, int count, size_t size)
{
    assert_true(count > 0 && check->num_host < OP_CHECK_MAX_HOST_ARRAYS);
    void *array = calloc((size_t)count, size);
    assert_non_null(array);
    check->host[check->num_host++] = array;
    return array;
}

double *op_check_doubles(op_check *check, int count)
{
    return host_array(check, count, sizeof(double));
}

float *op_check_floats(op_check *check, int count)
{
    return host_array(check, count, sizeof(float));
}

float *op_check_random(op_check *check, int count, double bound, uint64_t seed)
{
    float *values = op_check_floats(check, count);
    for (int i = 0; i < count; i++)
        values[i] = (float)random_number(seed, (uint64_t)i, bound);
    return values;
}

int32_t *op_check_ids(op_check *check, int count, int V, uint64_t seed)
{
    int32_t *ids = host_array(check, count, sizeof *ids);
    for (int i = 0; i < count; i++)
        ids[i] = random_id(seed, (uint64_t)i, V);
    /* The ends of the range, where indexing errors show first. */
    ids[0] = V - 1;
    ids[count - 1] = 0;
    return ids;
}

double *op_check_widen(op_check *check, const float *values, int count)
{
    double *wide = op_check_doubles(check, count);
    for (int i = 0; i < count; i++)
        wide[i] = (double)values[i];
    return wide;
}

void op_check_add(double *sums, const float *values, int count)
{
    for (int i = 0; i < count; i++)
        sums[i] += (double)values[i];
}

/* A host buffer in which one guarded array is prepared, and checked later. */
static unsigned char *staging(size_t bytes)
{
    unsigned char *memory = malloc(bytes);
    assert_non_null(memory);
    for (size_t i = 0; i + sizeof guard_word <= bytes; i += sizeof guard_word)
        memcpy(memory + i, &guard_word, sizeof guard_word);
    return memory;
}

/* Makes a device array. If host is NULL, it stays NaN. */
static op_check_array *device_array(op_check *check, const void *host, size_t bytes)
{
    assert_true(check->num_arrays < OP_CHECK_MAX_ARRAYS);
    lyrnn_backend *backend = &check->backend;
    size_t total = GUARD_BYTES + bytes + GUARD_BYTES;
    op_check_array *array = &check->arrays[check->num_arrays];
    void *memory = NULL;
    assert_int_equal(backend->memory_alloc(backend, total, &memory), LYRNN_OK);
    *array = (op_check_array){.memory = memory, .original = NULL, .bytes = bytes};
    check->num_arrays++;
    unsigned char *content = staging(total);
    if (host != NULL)
        memcpy(content + GUARD_BYTES, host, bytes);
    backend->upload(backend, array->memory, content, total);
    free(content);
    return array;
}

const void *op_check_input(op_check *check, const void *host, size_t bytes)
{
    op_check_array *array = device_array(check, host, bytes);
    array->original = malloc(bytes);
    assert_non_null(array->original);
    memcpy(array->original, host, bytes);
    return array->memory + GUARD_BYTES;
}

void *op_check_in_out(op_check *check, const void *host, size_t bytes)
{
    return device_array(check, host, bytes)->memory + GUARD_BYTES;
}

void *op_check_output(op_check *check, size_t bytes)
{
    return device_array(check, NULL, bytes)->memory + GUARD_BYTES;
}

const float *op_check_input_floats(op_check *check, const float *host, int count)
{
    return op_check_input(check, host, (size_t)count * sizeof(float));
}

float *op_check_in_out_floats(op_check *check, const float *host, int count)
{
    return op_check_in_out(check, host, (size_t)count * sizeof(float));
}

float *op_check_output_floats(op_check *check, int count)
{
    return op_check_output(check, (size_t)count * sizeof(float));
}

float *op_check_sums(op_check *check, const float *start, int count)
{
    return start == NULL ? op_check_output_floats(check, count)
                         : op_check_in_out_floats(check, start, count);
}

const float *op_check_input_packed(op_check *check, const float *weight, int num, int N, int K)
{
    int count = num * N * K;
    const lyrnn_pack_weights_args args = {
        .num = num,
        .N = N,
        .K = K,
        .weight = op_check_input_floats(check, weight, count),
        .packed = op_check_output_floats(check, count),
    };
    check->backend.pack_weights(&check->backend, &args);
    return op_check_input_floats(check, op_check_fetch(check, args.packed, count), count);
}

lyrnn_counters *op_check_counters(op_check *check, lyrnn_counters counters)
{
    return op_check_in_out(check, &counters, sizeof counters);
}

static bool array_intact(op_check *check, const op_check_array *array)
{
    size_t total = GUARD_BYTES + array->bytes + GUARD_BYTES;
    unsigned char *now = malloc(total);
    unsigned char *guard = staging(total);
    assert_non_null(now);
    check->backend.download(&check->backend, now, array->memory, total);
    size_t end = GUARD_BYTES + array->bytes;
    bool intact =
        memcmp(now, guard, GUARD_BYTES) == 0 && memcmp(now + end, guard + end, GUARD_BYTES) == 0;
    if (array->original != NULL)
        intact = intact && memcmp(now + GUARD_BYTES, array->original, array->bytes) == 0;
    free(now);
    free(guard);
    return intact;
}

bool op_check_intact(op_check *check)
{
    bool intact = true;
    for (int i = 0; i < check->num_arrays; i++)
        intact = array_intact(check, &check->arrays[i]) && intact;
    return intact;
}

float *op_check_fetch(op_check *check, const float *device, int count)
{
    if (!op_check_intact(check))
        fail_msg("an operation wrote outside its outputs");
    float *host = op_check_floats(check, count);
    check->backend.download(&check->backend, host, device, (size_t)count * sizeof(float));
    return host;
}

/* The rows as they are in memory. */
static unsigned char *spread_rows(const float *host, int rows, int cols, int stride)
{
    size_t row_bytes = (size_t)stride * sizeof(float);
    unsigned char *spread = staging((size_t)rows * row_bytes);
    for (size_t m = 0; host != NULL && m < (size_t)rows; m++)
        memcpy(spread + m * row_bytes, host + m * (size_t)cols, (size_t)cols * sizeof(float));
    return spread;
}

const float *op_check_input_rows(op_check *check, const float *host, int rows, int cols, int stride)
{
    unsigned char *spread = spread_rows(host, rows, cols, stride);
    const float *device = op_check_input(check, spread, (size_t)(rows * stride) * sizeof(float));
    free(spread);
    return device;
}

float *op_check_in_out_rows(op_check *check, const float *host, int rows, int cols, int stride)
{
    unsigned char *spread = spread_rows(host, rows, cols, stride);
    float *device = op_check_in_out(check, spread, (size_t)(rows * stride) * sizeof(float));
    free(spread);
    return device;
}

float *op_check_fetch_rows(op_check *check, const float *device, int rows, int cols, int stride)
{
    const float *spread = op_check_fetch(check, device, rows * stride);
    float *host = op_check_floats(check, rows * cols);
    for (int m = 0; m < rows; m++) {
        const float *row = spread + (size_t)m * (size_t)stride;
        memcpy(host + (size_t)m * (size_t)cols, row, (size_t)cols * sizeof *host);
        for (int i = cols; i < stride; i++)
            assert_memory_equal(row + i, &guard_word, sizeof guard_word);
    }
    return host;
}

lyrnn_counters op_check_fetch_counters(op_check *check, const lyrnn_counters *device)
{
    lyrnn_counters counters;
    assert_true(op_check_intact(check));
    check->backend.download(&check->backend, &counters, device, sizeof counters);
    return counters;
}
