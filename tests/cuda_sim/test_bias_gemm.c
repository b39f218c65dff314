/* On CUDA, linear_forward is one cuBLASLt product that adds the bias in its epilogue. If memory is
 * less aligned than cuBLASLt requires, or if it finds no algorithm, a kernel first copies the bias
 * to the output. Both ways must give the right result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/device.h"
#include "lyrnn_sim.h"

/* ROOM: floats in the largest array. */
enum { M = 7, IN = 9, OUT = 5, ROOM = 64 };

typedef enum { X, WEIGHT, BIAS, Y, NUM_ARRAYS } array;

static int open_device(void **state)
{
    static lyrnn_backend backend;
    *state = &backend;
    return lyrnn_backend_open("cuda", 1, LYRNN_FP32, &backend) != LYRNN_OK;
}

static int close_device(void **state)
{
    lyrnn_backend_close((lyrnn_backend *)*state);
    return 0;
}

typedef struct {
    lyrnn_backend *backend;
    lyrnn_linear_forward_args args;
} linear;

static void body(void *context)
{
    linear *l = (linear *)context;
    l->backend->linear_forward(l->backend, &l->args);
}

static float number(int array, int i)
{
    return (float)((i * 7919 + array * 104729) % 2003 - 1000) / 700.0f;
}

static void check_result(lyrnn_backend *backend, const float *y)
{
    float result[M * OUT];
    backend->download(backend, result, y, sizeof result);
    for (int m = 0; m < M; m++) {
        for (int j = 0; j < OUT; j++) {
            double sum = (double)number(BIAS, j);
            for (int k = 0; k < IN; k++)
                sum += (double)number(X, m * IN + k) * (double)number(WEIGHT, j * IN + k);
            assert_true(fabs(sum - (double)result[m * OUT + j]) < 1e-5);
        }
    }
}

/* Runs as a training step does: eager, captured, replayed. `late` says by how many floats each
 * array is misaligned. */
static void check_linear(lyrnn_backend *backend, const size_t late[NUM_ARRAYS],
                         uint64_t expected_kernels)
{
    float *memory[NUM_ARRAYS], *begin[NUM_ARRAYS], nothing[ROOM];
    for (int k = 0; k < ROOM; k++)
        nothing[k] = NAN;
    for (int i = 0; i < NUM_ARRAYS; i++) {
        float host[ROOM];
        void *bytes;
        assert_int_equal(backend->memory_alloc(backend, 2 * ROOM * sizeof(float), &bytes),
                         LYRNN_OK);
        memory[i] = (float *)bytes;
        begin[i] = memory[i] + late[i];
        for (int k = 0; k < ROOM; k++)
            host[k] = number(i, k);
        backend->upload(backend, begin[i], host, sizeof host);
    }
    linear l = {backend, {M, IN, OUT, OUT, false, begin[X], begin[WEIGHT], begin[BIAS], begin[Y]}};
    for (int run = 0; run < 3; run++) {
        backend->upload(backend, begin[Y], nothing, sizeof nothing);
        lyrnn_sim_reset_counters();
        backend->run_step(backend, body, &l);
        backend->synchronize(backend);
        lyrnn_sim_counters counters = lyrnn_sim_read_counters();
        assert_int_equal(counters.gemms_run, 1);
        assert_int_equal(counters.kernels_run, expected_kernels);
        check_result(backend, begin[Y]);
    }
    for (int i = 0; i < NUM_ARRAYS; i++)
        backend->memory_free(backend, memory[i]);
}

static void one_product_and_no_kernel(void **state)
{
    lyrnn_backend *backend = (lyrnn_backend *)*state;
    const size_t sixteen_bytes[NUM_ARRAYS] = {4, 4, 4, 4};
    for (int lane = backend->num_lanes - 1; lane >= 0; lane--) {
        backend->lane_use(backend, lane);
        check_linear(backend, sixteen_bytes, 0);
    }
}

static void whichever_array_is_less_aligned(void **state)
{
    for (int i = 0; i < NUM_ARRAYS; i++) {
        size_t late[NUM_ARRAYS] = {0};
        late[i] = 3;
        check_linear((lyrnn_backend *)*state, late, 1);
    }
}

static void without_an_algorithm(void **state)
{
    const char *const answers[] = {"0", "2"};
    for (int i = 0; i < 2; i++) {
        setenv("LYRNN_SIM_CUBLASLT", answers[i], 1);
        lyrnn_sim_reset();
        check_linear((lyrnn_backend *)*state, (const size_t[NUM_ARRAYS]){0}, 1);
    }
    unsetenv("LYRNN_SIM_CUBLASLT");
    lyrnn_sim_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_product_and_no_kernel),
        cmocka_unit_test(whichever_array_is_less_aligned),
        cmocka_unit_test(without_an_algorithm),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
