/* Whether this CPU has the instructions that the CPU backend was compiled for. */
#ifndef LYRNN_DEVICE_CPU_CHECK_H
#define LYRNN_DEVICE_CPU_CHECK_H

#include "lyrnn/status.h"

/* LYRNN_ERR_UNSUPPORTED: it lacks some, and an operation of the backend would kill the process. */
lyrnn_status lyrnn_check_cpu(void);

#endif
