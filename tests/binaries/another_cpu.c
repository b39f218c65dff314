/* Replaces the table of cpu/needs.c in a program: a build for a CPU that nobody here has. */
#include <stddef.h>

#include "cpu/needs.h"

const lyrnn_cpu_feature lyrnn_cpu_needs[] = {
    {"sse3", "SSE3", 1, 0, CPUID_ECX, 0},
    {"avx512er", "AVX-512", 7, 0, CPUID_EBX, 27}, /* only in Xeon Phi */
    {NULL, NULL, 0, 0, 0, 0},
};
