/* Ranks that sum an array as lyrnn does: they exchange pieces in a group of sends and receives, and
 * gather the sums. Each planted program does one thing wrong in it. */
#include "planted_ranks.h"

#include <nccl.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "planted_table.h"

enum { PIECE = COUNT / PLANTED_RANKS };

/* What a rank sums, and its place among the others. */
struct Ranks {
    int rank, other;
    ncclComm_t comm;
    cudaStream_t stream;
    float *values, *copies; /* device (COUNT) each */
};

static void settle(ncclComm_t comm, ncclResult_t result)
{
    while (result == ncclInProgress)
        ncclCommGetAsyncError(comm, &result);
}

static Ranks join(int rank, int blocking = 0)
{
    Ranks r = {rank, 1 - rank, NULL, NULL, floats_on_device(true), floats_on_device(false)};
    ncclConfig_t config = {sizeof config, 0xcafebeef, NCCL_VERSION_CODE, blocking};
    ncclUniqueId id;
    memcpy(id.internal, planted_group, sizeof id.internal);
    cudaSetDevice(rank);
    cudaStreamCreateWithFlags(&r.stream, cudaStreamNonBlocking);
    cudaDeviceSynchronize();
    ncclResult_t result = ncclCommInitRankConfig(&r.comm, PLANTED_RANKS, id, rank, &config);
    settle(r.comm, result);
    return r;
}

static void wait(const Ranks &r)
{
    ncclResult_t result;
    while (cudaStreamQuery(r.stream) == cudaErrorNotReady)
        ncclCommGetAsyncError(r.comm, &result);
}

static void send_and_receive(const Ranks &r, int peer, const float *from, float *to)
{
    ncclSend(from, PIECE, ncclFloat32, peer, r.comm, r.stream);
    ncclRecv(to, PIECE, ncclFloat32, peer, r.comm, r.stream);
}

static void exchange(const Ranks &r)
{
    ncclGroupStart();
    for (int peer = 0; peer < PLANTED_RANKS; peer++)
        send_and_receive(r, peer, r.values + peer * PIECE, r.copies + peer * PIECE);
    settle(r.comm, ncclGroupEnd());
}

/* Only with the other rank. */
static void swap(const Ranks &r, size_t count, ncclDataType_t type)
{
    ncclGroupStart();
    ncclSend(r.values, count, type, r.other, r.comm, r.stream);
    ncclRecv(r.copies, count, type, r.other, r.comm, r.stream);
    settle(r.comm, ncclGroupEnd());
    wait(r);
}

static void gather(const Ranks &r)
{
    settle(r.comm, ncclAllGather(r.values + r.rank * PIECE, r.values, PIECE, ncclFloat32, r.comm,
                                 r.stream));
}

static void leave(const Ranks &r)
{
    settle(r.comm, ncclCommFinalize(r.comm));
    ncclCommDestroy(r.comm);
}

static cudaGraphExec_t record(const Ranks &r, void (*body)(const Ranks &),
                              cudaStreamCaptureMode mode = cudaStreamCaptureModeThreadLocal)
{
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    cudaStreamBeginCapture(r.stream, mode);
    body(r);
    cudaStreamEndCapture(r.stream, &graph);
    cudaGraphInstantiate(&executable, graph);
    cudaGraphDestroy(graph);
    return executable;
}

static void sum(const Ranks &r)
{
    exchange(r);
    gather(r);
}

/* An eager step, a captured one, and replays. */
static void run_right(int rank)
{
    Ranks r = join(rank);
    sum(r);
    cudaGraphExec_t graph = record(r, sum);
    for (int i = 0; i < 3; i++)
        cudaGraphLaunch(graph, r.stream);
    wait(r);
    cudaGraphExecDestroy(graph);
    cudaFree(floats_on_device(true));
    sum(r);
    wait(r);
    leave(r);
}

static void run_right_blocking(int rank)
{
    Ranks r = join(rank, 1);
    sum(r);
    wait(r);
    cudaStreamSynchronize(r.stream);
    leave(r);
}

/* One rank is slow, but at work. */
static void run_right_slow(int rank)
{
    setenv("LYRNN_SIM_PATIENCE", "2", 1);
    Ranks r = join(rank);
    for (int i = 0; i < 12 && rank == 1; i++) {
        cudaMemsetAsync(r.copies, 0, sizeof(float), r.stream);
        wait(r);
        usleep(250000);
    }
    sum(r);
    wait(r);
    leave(r);
}

/* A rank that aborts need not wait for the others. */
static void run_right_abort(int rank)
{
    Ranks r = join(rank);
    if (rank == 0)
        sum(r);
    ncclCommAbort(r.comm);
    wait(r);
}

static void run_other_order(int rank)
{
    Ranks r = join(rank);
    (rank == 0 ? exchange(r) : gather(r));
    (rank == 0 ? gather(r) : exchange(r));
    wait(r);
    leave(r);
}

static void run_other_number(int rank)
{
    Ranks r = join(rank);
    for (int i = 0; i < 2 + rank; i++)
        sum(r);
    wait(r);
    leave(r);
}

static void run_other_count(int rank)
{
    Ranks r = join(rank);
    swap(r, (size_t)(PIECE - rank), ncclFloat32);
}

static void run_other_type(int rank)
{
    Ranks r = join(rank);
    swap(r, PIECE, rank == 0 ? ncclFloat32 : ncclInt32);
}

static void run_other_count_gathered(int rank)
{
    Ranks r = join(rank);
    settle(r.comm, ncclAllGather(r.values, r.copies, (size_t)(PIECE - rank), ncclFloat32, r.comm,
                                 r.stream));
    wait(r);
}

static void run_host_memory(int rank)
{
    Ranks r = join(rank);
    static float host[COUNT];
    r.values = host;
    exchange(r);
}

static void run_too_long(int rank)
{
    Ranks r = join(rank);
    r.values += 1;
    exchange(r);
}

static void run_freed(int rank)
{
    Ranks r = join(rank);
    cudaFree(r.values);
    exchange(r);
}

static void run_never_written(int rank)
{
    Ranks r = join(rank);
    r.values = floats_on_device(false);
    exchange(r);
    wait(r);
}

static void run_overlap(int rank)
{
    Ranks r = join(rank);
    cudaMemset(r.copies, 0, COUNT * sizeof(float));
    r.values = r.copies;
    exchange(r);
}

static void run_end_without_start(int rank)
{
    Ranks r = join(rank);
    exchange(r);
    ncclGroupEnd();
}

static void run_group_never_ended(int rank)
{
    Ranks r = join(rank);
    ncclGroupStart();
    send_and_receive(r, r.other, r.values, r.copies);
    wait(r);
    leave(r);
}

static void run_without_group(int rank)
{
    Ranks r = join(rank, 1);
    send_and_receive(r, r.other, r.values, r.copies);
    wait(r);
}

static void run_send_without_receive(int rank)
{
    Ranks r = join(rank);
    ncclGroupStart();
    if (rank == 0)
        ncclSend(r.values, PIECE, ncclFloat32, r.other, r.comm, r.stream);
    send_and_receive(r, r.other, r.values, r.copies);
    settle(r.comm, ncclGroupEnd());
    wait(r);
}

static void run_never_came(int rank)
{
    setenv("LYRNN_SIM_PATIENCE", "0.5", 1);
    Ranks r = join(rank);
    if (rank == 0)
        sum(r);
    wait(r);
    sleep(30);
}

static void run_captured_on_one(int rank)
{
    Ranks r = join(rank);
    sum(r);
    if (rank == 0)
        cudaGraphLaunch(record(r, sum), r.stream);
    else
        sum(r);
    wait(r);
}

static void run_first_captured(int rank)
{
    Ranks r = join(rank);
    gather(r);
    record(r, sum);
}

static void run_global_capture(int rank)
{
    Ranks r = join(rank);
    sum(r);
    record(r, sum, cudaStreamCaptureModeGlobal);
}

static void run_two_streams(int rank)
{
    Ranks r = join(rank);
    exchange(r);
    cudaStreamCreateWithFlags(&r.stream, cudaStreamNonBlocking);
    gather(r);
}

static void run_without_order(int rank)
{
    Ranks r = join(rank);
    cudaStream_t other;
    sum(r);
    cudaGraphExec_t graph = record(r, sum);
    cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
    cudaGraphLaunch(graph, other);
    sum(r);
}

static void overtake(const Ranks &r)
{
    ncclAllGather(r.values + r.rank * PIECE, r.values, PIECE, ncclFloat32, r.comm, r.stream);
    cudaMemsetAsync(r.values, 0, sizeof(float), r.stream);
    settle(r.comm, ncclInProgress);
}

static void run_work_too_early(int rank)
{
    Ranks r = join(rank);
    overtake(r);
}

static void run_captured_too_early(int rank)
{
    Ranks r = join(rank);
    sum(r);
    record(r, overtake);
}

static void run_call_too_early(int rank)
{
    Ranks r = join(rank);
    ncclAllGather(r.values + r.rank * PIECE, r.values, PIECE, ncclFloat32, r.comm, r.stream);
    exchange(r);
}

static void run_used_after_abort(int rank)
{
    Ranks r = join(rank);
    ncclCommAbort(r.comm);
    exchange(r);
}

static void run_used_after_destroy(int rank)
{
    Ranks r = join(rank);
    leave(r);
    exchange(r);
}

static void run_graph_outlives(int rank)
{
    Ranks r = join(rank);
    sum(r);
    record(r, sum);
    wait(r);
    leave(r);
}

static void run_allocation_in_flight(int rank)
{
    Ranks r = join(rank);
    sum(r);
    floats_on_device(false);
}

static void run_allocation_in_replay(int rank)
{
    Ranks r = join(rank);
    sum(r);
    cudaGraphExec_t graph = record(r, sum);
    wait(r);
    cudaGraphLaunch(graph, r.stream);
    floats_on_device(false);
}

static void run_blind_wait_for_replay(int rank)
{
    Ranks r = join(rank);
    sum(r);
    cudaGraphExec_t graph = record(r, sum);
    wait(r);
    cudaGraphLaunch(graph, r.stream);
    cudaStreamSynchronize(r.stream);
}

static void run_free_in_flight(int rank)
{
    Ranks r = join(rank);
    float *memory = floats_on_device(false);
    sum(r);
    cudaFree(memory);
}

static void run_blind_wait(int rank)
{
    Ranks r = join(rank);
    sum(r);
    cudaStreamSynchronize(r.stream);
}

static void run_blind_event(int rank)
{
    Ranks r = join(rank);
    cudaEvent_t event;
    cudaEventCreate(&event);
    sum(r);
    cudaEventRecord(event, r.stream);
    cudaEventSynchronize(event);
}

static void run_blind_download(int rank)
{
    Ranks r = join(rank);
    float host[COUNT];
    sum(r);
    cudaMemcpyAsync(host, r.values, sizeof host, cudaMemcpyDeviceToHost, r.stream);
}

/* The other rank is gone, and this one only waits for its device. */
static void run_gone_unnoticed(int rank)
{
    setenv("LYRNN_SIM_PATIENCE", "0.5", 1);
    Ranks r = join(rank);
    if (rank == 1)
        _exit(99);
    sum(r);
    wait(r);
}

#undef ROW
#define ROW(name, defect, needs_hooks, text)                                                       \
    {                                                                                              \
#name, LYRNN_SIM_##defect, needs_hooks, run_##name, text                                   \
    }
extern "C" const planted_program planted_programs[] = {
    ROW(right, NO_DEFECT, 0, ""),
    ROW(right_blocking, NO_DEFECT, 0, ""),
    ROW(right_slow, NO_DEFECT, 0, ""),
    ROW(right_abort, NO_DEFECT, 0, ""),
    ROW(other_order, CALLS_DIFFER, 0, "the ranks make different calls"),
    ROW(other_number, CALLS_DIFFER, 0, "left the group after 4 calls"),
    ROW(other_count, COUNTS_DIFFER, 0, "127 float32"),
    ROW(other_count_gathered, COUNTS_DIFFER, 0, "all-gather 127 float32"),
    ROW(other_type, COUNTS_DIFFER, 0, "128 int32"),
    ROW(host_memory, BAD_ARGUMENT, 0, "is not device memory"),
    ROW(too_long, BAD_ARGUMENT, 0, "does not end within its allocation"),
    ROW(freed, BAD_ARGUMENT, 0, "is freed device memory"),
    ROW(never_written, UNINITIALIZED, 1, "was never written"),
    ROW(overlap, BUFFERS_OVERLAP, 0, "overlap"),
    ROW(end_without_start, BAD_GROUP, 0, "ncclGroupEnd without ncclGroupStart"),
    ROW(group_never_ended, BAD_GROUP, 0, "ncclGroupStart without ncclGroupEnd"),
    ROW(without_group, BAD_GROUP, 0, "between ncclGroupStart and ncclGroupEnd"),
    ROW(send_without_receive, UNMATCHED, 0, "2 sends to rank 1, which has 1 receives"),
    ROW(never_came, UNMATCHED, 0, "rank 1 did nothing for too long"),
    ROW(captured_on_one, CAPTURES_DIFFER, 0, "rank 0 runs it in a graph and rank 1 eagerly"),
    ROW(first_captured, FIRST_CALL_CAPTURED, 0, "are captured; make one eagerly before"),
    ROW(global_capture, GLOBAL_CAPTURE, 0, "cudaStreamCaptureModeGlobal"),
    ROW(two_streams, TWO_STREAMS, 0, "in two streams"),
    ROW(without_order, TWO_STREAMS, 0, "that nothing orders"),
    ROW(work_too_early, IN_PROGRESS, 0, "other work was queued before"),
    ROW(captured_too_early, IN_PROGRESS, 0, "other work was queued before"),
    ROW(call_too_early, IN_PROGRESS, 0, "before the last one was queued"),
    ROW(used_after_abort, DEAD_COMMUNICATOR, 0, "ncclSend after the communicator was aborted"),
    ROW(used_after_destroy, DEAD_COMMUNICATOR, 0, "ncclSend after the communicator was destroyed"),
    ROW(graph_outlives, GRAPH_OUTLIVES, 0, "destroy them before the communicator"),
    ROW(allocation_in_flight, MEMORY_IN_FLIGHT, 0, "cudaMalloc while a call is queued"),
    ROW(allocation_in_replay, MEMORY_IN_FLIGHT, 0, "cudaMalloc while a call is queued"),
    ROW(free_in_flight, MEMORY_IN_FLIGHT, 0, "cudaFree while a call is queued"),
    ROW(blind_wait, BLIND_WAIT, 0, "cudaStreamSynchronize waits for other ranks"),
    ROW(blind_wait_for_replay, BLIND_WAIT, 0, "cudaStreamSynchronize waits for other ranks"),
    ROW(blind_event, BLIND_WAIT, 0, "cudaEventSynchronize waits for other ranks"),
    ROW(blind_download, BLIND_WAIT, 0, "cudaMemcpyAsync waits for other ranks"),
    ROW(gone_unnoticed, BLIND_WAIT, 0, "rank 1 is gone, and the device still waits"),
};
extern "C" const int num_planted_programs = sizeof planted_programs / sizeof *planted_programs;
