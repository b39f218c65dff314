/* The options that say where a command computes and how, and the device that they stand for. Every
 * command that computes has them at the end of its table. */
#ifndef LYRNN_CLI_MACHINE_H
#define LYRNN_CLI_MACHINE_H

#include "cli/options/options.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/device.h"
#include "lyrnn/model.h"
#include "lyrnn/tune.h"

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
             "CPU. cuda:N is the CUDA device of number N, counted from 0. Where several ranks of " \
             "a training are on one machine, auto and cuda give each the device of its number "    \
             "there.",                                                                             \
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
                   "results that differ in the last bits. Ranks on one machine share its cores, "  \
                   "and all ranks take the same number.",                                          \
         .may_change = true},                                                                      \
    {                                                                                              \
        .kind = OPTION_FLAG, .name = "debug-sync",                                                 \
        .help = "find a CUDA fault: wait for each operation, record no graph",                     \
        .offset = offsetof(fields, machine.debug_sync),                                            \
        .detail = "The error message then names the operation that failed.", .may_change = true    \
    }

/* The entries that follow those, for a command that trains. `tune` and `plan` are members of the
 * struct `fields`. */
#define PLAN_OPTIONS(fields, tune, plan)                                                           \
    {OPTION_CHOICE,                                                                                \
     "tune",                                                                                       \
     LYRNN_TUNE_WORDS,                                                                             \
     "measure the ways to compute a recurrence (plans) before the first step (CUDA)",              \
     .offset = offsetof(fields, tune),                                                             \
     .fallback = "cache",                                                                          \
     .detail =                                                                                     \
         "A device may have several plans, and which one is fastest depends on the card. They "    \
         "are "                                                                                    \
         "tried on the first characters of the text, for at most half a second. A plan whose "     \
         "results differ from those of the general one is not used. cache measures only what "     \
         "~/.cache/lyrnn/plans.json does not have; now always measures; off takes the plan that "  \
         "an estimate prefers, and verifies nothing. lyrnn tune shows all plans.",                 \
     .may_change = true,                                                                           \
     .if_missing = "cache"},                                                                       \
    {                                                                                              \
        OPTION_TEXT, "plan", "TEXT", "compute recurrences by this plan (CUDA)",                    \
            .offset = offsetof(fields, plan),                                                      \
            .detail =                                                                              \
                "forward=PLAN,backward=PLAN or one of the two, for example forward=steps. "        \
                "lyrnn tune lists the plans. Two plans give results that differ in the last "      \
                "bits. A resumed run keeps its plan, which config.json has, if that fits "         \
                "the device.",                                                                     \
            .may_change = true                                                                     \
    }

lyrnn_status machine_open(const machine_options *machine, lyrnn_backend *backend);

/* As machine_open, for a rank of `comm`, which the caller lets the backend join; NULL: there are no
 * others. "cuda" is the device of the local rank, and ranks share the CPUs of their host. */
lyrnn_status machine_open_rank(const machine_options *machine, lyrnn_comm *comm,
                               lyrnn_backend *backend);

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
