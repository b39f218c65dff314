/* What a test may ask of the CUDA simulator: counters of the work that a program caused, the defects
 * found in its kernels, and the device it pretends to be. C11 and C++. */
#ifndef LYRNN_SIM_H
#define LYRNN_SIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_SIM_NO_DEFECT,
    LYRNN_SIM_RACE,
    LYRNN_SIM_OUT_OF_BOUNDS,
    LYRNN_SIM_UNINITIALISED,
    LYRNN_SIM_DIVERGENT_BARRIER,
    LYRNN_SIM_BAD_WARP_OPERATION,
    LYRNN_SIM_FLOAT_ATOMIC,
    LYRNN_SIM_MISALIGNED,
    LYRNN_SIM_HOST_ACCESS,
    LYRNN_SIM_BAD_ARGUMENT,
    LYRNN_SIM_LEAK
} lyrnn_sim_defect;

/* "RACE", "OUT_OF_BOUNDS", ... */
const char *lyrnn_sim_defect_name(lyrnn_sim_defect defect);

/* Called with each defect and its text, in place of printing it and aborting. The launch that was
 * found defective is cancelled, and CUDA calls return cudaErrorLaunchFailure until lyrnn_sim_reset.
 * NULL takes the hook away. */
typedef void (*lyrnn_sim_report_hook)(lyrnn_sim_defect defect, const char *text);
void lyrnn_sim_set_report_hook(lyrnn_sim_report_hook hook);

typedef struct {
    uint64_t kernel_launches;    /* made by the host, captured ones not counted                 */
    uint64_t graph_launches;     /*                                                             */
    uint64_t kernels_run;        /* by launches and by graphs                                   */
    uint64_t gemms_run;          /* cuBLAS calls, by the host and by graphs                     */
    uint64_t allocations, frees; /* device and pinned memory                                    */
    uint64_t
        host_synchronisations; /* stream, event, device; synchronous and pageable downloads   */
    uint64_t bytes_to_device, bytes_to_host, bytes_within_device;
    uint64_t captures; /* cudaStreamEndCapture that gave a graph                      */
} lyrnn_sim_counters;

lyrnn_sim_counters lyrnn_sim_read_counters(void);
void lyrnn_sim_reset_counters(void);

/* Sets the order of threads and blocks, as LYRNN_SIM_SEED does; 0: ascending. */
void lyrnn_sim_set_seed(uint64_t seed);

/* Reads the LYRNN_SIM_ variables anew, drops queued work, and forgets the last error. Memory stays. */
void lyrnn_sim_reset(void);

/* Allocations of device and pinned memory that live, and their bytes. */
size_t lyrnn_sim_live_allocations(size_t *bytes);

/* Whether kernels were compiled with the hooks that make every check exact. */
int lyrnn_sim_has_hooks(void);

#ifdef __cplusplus
}
#endif
#endif
