/* Plans of a recurrence on a simulated card: which there are, that each computes the same, and what
 * happens to one that does not (LYRNN_SIM_FAULT). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lyrnn/device.h"
#include "lyrnn/parameters.h"
#include "lyrnn_sim.h"

static const lyrnn_recurrence_shape tutorial = {LYRNN_RNN_TANH, false, 35, 32, 256};

static lyrnn_backend open_device(const char *fault)
{
    lyrnn_backend backend;
    setenv("LYRNN_SIM_FAULT", fault, 1);
    lyrnn_sim_reset();
    assert_int_equal(lyrnn_backend_open("cuda", 1, LYRNN_FP32, &backend), LYRNN_OK);
    return backend;
}

/* Random numbers of about the size of weights and input projections. */
static float *random_floats(lyrnn_backend *backend, size_t count, uint64_t purpose)
{
    lyrnn_init_uniform_args args = {.count = count, .bound = 0.5f, .seed = 1, .purpose = purpose};
    void *memory;
    assert_int_equal(backend->memory_alloc(backend, count * sizeof(float), &memory), LYRNN_OK);
    args.values = memory;
    backend->init_uniform(backend, &args);
    return args.values;
}

typedef struct {
    lyrnn_plan plans[LYRNN_MAX_PLANS];
    int count;
} trials;

static trials try_all(lyrnn_backend *backend, const lyrnn_recurrence_shape *shape)
{
    trials tried = {0};
    size_t G = (size_t)lyrnn_num_gates(shape->cell), H = (size_t)shape->H;
    float *gates = random_floats(backend, (size_t)(shape->T * shape->B) * G * H, 1);
    float *w_hh = random_floats(backend, G * H * H, 2), *b_hh = random_floats(backend, G * H, 3);
    const lyrnn_plan_probe probe = {*shape, gates, w_hh, b_hh};
    tried.count = backend->plan_list(backend, shape, tried.plans);
    assert_int_equal(backend->plan_try(backend, &probe, tried.count, tried.plans), LYRNN_OK);
    backend->memory_free(backend, gates);
    backend->memory_free(backend, w_hh);
    backend->memory_free(backend, b_hh);
    return tried;
}

/* The plan whose text begins like this; at least one has to. */
static const lyrnn_plan *find(const trials *tried, const char *path)
{
    int i = 0;
    while (i < tried->count && strncmp(tried->plans[i].text, path, strlen(path)) != 0)
        i++;
    assert_true(i < tried->count);
    return &tried->plans[i];
}

static void the_list_has_each_plan_once(void **state)
{
    (void)state;
    lyrnn_backend backend = open_device("");
    trials listed = {0};
    listed.count = backend.plan_list(&backend, &tutorial, listed.plans);
    find(&listed, "steps");
    find(&listed, "resident.c4.s1");
    find(&listed, "grid.c");
    for (int i = 0; i < listed.count; i++) {
        assert_true(listed.plans[i].expected_us > 0.0);
        assert_true(i == 0 || listed.plans[i].expected_us >= listed.plans[i - 1].expected_us);
        for (int other = 0; other < i; other++)
            assert_string_not_equal(listed.plans[i].text, listed.plans[other].text);
    }
    lyrnn_backend_close(&backend);
}

static void a_text_names_one_plan(void **state)
{
    (void)state;
    lyrnn_backend backend = open_device("");
    static const char *const wrong[] = {"",
                                        "resident",
                                        "resident.c3.s1",
                                        "resident.c4.s0",
                                        "resident.c4.s1 ",
                                        "resident.c04.s1",
                                        "resident.c16.s1",
                                        "resident.c4.s64",
                                        "resident.c-4.s1",
                                        "grid.c1.s4",
                                        "grid.c1.s1024",
                                        "grid.c1.s24",
                                        "steps.c1.s1",
                                        "Steps",
                                        "cost"};
    trials listed = {0}, now = {0};
    listed.count = backend.plan_list(&backend, &tutorial, listed.plans);
    for (int i = 0; i < listed.count; i++) {
        assert_int_equal(backend.plan_use(&backend, &tutorial, listed.plans[i].text), LYRNN_OK);
        now.count = backend.plan_list(&backend, &tutorial, now.plans);
        assert_string_equal(now.plans[0].text, listed.plans[i].text);
        assert_int_equal(now.count, listed.count);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(backend.plan_use(&backend, &tutorial, wrong[i]), LYRNN_ERR_USAGE);
        assert_non_null(strstr(lyrnn_error_text(), "lyrnn tune"));
    }
    assert_int_equal(backend.plan_use(&backend, &tutorial, NULL), LYRNN_OK);
    now.count = backend.plan_list(&backend, &tutorial, now.plans);
    assert_string_equal(now.plans[0].text, listed.plans[0].text);
    lyrnn_backend_close(&backend);
}

/* This shape has as many plans as a list holds, and the plan in use is none of them. */
static void a_full_list_keeps_by_steps(void **state)
{
    (void)state;
    const lyrnn_recurrence_shape shape = {LYRNN_LSTM, false, 35, 5, 18};
    lyrnn_backend backend = open_device("");
    trials listed = {0};
    listed.count = backend.plan_list(&backend, &shape, listed.plans);
    assert_int_equal(listed.count, LYRNN_MAX_PLANS);
    assert_int_equal(backend.plan_use(&backend, &shape, "resident.c2.s2"), LYRNN_OK);
    listed.count = backend.plan_list(&backend, &shape, listed.plans);
    assert_int_equal(listed.count, LYRNN_MAX_PLANS);
    assert_string_equal(listed.plans[0].text, "resident.c2.s2");
    find(&listed, "steps");
    lyrnn_backend_close(&backend);
}

static void every_plan_computes_the_same(void **state)
{
    (void)state;
    lyrnn_backend backend = open_device("");
    for (int way = 0; way < 2; way++)
        for (int cell = LYRNN_RNN_TANH; cell <= LYRNN_GRU; cell++) {
            const lyrnn_recurrence_shape shape = {(lyrnn_cell)cell, way == 1, 3, 5, 18};
            const trials tried = try_all(&backend, &shape);
            assert_true(tried.count >= 4);
            for (int i = 0; i < tried.count; i++) {
                assert_string_equal(tried.plans[i].fault, "");
                assert_true(tried.plans[i].error < 1e-5);
                assert_true(tried.plans[i].us > 0.0);
            }
            assert_true(find(&tried, "steps")->error == 0.0);
        }
    lyrnn_backend_close(&backend);
}

/* Plans of other paths do not show the fault, and the device stays usable. */
static void check_fault(const char *fault, const char *path, bool is_backward,
                        void (*check)(const lyrnn_plan *))
{
    const lyrnn_recurrence_shape shape = {LYRNN_LSTM, is_backward, 3, 5, 18};
    lyrnn_backend backend = open_device(fault);
    for (int time = 0; time < 2; time++) {
        const trials tried = try_all(&backend, &shape);
        check(find(&tried, path));
        for (int i = 0; i < tried.count; i++)
            if (strncmp(tried.plans[i].text, path, strcspn(path, ".")) != 0) {
                assert_string_equal(tried.plans[i].fault, "");
                assert_true(tried.plans[i].error < 1e-5);
            }
    }
    lyrnn_backend_close(&backend);
}

static void differs(const lyrnn_plan *plan)
{
    assert_string_equal(plan->fault, "");
    assert_true(plan->error > 0.1);
}

static void wrong_sums_show_in_the_error(void **state)
{
    (void)state;
    check_fault("wrong:resident_forward", "resident", false, differs);
    check_fault("wrong:resident_backward", "resident", true, differs);
    check_fault("wrong:grid_forward", "grid", false, differs);
    check_fault("wrong:grid_backward", "grid", true, differs);
}

static void cannot_be_launched(const lyrnn_plan *plan)
{
    assert_non_null(strstr(plan->fault, "cannot be launched: "));
}

static void a_launch_that_fails_is_a_fault(void **state)
{
    (void)state;
    check_fault("launch:resident_forward", "resident", false, cannot_be_launched);
    check_fault("launch:grid_backward", "grid", true, cannot_be_launched);
}

static void waits_in_vain(const lyrnn_plan *plan)
{
    assert_non_null(strstr(plan->fault, "waited for each other for over 100 ms"));
}

static void a_wait_that_expires_is_a_fault(void **state)
{
    (void)state;
    check_fault("hang:resident_forward", "resident.c2", false, waits_in_vain);
    check_fault("hang:resident_backward", "resident.c2", true, waits_in_vain);
    check_fault("hang:grid_forward", "grid", false, waits_in_vain);
    check_fault("hang:grid_backward", "grid", true, waits_in_vain);
}

/* A recurrence that is a step of its own. */
typedef struct {
    lyrnn_backend *backend;
    lyrnn_recurrence_forward_args args;
} recurrence_step;

/* memory: (6,64,H) */
static recurrence_step recurrence_in(lyrnn_backend *backend, float *memory, int T, int B, int H)
{
    const size_t part = 64 * (size_t)H;
    return (recurrence_step){backend,
                             {.T = T,
                              .B = B,
                              .H = H,
                              .h_stride = H,
                              .cell = LYRNN_RNN_TANH,
                              .w_hh = memory,
                              .b_hh = memory + part,
                              .gates = memory + 2 * part,
                              .h = memory + 3 * part,
                              .scratch = memory + 4 * part}};
}

static void run_recurrence(void *context)
{
    const recurrence_step *step = context;
    step->backend->recurrence_forward(step->backend, &step->args);
}

/* On chip, a sequence is one kernel. By steps it has at least one per time step. */
static uint64_t count_kernels(recurrence_step *step)
{
    lyrnn_sim_reset_counters();
    step->backend->run_step(step->backend, run_recurrence, step);
    step->backend->synchronize(step->backend);
    return lyrnn_sim_read_counters().kernels_run;
}

/* Also in steps that were recorded before. */
static void the_plan_in_use_runs(void **state)
{
    (void)state;
    enum { T = 3, B = 2, H = 16, RUNS = 3 };
    const lyrnn_recurrence_shape shape = {LYRNN_RNN_TANH, false, 35, B, H};
    const char *const plans[] = {NULL, "steps", NULL};
    lyrnn_backend backend = open_device("");
    float *memory = random_floats(&backend, 6 * 64 * H, 1);
    recurrence_step step = recurrence_in(&backend, memory, T, B, H);
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        assert_int_equal(backend.plan_use(&backend, &shape, plans[i]), LYRNN_OK);
        for (int run = 0; run < RUNS; run++)
            assert_int_equal(count_kernels(&step), plans[i] == NULL ? 1 : T);
    }
    backend.memory_free(&backend, memory);
    lyrnn_backend_close(&backend);
}

/* Outside of trials, the program ends before it uses what a hung kernel left. */
static void a_hang_ends_the_program_with_its_plan(void **state)
{
    (void)state;
    enum { B = 2, H = 16 };
    int ends[2], status = 0;
    char text[512] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv("LYRNN_SIM_LEAKS", "0", 1);
        lyrnn_backend backend = open_device("hang:resident_forward");
        const lyrnn_recurrence_shape shape = {LYRNN_RNN_TANH, false, 1, B, H};
        if (backend.plan_use(&backend, &shape, "resident.c2.s1") != LYRNN_OK)
            _exit(2);
        float *memory = random_floats(&backend, 6 * 64 * H, 1), h;
        recurrence_step step = recurrence_in(&backend, memory, 3, B, H);
        run_recurrence(&step);
        backend.download(&backend, &h, step.args.h, sizeof h);
        _exit(0);
    }
    close(ends[1]);
    for (size_t length = 0, got = 1; got > 0 && length + 1 < sizeof text; length += got) {
        ssize_t num_bytes = read(ends[0], text + length, sizeof text - 1 - length);
        got = num_bytes > 0 ? (size_t)num_bytes : 0;
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_string_equal(text, "lyrnn: cuda: the plan forward=resident.c2.s1,backward=steps waited "
                              "for more than 10 s; continue with --plan "
                              "forward=steps,backward=steps\n");
}

static void the_device_line_has_what_times_depend_on(void **state)
{
    (void)state;
    lyrnn_backend backend = open_device("");
    char text[256];
    backend.plan_device(&backend, text, sizeof text);
    assert_non_null(strstr(text, "compute capability 9.0, 132 multiprocessors, "));
    assert_non_null(strstr(text, " clusters of 2, 4 and 8, driver 13000"));
    lyrnn_backend_close(&backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_has_each_plan_once),
        cmocka_unit_test(a_text_names_one_plan),
        cmocka_unit_test(a_full_list_keeps_by_steps),
        cmocka_unit_test(every_plan_computes_the_same),
        cmocka_unit_test(wrong_sums_show_in_the_error),
        cmocka_unit_test(a_launch_that_fails_is_a_fault),
        cmocka_unit_test(a_wait_that_expires_is_a_fault),
        cmocka_unit_test(the_plan_in_use_runs),
        cmocka_unit_test(a_hang_ends_the_program_with_its_plan),
        cmocka_unit_test(the_device_line_has_what_times_depend_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
