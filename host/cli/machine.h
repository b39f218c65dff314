/* The options that say where a command computes and how, and the device that they stand for. Every
 * command that computes has them at the end of its table. */
#ifndef LYRNN_CLI_MACHINE_H
#define LYRNN_CLI_MACHINE_H

#include "cli/options/options.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/device.h"
#include "lyrnn/model.h"

typedef struct {
    const char *device;
    lyrnn_precision precision;
    int threads;
    bool debug_sync;
} machine_options;

/* The last entries of a command's table, for the member `machine` of the struct `fields`. */
#define MACHINE_OPTIONS(fields, machine)                                                           \
    {OPTION_HEADING, .help = "Machine:"},                                                          \
        {.kind = OPTION_TEXT,                                                                      \
         .name = "device",                                                                         \
         .metavar = "auto|cpu|cuda[:N]",                                                           \
         .help = "where to compute",                                                               \
         .offset = offsetof(fields, machine.device),                                               \
         .fallback = "auto",                                                                       \
         .detail =                                                                                 \
             "auto takes the first CUDA device. If there is none, it says why and takes the "      \
             "CPU. cuda:N is the CUDA device of number N, counted from 0.",                        \
         .completes = COMPLETE_DEVICE,                                                             \
         .may_change = true},                                                                      \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "precision",                                                                      \
         .metavar = "fp32|tf32|bf16",                                                              \
         .help = "format to which matrix products round their operands (CUDA)",                    \
         .offset = offsetof(fields, machine.precision),                                            \
         .fallback = "fp32",                                                                       \
         .detail = "Weights, sums and everything else are fp32. The CPU computes only in fp32.",   \
         .may_change = true},                                                                      \
        {.kind = OPTION_INT,                                                                       \
         .name = "threads",                                                                        \
         .metavar = "N",                                                                           \
         .help = "CPU threads; 0: one per core",                                                   \
         .offset = offsetof(fields, machine.threads),                                              \
         .fallback = "0",                                                                          \
         .min = "0",                                                                               \
         .max = "1024",                                                                            \
         .detail = "If OMP_NUM_THREADS is set, 0 means that number. Otherwise it means no more "   \
                   "than the CPUs that a container's quota grants. Two numbers of threads give "   \
                   "results that differ in the last bits.",                                        \
         .may_change = true},                                                                      \
    {                                                                                              \
        .kind = OPTION_FLAG, .name = "debug-sync",                                                 \
        .help = "find a CUDA fault: wait for each operation, record no graph",                     \
        .offset = offsetof(fields, machine.debug_sync),                                            \
        .detail = "The error message then names the operation that failed.", .may_change = true    \
    }

lyrnn_status machine_open(const machine_options *machine, lyrnn_backend *backend);

/* A model on a backend of its own. */
typedef struct {
    lyrnn_backend backend;
    lyrnn_model model;
    bool is_open;
} machine_model;

/* Opens a backend and uploads the weights of a checkpoint to it. The caller passes a zeroed struct,
 * and closes it with machine_close_model, on failure too. */
lyrnn_status machine_open_model(const machine_options *machine, const lyrnn_checkpoint *checkpoint,
                                machine_model *opened);
void machine_close_model(machine_model *opened);

#endif
