/* Planted defects in calls of the host: copies, products and frees with wrong arguments, and
 * launches without an order. */
#include <cooperative_groups.h>
#include <cublasLt.h>
#include <cublas_v2.h>

#include "planted_table.h"

static void run_copy_too_long()
{
    float host[COUNT + 1] = {0};
    cudaMemcpy(floats_on_device(true), host, sizeof host, cudaMemcpyHostToDevice);
}

static void run_copy_wrong_kind()
{
    float host[COUNT] = {0};
    cudaMemcpy(floats_on_device(true), host, sizeof host, cudaMemcpyDeviceToHost);
}

static void gemm(const float *a, const float *b, float *c, int n)
{
    cublasHandle_t handle;
    const float one = 1.0f, zero = 0.0f;
    cublasCreate(&handle);
    cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, a, n, b, n, &zero, c, n);
    cudaDeviceSynchronize();
    cublasDestroy(handle);
}
static void run_gemm_too_large()
{
    gemm(floats_on_device(true), floats_on_device(true), floats_on_device(false), 17);
}
static void run_gemm_of_nothing()
{
    gemm(floats_on_device(false), floats_on_device(true), floats_on_device(false), 16);
}

/* The product of two 16 x 16 matrices, with a bias. */
static void product_with_bias(const float *a, const float *bias, float *workspace,
                              cudaStream_t stream = NULL)
{
    const float one = 1.0f, zero = 0.0f;
    const float *b = floats_on_device(true);
    float *c = floats_on_device(false);
    cublasHandle_t handle;
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatrixLayoutOpaque_t layout;
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulHeuristicResult_t found = {};
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    int num_found;
    cudaDeviceSynchronize();
    cublasCreate(&handle);
    cublasLtHandle_t lt = (cublasLtHandle_t)handle;
    cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    cublasLtMatmulDescSetAttribute(&operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                   sizeof epilogue);
    cublasLtMatmulDescSetAttribute(&operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                   sizeof bias);
    cublasLtMatrixLayoutInit(&layout, CUDA_R_32F, 16, 16, 16);
    cublasLtMatmulPreferenceInit(&preference);
    cublasLtMatmulAlgoGetHeuristic(lt, &operation, &layout, &layout, &layout, &layout, &preference,
                                   1, &found, &num_found);
    cublasLtMatmul(lt, &operation, &one, a, &layout, b, &layout, &zero, c, &layout, c, &layout,
                   &found.algo, workspace, COUNT * sizeof *workspace, stream);
    cudaDeviceSynchronize();
    cublasDestroy(handle);
}
static void run_bias_forgotten()
{
    product_with_bias(floats_on_device(true), NULL, floats_on_device(false));
}
static void run_bias_too_short()
{
    product_with_bias(floats_on_device(true), floats_on_device(true) + COUNT - 12,
                      floats_on_device(false));
}
static void run_bias_misaligned()
{
    product_with_bias(floats_on_device(true), floats_on_device(true) + 2, floats_on_device(false));
}
static void run_matrix_misaligned()
{
    product_with_bias(floats_on_device(true) + 2, floats_on_device(true), floats_on_device(false));
}
static void run_workspace_too_short()
{
    product_with_bias(floats_on_device(true), floats_on_device(true), floats_on_device(false) + 64);
}

static void run_workspace_of_two_streams()
{
    float *workspace = floats_on_device(false);
    for (int i = 0; i < 2; i++) {
        cudaStream_t stream;
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
        product_with_bias(floats_on_device(true), floats_on_device(true), workspace, stream);
    }
}

static void run_double_free()
{
    float *memory = floats_on_device(true);
    cudaFree(memory);
    cudaFree(memory);
}

__global__ void whole_device(float *out)
{
    cooperative_groups::this_grid().sync();
    if (threadIdx.x == 0 && blockIdx.x == 0)
        out[0] = 1.0f;
}
static void launch_whole_device(cudaStream_t stream)
{
    float *memory = floats_on_device(true);
    cudaDeviceProp properties;
    cudaLaunchAttribute attribute = {};
    cudaLaunchConfig_t config = {};
    attribute.id = cudaLaunchAttributeCooperative;
    attribute.val.cooperative = 1;
    cudaGetDeviceProperties(&properties, 0);
    config.gridDim = dim3((unsigned)properties.multiProcessorCount);
    config.blockDim = dim3((unsigned)properties.maxThreadsPerBlock);
    config.dynamicSmemBytes = 200 << 10;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = 1;
    cudaFuncSetAttribute(whole_device, cudaFuncAttributeMaxDynamicSharedMemorySize, 200 << 10);
    cudaLaunchKernelEx(&config, whole_device, memory);
}
static void run_grids_in_two_streams()
{
    cudaStream_t streams[2];
    for (cudaStream_t &stream : streams) {
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
        launch_whole_device(stream);
    }
}

static void run_grids_in_two_branches()
{
    cudaStream_t origin, branch;
    cudaEvent_t event;
    cudaStreamCreateWithFlags(&origin, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&branch, cudaStreamNonBlocking);
    cudaEventCreate(&event);
    cudaStreamBeginCapture(origin, cudaStreamCaptureModeRelaxed);
    cudaEventRecord(event, origin);
    cudaStreamWaitEvent(branch, event);
    launch_whole_device(origin);
    launch_whole_device(branch);
}

extern "C" const planted_defect planted_calls[] = {
    ROW(copy_too_long, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(copy_wrong_kind, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(gemm_too_large, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(gemm_of_nothing, LYRNN_SIM_UNINITIALIZED, HOOKS),
    ROW(bias_forgotten, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(bias_too_short, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(bias_misaligned, LYRNN_SIM_MISALIGNED, BOTH),
    ROW(matrix_misaligned, LYRNN_SIM_MISALIGNED, BOTH),
    ROW(workspace_too_short, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(workspace_of_two_streams, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(double_free, LYRNN_SIM_BAD_ARGUMENT, BOTH),
    ROW(grids_in_two_streams, LYRNN_SIM_COOPERATIVE_OVERLAP, BOTH),
    ROW(grids_in_two_branches, LYRNN_SIM_COOPERATIVE_OVERLAP, BOTH),
};
extern "C" const int num_planted_calls = sizeof planted_calls / sizeof *planted_calls;
