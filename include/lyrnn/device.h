/* Opens the device that a training or a generation computes on.
 *
 * A lyrnn_backend is one open device: the table of operations that backend.h declares. Callers
 * hand it to lyrnn_train, lyrnn_model_init, lyrnn_rnn_open and others. Only backend authors need to
 * know its members. */
#ifndef LYRNN_DEVICE_H
#define LYRNN_DEVICE_H

#include "lyrnn/backend.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a device.
 *     device       "cpu", "cuda", "cuda:N" or "auto" (CUDA if there is a usable device, else the
 *                  CPU)
 *     num_threads  host threads of the CPU backend; 0: OMP_NUM_THREADS, or one per core
 *     precision    LYRNN_FP32; CUDA also has LYRNN_TF32 and LYRNN_BF16
 * LYRNN_ERR_USAGE: device has another form. LYRNN_ERR_UNSUPPORTED: this machine or build lacks
 * that device or precision. If "auto" opens the CPU, backend->why_not_cuda says why. */
lyrnn_status lyrnn_backend_open(const char *device, int num_threads, lyrnn_precision precision,
                                lyrnn_backend *backend);

/* As lyrnn_backend_open, for one of several processes on this host. "cuda" and "auto" mean the CUDA
 * device of number local_rank. Beyond the last device, numbers begin again at 0. */
lyrnn_status lyrnn_backend_open_local(const char *device, int local_rank, int num_threads,
                                      lyrnn_precision precision, lyrnn_backend *backend);

/* The threads that num_threads 0 means on the CPU. */
int lyrnn_default_threads(void);

/* Frees everything but the memory that memory_alloc handed out. A zeroed backend is fine. */
void lyrnn_backend_close(lyrnn_backend *backend);

#ifdef __cplusplus
}
#endif
#endif
