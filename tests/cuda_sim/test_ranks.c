/* Every planted defect of ranks is found, with the right class and text, and right programs are not
 * accused. Each rank is a child process, which writes what the simulator reported to a pipe. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "planted_ranks.h"

enum { FOUND = 100, NOTHING_FOUND = 99, MAX_SECONDS = 30 };

char planted_group[128];
static int report_pipe;

static void leave(lyrnn_sim_defect defect, const char *text)
{
    dprintf(report_pipe, "    %s\n", text);
    _exit(FOUND + (int)defect);
}

static pid_t start_rank(const planted_program *planted, int rank, uint64_t seed, const int ends[2])
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    alarm(MAX_SECONDS);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    close(ends[0]);
    report_pipe = ends[1];
    lyrnn_sim_set_seed(seed);
    lyrnn_sim_set_report_hook(leave);
    planted->run(rank);
    _exit(NOTHING_FOUND);
}

/* Returns the class that a rank reported, LYRNN_SIM_NO_DEFECT if all ended well, or -1. The first
 * report counts: it ends the rank, and so the other one may report that it is gone. */
static int run_ranks(const planted_program *planted, uint64_t seed, char *text, size_t size)
{
    pid_t children[PLANTED_RANKS];
    int ends[2], found = LYRNN_SIM_NO_DEFECT;
    snprintf(planted_group, sizeof planted_group, "planted-%d-%s", (int)getpid(), planted->name);
    assert_int_equal(pipe(ends), 0);
    for (int rank = 0; rank < PLANTED_RANKS; rank++)
        children[rank] = start_rank(planted, rank, seed, ends);
    close(ends[1]);
    for (int ended = 0; ended < PLANTED_RANKS && found == LYRNN_SIM_NO_DEFECT; ended++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) < NOTHING_FOUND)
            found = -1;
        else if (WEXITSTATUS(status) != NOTHING_FOUND)
            found = WEXITSTATUS(status) - FOUND;
    }
    for (int rank = 0; rank < PLANTED_RANKS; rank++)
        kill(children[rank], SIGKILL);
    while (wait(NULL) > 0)
        ;
    ssize_t length = read(ends[0], text, size - 1);
    text[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    return found;
}

static void judge(const planted_program *planted, uint64_t seed)
{
    char text[4096];
    int found = run_ranks(planted, seed, text, sizeof text);
    print_message("%s", text);
    if (found >= 0)
        assert_string_equal(lyrnn_sim_defect_name((lyrnn_sim_defect)found),
                            lyrnn_sim_defect_name(planted->defect));
    assert_int_equal(found, planted->defect);
    if (strstr(text, planted->text) == NULL)
        fail_msg("the report lacks \"%s\"", planted->text);
}

static void planted_program_is_judged(void **state)
{
    const planted_program *planted = (const planted_program *)*state;
    if (planted->needs_hooks && !lyrnn_sim_has_hooks())
        skip();
    for (uint64_t seed = 0; seed < 2; seed++)
        judge(planted, seed);
}

int main(void)
{
    struct CMUnitTest tests[64];
    setenv("LYRNN_SIM_DEVICES", "2", 1);
    for (int i = 0; i < num_planted_programs; i++)
        tests[i] = (struct CMUnitTest){planted_programs[i].name, planted_program_is_judged, NULL,
                                       NULL, (void *)(uintptr_t)&planted_programs[i]};
    return _cmocka_run_group_tests("ranks", tests, (size_t)num_planted_programs, NULL, NULL);
}
