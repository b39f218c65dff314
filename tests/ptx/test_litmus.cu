/* The litmus kernels, as PTX: in every order of warps, the right ones cause no report, and each
 * wrong one causes a report of its class. */
#include "../cuda_sim/sim_test.h"

#include "litmus_cases.h"

enum How { SINGLE, GRID, CLUSTER };

/* A launch finds the PTX by the name of the function. */
#define X(name, blocks, threads, how, defect)                                                      \
    extern "C" __global__ void name(int *)                                                         \
    {                                                                                              \
    }
LITMUS_CASES(X)
#undef X

struct Litmus {
    const char *name;
    void (*kernel)(int *);
    unsigned blocks, threads;
    How how;
    lyrnn_sim_defect defect;
};

static lyrnn_sim_defect found;
static char found_text[1024];

static void note(lyrnn_sim_defect defect, const char *text)
{
    found = defect;
    snprintf(found_text, sizeof found_text, "%s", text);
}

static void run(const Litmus &litmus, uint64_t seed)
{
    lyrnn_sim_set_seed(seed);
    found = LYRNN_SIM_NO_DEFECT;
    found_text[0] = '\0';
    int *out = device_array<int>(256);
    OK(cudaMemset(out, 0, 256 * sizeof *out));
    cudaLaunchConfig_t config = shape(litmus.blocks, litmus.threads);
    cudaLaunchAttribute attribute =
        litmus.how == CLUSTER ? cluster_of(litmus.blocks) : cooperative();
    config.attrs = &attribute;
    config.numAttrs = litmus.how == SINGLE ? 0 : 1;
    OK(cudaLaunchKernelEx(&config, litmus.kernel, out));
    (void)cudaDeviceSynchronize();
    lyrnn_sim_reset();
    OK(cudaFree(out));
}

static void litmus_has_its_answer(void **state)
{
    const Litmus &litmus = *(const Litmus *)*state;
    lyrnn_sim_set_report_hook(note);
    for (uint64_t seed = 0; seed < 8; seed++) {
        run(litmus, seed);
        if (found != litmus.defect)
            fail_msg("%s with seed %d: %s instead of %s (%s)", litmus.name, (int)seed,
                     lyrnn_sim_defect_name(found), lyrnn_sim_defect_name(litmus.defect),
                     found_text);
    }
    lyrnn_sim_set_report_hook(NULL);
}

int main(void)
{
    static Litmus all[] = {
#define X(name, blocks, threads, how, defect)                                                      \
    {#name, name, blocks, threads, how, LYRNN_SIM_##defect},
        LITMUS_CASES(X)
#undef X
    };
    enum { NUM_CASES = sizeof all / sizeof *all };
    struct CMUnitTest tests[NUM_CASES];
    for (int i = 0; i < NUM_CASES; i++)
        tests[i] = {all[i].name, litmus_has_its_answer, NULL, NULL, &all[i]};
    return _cmocka_run_group_tests("litmus", tests, NUM_CASES, NULL, NULL);
}
