/* --ranks N: this program as its own launcher. It starts N processes of itself on this machine,
 * with the same command line, and stays to wait for them, as torchrun and mpirun do. */
#ifndef LYRNN_CLI_RANKS_START_H
#define LYRNN_CLI_RANKS_START_H

#include "cli/options/options.h"
#include "lyrnn/status.h"

/* The entry of --ranks in a command's table, for an int of the struct `fields`. */
#define RANKS_OPTION(fields, ranks)                                                                \
    {                                                                                              \
        OPTION_INT, "ranks", "N", "share the work among N processes on this machine",              \
            .offset = offsetof(fields, ranks), .fallback = "1", .min = "1", .max = "512",          \
            .detail =                                                                              \
                "Each process, a rank, has its own device: a CUDA device of its own, or a share "  \
                "of the cores. Rank 0 prints and writes files. A signal to this process reaches "  \
                "all ranks. On several machines, torchrun, mpirun or srun starts the ranks "       \
                "instead.",                                                                        \
            .may_change = true, .if_missing = "1"                                                  \
    }

/* Returns LYRNN_OK in each of `num` ranks, and at once if num is 1. The process that starts them
 * ends with their exit status: that of rank 0, or of the first rank that failed. LYRNN_ERR_USAGE:
 * another launcher has started this process as one of several, or LYRNN_SIZE is another number.
 * LYRNN_ERR_IO: not all ranks could be started. */
lyrnn_status ranks_start(int num);

#endif
