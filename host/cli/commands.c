/* The list of commands. A new command is added here and in commands.h. */
#include "cli/commands.h"

#include <string.h>

const cli_command *const commands[] = {
    &train_command, &generate_command, &eval_command, &corpus_command,  &bench_command,
    &tune_command,  &info_command,     &help_command, &version_command, NULL,
};

const char program_doc[] =
    "Trains character-level recurrent networks on lyrics and generates new ones.";

const cli_command *find_command(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(name, command_name(commands[i])) == 0)
            return commands[i];
    return NULL;
}

const char *command_name(const cli_command *command)
{
    return strchr(command->table->name, ' ') + 1;
}
