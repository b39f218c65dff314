/* The options by which every command that computes is told where and how. */
#ifndef LYRNN_CLI_MACHINE_H
#define LYRNN_CLI_MACHINE_H

#include "cli/options/options.h"
#include "lyrnn/device.h"

typedef struct {
    const char *device;
    lyrnn_precision precision;
    int threads;
    bool debug_sync;
} machine_options;

/* The entries for the member `machine` of the struct `fields`, at the end of a command's table. */
#define MACHINE_OPTIONS(fields, machine)                                                           \
    {OPTION_HEADING, .help = "Machine:"},                                                          \
        {OPTION_TEXT,                                                                              \
         "device",                                                                                 \
         "auto|cpu|cuda[:N]",                                                                      \
         "where to compute",                                                                       \
         offsetof(fields, machine.device),                                                         \
         .fallback = "auto"},                                                                      \
        {OPTION_CHOICE,                                                                            \
         "precision",                                                                              \
         "fp32|tf32|bf16",                                                                         \
         "what GEMMs round operands to (CUDA)",                                                    \
         offsetof(fields, machine.precision),                                                      \
         .fallback = "fp32"},                                                                      \
        {OPTION_INT,                                                                               \
         "threads",                                                                                \
         "N",                                                                                      \
         "CPU threads; 0: one per core",                                                           \
         offsetof(fields, machine.threads),                                                        \
         .fallback = "0",                                                                          \
         .min = "0",                                                                               \
         .max = "1024"},                                                                           \
    {                                                                                              \
        OPTION_FLAG, "debug-sync", NULL,                                                           \
            "to find a fault (CUDA): wait for each operation, record no step",                     \
            offsetof(fields, machine.debug_sync), .fallback = NULL                                 \
    }

static inline lyrnn_status machine_open(const machine_options *machine, lyrnn_backend *backend)
{
    LYRNN_TRY(lyrnn_backend_open(machine->device, machine->threads, machine->precision, backend));
    backend->debug_sync = machine->debug_sync;
    return LYRNN_OK;
}

#endif
