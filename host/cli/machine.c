/* Opens the backend that the options name, and a model on it. */
#include "cli/machine.h"

#include "cli/rank_threads.h"
#include "lyrnn/device.h"

lyrnn_status machine_open(const machine_options *machine, lyrnn_backend *backend)
{
    LYRNN_TRY(lyrnn_backend_open(machine->device, machine->threads, machine->precision, backend));
    backend->debug_sync = machine->debug_sync;
    return LYRNN_OK;
}

lyrnn_status machine_open_rank(const machine_options *machine, lyrnn_comm *comm,
                               lyrnn_backend *backend)
{
    int threads = machine->threads;
    if (comm == NULL)
        return machine_open(machine, backend);
    if (threads == 0)
        LYRNN_TRY(rank_threads_agree(comm, &threads));
    LYRNN_TRY(lyrnn_backend_open_local(machine->device, comm->local_rank, threads,
                                       machine->precision, backend));
    backend->debug_sync = machine->debug_sync;
    return LYRNN_OK;
}

lyrnn_status machine_open_model(const machine_options *machine, const lyrnn_checkpoint *checkpoint,
                                machine_model *opened)
{
    LYRNN_TRY(machine_open(machine, &opened->backend));
    opened->is_open = true;
    LYRNN_TRY(lyrnn_model_init(&opened->model, &checkpoint->config, &opened->backend));
    lyrnn_model_upload(&opened->model, checkpoint->params);
    return LYRNN_OK;
}

void machine_close_model(machine_model *opened)
{
    if (!opened->is_open)
        return;
    lyrnn_model_free(&opened->model);
    lyrnn_backend_close(&opened->backend);
}
