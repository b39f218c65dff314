/* The processes find each other at a socket that listens before they start, so that no port is
 * guessed and no rank comes too early. Rank 0 inherits it. A random token keeps others out. */
#include "cli/ranks_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "lyrnn/ranks.h"

typedef struct {
    pid_t pid;
    bool is_running;
    int status;      /* as waitpid reports it */
    bool was_forced; /* its parent killed it */
} rank_process;

/* The ranks and what their parent knows of them. */
typedef struct {
    char program[PATH_MAX];
    char **words; /* of the command line */
    pid_t parent;
    int reports[2]; /* a pipe on which a rank sends the errno of execv */
    int num, num_running;
    rank_process *ranks;        /* (num) */
    int first_ended;            /* the first rank whose status was not 0; -1: none */
    double failed_at;           /* when a rank failed; 0: none has */
    int received;               /* the last signal that asked for something; 0: none */
    sigset_t signals, old_mask; /* what the parent waits for; what the ranks begin with */
} started_ranks;

static lyrnn_status cannot_start(const char *what, int error)
{
    return lyrnn_fail(LYRNN_ERR_IO, "--ranks: %s (%s); start fewer ranks, or raise the limit", what,
                      strerror(error));
}

static void set_number(const char *name, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    setenv(name, text, 1);
}

/* The variables of a rank. host/parallel reads them. Only the rank itself has them: its parent must
 * not take itself for a rank. */
static void set_variables(const lyrnn_ranks *meeting, int rank)
{
    setenv("LYRNN_TOKEN", meeting->token, 1);
    setenv("LYRNN_ADDRESS", meeting->address, 1);
    set_number("LYRNN_PORT", meeting->port);
    set_number("LYRNN_SIZE", meeting->size);
    set_number("LYRNN_RANK", rank);
    if (rank == 0)
        set_number("LYRNN_LISTENER", meeting->listener);
    else
        unsetenv("LYRNN_LISTENER");
}

/* Takes the words of the command line from the kernel, because the parser of options has moved
 * those of main. The list ends with NULL. The caller frees it and its words, on failure too. */
static lyrnn_status read_command_line(char ***words)
{
    FILE *file = fopen("/proc/self/cmdline", "re");
    char *word = NULL;
    size_t num = 0, capacity = 0;
    while (file != NULL && getdelim(&word, &capacity, '\0', file) > 0) {
        char **longer = (char **)realloc(*words, (num + 2) * sizeof **words);
        if (longer == NULL)
            break;
        longer[num++] = word;
        longer[num] = word = NULL;
        *words = longer;
        capacity = 0;
    }
    free(word);
    bool is_read = file != NULL && feof(file) && num > 0;
    if (file != NULL)
        fclose(file);
    return is_read ? LYRNN_OK : cannot_start("/proc/self/cmdline cannot be read", errno);
}

/* The parent takes signals one at a time, when it waits. */
static void hold_signals(started_ranks *group)
{
    static const int passed_on[] = {SIGHUP, SIGINT, SIGTERM, SIGXCPU, SIGUSR1, SIGUSR2};
    struct sigaction action;
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&group->signals);
    sigaddset(&group->signals, SIGCHLD);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        if (sigaction(passed_on[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&group->signals, passed_on[i]);
    sigprocmask(SIG_BLOCK, &group->signals, &group->old_mask);
}

/* Becomes a rank: the same program with the same words. Only rank 0 keeps the socket. The kernel
 * stops a rank whose parent is killed; SIGTERM lets it save first. A rank that cannot execute the
 * program sends errno to its parent. */
_Noreturn static void become_rank(const started_ranks *group, const lyrnn_ranks *meeting, int rank)
{
    set_variables(meeting, rank);
    if (rank == 0)
        (void)fcntl(meeting->listener, F_SETFD, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &group->old_mask, NULL);
    if (getppid() == group->parent)
        execv(group->program, group->words);
    ssize_t written = write(group->reports[1], &errno, sizeof errno);
    (void)written;
    _exit(1);
}

static lyrnn_status fork_all(started_ranks *group, const lyrnn_ranks *meeting)
{
    for (int rank = 0; rank < group->num; rank++) {
        pid_t pid = fork();
        if (pid < 0)
            return cannot_start("cannot start a process", errno);
        if (pid == 0)
            become_rank(group, meeting, rank);
        group->ranks[rank] = (rank_process){.pid = pid, .is_running = true};
        group->num_running++;
    }
    return LYRNN_OK;
}

/* Waits until each rank has executed the program, which closes its end of the pipe. */
static lyrnn_status check_executed(const started_ranks *group)
{
    int error;
    if (read(group->reports[0], &error, sizeof error) != (ssize_t)sizeof error)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_IO,
                      "--ranks: %s cannot be executed again (%s); make it a program there, and run "
                      "the command again",
                      group->program, strerror(error));
}

static lyrnn_status start_all(started_ranks *group, const lyrnn_ranks *meeting)
{
    group->parent = getpid();
    if (pipe2(group->reports, O_CLOEXEC) != 0)
        return cannot_start("cannot open a pipe", errno);
    lyrnn_status status = fork_all(group, meeting);
    close(group->reports[1]);
    if (status == LYRNN_OK)
        status = check_executed(group);
    close(group->reports[0]);
    return status;
}

static void signal_all(const started_ranks *group, int signal_number)
{
    for (int rank = 0; rank < group->num; rank++)
        if (group->ranks[rank].is_running)
            kill(group->ranks[rank].pid, signal_number);
}

/* Whether a rank ended because of a failure, and not because it was asked to stop. */
static bool has_failed(int status)
{
    return WIFSIGNALED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) < 128);
}

static void note_ended(started_ranks *group)
{
    for (int rank = 0; rank < group->num; rank++) {
        rank_process *process = &group->ranks[rank];
        if (!process->is_running || waitpid(process->pid, &process->status, WNOHANG) <= 0)
            continue;
        process->is_running = false;
        group->num_running--;
        if (group->first_ended < 0 && process->status != 0)
            group->first_ended = rank;
        if (group->failed_at == 0 && has_failed(process->status))
            group->failed_at = lyrnn_seconds();
    }
}

typedef struct {
    bool is_stopped, catches_stops;
} process_state;

/* What /proc says of a process. One that a debugger looks at ('t') is not stopped. proc(5) */
static process_state read_state(pid_t process)
{
    process_state state = {.catches_stops = true};
    char name[32], line[128];
    snprintf(name, sizeof name, "/proc/%d/status", (int)process);
    FILE *file = fopen(name, "re");
    if (file == NULL)
        return state;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "State:", 6) == 0)
            state.is_stopped = line[6 + strspn(line + 6, " \t")] == 'T';
        if (strncmp(line, "SigCgt:", 7) == 0)
            state.catches_stops = (strtoull(line + 7, NULL, 16) >> (SIGTERM - 1) & 1) != 0;
    }
    fclose(file);
    return state;
}

/* After a failure the other ranks end by themselves, unless they hang or wait for a rank that never
 * came. A rank that trains catches SIGTERM, and has something to save or is about to notice the
 * failure. Rank 0 may be saving for minutes; the others write nothing. */
static bool must_end(const started_ranks *group, int rank, double seconds)
{
    const double meeting_seconds = 3, hanging_seconds = 30, saving_seconds = 600;
    const process_state state = read_state(group->ranks[rank].pid);
    if (!state.catches_stops)
        return seconds > meeting_seconds;
    return seconds > (rank == 0 && !state.is_stopped ? saving_seconds : hanging_seconds);
}

/* All of them stop before any is killed, so that none can report another that was killed here. */
static void end_the_others(started_ranks *group)
{
    const double seconds = lyrnn_seconds() - group->failed_at;
    if (group->failed_at == 0)
        return;
    for (int rank = 0; rank < group->num; rank++) {
        rank_process *process = &group->ranks[rank];
        if (!process->is_running || !must_end(group, rank, seconds))
            continue;
        process->was_forced = true;
        kill(process->pid, SIGSTOP);
    }
    for (int rank = 0; rank < group->num; rank++)
        if (group->ranks[rank].is_running && group->ranks[rank].was_forced)
            kill(group->ranks[rank].pid, SIGKILL);
}

/* Waits for all ranks, and passes signals on. A terminal sends its signals to all processes of the
 * command by itself. */
static void wait_for_all(started_ranks *group)
{
    while (group->num_running > 0) {
        siginfo_t info;
        const struct timespec second = {.tv_sec = 1};
        int received = sigtimedwait(&group->signals, &info, &second);
        note_ended(group);
        if (received > 0 && received != SIGCHLD && info.si_code != SI_KERNEL)
            signal_all(group, received);
        if (received > 0 && received != SIGCHLD)
            group->received = received;
        end_the_others(group);
    }
}

/* Whether a rank has reported the failure. That is up to the lowest one that was left, and the
 * others are silent, even if that one hangs until its parent ends it. */
static bool is_reported(const started_ranks *group)
{
    for (int rank = 0; rank < group->num; rank++) {
        const rank_process *process = &group->ranks[rank];
        bool has_left =
            process->status == 0 || (WIFSIGNALED(process->status) && !process->was_forced);
        if (!has_left)
            return WIFEXITED(process->status);
    }
    return false;
}

static void report_killed(const started_ranks *group)
{
    const rank_process *first = &group->ranks[group->first_ended];
    if (!WIFSIGNALED(first->status) || is_reported(group))
        return;
    fprintf(stderr,
            "lyrnn: rank %d (process %d): was killed (%s); look for the reason in the system's "
            "log, then run the command again\n",
            group->first_ended, (int)first->pid, strsignal(WTERMSIG(first->status)));
}

/* Ends as rank 0 did, or as the first rank that failed. A signal that ended the ranks ends their
 * parent too. */
_Noreturn static void end_like_ranks(const started_ranks *group)
{
    if (group->first_ended < 0)
        exit(0);
    int status = group->ranks[0].status;
    if (status == 0 || WIFSIGNALED(status))
        status = group->ranks[group->first_ended].status;
    if (WIFSIGNALED(status) && WTERMSIG(status) == group->received) {
        signal(group->received, SIG_DFL);
        sigprocmask(SIG_SETMASK, &group->old_mask, NULL);
        raise(group->received);
    }
    report_killed(group);
    exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* The variables of a rank of another group are left in the environment. This process is none of
 * its ranks: it must not wait for them to report the mistake. */
static lyrnn_status refuse_other_group(int num, int size)
{
    unsetenv("LYRNN_RANK");
    unsetenv("LYRNN_SIZE");
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--ranks %d: LYRNN_SIZE is %d in the environment; unset LYRNN_RANK and "
                      "LYRNN_SIZE, or leave the option out",
                      num, size);
}

/* Whether another process of this program has started this one. */
static lyrnn_status check_launcher(int num, bool *is_rank)
{
    lyrnn_ranks found;
    LYRNN_TRY(lyrnn_ranks_detect(&found));
    *is_rank = found.launcher != NULL && strcmp(found.launcher, "lyrnn") == 0;
    if (*is_rank && found.size != num)
        return refuse_other_group(num, found.size);
    if (*is_rank || found.size <= 1)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--ranks %d: %s has started this process as rank %d of %d; leave the option "
                      "out",
                      num, found.launcher, found.rank, found.size);
}

static lyrnn_status run_group(started_ranks *group)
{
    /* Other machines do not reach this address. */
    lyrnn_ranks meeting = {.size = group->num, .address = "127.0.0.1", .listener = -1};
    ssize_t length = readlink("/proc/self/exe", group->program, sizeof group->program - 1);
    if (length < 0)
        return cannot_start("/proc/self/exe cannot be read", errno);
    LYRNN_TRY(read_command_line(&group->words));
    LYRNN_TRY(lyrnn_ranks_listen(&meeting));
    hold_signals(group);
    lyrnn_status status = start_all(group, &meeting);
    close(meeting.listener);
    /* Without all of them, the ranks have not met, and have nothing to save. */
    if (status != LYRNN_OK) {
        signal_all(group, SIGSTOP); /* so that none can report another that is gone */
        signal_all(group, SIGKILL);
    }
    wait_for_all(group);
    if (status == LYRNN_OK)
        end_like_ranks(group);
    sigprocmask(SIG_SETMASK, &group->old_mask, NULL);
    return status;
}

lyrnn_status ranks_start(int num)
{
    bool is_rank;
    if (num == 1)
        return LYRNN_OK;
    LYRNN_TRY(check_launcher(num, &is_rank));
    if (is_rank)
        return LYRNN_OK;
    started_ranks group = {.num = num, .first_ended = -1};
    group.ranks = (rank_process *)calloc((size_t)num, sizeof *group.ranks);
    if (group.ranks == NULL)
        return lyrnn_out_of_memory("--ranks", (size_t)num * sizeof *group.ranks,
                                   "close other programs");
    lyrnn_status status = run_group(&group);
    for (char **word = group.words; word != NULL && *word != NULL; word++)
        free(*word);
    free(group.words);
    free(group.ranks);
    return status;
}
