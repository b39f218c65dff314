/* Compares the table of cpu/needs.h with this CPU. This file is compiled for any x86-64, so that it
 * can run where the CPU backend cannot. */
#include "device/cpu_check.h"

#include "cpu/needs.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

/* One leaf of CPUID's answers. */
typedef struct {
    unsigned leaf, subleaf;
    unsigned regs[4];
} cpuid_leaf;

static void read_leaf(cpuid_leaf *answer, unsigned leaf, unsigned subleaf)
{
    if (answer->leaf == leaf && answer->subleaf == subleaf)
        return;
    unsigned *regs = answer->regs;
    *answer = (cpuid_leaf){leaf, subleaf, {0}};
    __get_cpuid_count(leaf, subleaf, &regs[0], &regs[1], &regs[2], &regs[3]);
}

/* The registers that the system saves for a process: its answer to XGETBV. Without them the CPU
 * refuses AVX and AVX-512, whatever it answers to CPUID. */
static bool system_saves(unsigned parts)
{
    const unsigned osxsave = 1u << 27;
    cpuid_leaf answer = {0};
    read_leaf(&answer, 1, 0);
    if ((answer.regs[CPUID_ECX] & osxsave) == 0)
        return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & parts) == parts;
}

static bool cpu_has(const lyrnn_cpu_feature *feature, cpuid_leaf *answer)
{
    const unsigned avx = 0x06, avx512 = 0xE6;
    if (strcmp(feature->name, "avx") == 0 && !system_saves(avx))
        return false;
    if (strcmp(feature->name, "avx512f") == 0 && !system_saves(avx512))
        return false;
    read_leaf(answer, feature->leaf, feature->subleaf);
    return (answer->regs[feature->reg] >> feature->bit & 1) != 0;
}

lyrnn_status lyrnn_check_cpu(void)
{
    cpuid_leaf answer = {0};
    for (const lyrnn_cpu_feature *feature = lyrnn_cpu_needs; feature->name != NULL; feature++)
        if (!cpu_has(feature, &answer))
            return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                              "this build needs %s (%s), which this CPU lacks; build it here, or "
                              "with -DLYRNN_NATIVE=OFF",
                              feature->family, feature->name);
    return LYRNN_OK;
}
#else
lyrnn_status lyrnn_check_cpu(void)
{
    return LYRNN_OK;
}
#endif
