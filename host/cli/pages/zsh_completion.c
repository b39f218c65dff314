/* The completion of zsh: the options of a command become the specifications of _arguments (man 1
 * zshcompsys), "--cell=[recurrent cell]:CELL:(rnn_tanh lstm)". */
#include "cli/pages/pages.h"

#include <string.h>

static const char zsh_functions[] =
    "# The commands, with what each does.\n"
    "_lyrnn_commands() {\n"
    "    _describe command lyrnn_commands\n"
    "}\n"
    "\n"
    "# Runs: directories below runs/ that have a config.json.\n"
    "_lyrnn_runs() {\n"
    "    local expl\n"
    "    local -a runs\n"
    "    runs=(runs/*/config.json(N:h) runs/*/*/config.json(N:h))\n"
    "    (( $#runs )) && _wanted runs expl run compadd -f -a runs || _directories\n"
    "}\n"
    "\n"
    "# A run, or any file if no run fits.\n"
    "_lyrnn_models() {\n"
    "    local expl\n"
    "    local -a runs\n"
    "    runs=(runs/*/config.json(N:h) runs/*/*/config.json(N:h))\n"
    "    (( $#runs )) && _wanted runs expl run compadd -f -a runs || _files\n"
    "}\n";

/* Text within single quotes, in which _arguments gives a meaning to the characters of special. */
static void write_zsh_quoted(FILE *stream, const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (strchr(special, *text) != NULL || *text == '\\')
            fputc('\\', stream);
        if (*text == '\'')
            fputs("'\\''", stream);
        else
            fputc(*text, stream);
    }
}

static const char *zsh_action_of(option_completion completion)
{
    switch (completion) {
    case COMPLETE_FILE:
        return "_files";
    case COMPLETE_DIRECTORY:
        return "_directories";
    case COMPLETE_RUN:
        return "_lyrnn_runs";
    case COMPLETE_MODEL:
        return "_lyrnn_models";
    case COMPLETE_COMMAND:
        return "_lyrnn_commands";
    case COMPLETE_DEVICE:
        return "(auto cpu cuda)";
    case COMPLETE_NOTHING:
        break;
    }
    return " ";
}

static void write_zsh_word(FILE *stream, const char *word, int length)
{
    fprintf(stream, "%.*s ", length, word);
}

static void write_zsh_option(FILE *stream, const option_spec *spec)
{
    if (spec->kind == OPTION_HEADING)
        return;
    fprintf(stream, " \\\n            '%s--%s%s[", spec->kind == OPTION_TEXTS ? "*" : "",
            spec->name, spec->metavar != NULL ? "=" : "");
    write_zsh_quoted(stream, spec->help, "[]");
    fputc(']', stream);
    if (spec->kind == OPTION_CHOICE) {
        fprintf(stream, ":%s:(", spec->name);
        for_each_word(spec->metavar, write_zsh_word, stream);
        fputc(')', stream);
    } else if (spec->metavar != NULL) {
        fputc(':', stream);
        write_zsh_quoted(stream, spec->metavar, ":");
        fprintf(stream, ":%s", zsh_action_of(spec->completes));
    }
    fputc('\'', stream);
}

static void write_zsh_command(FILE *stream, const cli_command *command)
{
    const option_table *table = command->table;
    fprintf(stream, "    %s)\n        _arguments", command_name(command));
    for (size_t i = 0; i < table->num_specs; i++)
        write_zsh_option(stream, &table->specs[i]);
    fputs(" \\\n            '(-h --help)'{-h,--help}'[print a list of the options]'", stream);
    if (table->first_argument != COMPLETE_NOTHING)
        fprintf(stream, " \\\n            '1:argument:%s'", zsh_action_of(table->first_argument));
    if (table->more_arguments != COMPLETE_NOTHING)
        fprintf(stream, " \\\n            '*:argument:%s'", zsh_action_of(table->more_arguments));
    fputs("\n        ;;\n", stream);
}

void write_zsh_completion(FILE *stream)
{
    fputs("#compdef lyrnn\n"
          "# Completion of lyrnn in zsh, generated from the option tables of host/cli; do not "
          "edit.\n\n",
          stream);
    fputs(zsh_functions, stream);
    fputs("\n_lyrnn() {\n"
          "    local -a lyrnn_commands\n"
          "    lyrnn_commands=(\n",
          stream);
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(stream, "        '%s:", command_name(commands[i]));
        write_zsh_quoted(stream, commands[i]->table->summary, ":");
        fputs("'\n", stream);
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        if [[ $PREFIX == -* ]]; then\n"
          "            compadd -- -h --help -V --version\n"
          "        else\n"
          "            _lyrnn_commands\n"
          "        fi\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $words[1] in\n",
          stream);
    for (size_t i = 0; commands[i] != NULL; i++)
        write_zsh_command(stream, commands[i]);
    fputs("    esac\n}\n\n_lyrnn \"$@\"\n", stream);
}
