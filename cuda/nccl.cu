/* Loads NCCL, and opens and leaves a group of ranks.
 *
 * The group does not block: whatever may wait for other ranks runs in a thread of NCCL. So this
 * rank sees through its own connections (comm) that another one is gone, and can leave. */
#include "nccl.cuh"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How long NCCL or the device may know that a rank is gone, before comm knows. */
enum { GONE_MS = 2000 };

/* How long a rank that leaves waits for NCCL's threads. */
enum { LEAVE_MS = 2000 };

/* How long an abort may take. After it, comm needs up to 1 s, and the system must free the device:
 * the process is to end within 5 s. */
enum { ABORT_MS = 2000 };

static void sleep_ns(long ns)
{
    const struct timespec time = {0, ns};
    nanosleep(&time, NULL);
}

void lyrnn_nccl_pause(long *pause_ns)
{
    *pause_ns = *pause_ns == 0 ? 10000 : *pause_ns < 500000 ? *pause_ns * 2 : 1000000;
    sleep_ns(*pause_ns);
}

/* Before 2.9, the encoding had one digit per number. */
static void name_version(int version, char (&name)[32])
{
    const int unit = version < 10000 ? 1000 : 10000;
    snprintf(name, sizeof name, "%d.%d.%d", version / unit, version % unit / 100, version % 100);
}

static lyrnn_status cannot_load(const char *reason)
{
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "NCCL: %s; install libnccl2 (apt) or nvidia-nccl-cu%d (pip), and name its "
                      "libnccl.so.2 in LYRNN_NCCL, or train on one GPU",
                      reason, CUDART_VERSION / 1000);
}

static lyrnn_status check_version(const char *file, void *library, lyrnn_nccl *nccl)
{
    char reason[512];
    auto get_version =
        reinterpret_cast<lyrnn_nccl_result (*)(int *)>(dlsym(library, "ncclGetVersion"));
    if (get_version == NULL) {
        snprintf(reason, sizeof reason, "%s has no ncclGetVersion", file);
        return cannot_load(reason);
    }
    int version = 0;
    char oldest[32];
    const lyrnn_nccl_result result = get_version(&version);
    name_version(version, nccl->version);
    name_version(LYRNN_NCCL_OLDEST, oldest);
    if (result == LYRNN_NCCL_SUCCESS && version >= LYRNN_NCCL_OLDEST)
        return LYRNN_OK;
    snprintf(reason, sizeof reason, "%s is version %s, and lyrnn needs %s or newer", file,
             nccl->version, oldest);
    return cannot_load(reason);
}

lyrnn_status lyrnn_nccl_load(lyrnn_nccl *nccl)
{
    const char *chosen = getenv("LYRNN_NCCL");
    const char *file = chosen != NULL && chosen[0] != '\0' ? chosen : "libnccl.so.2";
    *nccl = {};
    /* NCCL prefers this variable to the configuration of a group. Its functions would then block,
     * and a lost rank would not be noticed. */
    LYRNN_CHECK(setenv("NCCL_COMM_BLOCKING", "0", 1) == 0);
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return cannot_load(dlerror());
    LYRNN_TRY(check_version(file, library, nccl));
    const char *missing = NULL;
#define LYRNN_NCCL_MEMBER(name, result, parameters)                                                \
    nccl->name = reinterpret_cast<result(*) parameters>(dlsym(library, #name));                    \
    if (nccl->name == NULL)                                                                        \
        missing = #name;
    LYRNN_NCCL_FUNCTIONS(LYRNN_NCCL_MEMBER)
#undef LYRNN_NCCL_MEMBER
    if (missing == NULL)
        return LYRNN_OK;
    char reason[512];
    snprintf(reason, sizeof reason, "%s has no %s", file, missing);
    return cannot_load(reason);
}

/* The text of the last error, else a general one, such as "unhandled cuda error (run with
 * NCCL_DEBUG=INFO for details)". */
const char *lyrnn_nccl_reason(const lyrnn_nccl *nccl, lyrnn_nccl_result result)
{
    const char *last = nccl->ncclGetLastError(NULL);
    return last != NULL && last[0] != '\0' ? last : nccl->ncclGetErrorString(result);
}

lyrnn_nccl_result lyrnn_nccl_poll(const lyrnn_nccl *nccl)
{
    lyrnn_nccl_result state = LYRNN_NCCL_SUCCESS;
    const lyrnn_nccl_result result = nccl->ncclCommGetAsyncError(nccl->group, &state);
    return result == LYRNN_NCCL_SUCCESS ? state : result;
}

lyrnn_status lyrnn_nccl_find_failure(lyrnn_comm *comm)
{
    for (int ms = 0; ms < GONE_MS; ms++) {
        LYRNN_TRY(comm->check(comm));
        sleep_ns(1000000);
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_nccl_wait(const lyrnn_nccl *nccl, lyrnn_comm *comm, lyrnn_nccl_result *result)
{
    long pause_ns = 0;
    while (*result == LYRNN_NCCL_IN_PROGRESS) {
        LYRNN_TRY(comm->check(comm));
        *result = lyrnn_nccl_poll(nccl);
        if (*result == LYRNN_NCCL_IN_PROGRESS)
            lyrnn_nccl_pause(&pause_ns);
    }
    if (*result != LYRNN_NCCL_SYSTEM_ERROR && *result != LYRNN_NCCL_REMOTE_ERROR)
        return LYRNN_OK;
    return lyrnn_nccl_find_failure(comm);
}

/* lyrnn_comm_close adds the names of other ranks. */
static lyrnn_status cannot_start(const lyrnn_nccl *nccl, const lyrnn_comm *comm,
                                 lyrnn_nccl_result result)
{
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "%sNCCL cannot start: %s; set NCCL_DEBUG=INFO to see more, or train on one "
                      "GPU",
                      comm->rank == 0 ? "rank 0: " : "", lyrnn_nccl_reason(nccl, result));
}

/* What a thread aborts. A new thread uses device 0, where NCCL might then open a context. */
typedef struct {
    const lyrnn_nccl *nccl;
    int device;
} abort_args;

static void *abort_group(void *context)
{
    const abort_args *args = (const abort_args *)context;
    (void)cudaSetDevice(args->device);
    (void)args->nccl->ncclCommAbort(args->nccl->group);
    return NULL;
}

/* Whether the group was left. ncclCommAbort waits for the device and for NCCL's threads, and is
 * known to hang after a rank was killed. Then the process must end at once: any other way would
 * wait for the device, or free memory that is still in use. */
static bool abort_in_time(lyrnn_nccl *nccl)
{
    abort_args args = {nccl, 0};
    pthread_t thread;
    if (nccl->group == NULL)
        return true;
    (void)cudaGetDevice(&args.device);
    if (pthread_create(&thread, NULL, abort_group, &args) != 0)
        return false;
    for (int ms = 0; ms < ABORT_MS; ms++) {
        if (pthread_tryjoin_np(thread, NULL) == 0) {
            nccl->group = NULL;
            return true;
        }
        sleep_ns(1000000);
    }
    return false;
}

lyrnn_status lyrnn_nccl_open(lyrnn_nccl *nccl, lyrnn_comm *comm)
{
    lyrnn_nccl_id id = {};
    lyrnn_nccl_config config = LYRNN_NCCL_CONFIG;
    lyrnn_nccl_result result = LYRNN_NCCL_SUCCESS;
    if (comm->rank == 0)
        result = nccl->ncclGetUniqueId(&id);
    if (result != LYRNN_NCCL_SUCCESS)
        return cannot_start(nccl, comm, result);
    LYRNN_TRY(comm->broadcast(comm, &id, sizeof id));
    result = nccl->ncclCommInitRankConfig(&nccl->group, comm->size, id, comm->rank, &config);
    const lyrnn_status status = lyrnn_nccl_wait(nccl, comm, &result);
    if (status == LYRNN_OK && result == LYRNN_NCCL_SUCCESS)
        return LYRNN_OK;
    /* Before the group is left, which may change the text. */
    const lyrnn_status failure = status != LYRNN_OK ? status : cannot_start(nccl, comm, result);
    if (!abort_in_time(nccl))
        comm->end(comm, failure);
    return failure;
}

void lyrnn_nccl_abort(lyrnn_nccl *nccl, lyrnn_comm *comm)
{
    if (abort_in_time(nccl))
        return;
    const lyrnn_status failure = comm->check(comm);
    comm->end(comm, failure != LYRNN_OK
                        ? failure
                        : lyrnn_fail(LYRNN_ERR_IO, "NCCL: cannot leave the group; check the "
                                                   "network and the GPUs, set NCCL_DEBUG=INFO to "
                                                   "see more"));
}

void lyrnn_nccl_close(lyrnn_nccl *nccl, lyrnn_comm *comm)
{
    if (nccl->group == NULL)
        return;
    lyrnn_nccl_result result = nccl->ncclCommFinalize(nccl->group);
    for (int ms = 0; ms < LEAVE_MS && result == LYRNN_NCCL_IN_PROGRESS; ms++) {
        if (comm->check(comm) != LYRNN_OK)
            break;
        result = lyrnn_nccl_poll(nccl);
        if (result == LYRNN_NCCL_IN_PROGRESS)
            sleep_ns(1000000);
    }
    if (result != LYRNN_NCCL_SUCCESS) {
        lyrnn_nccl_abort(nccl, comm);
        return;
    }
    (void)nccl->ncclCommDestroy(nccl->group);
    nccl->group = NULL;
}
