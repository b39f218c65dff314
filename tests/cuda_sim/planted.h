/* Kernels with one planted defect each, and the defect that the simulator must find in it. */
#ifndef LYRNN_SIM_PLANTED_H
#define LYRNN_SIM_PLANTED_H

#include "lyrnn_sim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *name;
    lyrnn_sim_defect defect;
    lyrnn_sim_defect
        in_other_orders; /* what it is where threads come the other way round          */
    int needs_hooks; /* found only where every access is looked at                               */
    int asan_finds;  /* found by AddressSanitizer where there are no hooks                       */
    void (*run)(void);
} planted_defect;

extern const planted_defect planted_defects[];
extern const int num_planted_defects;

#ifdef __cplusplus
}
#endif
#endif
