/* The limits come from the CUDA C++ Programming Guide, "Technical Specifications per Compute
 * Capability", and the KiB that CUDA reserves per block from the tuning guides for Ampere, Ada,
 * Hopper and Blackwell ("Unified Shared Memory/L1/Texture Cache").
 *
 * The multiprocessors come from NVIDIA's white papers and data sheets:
 *     T4, RTX 2080 Ti       Turing GPU Architecture: 40 and 68
 *     A100                  A100 Tensor Core GPU Architecture: 108
 *     A10                   data sheet: 9,216 CUDA cores, 128 in each multiprocessor of GA102
 *     RTX 3090              Ampere GA102 GPU Architecture: 82
 *     RTX 4090              Ada GPU Architecture: 128
 *     L4, L40S              data sheets: 7,424 and 18,176 CUDA cores, 128 in each multiprocessor
 *     H100 SXM, H100 PCIe   H100 Tensor Core GPU Architecture: 132 in 8 GPCs, 114 in 7 or 8 GPCs
 *     H200                  data sheet; the chip is that of the H100 SXM
 *     B200                  148, which its device properties report; no white paper says it
 *     RTX 5090              RTX Blackwell GPU Architecture: 170 in 11 GPCs
 *     RTX PRO 6000          RTX PRO Blackwell GPU Architecture: 188 in 12 GPCs
 *
 * Every layout of GPCs is an assumption: NVIDIA says how many multiprocessors a full GPC has (GH100
 * 18, GB202 16) and how many a card has, but not which GPCs lack some. They lack whole TPCs of two.
 * Usual: the missing ones are spread evenly. Worst: one GPC lacks more of them, or a card that may
 * have seven or eight GPCs has the smaller ones. For the B200 we assume eight GPCs of up to 20.
 *
 * For the H100 there is evidence that the worst layout is real. cuBLAS starts 120 blocks in
 * clusters of eight (NVIDIA's CUTLASS, issue 1921), and a measurement finds 120 of the 132
 * multiprocessors in use (Accel-Sim's gpu-app-collection, pull request 87). That is 15 clusters;
 * the usual layout has 16. */
#include "cards.h"

#include <cstdlib>
#include <string>

#include "lyrnn_sim.h"

static const size_t KIB = 1024;

static const capability_limits LIMITS[] = {
    {75, 1024, 16, 65536, 64 * KIB, 64 * KIB, 0},
    {80, 2048, 32, 65536, 164 * KIB, 163 * KIB, KIB},
    {86, 1536, 16, 65536, 100 * KIB, 99 * KIB, KIB},
    {89, 1536, 24, 65536, 100 * KIB, 99 * KIB, KIB},
    {90, 2048, 32, 65536, 228 * KIB, 227 * KIB, KIB},
    {100, 2048, 32, 65536, 228 * KIB, 227 * KIB, KIB},
    {120, 1536, 24, 65536, 100 * KIB, 99 * KIB, KIB},
};

const card CARDS[] = {
    {"T4", 75, 40, false, {}},
    {"RTX 2080 Ti", 75, 68, false, {}},
    {"A100", 80, 108, false, {}},
    {"A10", 86, 72, false, {}},
    {"RTX 3090", 86, 82, false, {}},
    {"L4", 89, 58, false, {}},
    {"RTX 4090", 89, 128, false, {}},
    {"L40S", 89, 142, false, {}},
    {"H100 PCIe", 90, 114, false, {16, 16, 16, 16, 16, 16, 18}},
    {"H100 PCIe", 90, 114, true, {14, 14, 14, 14, 14, 14, 14, 16}},
    {"H100 SXM, H200", 90, 132, false, {16, 16, 16, 16, 16, 16, 18, 18}},
    {"H100 SXM, H200", 90, 132, true, {14, 16, 16, 16, 16, 18, 18, 18}},
    {"B200", 100, 148, false, {18, 18, 18, 18, 18, 18, 20, 20}},
    {"B200", 100, 148, true, {14, 18, 18, 18, 20, 20, 20, 20}},
    {"RTX 5090", 120, 170, false, {14, 14, 14, 16, 16, 16, 16, 16, 16, 16, 16}},
    {"RTX 5090", 120, 170, true, {10, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16}},
    {"RTX PRO 6000", 120, 188, false, {14, 14, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16}},
    {"RTX PRO 6000", 120, 188, true, {12, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16}},
};
const int NUM_CARDS = sizeof CARDS / sizeof *CARDS;

const capability_limits &limits_of(const card &c)
{
    for (const capability_limits &limits : LIMITS)
        if (limits.capability == c.capability)
            return limits;
    abort();
}

int count_clusters(const card &c, int blocks_per_sm, int cluster)
{
    if (cluster == 1)
        return c.num_sms * blocks_per_sm;
    int clusters = 0;
    for (int sms : c.gpcs)
        clusters += sms * blocks_per_sm / cluster;
    return clusters;
}

void simulate(const card &c, const char *resources)
{
    std::string gpcs;
    for (int sms : c.gpcs)
        if (sms > 0)
            gpcs += (gpcs.empty() ? "" : ",") + std::to_string(sms);
    setenv("LYRNN_SIM_CAPABILITY", std::to_string(c.capability).c_str(), 1);
    setenv("LYRNN_SIM_SMS", std::to_string(c.num_sms).c_str(), 1);
    setenv("LYRNN_SIM_GPCS", gpcs.c_str(), 1);
    setenv("LYRNN_SIM_RESOURCES", resources != nullptr ? resources : "", 1);
    lyrnn_sim_reset();
}
