/* The simulator's cuBLAS compared with plain loops: leading dimensions, batches, precisions and
 * capture. */
#include "sim_test.h"

#include <cublas_v2.h>
#include <cuda_bf16.h>

#include <math.h>

enum { M = 5, N = 7, K = 3, LD = 9, BATCH = 2, SIZE = LD * 8 * BATCH };

static cublasHandle_t handle;

static int open_cublas(void **)
{
    return cublasCreate(&handle);
}

static int close_cublas(void **)
{
    return cublasDestroy(handle);
}

static void fill(float *values, int seed)
{
    for (int i = 0; i < SIZE; i++)
        values[i] = (float)((i * 7919 + seed * 104729) % 2003 - 1000) / 700.0f;
}

static float at(const float *x, bool transposed, int row, int column)
{
    return transposed ? x[row * LD + column] : x[column * LD + row];
}

static void expect_product(const float *a, const float *b, const float *before, const float *after,
                           bool turn_a, bool turn_b, float alpha, float beta, double tolerance)
{
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < M; i++) {
            double sum = 0.0;
            for (int k = 0; k < K; k++)
                sum += (double)at(a, turn_a, i, k) * (double)at(b, turn_b, k, j);
            double expected = alpha * sum + beta * before[j * LD + i];
            assert_true(fabs(expected - (double)after[j * LD + i]) <= tolerance);
        }
    }
}

static void products_of_all_transpositions(void **)
{
    float a_host[SIZE], b_host[SIZE], c_host[SIZE], result[SIZE];
    const float alpha = 1.5f, beta = -0.5f;
    fill(a_host, 1), fill(b_host, 2), fill(c_host, 3);
    float *a = device_copy(a_host, SIZE), *b = device_copy(b_host, SIZE);
    for (int turn = 0; turn < 4; turn++) {
        bool turn_a = turn % 2 != 0, turn_b = turn / 2 != 0;
        float *c = device_copy(c_host, SIZE);
        assert_int_equal(cublasSgemmStridedBatched(handle, turn_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                                                   turn_b ? CUBLAS_OP_T : CUBLAS_OP_N, M, N, K,
                                                   &alpha, a, LD, SIZE / 2, b, LD, SIZE / 2, &beta,
                                                   c, LD, SIZE / 2, BATCH),
                         CUBLAS_STATUS_SUCCESS);
        download(result, c, SIZE);
        for (int i = 0; i < BATCH; i++)
            expect_product(a_host + i * SIZE / 2, b_host + i * SIZE / 2, c_host + i * SIZE / 2,
                           result + i * SIZE / 2, turn_a, turn_b, alpha, beta, 1e-5);
        /* The gaps between columns must not change. */
        assert_true(result[M] == c_host[M]);
        OK(cudaFree(c));
    }
    OK(cudaFree(a));
    OK(cudaFree(b));
}

static void beta_zero_reads_nothing_and_vectors_may_have_steps(void **)
{
    float a_host[SIZE], x_host[SIZE], y_host[SIZE];
    const float one = 1.0f, zero = 0.0f;
    fill(a_host, 4), fill(x_host, 5);
    float *a = device_copy(a_host, SIZE), *x = device_copy(x_host, SIZE);
    for (int turn = 0; turn < 2; turn++) {
        float *y = device_array<float>(SIZE);
        assert_int_equal(cublasSgemv(handle, turn ? CUBLAS_OP_T : CUBLAS_OP_N, M, K, &one, a, LD, x,
                                     2, &zero, y, 3),
                         CUBLAS_STATUS_SUCCESS);
        download(y_host, y, SIZE);
        for (int i = 0; i < (turn ? K : M); i++) {
            double sum = 0.0;
            for (int k = 0; k < (turn ? M : K); k++)
                sum += (double)at(a_host, turn != 0, i, k) * (double)x_host[2 * k];
            assert_true(fabs(sum - (double)y_host[3 * i]) < 1e-5);
        }
        OK(cudaFree(y));
    }
    OK(cudaFree(a));
    OK(cudaFree(x));
}

static float one_by_one(float value, cublasMath_t math)
{
    const float one = 1.0f, zero = 0.0f;
    float *a = device_copy(&value, 1), *b = device_copy(&one, 1), *c = device_array<float>(1);
    assert_int_equal(cublasSetMathMode(handle, math), CUBLAS_STATUS_SUCCESS);
    assert_int_equal(
        cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, a, 1, b, 1, &zero, c, 1),
        CUBLAS_STATUS_SUCCESS);
    download(&value, c, 1);
    OK(cudaFree(a));
    OK(cudaFree(b));
    OK(cudaFree(c));
    assert_int_equal(cublasSetMathMode(handle, CUBLAS_DEFAULT_MATH), CUBLAS_STATUS_SUCCESS);
    return value;
}

static void tf32_differs_from_fp32(void **)
{
    assert_true(one_by_one(1.0f + 0x1p-20f, CUBLAS_DEFAULT_MATH) == 1.0f + 0x1p-20f);
    assert_true(one_by_one(1.0f + 0x1p-20f, CUBLAS_PEDANTIC_MATH) == 1.0f + 0x1p-20f);
    assert_true(one_by_one(1.0f + 0x1p-20f, CUBLAS_TF32_TENSOR_OP_MATH) == 1.0f);
    assert_true(one_by_one(1.0f + 0x1p-10f, CUBLAS_TF32_TENSOR_OP_MATH) == 1.0f + 0x1p-10f);
}

static void bf16_operands_give_fp32(void **)
{
    const float one = 1.0f, zero = 0.0f;
    __nv_bfloat16 a_host[4], b_host[4];
    for (int i = 0; i < 4; i++) {
        a_host[i] = __float2bfloat16((float)(i + 1));
        b_host[i] = __float2bfloat16(1.0f / 256.0f + 1.0f * (float)(i == 0));
    }
    __nv_bfloat16 *a = device_copy(a_host, 4), *b = device_copy(b_host, 4);
    float *c = device_array<float>(4), result[4];
    assert_int_equal(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, a, CUDA_R_16BF,
                                  2, b, CUDA_R_16BF, 2, &zero, c, CUDA_R_32F, 2, CUBLAS_COMPUTE_32F,
                                  CUBLAS_GEMM_DEFAULT),
                     CUBLAS_STATUS_SUCCESS);
    download(result, c, 4);
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++)
            assert_true(result[2 * j + i] ==
                        __bfloat162float(a_host[i]) * __bfloat162float(b_host[2 * j]) +
                            __bfloat162float(a_host[2 + i]) * __bfloat162float(b_host[2 * j + 1]));
    OK(cudaFree(a));
    OK(cudaFree(b));
    OK(cudaFree(c));
}

static void a_gemm_is_captured(void **)
{
    const float one = 1.0f, two = 2.0f;
    float host = 1.0f, *x = device_copy(&two, 1), *c = device_copy(&host, 1);
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    cublasSetStream(handle, stream);
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    assert_int_equal(
        cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, x, 1, x, 1, &one, c, 1),
        CUBLAS_STATUS_SUCCESS);
    OK(cudaStreamEndCapture(stream, &graph));
    OK(cudaGraphInstantiate(&executable, graph, 0));
    for (int i = 0; i < 3; i++)
        OK(cudaGraphLaunch(executable, stream));
    OK(cudaStreamSynchronize(stream));
    download(&host, c, 1);
    assert_true(host == 13.0f);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    cublasSetStream(handle, NULL);
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(x));
    OK(cudaFree(c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_all_transpositions),
        cmocka_unit_test(beta_zero_reads_nothing_and_vectors_may_have_steps),
        cmocka_unit_test(tf32_differs_from_fp32),
        cmocka_unit_test(bf16_operands_give_fp32),
        cmocka_unit_test(a_gemm_is_captured),
    };
    return cmocka_run_group_tests(tests, open_cublas, close_cublas);
}
