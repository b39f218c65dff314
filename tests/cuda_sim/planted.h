/* The kernels of planted.cu and the calls of planted_calls.cu: each has one planted defect, which
 * the simulator must find. */
#ifndef LYRNN_SIM_PLANTED_H
#define LYRNN_SIM_PLANTED_H

#include "lyrnn_sim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *name;
    lyrnn_sim_defect defect;
    lyrnn_sim_defect in_other_orders; /* reported when the threads run in another order */
    int needs_hooks;                  /* found only by the hooks, which see every access */
    int asan_finds;                   /* found by AddressSanitizer in builds without hooks */
    void (*run)(void);
} planted_defect;

extern const planted_defect planted_kernels[], planted_calls[];
extern const int num_planted_kernels, num_planted_calls;

#ifdef __cplusplus
}
#endif
#endif
