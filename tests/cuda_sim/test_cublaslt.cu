/* The simulator's cuBLASLt product with a bias, compared with plain loops: capture, and calls that
 * must be refused. */
#include "sim_test.h"

#include <cublasLt.h>

#include <math.h>

enum { M = 5, N = 7, K = 3, LD = 8, SIZE = LD * 8, WORKSPACE = 4096 };

static cublasHandle_t cublas;
static cublasLtHandle_t handle;

static int open_cublas(void **)
{
    cublasStatus_t status = cublasCreate(&cublas);
    handle = (cublasLtHandle_t)cublas;
    return status;
}

static int close_cublas(void **)
{
    return cublasDestroy(cublas);
}

typedef struct {
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatrixLayoutOpaque_t a, b, c;
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulHeuristicResult_t found;
    float *a_memory, *b_memory, *c_memory, *bias, *workspace;
} product;

static void sound(cublasStatus_t status)
{
    assert_int_equal(status, CUBLAS_STATUS_SUCCESS);
}

static void set(product *p, cublasLtMatmulDescAttributes_t attribute, cublasOperation_t value)
{
    sound(cublasLtMatmulDescSetAttribute(&p->operation, attribute, &value, sizeof value));
}

static cublasStatus_t choose(product *p)
{
    int num_found = 0;
    cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(handle, &p->operation, &p->a, &p->b, &p->c, &p->c,
                                       &p->preference, 1, &p->found, &num_found);
    assert_int_equal(num_found, status == CUBLAS_STATUS_SUCCESS);
    return status;
}

static cublasStatus_t multiply(product *p, float alpha, float beta, size_t workspace_bytes,
                               cudaStream_t stream)
{
    return cublasLtMatmul(handle, &p->operation, &alpha, p->a_memory, &p->a, p->b_memory, &p->b,
                          &beta, p->c_memory, &p->c, p->c_memory, &p->c, &p->found.algo,
                          p->workspace, workspace_bytes, stream);
}

static void fill(float *values, int seed)
{
    for (int i = 0; i < SIZE; i++)
        values[i] = (float)((i * 7919 + seed * 104729) % 2003 - 1000) / 700.0f;
}

static float *filled(int seed)
{
    float values[SIZE];
    fill(values, seed);
    return device_copy(values, SIZE);
}

/* c (M,N) = op(a) op(b) + bias. Seeds 1 to 4 give the numbers. */
static product open_product(bool turn_a, bool turn_b, cublasComputeType_t compute)
{
    product p = {};
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    uint64_t workspace_bytes = WORKSPACE;
    p.a_memory = filled(1), p.b_memory = filled(2), p.c_memory = filled(3), p.bias = filled(4);
    p.workspace = device_array<float>(WORKSPACE / sizeof(float));
    sound(cublasLtMatmulDescInit(&p.operation, compute, CUDA_R_32F));
    set(&p, CUBLASLT_MATMUL_DESC_TRANSA, turn_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(&p, CUBLASLT_MATMUL_DESC_TRANSB, turn_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    sound(cublasLtMatmulDescSetAttribute(&p.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                         sizeof epilogue));
    sound(cublasLtMatmulDescSetAttribute(&p.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias,
                                         sizeof p.bias));
    sound(cublasLtMatrixLayoutInit(&p.a, CUDA_R_32F, turn_a ? K : M, turn_a ? M : K, LD));
    sound(cublasLtMatrixLayoutInit(&p.b, CUDA_R_32F, turn_b ? N : K, turn_b ? K : N, LD));
    sound(cublasLtMatrixLayoutInit(&p.c, CUDA_R_32F, M, N, LD));
    sound(cublasLtMatmulPreferenceInit(&p.preference));
    sound(cublasLtMatmulPreferenceSetAttribute(&p.preference,
                                               CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                               &workspace_bytes, sizeof workspace_bytes));
    return p;
}

static void close_product(product *p)
{
    OK(cudaFree(p->a_memory));
    OK(cudaFree(p->b_memory));
    OK(cudaFree(p->c_memory));
    OK(cudaFree(p->bias));
    OK(cudaFree(p->workspace));
}

static double at(const float *x, bool transposed, int row, int column)
{
    return (double)(transposed ? x[row * LD + column] : x[column * LD + row]);
}

static void expect(const float *result, bool turn_a, bool turn_b, double alpha, double beta)
{
    float a[SIZE], b[SIZE], c[SIZE], bias[SIZE];
    fill(a, 1), fill(b, 2), fill(c, 3), fill(bias, 4);
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < M; i++) {
            double sum = 0.0;
            for (int k = 0; k < K; k++)
                sum += at(a, turn_a, i, k) * at(b, turn_b, k, j);
            double expected = alpha * sum + beta * at(c, false, i, j) + (double)bias[i];
            assert_true(fabs(expected - at(result, false, i, j)) <= 1e-5);
        }
        /* The gaps between columns must not change. */
        assert_true(result[j * LD + M] == c[j * LD + M]);
    }
}

static void products_of_all_transpositions(void **)
{
    for (int turn = 0; turn < 4; turn++) {
        bool turn_a = turn % 2 != 0, turn_b = turn / 2 != 0;
        float result[SIZE];
        product p = open_product(turn_a, turn_b, CUBLAS_COMPUTE_32F_PEDANTIC);
        sound(choose(&p));
        sound(multiply(&p, 1.5f, -0.5f, WORKSPACE, NULL));
        download(result, p.c_memory, SIZE);
        expect(result, turn_a, turn_b, 1.5, -0.5);
        close_product(&p);
    }
}

static void operands_are_rounded_and_the_bias_is_not(void **)
{
    const cublasComputeType_t computes[] = {CUBLAS_COMPUTE_32F_PEDANTIC, CUBLAS_COMPUTE_32F,
                                            CUBLAS_COMPUTE_32F_FAST_TF32,
                                            CUBLAS_COMPUTE_32F_FAST_16BF};
    const float ones[] = {1.0f, 1.0f, 1.0f}, fine = 1.0f + 0x1p-20f, coarse = 1.0f + 0x1p-10f;
    const double fp32 = 3.0 + 0x1p-10 + 0x1p-20, sums[] = {fp32, fp32, 3.0 + 0x1p-10, 3.0};
    for (int i = 0; i < 4; i++) {
        const float x[] = {fine, coarse, 1.0f}, bias[] = {fine};
        float result;
        product p = open_product(true, false, computes[i]);
        p.a.columns = p.b.columns = p.c.rows = p.c.columns = 1;
        OK(cudaMemcpy(p.a_memory, x, sizeof x, cudaMemcpyHostToDevice));
        OK(cudaMemcpy(p.b_memory, ones, sizeof ones, cudaMemcpyHostToDevice));
        OK(cudaMemcpy(p.bias, bias, sizeof bias, cudaMemcpyHostToDevice));
        sound(choose(&p));
        sound(multiply(&p, 1.0f, 0.0f, WORKSPACE, NULL));
        download(&result, p.c_memory, 1);
        assert_true(fabs((double)result - (sums[i] + (double)fine)) <= 0x1p-21);
        close_product(&p);
    }
}

/* The workspace belongs to the algorithm until it has run. */
static void a_product_is_captured_and_fills_its_workspace(void **)
{
    float result[SIZE], mark = 1.0f;
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    product p = open_product(false, false, CUBLAS_COMPUTE_32F_PEDANTIC);
    OK(cudaMemcpy(p.workspace, &mark, sizeof mark, cudaMemcpyHostToDevice));
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    sound(choose(&p));
    sound(multiply(&p, 1.0f, 0.0f, WORKSPACE, stream));
    OK(cudaStreamEndCapture(stream, &graph));
    OK(cudaGraphInstantiate(&executable, graph, 0));
    download(&mark, p.workspace, 1);
    assert_true(mark == 1.0f);
    for (int i = 0; i < 2; i++)
        OK(cudaGraphLaunch(executable, stream));
    OK(cudaStreamSynchronize(stream));
    download(result, p.c_memory, SIZE);
    expect(result, false, false, 1.0, 0.0);
    download(&mark, p.workspace, 1);
    assert_true(isnan(mark));
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(stream));
    close_product(&p);
}

static void an_algorithm_is_for_its_own_product(void **)
{
    product p = open_product(false, false, CUBLAS_COMPUTE_32F_PEDANTIC);
    sound(choose(&p));
    assert_int_equal(multiply(&p, 1.0f, 0.0f, WORKSPACE - 1, NULL), CUBLAS_STATUS_INVALID_VALUE);
    p.b.columns = p.c.columns = N - 1;
    assert_int_equal(multiply(&p, 1.0f, 0.0f, WORKSPACE, NULL), CUBLAS_STATUS_INVALID_VALUE);
    sound(choose(&p));
    set(&p, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    assert_int_equal(multiply(&p, 1.0f, 0.0f, WORKSPACE, NULL), CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(choose(&p), CUBLAS_STATUS_INVALID_VALUE);
    close_product(&p);
}

static void there_may_be_no_algorithm(void **)
{
    product p = open_product(false, false, CUBLAS_COMPUTE_32F_PEDANTIC);
    setenv("LYRNN_SIM_CUBLASLT", "0", 1);
    lyrnn_sim_reset();
    assert_int_equal(choose(&p), CUBLAS_STATUS_NOT_SUPPORTED);
    setenv("LYRNN_SIM_CUBLASLT", "2", 1);
    lyrnn_sim_reset();
    sound(choose(&p));
    assert_int_equal(multiply(&p, 1.0f, 0.0f, WORKSPACE, NULL), CUBLAS_STATUS_NOT_SUPPORTED);
    unsetenv("LYRNN_SIM_CUBLASLT");
    lyrnn_sim_reset();
    close_product(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_all_transpositions),
        cmocka_unit_test(operands_are_rounded_and_the_bias_is_not),
        cmocka_unit_test(a_product_is_captured_and_fills_its_workspace),
        cmocka_unit_test(an_algorithm_is_for_its_own_product),
        cmocka_unit_test(there_may_be_no_algorithm),
    };
    return cmocka_run_group_tests(tests, open_cublas, close_cublas);
}
