/* How a library of communicating ranks (nccl/) is built on the simulator. Its calls queue work that
 * waits for other processes, and it learns what the host does. The library is loaded at run time,
 * and finds these functions in the program that the simulator is linked to. C11 and C++. */
#ifndef LYRNN_SIM_LIBRARY_H
#define LYRNN_SIM_LIBRARY_H

#include <stddef.h>

#include "lyrnn_sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Work of a communicator. The simulator reports work of one communicator that nothing orders. */
typedef struct {
    void *work;
    /* Called again and again, from when it is the work's turn in its stream, until it returns 1.
     * Each run, such as each replay of a graph, has its own *run, which begins as NULL. */
    int (*poll)(void *work, void **run);
    /* Called when neither a stream nor a graph holds the work any more. */
    void (*release)(void *work);
    const void *communicator;
} lyrnn_sim_communication;

/* Queues the work in a cudaStream_t, or records it if the stream is capturing. Returns a
 * cudaError_t. */
int lyrnn_sim_submit(void *stream, const lyrnn_sim_communication *communication);

/* Returns how many pieces of work any code has put in streams and captures. */
size_t lyrnn_sim_num_submitted(void);

/* Returns whether the stream takes part in a capture. */
int lyrnn_sim_is_capturing(void *stream);
/* Returns whether work of the communicator is queued and not done, eager or in a graph. */
int lyrnn_sim_has_work(const void *communicator);
/* Runs all queued work that does not wait for other processes. */
void lyrnn_sim_advance(void);

/* Called before the host does something. Each must be a function. */
typedef struct {
    /* It waits, in a CUDA call that returns only afterwards, for work of the communicator. */
    void (*host_waits)(const void *communicator, const char *call);
    /* It allocates or frees memory. */
    void (*memory_changes)(const char *call);
    /* It begins a capture whose mode is cudaStreamCaptureModeGlobal. */
    void (*global_capture_begins)(void);
    /* Called after the device has run a piece of work. */
    void (*work_ran)(void);
} lyrnn_sim_library_hooks;
/* NULL removes the hooks. */
void lyrnn_sim_set_library_hooks(const lyrnn_sim_library_hooks *hooks);

/* Returns why the bytes are not within one live allocation of device memory, or NULL. */
const char *lyrnn_sim_find_fault(const void *memory, size_t num_bytes);
/* Returns the first byte that was never written, or NULL; without compiled hooks always NULL. */
const void *lyrnn_sim_find_unwritten(const void *memory, size_t num_bytes);
/* The library has written the bytes. */
void lyrnn_sim_set_written(const void *memory, size_t num_bytes);

/* Reports a defect, as the simulator's own checks do. */
void lyrnn_sim_report(lyrnn_sim_defect defect, const char *text);
/* Returns the bus number of the device in use. */
int lyrnn_sim_bus(void);

#ifdef __cplusplus
}
#endif
#endif
