/* The instruction sets that host/cpu was compiled for. The compiler chose them with -march=native,
 * and another CPU may lack some. needs.c lists them and has no code, because it is compiled like
 * the rest of host/cpu. device/cpu_check.c compares them with the CPU. */
#ifndef LYRNN_CPU_NEEDS_H
#define LYRNN_CPU_NEEDS_H

enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/* One bit that the instruction CPUID answers. */
typedef struct {
    const char *name;   /* as in /proc/cpuinfo */
    const char *family; /* what people call it */
    unsigned leaf, subleaf;
    int reg; /* CPUID_EAX ... */
    int bit;
} lyrnn_cpu_feature;

/* Ends with a row without a name. */
extern const lyrnn_cpu_feature lyrnn_cpu_needs[];

#endif
