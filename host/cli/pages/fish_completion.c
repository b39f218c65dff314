/* The completion of fish: one complete command per option. */
#include "cli/pages/pages.h"

static const char fish_functions[] =
    "# Runs: directories below runs/ that have a config.json.\n"
    "function __lyrnn_runs\n"
    "    for config in runs/*/config.json runs/*/*/config.json\n"
    "        string replace --regex '/config.json$' '' -- $config\n"
    "    end\n"
    "end\n"
    "\n"
    "# A run, or any file if no run fits.\n"
    "function __lyrnn_models\n"
    "    set --local token (commandline --current-token)\n"
    "    set --local prefix (string escape --style=regex -- $token)\n"
    "    set --local runs (__lyrnn_runs | string match --regex --entire -- \"^$prefix\")\n"
    "    if test (count $runs) -gt 0\n"
    "        printf '%s\\n' $runs\n"
    "    else\n"
    "        __fish_complete_path $token\n"
    "    end\n"
    "end\n"
    "\n";

/* Text within single quotes. */
static void write_fish_quoted(FILE *stream, const char *text)
{
    fputc('\'', stream);
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', stream);
        fputc(*text, stream);
    }
    fputc('\'', stream);
}

static const char *fish_action_of(option_completion completion)
{
    switch (completion) {
    case COMPLETE_FILE:
        return "-r -F";
    case COMPLETE_DIRECTORY:
        return "-x -a '(__fish_complete_directories)'";
    case COMPLETE_RUN:
        return "-x -a '(__lyrnn_runs)'";
    case COMPLETE_MODEL:
        return "-x -a '(__lyrnn_models)'";
    case COMPLETE_COMMAND:
        return "-x -a '(__lyrnn_commands)'";
    case COMPLETE_DEVICE:
        return "-x -a 'auto cpu cuda'";
    case COMPLETE_NOTHING:
        break;
    }
    return "-x";
}

static void write_fish_word(FILE *stream, const char *word, int length)
{
    fprintf(stream, "%.*s ", length, word);
}

static void write_fish_condition(FILE *stream, const cli_command *command)
{
    fprintf(stream, "complete -c lyrnn -n '__fish_seen_subcommand_from %s'", command_name(command));
}

static void write_fish_option(FILE *stream, const cli_command *command, const option_spec *spec)
{
    if (spec->kind == OPTION_HEADING)
        return;
    write_fish_condition(stream, command);
    fprintf(stream, " -l %s ", spec->name);
    if (spec->kind == OPTION_CHOICE) {
        fputs("-x -a '", stream);
        for_each_word(spec->metavar, write_fish_word, stream);
        fputs("' ", stream);
    } else if (spec->metavar != NULL) {
        fprintf(stream, "%s ", fish_action_of(spec->completes));
    }
    fputs("-d ", stream);
    write_fish_quoted(stream, spec->help);
    fputc('\n', stream);
}

static void write_fish_command(FILE *stream, const cli_command *command)
{
    const option_table *table = command->table;
    fprintf(stream, "\ncomplete -c lyrnn -n __fish_use_subcommand -a %s -d ",
            command_name(command));
    write_fish_quoted(stream, table->summary);
    fputc('\n', stream);
    for (size_t i = 0; i < table->num_specs; i++)
        write_fish_option(stream, command, &table->specs[i]);
    if (table->first_argument == COMPLETE_MODEL || table->first_argument == COMPLETE_COMMAND) {
        write_fish_condition(stream, command);
        fprintf(stream, " %s\n", fish_action_of(table->first_argument));
    }
    if (table->more_arguments == COMPLETE_FILE) {
        write_fish_condition(stream, command);
        fputs(" -F\n", stream);
    }
}

void write_fish_completion(FILE *stream)
{
    fputs("# Completion of lyrnn in fish, generated from the option tables of host/cli; do not "
          "edit.\n\n",
          stream);
    fputs("function __lyrnn_commands\n    printf '%s\\n'", stream);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(stream, " %s", command_name(commands[i]));
    fputs("\nend\n\n", stream);
    fputs(fish_functions, stream);
    fputs("complete -c lyrnn -f\n"
          "complete -c lyrnn -s h -l help -d 'print a list of the options'\n"
          "complete -c lyrnn -n __fish_use_subcommand -s V -l version -d 'print the version'\n",
          stream);
    for (size_t i = 0; commands[i] != NULL; i++)
        write_fish_command(stream, commands[i]);
}
