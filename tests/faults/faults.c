/* Makes system calls fail, or kills the process at one of them. It is linked into a second lyrnn,
 * which is otherwise the program itself.
 *
 * The kernel does not execute a call that changes the file system, but delivers it as SIGSYS
 * (seccomp, which needs no privileges). The handler here counts it, and then executes it or lets it
 * fail. This includes calls that libc makes on its own, for example in fflush. Calls on files are
 * counted from 1; writes to the standard streams are not counted.
 *
 *     LYRNN_FAULT="KIND N"   what happens at call N:
 *         none          nothing
 *         error-once    it does nothing and returns EIO
 *         error         so do it and all later calls: the disk is gone
 *         full          a write takes half its bytes; then all calls that need space return ENOSPC
 *         short         a write takes half its bytes
 *         kill          the process is killed before the call
 *         kill-half     the process is killed after half the bytes were written
 *     LYRNN_FAULT_LOG=FILE   gets one line per call, with fields separated by tabs: its name; its
 *                            file (for a rename the new one); after it has returned, "done" or
 *                            "failed"
 *
 * Nothing else changes the disk between two calls, so a kill before a call is also a kill after the
 * previous one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { NONE = -1 };

/* What a call changes, and which of its arguments name the place. */
static const struct {
    const char *name;
    int number;
    int fd, dir_fd,
        /* Numbers of arguments. NONE: there is none; for dir_fd this means the working
         * directory. */
        path;
    /* Only counted if its flags have O_CREAT. */
    int open_flags;
    bool takes_room;
} calls[] = {
    {"write", SYS_write, 0, NONE, NONE, NONE, true},
    {"writev", SYS_writev, 0, NONE, NONE, NONE, true},
    {"pwrite", SYS_pwrite64, 0, NONE, NONE, NONE, true},
    {"fsync", SYS_fsync, 0, NONE, NONE, NONE, true},
    {"fdatasync", SYS_fdatasync, 0, NONE, NONE, NONE, true},
    {"ftruncate", SYS_ftruncate, 0, NONE, NONE, NONE, false},
    {"create", SYS_openat, NONE, 0, 1, 2, true},
    {"mkdir", SYS_mkdirat, NONE, 0, 1, NONE, true},
    {"symlink", SYS_symlinkat, NONE, 1, 2, NONE, true},
    {"link", SYS_linkat, NONE, 2, 3, NONE, true},
    {"rename", SYS_renameat2, NONE, 2, 3, NONE, true},
    {"unlink", SYS_unlinkat, NONE, 0, 1, NONE, false},
/* Machines that had these calls before the ones with a directory argument. */
#ifdef SYS_open
    {"create", SYS_open, NONE, NONE, 0, 1, true},
    {"create", SYS_creat, NONE, NONE, 0, NONE, true},
    {"mkdir", SYS_mkdir, NONE, NONE, 0, NONE, true},
    {"symlink", SYS_symlink, NONE, NONE, 1, NONE, true},
    {"link", SYS_link, NONE, NONE, 1, NONE, true},
    {"rename", SYS_rename, NONE, NONE, 1, NONE, true},
    {"rename", SYS_renameat, NONE, 2, 3, NONE, true},
    {"unlink", SYS_unlink, NONE, NONE, 0, NONE, false},
    {"unlink", SYS_rmdir, NONE, NONE, 0, NONE, false},
#endif
};
enum { NUM_CALLS = sizeof calls / sizeof calls[0] };

/* A sixth argument, which none of these calls uses. It marks a call from this file, which is let
 * through. */
static const long PASS = 0x6c79726e;

#if defined __x86_64__
enum { ARCHITECTURE = AUDIT_ARCH_X86_64 };
enum { ARGUMENT_0 = REG_RDI, ARGUMENT_1 = REG_RSI, ARGUMENT_2 = REG_RDX, ARGUMENT_3 = REG_R10 };
enum { ARGUMENT_4 = REG_R8, RESULT = REG_RAX };
#define REGISTERS(context) ((context)->uc_mcontext.gregs)
#elif defined __aarch64__
enum { ARCHITECTURE = AUDIT_ARCH_AARCH64 };
enum { ARGUMENT_0, ARGUMENT_1, ARGUMENT_2, ARGUMENT_3, ARGUMENT_4, RESULT = ARGUMENT_0 };
#define REGISTERS(context) ((context)->uc_mcontext.regs)
#else
#error "name the registers of this machine's system calls"
#endif

typedef enum { FAULT_NONE, ERROR_ONCE, ERROR, FULL, SHORT, KILL, KILL_HALF } fault_kind;

/* A signal handler takes no argument of ours, so this is global. The program makes all counted
 * calls on one thread. */
static struct {
    fault_kind kind;
    long at, count;
    int log_fd;
} fault = {.log_fd = -1};

/* Executes the call. A result below 0 is minus errno. */
static long pass(long number, const long *a)
{
    int before = errno;
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], PASS);
    if (result == -1)
        result = -errno;
    errno = before;
    return result;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

static long write_half(const long *a)
{
    const long half[5] = {a[0], a[1], a[2] / 2};
    return pass(SYS_write, half);
}

static long fail_or_pass(int call, const long *a)
{
    bool is_here = fault.count == fault.at, is_after = fault.count > fault.at;
    bool can_halve = calls[call].number == SYS_write && a[2] > 1;
    if ((fault.kind == ERROR_ONCE && is_here) || (fault.kind == ERROR && (is_here || is_after)))
        return -EIO;
    if (fault.kind == FULL && calls[call].takes_room && (is_after || (is_here && !can_halve)))
        return -ENOSPC;
    if ((fault.kind == KILL || fault.kind == KILL_HALF) && is_here) {
        if (fault.kind == KILL_HALF && can_halve)
            write_half(a);
        die();
    }
    if (is_here && can_halve && (fault.kind == FULL || fault.kind == SHORT))
        return write_half(a);
    return pass(calls[call].number, a);
}

/* Writes the directory behind a descriptor and a slash to name, or nothing for the working
 * directory. */
static void name_directory(long fd, char *name, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
    ssize_t length = fd == AT_FDCWD ? 0 : readlink(link, name, size - 2);
    if (length > 0)
        name[length++] = '/';
    name[length > 0 ? length : 0] = '\0';
}

static void write_log(const char *text)
{
    const long write_text[5] = {fault.log_fd, (long)text, (long)strlen(text)};
    if (fault.log_fd >= 0 && pass(SYS_write, write_text) != write_text[2])
        abort();
}

/* The handler only interrupts the call itself, so it may use snprintf. */
static void log_call(int call, const long *a)
{
    char name[PATH_MAX] = "", line[2 * PATH_MAX];
    const char *path = "";
    if (calls[call].fd != NONE) {
        name_directory(a[calls[call].fd], name, sizeof name);
        name[strlen(name) - 1] = '\0';
    } else {
        path = (const char *)a[calls[call].path];
        if (calls[call].dir_fd != NONE && path[0] != '/')
            name_directory((int)a[calls[call].dir_fd], name, sizeof name);
    }
    snprintf(line, sizeof line, "%s\t%s%s", calls[call].name, name, path);
    write_log(line);
}

static int find_call(int number)
{
    for (int i = 0; i < NUM_CALLS; i++)
        if (calls[i].number == number)
            return i;
    abort();
}

static void on_call(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    int call = find_call(info->si_syscall);
    ucontext_t *machine = context;
    const long a[5] = {
        (long)REGISTERS(machine)[ARGUMENT_0], (long)REGISTERS(machine)[ARGUMENT_1],
        (long)REGISTERS(machine)[ARGUMENT_2], (long)REGISTERS(machine)[ARGUMENT_3],
        (long)REGISTERS(machine)[ARGUMENT_4],
    };
    long result;
    if (calls[call].fd != NONE && a[0] <= STDERR_FILENO) {
        result = pass(calls[call].number, a);
    } else {
        fault.count++;
        log_call(call, a);
        result = fail_or_pass(call, a);
        write_log(result < 0 ? "\tfailed\n" : "\tdone\n");
    }
    REGISTERS(machine)[RESULT] = (__typeof__(REGISTERS(machine)[RESULT]))result;
}

static bool install_filter(void)
{
    enum { EACH = 5, OTHERS = 6 };
    struct sock_filter program[OTHERS + EACH * NUM_CALLS + 1];
    const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_filter trap = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    unsigned short n = 0;
#define LOAD(field)                                                                                \
    (struct sock_filter)                                                                           \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
#define UNLESS(test, value, skip)                                                                  \
    (struct sock_filter) BPF_JUMP(BPF_JMP | (test) | BPF_K, (unsigned)(value), 0, skip)
    program[n++] = LOAD(arch);
    program[n++] = UNLESS(BPF_JEQ, ARCHITECTURE, 2);
    program[n++] = LOAD(args[5]);
    program[n++] = UNLESS(BPF_JEQ, PASS, 1);
    program[n++] = allow;
    program[n++] = LOAD(nr);
    for (int i = 0; i < NUM_CALLS; i++) {
        bool opens = calls[i].open_flags != NONE;
        program[n++] = UNLESS(BPF_JEQ, calls[i].number, opens ? 4 : 1);
        if (opens) {
            program[n++] = LOAD(args[calls[i].open_flags]);
            program[n++] = UNLESS(BPF_JSET, O_CREAT, 1);
        }
        program[n++] = trap;
        if (opens)
            program[n++] = allow;
    }
    program[n++] = allow;
#undef LOAD
#undef UNLESS
    struct sock_fprog filter = {.len = n, .filter = program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static bool parse_kind(const char *name, fault_kind *kind)
{
    static const char *const names[] = {"none",  "error-once", "error",    "full",
                                        "short", "kill",       "kill-half"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *kind = (fault_kind)i;
            return true;
        }
    }
    return false;
}

/* Runs before main. Exits with status 77 if the kernel or the container has no seccomp. */
__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("LYRNN_FAULT"), *log = getenv("LYRNN_FAULT_LOG");
    char kind[16];
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
    if (text == NULL)
        return;
    if (sscanf(text, "%15s %ld", kind, &fault.at) != 2 || !parse_kind(kind, &fault.kind))
        abort();
    if (log != NULL) {
        fault.log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fault.log_fd < 0)
            abort();
    }
    if (sigaction(SIGSYS, &action, NULL) != 0 || !install_filter())
        _exit(77);
}
