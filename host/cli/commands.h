/* The commands, one file each. Each exports what main runs and the table of its options, from which --help,
 * the man page and the completions come. A failure is left as lyrnn_error_text for main to print. */
#ifndef LYRNN_CLI_COMMANDS_H
#define LYRNN_CLI_COMMANDS_H

#include "cli/options/options.h"
#include "lyrnn/status.h"

typedef struct {
    const option_table *table;
    lyrnn_status (*run)(int argc, char **argv); /* argv[0] is the full name, "lyrnn train" */
} cli_command;

extern const cli_command train_command, generate_command, eval_command, bench_command, info_command;

/* All of them in the order of lyrnn --help; NULL ends the list. */
extern const cli_command *const commands[];

/* "train" */
const char *command_name(const cli_command *command);

/* What lyrnn does, one sentence. */
extern const char program_doc[];

#endif
