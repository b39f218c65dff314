/* The program: finds the command and runs it. A failure becomes one line on standard error, and
 * exit_status says which kind it is. Read next: commands.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/standard_output.h"
#include "device/cpu_check.h"

static lyrnn_status run_command(int argc, char **argv)
{
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const cli_command *command = find_command(name);
    if (command == NULL)
        return refuse_command(name);
    argv[1] = (char *)command->table->name;
    return command->run(argc - 1, argv + 1);
}

/* Opens the standard streams that are closed. Otherwise the next file that is opened would get the
 * number of such a stream, and messages would be written into that file. A stream that is open only
 * for reading refuses them. */
static void hold_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Several ranks may share one terminal or log, and any of them may be killed. Each line is one
 * write, however many calls print it, so that none is torn. */
static void keep_lines_whole(void)
{
    static char line[BUFSIZ];
    setvbuf(stderr, line, _IOLBF, sizeof line);
}

/* host/cli/README.md lists them. By 3, 4 and 5 a scheduler decides whether to train again. */
static int exit_status(lyrnn_status status)
{
    switch (status) {
    case LYRNN_OK:
        return 0;
    case LYRNN_ERR_USAGE:
        return 2;
    case LYRNN_ERR_NOTHING:
        return 3;
    case LYRNN_ERR_LOCKED:
        return 4;
    case LYRNN_ERR_DAMAGED:
        return 5;
    case LYRNN_INTERRUPTED:
        return 128 + interrupt_signal();
    default:
        return 1;
    }
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    keep_lines_whole();
    /* If the reader of a pipe leaves (| head), the write fails. No signal then kills a training in
     * the middle of a save. */
    signal(SIGPIPE, SIG_IGN);
    /* A file that exceeds the limit on file sizes is a failed write too, with a message. */
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2) {
        print_program_help(stderr);
        return 2;
    }
    lyrnn_status status = lyrnn_check_cpu();
    if (status == LYRNN_OK)
        status = run_command(argc, argv);
    if (status == LYRNN_OK)
        status = standard_output_flush();
    /* One of several ranks reports their failure. The others have no text. */
    if (status != LYRNN_OK && lyrnn_error_text()[0] != '\0')
        fprintf(stderr, "lyrnn: %s\n", lyrnn_error_text());
    return exit_status(status);
}
