/* Help on the program, and what was meant by a command that does not exist. */
#ifndef LYRNN_CLI_HELP_H
#define LYRNN_CLI_HELP_H

#include <stdio.h>

#include "cli/commands.h"

/* Prints the list of commands. */
void print_program_help(FILE *stream);

/* Says that there is no such command or option, and which one is near. LYRNN_ERR_USAGE. */
lyrnn_status refuse_command(const char *name);

#endif
