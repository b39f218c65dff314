/* Every planted defect is found, with the right class, in every order of threads. Each kernel runs
 * in a child process, whose exit status encodes the class that the simulator reported. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "planted.h"

enum { FOUND = 100, NOTHING_FOUND = 99 };

static const uint64_t seeds[] = {0, 1, 2, 3, 20261123};

static void leave(lyrnn_sim_defect defect, const char *text)
{
    fprintf(stderr, "    %s\n", text);
    _exit(FOUND + (int)defect);
}

/* Returns the child's exit status, or 128 + the signal that ended it. */
static int run_in_child(const planted_defect *planted, uint64_t seed)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* A signal must end the child, not the cmocka test. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        lyrnn_sim_set_seed(seed);
        lyrnn_sim_set_report_hook(leave);
        planted->run();
        _exit(NOTHING_FOUND);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void planted_defect_is_found(void **state)
{
    const planted_defect *planted = (const planted_defect *)*state;
    if (planted->needs_hooks && !lyrnn_sim_has_hooks() && !planted->asan_finds)
        skip();
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        int result = run_in_child(planted, seeds[i]);
        if (planted->needs_hooks && !lyrnn_sim_has_hooks()) {
            /* AddressSanitizer ends the child with status 1; an access to an inaccessible page ends
             * it with a signal. */
            assert_true(result == 1 || result == 128 + SIGSEGV || result == 128 + SIGABRT);
            continue;
        }
        lyrnn_sim_defect found = result >= FOUND && result < 128
                                     ? (lyrnn_sim_defect)(result - FOUND)
                                     : LYRNN_SIM_NO_DEFECT;
        if (found == planted->in_other_orders)
            continue;
        if (result == NOTHING_FOUND)
            print_message("nothing found with seed %zu\n", (size_t)seeds[i]);
        assert_string_equal(lyrnn_sim_defect_name(found), lyrnn_sim_defect_name(planted->defect));
    }
}

static int add_tests(struct CMUnitTest *tests, const planted_defect *planted, int num)
{
    for (int i = 0; i < num; i++)
        tests[i] = (struct CMUnitTest){planted[i].name, planted_defect_is_found, NULL, NULL,
                                       (void *)(uintptr_t)&planted[i]};
    return num;
}

int main(void)
{
    struct CMUnitTest tests[64];
    int num = add_tests(tests, planted_kernels, num_planted_kernels);
    num += add_tests(tests + num, planted_calls, num_planted_calls);
    return _cmocka_run_group_tests("planted", tests, (size_t)num, NULL, NULL);
}
