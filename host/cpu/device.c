/* The CPU as a device: memory comes from malloc, nothing is queued, and a step simply runs. */
#include "cpu/cpu.h"

#include <fcntl.h>
#include <limits.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/address_space.h"
#include "base/cgroup.h"
#include "base/memory_limit.h"

static lyrnn_status memory_alloc(lyrnn_backend *self, size_t bytes, void **memory)
{
    (void)self;
    enum { ALIGNMENT = 256 };
    lyrnn_memory_left left = lyrnn_find_memory_left("");
    *memory = NULL;
    if (bytes <= left.bytes)
        *memory = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (*memory == NULL)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "memory: %zu bytes requested, %zu available%s", bytes,
                          left.bytes, left.reason);
    return LYRNN_OK;
}

static void memory_free(lyrnn_backend *self, void *memory)
{
    (void)self;
    free(memory);
}

static void upload(lyrnn_backend *self, void *device, const void *host, size_t bytes)
{
    (void)self;
    memcpy(device, host, bytes);
}

static void download(lyrnn_backend *self, void *host, const void *device, size_t bytes)
{
    (void)self;
    memcpy(host, device, bytes);
}

typedef struct {
    char *to;
    const char *from;
    size_t to_stride, from_stride, num_bytes;
} row_copies;

static void copy_some_rows(const void *copies_args, int first, int end)
{
    const row_copies *copies = (const row_copies *)copies_args;
    for (size_t row = (size_t)first; row < (size_t)end; row++)
        memcpy(copies->to + row * copies->to_stride, copies->from + row * copies->from_stride,
               copies->num_bytes);
}

static void copy_rows(lyrnn_backend *self, void *to, size_t to_stride, const void *from,
                      size_t from_stride, size_t num_bytes, size_t num_rows)
{
    (void)self;
    LYRNN_CHECK(num_rows <= INT_MAX);
    const row_copies copies = {(char *)to, (const char *)from, to_stride, from_stride, num_bytes};
    bool is_large = num_rows * num_bytes > LYRNN_CPU_SERIAL_MAX * sizeof(float);
    lyrnn_cpu_share(&copies, (int)num_rows, is_large, copy_some_rows);
}

static void zero(lyrnn_backend *self, void *memory, size_t bytes)
{
    (void)self;
    memset(memory, 0, bytes);
}

/* Every operation has run when it returns, so there is a single lane. */
static void lane_use(lyrnn_backend *self, int lane)
{
    (void)self;
    LYRNN_CHECK(lane == 0);
}

static void lane_wait(lyrnn_backend *self, int other)
{
    (void)self;
    LYRNN_CHECK(other == 0);
}

static void synchronize(lyrnn_backend *self)
{
    (void)self;
}

static void run_step(lyrnn_backend *self, void (*body)(void *), void *context)
{
    (void)self;
    body(context);
}

/* The first processor comes first, and this needs no memory. */
static void name_processor(char model[96])
{
    char begin[2048] = "";
    int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, begin, sizeof begin - 1) < 0)
        begin[0] = '\0';
    if (fd >= 0)
        close(fd);
    const char *line = strstr(begin, "model name");
    if (line == NULL || sscanf(line, "model name : %95[^\n]", model) != 1)
        snprintf(model, 96, "unknown processor");
}

static lyrnn_status join(lyrnn_backend *self, lyrnn_comm *comm)
{
    self->comm = comm;
    return LYRNN_OK;
}

static void describe(lyrnn_backend *self, char *text, size_t size)
{
    char model[96];
    name_processor(model);
    const char *build = openblas_get_parallel() == OPENBLAS_OPENMP
                            ? ""
                            : ", not its OpenMP build: libopenblas-openmp-dev is faster";
    snprintf(text, size, "%s, %d thread%s, OpenBLAS for %s%s", model, self->num_threads,
             self->num_threads == 1 ? "" : "s", openblas_get_corename(), build);
}

/* The CPU has one way to run a recurrence, and so no plans. */
static int plan_list(lyrnn_backend *self, const lyrnn_recurrence_shape *shape, lyrnn_plan *plans)
{
    (void)self, (void)shape, (void)plans;
    return 0;
}

static lyrnn_status plan_try(lyrnn_backend *self, const lyrnn_plan_probe *probe, int num_plans,
                             lyrnn_plan *plans)
{
    (void)self, (void)probe, (void)num_plans, (void)plans;
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED, "cpu: it has no plans to choose from; use --device "
                                             "cuda");
}

static lyrnn_status plan_use(lyrnn_backend *self, const lyrnn_recurrence_shape *shape,
                             const char *text)
{
    (void)self, (void)shape;
    if (text == NULL)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_USAGE, "plan %s: the CPU has no plans; use --device cuda", text);
}

static bool fills_device(lyrnn_backend *self, const lyrnn_recurrence_shape *shape)
{
    (void)self, (void)shape;
    return false;
}

static void close_device(lyrnn_backend *self)
{
    (void)self;
}

/* LLVM's OpenMP has this call; GNU's has not.
 * NOLINTNEXTLINE(readability-redundant-declaration) */
__attribute__((weak)) void kmp_set_blocktime(int milliseconds);

/* The CPUs on which this process may run. Where the user binds threads to CPUs, this one is bound
 * already, but OpenMP knows all of them. */
static int count_cpus(void)
{
    cpu_set_t cpus;
    int bound = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    int all = omp_get_num_procs();
    return all > bound ? all : bound;
}

/* Whether OpenBLAS gets its buffers. At least one thread's first buffer is there already. */
static bool openblas_fits(int threads)
{
    return lyrnn_can_map(lyrnn_openblas_bytes((size_t)threads) - lyrnn_openblas_bytes(1) / 2);
}

/* OMP_NUM_THREADS, or one per CPU. More than a container's quota of CPU time grants would only wait
 * for each other, and a limited address space may have no room for all. */
int lyrnn_cpu_default_threads(void)
{
    const char *setting = getenv("OMP_NUM_THREADS");
    if (setting != NULL && strtol(setting, NULL, 10) > 0)
        return omp_get_max_threads();
    int threads = count_cpus(), quota = lyrnn_cgroup_cpus("");
    if (quota > 0 && quota < threads)
        threads = quota;
    while (threads > 1 && !openblas_fits(threads))
        threads--;
    return threads;
}

/* OpenBLAS's own calls, which every build of it exports. */
__attribute__((weak)) void *blas_memory_alloc(int position);
__attribute__((weak)) void blas_memory_free(void *buffer);

/* OpenBLAS holds a buffer for each thread, and takes another for each when several need one at
 * once. Where memory is limited, that must not be after other memory was allocated. It keeps the
 * buffers that are taken here. */
static void take_buffers(int threads)
{
    enum { MAX_THREADS = 1024 }; /* as in --threads */
    struct rlimit space = {0}, data = {0};
    void *buffers[MAX_THREADS];
    getrlimit(RLIMIT_AS, &space);
    getrlimit(RLIMIT_DATA, &data);
    if ((space.rlim_cur == RLIM_INFINITY && data.rlim_cur == RLIM_INFINITY) ||
        blas_memory_alloc == NULL || blas_memory_free == NULL || threads > MAX_THREADS)
        return;
    for (int i = 0; i < threads; i++)
        buffers[i] = blas_memory_alloc(0);
    for (int i = 0; i < threads; i++)
        blas_memory_free(buffers[i]);
}

/* OpenBLAS waits for ever for threads that OpenMP does not grant, and for memory that the system
 * does not grant. So this settles on a number that OpenMP must grant, and asks for the memory. */
static lyrnn_status start_threads(int threads)
{
    if (!openblas_fits(threads))
        return lyrnn_fail(LYRNN_ERR_MEMORY,
                          "memory: OpenBLAS needs %zu MiB of address space for %d thread%s, and a "
                          "limit forbids it; %sraise ulimit -v and ulimit -d",
                          lyrnn_openblas_bytes((size_t)threads) >> 20, threads,
                          threads == 1 ? "" : "s", threads == 1 ? "" : "lower --threads, or ");
    omp_set_dynamic(0);
    if (omp_get_max_active_levels() < 1)
        omp_set_max_active_levels(1);
    omp_set_num_threads(threads);
    openblas_set_num_threads(threads);
    take_buffers(threads);
    if (kmp_set_blocktime != NULL && getenv("KMP_BLOCKTIME") == NULL &&
        getenv("OMP_WAIT_POLICY") == NULL)
        kmp_set_blocktime(1);
    return LYRNN_OK;
}

lyrnn_status lyrnn_cpu_backend_open(int num_threads, lyrnn_backend *backend)
{
    int threads = num_threads > 0 ? num_threads : lyrnn_cpu_default_threads();
    if (threads > omp_get_thread_limit())
        threads = omp_get_thread_limit();
    LYRNN_TRY(start_threads(threads));
    *backend = (lyrnn_backend){.name = "cpu",
                               .shares_host_memory = true,
                               .num_threads = threads,
                               .num_lanes = 1,
                               .row_multiple = 1,
                               .memory_alloc = memory_alloc,
                               .memory_free = memory_free,
                               .upload = upload,
                               .download = download,
                               .copy_rows = copy_rows,
                               .zero = zero,
                               .lane_use = lane_use,
                               .lane_wait = lane_wait,
                               .synchronize = synchronize,
                               .run_step = run_step,
                               .join = join,
                               .describe = describe,
                               .plan_list = plan_list,
                               .plan_try = plan_try,
                               .plan_use = plan_use,
                               .plan_device = describe,
                               .fills_device = fills_device,
                               .close = close_device,
#define LYRNN_MEMBER(name) .name = lyrnn_cpu_##name,
                               LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
    };
    return LYRNN_OK;
}
