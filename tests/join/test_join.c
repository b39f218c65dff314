/* The CUDA backend joins ranks, sums, and leaves, with a stand-in for NCCL (stub_nccl.cpp). The
 * device is simulated, and there are no other ranks: the test says what their interface answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "lyrnn_sim_library.h"
#include "made_up_ranks.h"
#include "stub_nccl.h"

/* Loads the stand-in, as the backend will, and returns its state as after a first start. */
static stub_nccl_state *begin(void)
{
    assert_int_equal(setenv("LYRNN_NCCL", STUB_NCCL, 1), 0);
    /* As in a user's environment: lyrnn must not let it count. */
    assert_int_equal(setenv("NCCL_COMM_BLOCKING", "1", 1), 0);
    void *library = dlopen(STUB_NCCL, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    stub_nccl_state *stub = (stub_nccl_state *)dlsym(library, "stub_nccl");
    assert_non_null(stub);
    *stub = (stub_nccl_state){.version = 22809, .calls_in_progress = 2, .last_error = ""};
    return stub;
}

#define PACKAGES(cuda)                                                                             \
    "; install libnccl2 (apt) or nvidia-nccl-cu" cuda                                              \
    " (pip), and name its libnccl.so.2 in LYRNN_NCCL, or train on one GPU"

static void missing(void **state)
{
    (void)state;
    begin();
    setenv("LYRNN_NCCL", "/nowhere/libnccl.so.2", 1);
    assert_string_equal(
        join_refused(0, 1, LYRNN_ERR_UNSUPPORTED),
        "NCCL: /nowhere/libnccl.so.2: cannot open shared object file: No such file or "
        "directory" PACKAGES("13"));
    setenv("LYRNN_NCCL", STUB_WITHOUT_SEND, 1);
    assert_string_equal(join_refused(0, 1, LYRNN_ERR_UNSUPPORTED),
                        "NCCL: " STUB_WITHOUT_SEND " has no ncclSend" PACKAGES("13"));
    setenv("LYRNN_NCCL", OTHER_LIBRARY, 1);
    assert_string_equal(join_refused(0, 1, LYRNN_ERR_UNSUPPORTED),
                        "NCCL: " OTHER_LIBRARY " has no ncclGetVersion" PACKAGES("13"));
}

static void too_old(void **state)
{
    (void)state;
    stub_nccl_state *stub = begin();
    stub->version = 21806;
    assert_string_equal(join_refused(0, 1, LYRNN_ERR_UNSUPPORTED),
                        "NCCL: " STUB_NCCL
                        " is version 2.18.6, and lyrnn needs 2.19.1 or newer" PACKAGES("13"));
    stub->version = 2804;
    assert_string_equal(join_refused(0, 1, LYRNN_ERR_UNSUPPORTED),
                        "NCCL: " STUB_NCCL
                        " is version 2.8.4, and lyrnn needs 2.19.1 or newer" PACKAGES("13"));
    assert_int_equal(stub->num_open_groups, 0);
}

static void cannot_start(void **state)
{
    (void)state;
    stub_nccl_state *stub = begin();
    stub->init_result = 1;
    assert_string_equal(join_refused(0, 1, LYRNN_ERR_UNSUPPORTED),
                        "rank 0: NCCL cannot start: unhandled cuda error" SEE_MORE);
    /* Rank 0 reports it with the name of the rank before it. */
    stub->last_error = "no memory";
    assert_string_equal(join_refused(2, 4, LYRNN_ERR_UNSUPPORTED),
                        "NCCL cannot start: no memory" SEE_MORE);
    assert_int_equal(stub->num_aborts, 2);
    assert_int_equal(stub->num_open_groups, 0);
}

static void same_gpu(void **state)
{
    (void)state;
    stub_nccl_state *stub = begin();
    char host[64], begin_of_text[256];
    gethostname(host, sizeof host);
    snprintf(begin_of_text, sizeof begin_of_text,
             "cuda: rank 0 (%s) and rank 1 (%s) have the same GPU, 0000:", host, host);
    const char *text = join_refused(0, 3, LYRNN_ERR_UNSUPPORTED);
    assert_memory_equal(text, begin_of_text, strlen(begin_of_text));
    assert_string_equal(strstr(text, "; "),
                        "; start at most one rank per GPU, or use --device cpu");
    assert_int_equal(stub->num_open_groups, 0);
}

/* A rank that is gone while NCCL starts must not hold up the others: if the group never opens, and
 * if it opens at once, but the device waits for the first sum. */
static void lost_at_start(void **state)
{
    (void)state;
    for (int calls_in_progress = -1; calls_in_progress <= 0; calls_in_progress++) {
        stub_nccl_state *stub = begin();
        stub->calls_in_progress = calls_in_progress;
        lyrnn_backend backend;
        made_up_ranks ranks;
        make_ranks(&ranks, 1, 2);
        ranks.is_lost = true;
        open_device(&backend);
        assert_int_equal(backend.join(&backend, &ranks.comm), LYRNN_ERR_RANK);
        assert_string_equal(lyrnn_error_text(), "rank 1: is gone");
        assert_null(backend.comm);
        assert_int_equal(stub->num_aborts, 1);
        lyrnn_backend_close(&backend);
    }
}

/* What follows NCCL's own reason if the ranks were connected, or are to be. */
#define CHECK_NETWORK "; check the network and the GPUs, set NCCL_DEBUG=INFO to see more"

/* NCCL connects the ranks in their first calls, which join makes. So it is join that fails, before
 * anything looks at the free memory. */
static void cannot_connect(void **state)
{
    (void)state;
    stub_nccl_state *stub = begin();
    stub->later_result = 2;
    assert_string_equal(join_refused(1, 2, LYRNN_ERR_IO), "NCCL: another error" CHECK_NETWORK);
    const char *const memory[] = {"Cuda failure 2 'out of memory'",
                                  "Failed to CUDA malloc 4194304 bytes",
                                  "Failed to CUDA calloc async 608 bytes"};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        char text[128];
        stub->later_result = 1;
        stub->last_error = memory[i];
        snprintf(text, sizeof text,
                 "NCCL: %s; end other programs on the GPU, or lower --batch-size", memory[i]);
        assert_string_equal(join_refused(1, 2, LYRNN_ERR_IO), text);
    }
    assert_int_equal(stub->num_open_groups, 0);
}

/* One sum, run by itself or as a step. */
typedef struct {
    lyrnn_backend backend;
    made_up_ranks ranks;
    lyrnn_all_reduce_args args;
    float *host; /* (length) */
    int lane;
} sum;

static float number(size_t i)
{
    return (float)((i * 7919 + 13) % 20011) / 7.0f - 1000.0f;
}

static void sum_open(sum *s, int rank, int size, size_t quads_per_rank)
{
    void *memory;
    make_ranks(&s->ranks, rank, size);
    open_device(&s->backend);
    assert_int_equal(s->backend.join(&s->backend, &s->ranks.comm), LYRNN_OK);
    assert_ptr_equal(s->backend.comm, &s->ranks.comm);
    s->lane = lyrnn_all_reduce_lane(s->backend.num_lanes);
    s->args.length = 4 * quads_per_rank * (size_t)size;
    s->host = (float *)malloc(s->args.length * sizeof(float));
    assert_non_null(s->host);
    for (float **array = &s->args.values; array != NULL;
         array = array == &s->args.values ? &s->args.scratch : NULL) {
        assert_int_equal(
            s->backend.memory_alloc(&s->backend, s->args.length * sizeof(float), &memory),
            LYRNN_OK);
        *array = (float *)memory;
    }
}

static void upload_numbers(sum *s)
{
    for (size_t i = 0; i < s->args.length; i++)
        s->host[i] = number(i);
    s->backend.upload(&s->backend, s->args.values, s->host, s->args.length * sizeof(float));
}

static void sum_close(sum *s)
{
    s->backend.memory_free(&s->backend, s->args.values);
    s->backend.memory_free(&s->backend, s->args.scratch);
    lyrnn_backend_close(&s->backend);
    free(s->host);
}

static void run_sum(void *context)
{
    sum *s = (sum *)context;
    s->backend.lane_use(&s->backend, s->lane);
    s->backend.lane_wait(&s->backend, 0);
    s->backend.all_reduce(&s->backend, &s->args);
    s->backend.lane_use(&s->backend, 0);
    s->backend.lane_wait(&s->backend, s->lane);
}

/* Neighbors are added first, then neighbors of these sums, and so on. */
static float tree_sum(size_t i, int size, size_t length)
{
    float sums[16] = {0};
    for (int r = 0; r < size; r++)
        sums[r] = number((size_t)r * length + i);
    for (int width = 1; width < size; width *= 2)
        for (int r = 0; r + width < size; r += 2 * width)
            sums[r] += sums[r + width];
    return sums[0];
}

/* This rank's piece is the sum of what it "received", and the others are as they were. */
static void check_sum(sum *s)
{
    const size_t length = s->args.length / (size_t)s->ranks.comm.size;
    const size_t begin = (size_t)s->ranks.comm.rank * length;
    s->backend.download(&s->backend, s->host, s->args.values, s->args.length * sizeof(float));
    for (size_t i = 0; i < s->args.length; i++) {
        const bool is_mine = i >= begin && i < begin + length;
        const float expected =
            is_mine ? tree_sum(i - begin, s->ranks.comm.size, length) : number(i);
        assert_memory_equal(&s->host[i], &expected, sizeof expected);
    }
}

static void sums(void **state)
{
    (void)state;
    stub_nccl_state *stub = begin();
    for (int size = 1; size <= 9; size++) {
        for (size_t quads = 1; quads < 400; quads = quads * 7 + 2) {
            sum s;
            sum_open(&s, size - 1, size, quads);
            /* Eagerly, captured, replayed. */
            for (int run = 0; run < 3; run++) {
                upload_numbers(&s);
                s.backend.run_step(&s.backend, run_sum, &s);
                check_sum(&s);
            }
            sum_close(&s);
        }
    }
    assert_int_equal(stub->num_open_groups, 0);
    assert_int_equal(stub->num_finalized, stub->num_destroyed);
    assert_int_equal(stub->num_aborts, 0);
}

static uint64_t bytes_at_launch;

static void note_bytes(const lyrnn_sim_launch_info *launch)
{
    (void)launch;
    bytes_at_launch = lyrnn_sim_read_counters().bytes_within_device;
}

/* CUDA may load a kernel at its launch, and other things after the sum. For that it may wait for
 * the device, where nothing looks for other ranks. So nothing may wait for them any more. */
static void eager_sum_is_done_on_return(void **state)
{
    (void)state;
    begin();
    sum s;
    sum_open(&s, 1, 2, 5);
    upload_numbers(&s);
    const lyrnn_sim_counters before = lyrnn_sim_read_counters();
    lyrnn_sim_set_launch_hook(note_bytes);
    s.backend.run_step(&s.backend, run_sum, &s);
    lyrnn_sim_set_launch_hook(NULL);
    assert_int_equal(bytes_at_launch - before.bytes_within_device, s.args.length * sizeof(float));
    assert_int_equal(lyrnn_sim_read_counters().kernels_run, before.kernels_run + 1);
    /* Captured, it runs when something waits for it. */
    s.backend.run_step(&s.backend, run_sum, &s);
    assert_int_equal(lyrnn_sim_read_counters().kernels_run, before.kernels_run + 1);
    sum_close(&s);
}

/* A step that still runs after its sum no longer does. */
static void sum_and_zero(void *context)
{
    sum *s = (sum *)context;
    run_sum(s);
    s->backend.zero(&s->backend, s->args.values, s->args.length * sizeof(float));
}

/* The host's next wait leaves the group, once, and nothing is summed after that. */
static void lost_between_sums(void **state)
{
    (void)state;
    stub_nccl_state *stub = begin();
    sum s;
    sum_open(&s, 1, 2, 5);
    for (int run = 0; run < 3; run++) {
        upload_numbers(&s);
        s.backend.run_step(&s.backend, run_sum, &s);
    }
    s.ranks.is_lost = true;
    s.backend.synchronize(&s.backend);
    assert_int_equal(stub->num_aborts, 1);
    const int num_groups = stub->num_groups, num_gathers = stub->num_gathers;
    for (int run = 0; run < 3; run++) {
        upload_numbers(&s);
        s.backend.run_step(&s.backend, sum_and_zero, &s);
        s.backend.download(&s.backend, s.host, s.args.values, s.args.length * sizeof(float));
        for (size_t i = 0; i < s.args.length; i++)
            assert_true(s.host[i] == 0.0f);
    }
    assert_int_equal(stub->num_groups, num_groups);
    assert_int_equal(stub->num_gathers, num_gathers);
    assert_int_equal(s.backend.comm->check(s.backend.comm), LYRNN_ERR_RANK);
    sum_close(&s);
    assert_int_equal(stub->num_aborts, 1);
    assert_int_equal(stub->num_finalized, 0);
}

/* A rank is gone while a call waits for it: in the first step, or while the second is captured. */
static void lost_in_a_sum(void **state)
{
    (void)state;
    for (int good_runs = 0; good_runs < 2; good_runs++) {
        stub_nccl_state *stub = begin();
        sum s;
        sum_open(&s, 0, 1, 5);
        upload_numbers(&s);
        for (int run = 0; run < good_runs; run++)
            s.backend.run_step(&s.backend, run_sum, &s);
        s.ranks.is_lost = true;
        stub->calls_in_progress = -1;
        s.backend.run_step(&s.backend, run_sum, &s);
        s.backend.synchronize(&s.backend);
        assert_int_equal(stub->num_aborts, 1);
        sum_close(&s);
        assert_int_equal(stub->num_open_groups, 0);
    }
}

/* Runs the steps in a process of its own and returns how that ended. Its standard error goes to
 * `text`. */
static int run_apart(void (*work)(void), char *text, size_t size)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        /* A process that ends on the way frees nothing, and cmocka would catch the signal. */
        setenv("LYRNN_SIM_LEAKS", "0", 1);
        /* A process that hangs must not outlive the test. */
        alarm(30);
        signal(SIGABRT, SIG_DFL);
        work();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t count;
    while (length + 1 < size && (count = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)count;
    text[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* What a process that ends by a failure of the ranks does: one line, status 1, and soon. */
static void check_end(void (*work)(void), const char *line)
{
    char text[1024];
    const double begin = lyrnn_seconds();
    const int status = run_apart(work, text, sizeof text);
    assert_string_equal(text, line);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_true(lyrnn_seconds() - begin < 4);
}

/* A rank is gone, and NCCL's abort does not return. */
static void hang_between_sums(void)
{
    sum s;
    begin()->abort_hangs = true;
    sum_open(&s, 1, 2, 5);
    upload_numbers(&s);
    s.backend.run_step(&s.backend, run_sum, &s);
    s.ranks.is_lost = true;
    s.backend.synchronize(&s.backend);
}

static void hang_at_start(void)
{
    lyrnn_backend backend;
    made_up_ranks ranks;
    stub_nccl_state *stub = begin();
    stub->init_result = 1;
    stub->abort_hangs = true;
    make_ranks(&ranks, 1, 2);
    open_device(&backend);
    (void)backend.join(&backend, &ranks.comm);
}

static void abort_hangs(void **state)
{
    (void)state;
    check_end(hang_between_sums, "lyrnn: status 13: rank 1: is gone\n");
    check_end(hang_at_start,
              "lyrnn: status 9: NCCL cannot start: unhandled cuda error" SEE_MORE "\n");
}

static void ignore_report(lyrnn_sim_defect defect, const char *text)
{
    (void)defect;
    (void)text;
}

/* The memory of a rank that is gone is no longer there for this device. */
static void fault_while_waiting(void)
{
    sum s;
    begin();
    sum_open(&s, 1, 2, 5);
    upload_numbers(&s);
    s.backend.run_step(&s.backend, run_sum, &s);
    s.ranks.is_lost = true;
    s.ranks.late_checks = 50;
    lyrnn_sim_set_report_hook(ignore_report);
    lyrnn_sim_report(LYRNN_SIM_OUT_OF_BOUNDS, "");
    s.backend.run_step(&s.backend, run_sum, &s);
}

/* NCCL fails while a step is captured, and the rest of the step can no longer be captured. */
static void fault_in_capture(void)
{
    sum s;
    stub_nccl_state *stub = begin();
    sum_open(&s, 1, 2, 5);
    upload_numbers(&s);
    s.backend.run_step(&s.backend, sum_and_zero, &s);
    stub->spoils_capture = true;
    s.backend.run_step(&s.backend, sum_and_zero, &s);
}

static void a_fault_is_of_the_ranks(void **state)
{
    (void)state;
    check_end(fault_while_waiting, "lyrnn: status 13: rank 1: is gone\n");
    check_end(fault_in_capture, "lyrnn: status 2: NCCL: unhandled cuda error; check the network "
                                "and the GPUs, set NCCL_DEBUG=INFO to see more\n");
}

static void use_another_lane(void)
{
    sum s;
    sum_open(&s, 1, 2, 5);
    upload_numbers(&s);
    s.lane = 0;
    run_sum(&s);
}

/* The other ranks learn of a failure of NCCL, so that one of them reports it. Nothing is summed
 * after it. */
static void nccl_fails(void **state)
{
    (void)state;
    stub_nccl_state *stub = begin();
    sum s;
    sum_open(&s, 1, 2, 5);
    upload_numbers(&s);
    stub->later_result = 3;
    run_sum(&s);
    assert_string_equal(s.ranks.failure, "NCCL: another error" CHECK_NETWORK);
    const int num_groups = stub->num_groups;
    run_sum(&s);
    s.backend.synchronize(&s.backend);
    assert_int_equal(stub->num_groups, num_groups);
    stub->later_result = 0;
    sum_close(&s);
    assert_int_equal(stub->num_aborts, 1);
}

/* A mistake of the program ends it. */
static void ends_the_process(void **state)
{
    (void)state;
    char text[1024];
    begin();
    const int status = run_apart(use_another_lane, text, sizeof text);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "check failed: ranks->stream == state->stream"));
}

int main(void)
{
    /* A wait that does not end is a failure. */
    alarm(60);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing),
        cmocka_unit_test(too_old),
        cmocka_unit_test(cannot_start),
        cmocka_unit_test(same_gpu),
        cmocka_unit_test(lost_at_start),
        cmocka_unit_test(sums),
        cmocka_unit_test(lost_between_sums),
        cmocka_unit_test(lost_in_a_sum),
        cmocka_unit_test(eager_sum_is_done_on_return),
        cmocka_unit_test(cannot_connect),
        cmocka_unit_test(nccl_fails),
        cmocka_unit_test(abort_hangs),
        cmocka_unit_test(a_fault_is_of_the_ranks),
        cmocka_unit_test(ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
