/* NCCL: what lyrnn uses of it, declared here, and loaded from libnccl.so.2 at run time.
 *
 * NCCL moves the gradients between GPUs. It is large, and no part of the CUDA toolkit. So lyrnn is
 * built without nccl.h, and only a training of several ranks loads the library. tests/join compares
 * these declarations with nccl.h, where there is one. */
#ifndef LYRNN_NCCL_CUH
#define LYRNN_NCCL_CUH

#include <cuda_runtime.h>
#include <limits.h>
#include <stddef.h>

#include "lyrnn/comm.h"

typedef enum {
    LYRNN_NCCL_SUCCESS = 0,
    LYRNN_NCCL_SYSTEM_ERROR = 2, /* also a connection that broke */
    LYRNN_NCCL_REMOTE_ERROR = 6, /* another rank is gone, or the network failed */
    LYRNN_NCCL_IN_PROGRESS = 7
} lyrnn_nccl_result;

typedef enum { LYRNN_NCCL_FLOAT = 7 } lyrnn_nccl_type;

/* Names a group of ranks. Rank 0 makes it and hands it to the others. */
typedef struct {
    char bytes[128];
} lyrnn_nccl_id;

/* One rank's place in such a group (NCCL: a communicator). */
typedef struct ncclComm lyrnn_nccl_group;

/* ncclConfig_t as of NCCL 2.14. `size` and `version` tell later versions which fields it has. */
typedef struct {
    size_t size;
    unsigned magic, version;
    int blocking; /* 0: no call waits for other ranks; it returns LYRNN_NCCL_IN_PROGRESS instead */
    int undefined;
} lyrnn_nccl_config;

/* NCCL's encoding of its versions, from 2.9 on. */
#define LYRNN_NCCL_VERSION(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))

/* Before 2.19.1, ncclCommAbort may wait forever: github.com/NVIDIA/nccl/issues/992. Groups whose
 * calls do not block need 2.14, and captures of ncclSend and ncclRecv need 2.9. */
enum { LYRNN_NCCL_OLDEST = LYRNN_NCCL_VERSION(2, 19, 1) };

#define LYRNN_NCCL_CONFIG                                                                          \
    {                                                                                              \
        sizeof(lyrnn_nccl_config), 0xcafebeef, LYRNN_NCCL_VERSION(2, 14, 0), 0, INT_MIN            \
    }

/* The functions: X(name, result, parameters). */
#define LYRNN_NCCL_FUNCTIONS(X)                                                                    \
    X(ncclGetErrorString, const char *, (lyrnn_nccl_result result))                                \
    X(ncclGetLastError, const char *, (lyrnn_nccl_group * group))                                  \
    X(ncclGetUniqueId, lyrnn_nccl_result, (lyrnn_nccl_id * id))                                    \
    X(ncclCommInitRankConfig, lyrnn_nccl_result,                                                   \
      (lyrnn_nccl_group * *group, int size, lyrnn_nccl_id id, int rank,                            \
       lyrnn_nccl_config *config))                                                                 \
    X(ncclCommGetAsyncError, lyrnn_nccl_result,                                                    \
      (lyrnn_nccl_group * group, lyrnn_nccl_result * result))                                      \
    X(ncclCommFinalize, lyrnn_nccl_result, (lyrnn_nccl_group * group))                             \
    X(ncclCommDestroy, lyrnn_nccl_result, (lyrnn_nccl_group * group))                              \
    X(ncclCommAbort, lyrnn_nccl_result, (lyrnn_nccl_group * group))                                \
    X(ncclGroupStart, lyrnn_nccl_result, (void))                                                   \
    X(ncclGroupEnd, lyrnn_nccl_result, (void))                                                     \
    X(ncclSend, lyrnn_nccl_result,                                                                 \
      (const void *values, size_t count, lyrnn_nccl_type type, int peer, lyrnn_nccl_group *group,  \
       cudaStream_t stream))                                                                       \
    X(ncclRecv, lyrnn_nccl_result,                                                                 \
      (void *values, size_t count, lyrnn_nccl_type type, int peer, lyrnn_nccl_group *group,        \
       cudaStream_t stream))                                                                       \
    X(ncclAllGather, lyrnn_nccl_result,                                                            \
      (const void *piece, void *values, size_t count, lyrnn_nccl_type type,                        \
       lyrnn_nccl_group *group, cudaStream_t stream))

/* The library, and this rank's place in the group. */
typedef struct {
#define LYRNN_NCCL_MEMBER(name, result, parameters) result(*name) parameters;
    LYRNN_NCCL_FUNCTIONS(LYRNN_NCCL_MEMBER)
#undef LYRNN_NCCL_MEMBER
    char version[32];
    lyrnn_nccl_group *group; /* NULL: not in one */
} lyrnn_nccl;

/* Loads the library that LYRNN_NCCL names, else libnccl.so.2. LYRNN_ERR_UNSUPPORTED: it is missing,
 * too old or something else. It stays loaded. */
lyrnn_status lyrnn_nccl_load(lyrnn_nccl *nccl);

/* Opens the group of the ranks of comm, on the device in use. Collective. LYRNN_ERR_RANK, or
 * LYRNN_ERR_UNSUPPORTED: NCCL cannot start. */
lyrnn_status lyrnn_nccl_open(lyrnn_nccl *nccl, lyrnn_comm *comm);

/* Leaves the group after all of its work, without waiting for the other ranks. */
void lyrnn_nccl_close(lyrnn_nccl *nccl, lyrnn_comm *comm);

/* Leaves the group at once. What the device runs of it ends, with undefined values. NCCL waits for
 * the end of all graphs with work of the group, so destroy these before. If NCCL hangs, the process
 * ends with the failure that comm knows. */
void lyrnn_nccl_abort(lyrnn_nccl *nccl, lyrnn_comm *comm);

/* Gives comm some time to know that another rank is gone, which something else shows already.
 * Returns the failure, or LYRNN_OK if it does not know of any. */
lyrnn_status lyrnn_nccl_find_failure(lyrnn_comm *comm);

/* What has become of the last call, or what has failed since then. */
lyrnn_nccl_result lyrnn_nccl_poll(const lyrnn_nccl *nccl);

/* Waits until the call whose result is *result has queued its work. *result is then
 * LYRNN_NCCL_SUCCESS, or why NCCL failed. LYRNN_ERR_RANK: another rank has failed. */
lyrnn_status lyrnn_nccl_wait(const lyrnn_nccl *nccl, lyrnn_comm *comm, lyrnn_nccl_result *result);

/* Why NCCL failed. */
const char *lyrnn_nccl_reason(const lyrnn_nccl *nccl, lyrnn_nccl_result result);

/* Sleeps for 10 us, then, with each call, twice as long, up to 1 ms. It begins as 0. */
void lyrnn_nccl_pause(long *pause_ns);

#endif
