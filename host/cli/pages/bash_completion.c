/* The completion of bash: one function that knows the options of each command. It needs no other
 * package. Bash splits the line at '=', so that --cell=l arrives as three words. */
#include "cli/pages/pages.h"

static const char bash_functions[] =
    "_lyrnn_files() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -- \"$1\")\n"
    "}\n"
    "\n"
    "_lyrnn_directories() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -d -- \"$1\")\n"
    "}\n"
    "\n"
    "# Runs: directories below runs/ that have a config.json.\n"
    "_lyrnn_runs() {\n"
    "    local config\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    for config in runs/*/config.json runs/*/*/config.json; do\n"
    "        [[ -e $config && ${config%/config.json} == \"$1\"* ]] && "
    "COMPREPLY+=(\"${config%/config.json}\")\n"
    "    done\n"
    "    ((${#COMPREPLY[@]} > 0)) || _lyrnn_directories \"$1\"\n"
    "}\n"
    "\n"
    "# A run, or any file if no run fits.\n"
    "_lyrnn_models() {\n"
    "    _lyrnn_runs \"$1\"\n"
    "    [[ -e ${COMPREPLY[0]-}/config.json ]] || _lyrnn_files \"$1\"\n"
    "}\n"
    "\n"
    "_lyrnn_words() {\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$2\" -- \"$1\")\n"
    "}\n"
    "\n"
    "# The number of arguments before the current word, options and their values left out.\n"
    "_lyrnn_count_arguments() {\n"
    "    local i flags=$1\n"
    "    num_arguments=0\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        if [[ ${COMP_WORDS[i]} != -* ]]; then\n"
    "            num_arguments=$((num_arguments + 1))\n"
    "        elif [[ ${COMP_WORDS[i + 1]} == = ]]; then\n"
    "            i=$((i + 2))\n"
    "        elif [[ \" $flags \" != *\" ${COMP_WORDS[i]} \"* ]]; then\n"
    "            i=$((i + 1))\n"
    "        fi\n"
    "    done\n"
    "}\n"
    "\n"
    "_lyrnn_nothing() {\n"
    "    COMPREPLY=()\n"
    "}\n"
    "\n"
    "_lyrnn() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local options flags first more num_arguments\n"
    "    COMPREPLY=()\n"
    "    if [[ $current == = ]]; then\n"
    "        current=\n"
    "    elif [[ $previous == = ]]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n";

static const char bash_arguments[] = "    if [[ $current == -* ]]; then\n"
                                     "        _lyrnn_words \"$current\" \"$options\"\n"
                                     "        return\n"
                                     "    fi\n"
                                     "    _lyrnn_count_arguments \"$flags\"\n"
                                     "    if ((num_arguments == 0)); then\n"
                                     "        \"_lyrnn_$first\" \"$current\"\n"
                                     "    else\n"
                                     "        \"_lyrnn_$more\" \"$current\"\n"
                                     "    fi\n"
                                     "}\n"
                                     "\n"
                                     "complete -F _lyrnn lyrnn\n";

static const char *bash_function(option_completion completion)
{
    switch (completion) {
    case COMPLETE_FILE:
        return "files";
    case COMPLETE_DIRECTORY:
        return "directories";
    case COMPLETE_RUN:
        return "runs";
    case COMPLETE_MODEL:
        return "models";
    case COMPLETE_COMMAND:
        return "commands";
    case COMPLETE_DEVICE:
    case COMPLETE_NOTHING:
        break;
    }
    return "nothing";
}

static void write_bash_word(FILE *stream, const char *word, int length)
{
    fprintf(stream, " %.*s", length, word);
}

static void write_bash_names(FILE *stream, const option_table *table, bool only_flags)
{
    for (size_t i = 0; i < table->num_specs; i++) {
        const option_spec *spec = &table->specs[i];
        if (spec->kind == OPTION_FLAG || (spec->kind != OPTION_HEADING && !only_flags))
            fprintf(stream, "--%s ", spec->name);
    }
    fputs(only_flags ? "-h --help'\n" : "--help'\n", stream);
}

static void write_bash_value(FILE *stream, const char *command, const option_spec *spec)
{
    fprintf(stream, "    %s--%s) ", command, spec->name);
    if (spec->kind == OPTION_CHOICE) {
        fputs("_lyrnn_words \"$current\" '", stream);
        for_each_word(spec->metavar, write_bash_word, stream);
        fputs("'; return ;;\n", stream);
    } else if (spec->completes == COMPLETE_DEVICE) {
        fputs("_lyrnn_words \"$current\" 'auto cpu cuda'; return ;;\n", stream);
    } else {
        fprintf(stream, "_lyrnn_%s \"$current\"; return ;;\n", bash_function(spec->completes));
    }
}

void write_bash_completion(FILE *stream)
{
    fputs("# Completion of lyrnn in bash, generated from the option tables of host/cli; do not "
          "edit.\n"
          "# shellcheck shell=bash\n\n",
          stream);
    fputs("_lyrnn_commands() {\n"
          "    _lyrnn_words \"$1\" '",
          stream);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(stream, "%s ", command_name(commands[i]));
    fputs("'\n}\n\n", stream);
    fputs(bash_functions, stream);
    fputs("    if ((COMP_CWORD == 1)); then\n"
          "        if [[ $current == -* ]]; then\n"
          "            _lyrnn_words \"$current\" '-h --help -V --version'\n"
          "        else\n"
          "            _lyrnn_commands \"$current\"\n"
          "        fi\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          stream);
    for (size_t i = 0; commands[i] != NULL; i++) {
        const option_table *table = commands[i]->table;
        fprintf(stream, "    %s)\n        options='", command_name(commands[i]));
        write_bash_names(stream, table, false);
        fputs("        flags='", stream);
        write_bash_names(stream, table, true);
        fprintf(stream, "        first=%s more=%s\n        ;;\n",
                bash_function(table->first_argument), bash_function(table->more_arguments));
    }
    fputs("    *) return ;;\n    esac\n    case ${COMP_WORDS[1]}$previous in\n", stream);
    for (size_t i = 0; commands[i] != NULL; i++)
        for (size_t j = 0; j < commands[i]->table->num_specs; j++) {
            const option_spec *spec = &commands[i]->table->specs[j];
            if (spec->metavar != NULL)
                write_bash_value(stream, command_name(commands[i]), spec);
        }
    fputs("    esac\n", stream);
    fputs(bash_arguments, stream);
}
