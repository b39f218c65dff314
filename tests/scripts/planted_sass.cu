/* Kernels with one defect each, for test_sass_planted.sh: sass_lint.py must find it in the machine
 * code that nvcc makes of them. A kernel's name begins with the class. fine_kernel has none. */

extern "C" __global__ void fine_kernel(float *x, int n)
{
    for (int i = (int)threadIdx.x; i < n; i += 256)
        x[i] = x[i] * 2.0f + 1.0f;
}

/* A constant without f makes an element-wise kernel compute in double. */
extern "C" __global__ void fp64_kernel(float *x)
{
    x[threadIdx.x] = (float)(x[threadIdx.x] * 0.1);
}

/* A store with release order, which is a fence, in a time loop. */
extern "C" __global__ void membar_kernel(unsigned *flag, float *x, int T)
{
#pragma unroll 1
    for (int t = 0; t < T; t++) {
        x[t * 256 + (int)threadIdx.x] += 1.0f;
        asm volatile("st.release.gpu.u32 [%0], %1;" ::"l"(flag), "r"(t) : "memory");
    }
}

/* A load with acquire order, which invalidates L1. */
extern "C" __global__ void cctl_kernel(unsigned *flag, float *x, int T)
{
#pragma unroll 1
    for (int t = 0; t < T; t++) {
        unsigned value;
        asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
        x[t * 256 + (int)threadIdx.x] += (float)value;
    }
}

/* More values than two blocks of 1024 threads have registers for. */
extern "C" __global__ void __launch_bounds__(1024, 2) local_kernel(float *x)
{
    float values[64];
#pragma unroll
    for (int i = 0; i < 64; i++)
        values[i] = x[i * (int)threadIdx.x];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 64; i++)
        x[i] = values[i];
}

__device__ __noinline__ float not_inlined(float x)
{
    return x * x + 1.0f;
}

extern "C" __global__ void calls_kernel(float *x)
{
    x[threadIdx.x] = not_inlined(x[threadIdx.x]);
}

/* The divisor changes in the loop, so that nothing can move out of it. */
extern "C" __global__ void divisions_kernel(int *x, int n)
{
    for (int i = 1; i < n; i++)
        x[i] = x[i] / x[i - 1];
}

/* A bounds check around a scalar load. */
extern "C" __global__ void guarded_kernel(const float *x, const int *places, float *sums, int T,
                                          int n)
{
    float sum = 0.0f;
    for (int t = 0; t < T; t++) {
        int place = places[t] + (int)threadIdx.x;
        sum += place < n ? x[place] : 0.0f;
    }
    sums[threadIdx.x] = sum;
}
