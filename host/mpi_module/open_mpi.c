/* The program's side of MPI: loads liblyrnn_mpi.so if mpirun started this process. */
#include "mpi_module/mpi_module.h"

lyrnn_status lyrnn_mpi_open(int rank, int size, const lyrnn_mpi_entry **mpi, bool *is_one_host)
{
    static const lyrnn_module module = {.name = "liblyrnn_mpi.so",
                                        .entry = "lyrnn_mpi_module",
                                        .object = "mpi",
                                        .needs = "Open MPI and a lyrnn built with it",
                                        .instead = "continue over TCP"};
    const void *entry;
    LYRNN_TRY(lyrnn_module_load(&module, &entry));
    *mpi = (const lyrnn_mpi_entry *)entry;
    return (*mpi)->begin(&lyrnn_this_program, rank, size, is_one_host);
}
