/* The table of needs.h. The compiler defines a macro for each instruction set that it may use. Rows
 * are left out for those that only intrinsics use, such as AES. Only x86-64 is checked: on other
 * machines the table is empty. The bits are those of Intel's and AMD's manuals. Rows of one leaf
 * follow each other, because a virtual machine takes long to answer CPUID. */
#include "cpu/needs.h"

#include <stddef.h>

const lyrnn_cpu_feature lyrnn_cpu_needs[] = {
#ifdef __x86_64__
#ifdef __SSE3__
    {"sse3", "SSE3", 1, 0, CPUID_ECX, 0},
#endif
#ifdef __SSSE3__
    {"ssse3", "SSSE3", 1, 0, CPUID_ECX, 9},
#endif
#ifdef __SSE4_1__
    {"sse4_1", "SSE4.1", 1, 0, CPUID_ECX, 19},
#endif
#ifdef __SSE4_2__
    {"sse4_2", "SSE4.2", 1, 0, CPUID_ECX, 20},
#endif
#ifdef __MOVBE__
    {"movbe", "MOVBE", 1, 0, CPUID_ECX, 22},
#endif
#ifdef __POPCNT__
    {"popcnt", "POPCNT", 1, 0, CPUID_ECX, 23},
#endif
#ifdef __AVX__
    {"avx", "AVX", 1, 0, CPUID_ECX, 28},
#endif
#ifdef __F16C__
    {"f16c", "F16C", 1, 0, CPUID_ECX, 29},
#endif
#ifdef __FMA__
    {"fma", "FMA", 1, 0, CPUID_ECX, 12},
#endif
#ifdef __LZCNT__
    {"abm", "LZCNT", 0x80000001, 0, CPUID_ECX, 5},
#endif
#ifdef __SSE4A__
    {"sse4a", "SSE4a", 0x80000001, 0, CPUID_ECX, 6},
#endif
#ifdef __XOP__
    {"xop", "XOP", 0x80000001, 0, CPUID_ECX, 11},
#endif
#ifdef __FMA4__
    {"fma4", "FMA4", 0x80000001, 0, CPUID_ECX, 16},
#endif
#ifdef __TBM__
    {"tbm", "TBM", 0x80000001, 0, CPUID_ECX, 21},
#endif
#ifdef __BMI__
    {"bmi1", "BMI1", 7, 0, CPUID_EBX, 3},
#endif
#ifdef __AVX2__
    {"avx2", "AVX2", 7, 0, CPUID_EBX, 5},
#endif
#ifdef __BMI2__
    {"bmi2", "BMI2", 7, 0, CPUID_EBX, 8},
#endif
#ifdef __GFNI__
    {"gfni", "GFNI", 7, 0, CPUID_ECX, 8},
#endif
#ifdef __AVX512F__
    {"avx512f", "AVX-512", 7, 0, CPUID_EBX, 16},
#endif
#ifdef __AVX512DQ__
    {"avx512dq", "AVX-512", 7, 0, CPUID_EBX, 17},
#endif
#ifdef __AVX512IFMA__
    {"avx512ifma", "AVX-512", 7, 0, CPUID_EBX, 21},
#endif
#ifdef __AVX512PF__
    {"avx512pf", "AVX-512", 7, 0, CPUID_EBX, 26},
#endif
#ifdef __AVX512ER__
    {"avx512er", "AVX-512", 7, 0, CPUID_EBX, 27},
#endif
#ifdef __AVX512CD__
    {"avx512cd", "AVX-512", 7, 0, CPUID_EBX, 28},
#endif
#ifdef __AVX512BW__
    {"avx512bw", "AVX-512", 7, 0, CPUID_EBX, 30},
#endif
#ifdef __AVX512VL__
    {"avx512vl", "AVX-512", 7, 0, CPUID_EBX, 31},
#endif
#ifdef __AVX512VBMI__
    {"avx512vbmi", "AVX-512", 7, 0, CPUID_ECX, 1},
#endif
#ifdef __AVX512VBMI2__
    {"avx512_vbmi2", "AVX-512", 7, 0, CPUID_ECX, 6},
#endif
#ifdef __AVX512VNNI__
    {"avx512_vnni", "AVX-512", 7, 0, CPUID_ECX, 11},
#endif
#ifdef __AVX512BITALG__
    {"avx512_bitalg", "AVX-512", 7, 0, CPUID_ECX, 12},
#endif
#ifdef __AVX512VPOPCNTDQ__
    {"avx512_vpopcntdq", "AVX-512", 7, 0, CPUID_ECX, 14},
#endif
#ifdef __AVX512FP16__
    {"avx512_fp16", "AVX-512", 7, 0, CPUID_EDX, 23},
#endif
#ifdef __AVXVNNI__
    {"avx_vnni", "AVX-VNNI", 7, 1, CPUID_EAX, 4},
#endif
#ifdef __AVX512BF16__
    {"avx512_bf16", "AVX-512", 7, 1, CPUID_EAX, 5},
#endif
#endif
    {NULL, NULL, 0, 0, 0, 0},
};
