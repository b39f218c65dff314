/* The commands, one file each. A command exports a function that main runs, and the table of its
 * options, from which --help, the man page and the completions come. After a failure main prints
 * lyrnn_error_text. */
#ifndef LYRNN_CLI_COMMANDS_H
#define LYRNN_CLI_COMMANDS_H

#include "cli/options/options.h"
#include "lyrnn/status.h"

typedef struct {
    const option_table *table;
    lyrnn_status (*run)(int argc, char **argv); /* argv[0] is the full name, "lyrnn train" */
} cli_command;

extern const cli_command train_command, generate_command, eval_command, corpus_command,
    bench_command, tune_command, info_command, help_command, version_command;

/* All commands in the order of lyrnn --help. NULL ends the list. */
extern const cli_command *const commands[];

/* The command of that name, or NULL. */
const cli_command *find_command(const char *name);

/* "train" */
const char *command_name(const cli_command *command);

/* One sentence that says what lyrnn does. */
extern const char program_doc[];

#endif
