/* What a test can ask the CUDA simulator for: counters of the work that a program caused, the
 * defects found in its kernels, and the device that is simulated. C11 and C++. */
#ifndef LYRNN_SIM_H
#define LYRNN_SIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* README.md explains them. The last ones are defects of ranks, which the fake NCCL finds. */
#define LYRNN_SIM_DEFECTS(X)                                                                       \
    X(NO_DEFECT)                                                                                   \
    X(RACE)                                                                                        \
    X(OUT_OF_BOUNDS)                                                                               \
    X(UNINITIALIZED)                                                                               \
    X(DIVERGENT_BARRIER)                                                                           \
    X(BAD_WARP_OPERATION)                                                                          \
    X(FLOAT_ATOMIC)                                                                                \
    X(MISALIGNED)                                                                                  \
    X(HOST_ACCESS)                                                                                 \
    X(BAD_ARGUMENT)                                                                                \
    X(COOPERATIVE_OVERLAP)                                                                         \
    X(LEAK)                                                                                        \
    X(CALLS_DIFFER)                                                                                \
    X(COUNTS_DIFFER)                                                                               \
    X(CAPTURES_DIFFER)                                                                             \
    X(UNMATCHED)                                                                                   \
    X(BAD_GROUP)                                                                                   \
    X(TWO_STREAMS)                                                                                 \
    X(BUFFERS_OVERLAP)                                                                             \
    X(IN_PROGRESS)                                                                                 \
    X(DEAD_COMMUNICATOR)                                                                           \
    X(FIRST_CALL_CAPTURED)                                                                         \
    X(GLOBAL_CAPTURE)                                                                              \
    X(GRAPH_OUTLIVES)                                                                              \
    X(MEMORY_IN_FLIGHT)                                                                            \
    X(BLIND_WAIT)

typedef enum {
#define LYRNN_SIM_ENUM(name) LYRNN_SIM_##name,
    LYRNN_SIM_DEFECTS(LYRNN_SIM_ENUM)
#undef LYRNN_SIM_ENUM
} lyrnn_sim_defect;

/* "RACE", "OUT_OF_BOUNDS", ... */
const char *lyrnn_sim_defect_name(lyrnn_sim_defect defect);

/* Called with each defect and its text, instead of printing it and aborting. The launch with the
 * defect is canceled, and CUDA calls return cudaErrorLaunchFailure until lyrnn_sim_reset. NULL
 * removes the hook. */
typedef void (*lyrnn_sim_report_hook)(lyrnn_sim_defect defect, const char *text);
void lyrnn_sim_set_report_hook(lyrnn_sim_report_hook hook);

/* The priorities of streams are 0, the lowest, to 1 - LYRNN_SIM_PRIORITIES, the highest. */
enum { LYRNN_SIM_PRIORITIES = 6 };

typedef struct {
    uint64_t kernel_launches; /* by the host, without launches that were captured */
    uint64_t graph_launches;
    /* Work of any kind that the host put in a stream, without what was captured: kernels, graphs,
     * copies, fills, library calls and events. */
    uint64_t submissions;
    uint64_t kernels_run;        /* started by launches and by graphs */
    uint64_t cooperative_run;    /* those of kernels_run that were cooperative launches */
    uint64_t gemms_run;          /* cuBLAS calls that ran, from the host and from graphs */
    uint64_t allocations, frees; /* of device and pinned memory */
    /* Waits of the host for a stream or the device, and synchronous or pageable downloads. */
    uint64_t host_synchronizations;
    uint64_t event_waits; /* waits of the host for an event that was not reached yet */
    /* The most work that one stream held at once, and the most graphs in all streams: queued, but
     * not run because the host waited for nothing that needs it. */
    uint64_t most_pending, most_graphs_pending;
    /* Calls that found LYRNN_SIM_PENDING pieces of work in their stream. On a device such a call
     * returns only after the oldest is done. */
    uint64_t blocked_calls;
    uint64_t bytes_to_device, bytes_to_host, bytes_within_device;
    /* Kernels and cuBLAS calls that ran at priority 0, -1, -2 and so on. */
    uint64_t kernels_at_priority[LYRNN_SIM_PRIORITIES];
    uint64_t captures; /* calls of cudaStreamEndCapture that returned a graph */
    /* The nodes of the last of these graphs, and the most of them that wait for each other in a
     * row. */
    uint64_t captured_nodes, captured_chain;
} lyrnn_sim_counters;

lyrnn_sim_counters lyrnn_sim_read_counters(void);
void lyrnn_sim_reset_counters(void);

/* A launch of the host, also one that is captured. */
typedef struct {
    const char *kernel;                /* its mangled name */
    unsigned blocks, threads, cluster; /* threads per block, blocks per cluster */
    size_t shared_bytes;               /* dynamic */
    int is_cooperative;
    int error;         /* the cudaError_t that the launch returns */
    int blocks_per_sm; /* how many of its blocks a multiprocessor holds */
} lyrnn_sim_launch_info;

/* Called with each launch. NULL removes the hook. */
typedef void (*lyrnn_sim_launch_hook)(const lyrnn_sim_launch_info *launch);
void lyrnn_sim_set_launch_hook(lyrnn_sim_launch_hook hook);

/* Sets the order of threads and blocks, as LYRNN_SIM_SEED does; 0: ascending. */
void lyrnn_sim_set_seed(uint64_t seed);

/* Reads the LYRNN_SIM_ variables again, drops queued work, and forgets the last error. Memory
 * stays. */
void lyrnn_sim_reset(void);

/* Returns the number of live allocations of device and pinned memory, and their size in bytes. */
size_t lyrnn_sim_live_allocations(size_t *bytes);

/* Returns 1 if kernels were compiled with the hooks that make every check exact, else 0. */
int lyrnn_sim_has_hooks(void);

#ifdef __cplusplus
}
#endif
#endif
