/* lyrnn help and lyrnn version. --help, -h, --version and -V before any command are the same. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/options/nearest_name.h"
#include "lyrnn/version.h"

void print_program_help(FILE *stream)
{
    fprintf(stream, "Usage: lyrnn COMMAND [OPTION...]\n%s\n\n", program_doc);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(stream, "  %-18s%s\n", commands[i]->table->name, commands[i]->table->summary);
    fputs("\n  lyrnn COMMAND --help  all options of a command, with their defaults\n", stream);
}

lyrnn_status refuse_command(const char *name)
{
    if (name[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_USAGE, "command: the name is empty; see lyrnn --help");
    size_t dashes = strspn(name, "-");
    nearest_name nearest = {.typed = name + dashes, .length = strlen(name + dashes)};
    for (size_t i = 0; commands[i] != NULL; i++)
        nearest_name_consider(&nearest, "lyrnn ", command_name(commands[i]),
                              strlen(command_name(commands[i])));
    const char *meant = nearest_name_text(&nearest);
    return lyrnn_fail(LYRNN_ERR_USAGE, "%s: unknown %s; %s%s lyrnn --help", name,
                      dashes > 0 ? "option" : "command", meant != NULL ? meant : "",
                      meant != NULL ? " See" : "see");
}

static const option_table help_table = {
    .name = "lyrnn help",
    .summary = "print the options of a command",
    .arguments = "[COMMAND]",
    .doc = "Prints what a command does and all its options with their defaults, like lyrnn COMMAND "
           "--help. Without an argument it lists the commands.",
    .examples = "lyrnn help train",
    .max_arguments = 1,
    .first_argument = COMPLETE_COMMAND,
};

static lyrnn_status command_help(int argc, char **argv)
{
    option_result result;
    LYRNN_TRY(options_parse(&help_table, argc, argv, NULL, &result));
    if (result.help)
        return LYRNN_OK;
    if (result.num_arguments == 0) {
        print_program_help(stdout);
        return LYRNN_OK;
    }
    const cli_command *command = find_command(result.arguments[0]);
    if (command == NULL)
        return refuse_command(result.arguments[0]);
    options_print_help(command->table, stdout);
    return LYRNN_OK;
}

const cli_command help_command = {&help_table, command_help};

static const option_table version_table = {
    .name = "lyrnn version",
    .summary = "print the version",
    .doc = "Prints the version, like lyrnn --version. The build and the devices: lyrnn info.",
};

static lyrnn_status command_version(int argc, char **argv)
{
    option_result result;
    LYRNN_TRY(options_parse(&version_table, argc, argv, NULL, &result));
    if (!result.help)
        puts("lyrnn " LYRNN_VERSION);
    return LYRNN_OK;
}

const cli_command version_command = {&version_table, command_version};
