/* MPI, for ranks that mpirun started. liblyrnn_mpi.so is the only file that is linked to MPI, so
 * that lyrnn starts without it. open_mpi.c is the program's side, mpi_entry.c the module's.
 *
 * MPI carries where the ranks meet, and then the bytes of gradients. It never adds numbers. While
 * one of its calls waits, the ranks' own connections are watched, because MPI itself may wait for
 * ever for a rank that is gone. */
#ifndef LYRNN_MPI_MODULE_H
#define LYRNN_MPI_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#include "lyrnn/comm.h"
#include "lyrnn/status.h"
#include "module/module.h"

/* What the module exports under its only name, lyrnn_mpi_module. All of it is for one thread.
 * LYRNN_ERR_IO: MPI has reported an error. */
typedef struct {
    /* Starts MPI. Sets is_one_host if all ranks share the memory of one host. */
    lyrnn_status (*begin)(const lyrnn_module_program *program, int rank, int size,
                          bool *is_one_host);
    /* "Open MPI v4.1.4" */
    void (*describe)(char name[64]);
    /* Copies num_bytes from rank 0 to all others, and waits at most timeout_seconds for them. */
    lyrnn_status (*broadcast)(void *bytes, size_t num_bytes, double timeout_seconds);
    /* The functions of lyrnn_comm. They end with the error of comm->check as soon as it has one.
     * MPI may use the buffers until then, and also later if they failed. */
    lyrnn_status (*exchange)(lyrnn_comm *comm, const void *pieces, void *received,
                             size_t num_bytes);
    lyrnn_status (*all_gather)(lyrnn_comm *comm, void *pieces, size_t num_bytes);
    /* Ends MPI. Only for ranks that all do so: it waits for the others. */
    void (*end)(void);
} lyrnn_mpi_entry;

/* What the launcher says of the ranks, and how long they may take to start MPI. */
typedef struct {
    int rank, size;
    double timeout_seconds;
} mpi_world;

/* Loads the module and starts MPI. If not all ranks do so in time, it ends the process with status
 * 1 and one line, because MPI does not return. LYRNN_ERR_UNSUPPORTED: lyrnn was built without MPI,
 * or with another one than that which started this process. LYRNN_ERR_IO. */
lyrnn_status lyrnn_mpi_open(const mpi_world *world, const lyrnn_mpi_entry **mpi, bool *is_one_host);

#endif
