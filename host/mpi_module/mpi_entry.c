/* The module's side of MPI. Every call that waits for other ranks is one that does not block:
 * MPI_Test then asks again and again, and between these calls the ranks' own connections are
 * checked. MPI Forum, MPI 3.1, sections 5.12 and 12.4. */
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "mpi_module/mpi_module.h"

/* Gradients are moved in units of this many bytes, because MPI counts in int. */
enum { UNIT_BYTES = 16 };
static MPI_Datatype unit_type = MPI_DATATYPE_NULL;

static lyrnn_status check_mpi(const char *call, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (code == MPI_SUCCESS)
        return LYRNN_OK;
    (void)MPI_Error_string(code, text, &length);
    return lyrnn_fail(LYRNN_ERR_IO, "mpi: %s failed (%s); see the messages of mpirun", call, text);
}

/* "Open MPI v4.1.4", or "MPICH Version: 5.0.2", which MPICH writes with more spaces. */
static void describe(char name[64])
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length;
    size_t num = 0;
    (void)MPI_Get_library_version(text, &length);
    for (const char *c = text; strchr(",\n", *c) == NULL && num < 63; c++)
        if (*c != ' ' || c[1] != ' ')
            name[num++] = *c;
    name[num] = '\0';
}

/* A launcher of another MPI makes each process a world of its own. */
static lyrnn_status check_world(int rank, int size)
{
    int mpi_rank = 0, mpi_size = 0;
    char name[64];
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &mpi_rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &mpi_size);
    if (mpi_rank == rank && mpi_size == size)
        return LYRNN_OK;
    (void)MPI_Finalize();
    describe(name);
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "mpi: lyrnn was built with %s, which did not start this process; start it "
                      "with the mpirun of that MPI, or continue over TCP",
                      name);
}

static lyrnn_status ask_hosts(int size, bool *is_one_host)
{
    MPI_Comm host;
    int local_size = 0;
    LYRNN_TRY(
        check_mpi("MPI_Comm_split_type", MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED,
                                                             0, MPI_INFO_NULL, &host)));
    (void)MPI_Comm_size(host, &local_size);
    *is_one_host = local_size == size;
    return check_mpi("MPI_Comm_free", MPI_Comm_free(&host));
}

static lyrnn_status begin(const lyrnn_module_program *program, int rank, int size,
                          bool *is_one_host)
{
    int provided;
    lyrnn_module_begin(program);
    LYRNN_TRY(
        check_mpi("MPI_Init_thread", MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided)));
    LYRNN_TRY(check_world(rank, size));
    (void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    LYRNN_TRY(ask_hosts(size, is_one_host));
    LYRNN_TRY(
        check_mpi("MPI_Type_contiguous", MPI_Type_contiguous(UNIT_BYTES, MPI_BYTE, &unit_type)));
    return check_mpi("MPI_Type_commit", MPI_Type_commit(&unit_type));
}

static lyrnn_status broadcast(void *bytes, size_t num_bytes, double timeout_seconds)
{
    MPI_Request request;
    int is_done = 0;
    double start = lyrnn_seconds();
    LYRNN_CHECK(num_bytes <= INT_MAX);
    LYRNN_TRY(check_mpi("MPI_Ibcast",
                        MPI_Ibcast(bytes, (int)num_bytes, MPI_BYTE, 0, MPI_COMM_WORLD, &request)));
    while (!is_done) {
        LYRNN_TRY(check_mpi("MPI_Ibcast", MPI_Test(&request, &is_done, MPI_STATUS_IGNORE)));
        if (!is_done && lyrnn_seconds() - start > timeout_seconds)
            return lyrnn_fail(LYRNN_ERR_IO,
                              "mpi: not all ranks came within %g s; see the messages of mpirun",
                              timeout_seconds);
        (void)sched_yield();
    }
    return LYRNN_OK;
}

/* Waits for a call that was started with the result `code`. */
static lyrnn_status wait_for(lyrnn_comm *comm, const char *call, int code, MPI_Request *request)
{
    const double check_seconds = 1e-3;
    int is_done = 0;
    LYRNN_TRY(check_mpi(call, code));
    for (double checked = lyrnn_seconds(); !is_done;) {
        LYRNN_TRY(check_mpi(call, MPI_Test(request, &is_done, MPI_STATUS_IGNORE)));
        if (!is_done && lyrnn_seconds() - checked > check_seconds) {
            LYRNN_TRY(comm->check(comm));
            checked = lyrnn_seconds();
        }
        if (!is_done)
            (void)sched_yield();
    }
    return LYRNN_OK;
}

/* The size of a piece, as MPI counts. */
typedef struct {
    int count;
    MPI_Datatype type;
} piece_size;

static piece_size size_of_piece(size_t num_bytes)
{
    bool is_whole = num_bytes % UNIT_BYTES == 0;
    size_t count = is_whole ? num_bytes / UNIT_BYTES : num_bytes;
    LYRNN_CHECK(count <= INT_MAX);
    return (piece_size){(int)count, is_whole ? unit_type : MPI_BYTE};
}

static lyrnn_status exchange(lyrnn_comm *comm, const void *pieces, void *received, size_t num_bytes)
{
    piece_size piece = size_of_piece(num_bytes);
    MPI_Request request;
    LYRNN_TRY(comm->check(comm));
    int code = MPI_Ialltoall(pieces, piece.count, piece.type, received, piece.count, piece.type,
                             MPI_COMM_WORLD, &request);
    return wait_for(comm, "MPI_Ialltoall", code, &request);
}

static lyrnn_status all_gather(lyrnn_comm *comm, void *pieces, size_t num_bytes)
{
    piece_size piece = size_of_piece(num_bytes);
    MPI_Request request;
    LYRNN_TRY(comm->check(comm));
    int code = MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, pieces, piece.count, piece.type,
                              MPI_COMM_WORLD, &request);
    return wait_for(comm, "MPI_Iallgather", code, &request);
}

static void end(void)
{
    (void)MPI_Type_free(&unit_type);
    (void)MPI_Finalize();
}

extern const lyrnn_mpi_entry lyrnn_mpi_module;
__attribute__((visibility("default"))) const lyrnn_mpi_entry lyrnn_mpi_module = {
    .begin = begin,
    .describe = describe,
    .broadcast = broadcast,
    .exchange = exchange,
    .all_gather = all_gather,
    .end = end,
};
