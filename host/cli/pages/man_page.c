/* Man pages in roff, with the man macros (man 7 groff_man). The first line declares UTF-8 for
 * preconv. write_roff escapes what roff would read as a command. */
#include "cli/pages/pages.h"

#include <ctype.h>
#include <string.h>

#include "lyrnn/version.h"

static void write_roff_char(FILE *stream, char c, bool begins_line)
{
    switch (c) {
    case '\\':
        fputs("\\(rs", stream);
        break;
    case '-':
        fputs("\\-", stream);
        break;
    case '^':
        fputs("\\(ha", stream);
        break;
    case '~':
        fputs("\\(ti", stream);
        break;
    case '`':
        fputs("\\(ga", stream);
        break;
    case '.':
    case '\'':
        if (begins_line)
            fputs("\\&", stream);
        /* fall through */
    default:
        fputc(c, stream);
    }
}

static void write_roff(FILE *stream, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        write_roff_char(stream, text[i], i == 0 || text[i - 1] == '\n');
}

static void write_roff_line(FILE *stream, const char *text)
{
    write_roff(stream, text, strlen(text));
    fputc('\n', stream);
}

/* A phrase as a sentence: with a capital letter and a full stop. */
static void write_sentence(FILE *stream, const char *phrase)
{
    char first = (char)toupper((unsigned char)phrase[0]);
    size_t length = strlen(phrase);
    write_roff(stream, &first, 1);
    write_roff(stream, phrase + 1, length - 1);
    fputs(phrase[length - 1] == '.' ? "\n" : ".\n", stream);
}

/* Lines of text as paragraphs. */
static void write_paragraphs(FILE *stream, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        fputs(".PP\n", stream);
        write_roff(stream, text, length);
        fputc('\n', stream);
        text += length + (text[length] == '\n');
    }
}

static void write_man_head(FILE *stream, const char *name, const char *summary)
{
    fputs(".\\\" -*- coding: utf-8 -*-\n"
          ".\\\" Generated from the option tables of host/cli; do not edit.\n"
          ".TH \"",
          stream);
    for (const char *c = name; *c != '\0'; c++)
        fputc(toupper((unsigned char)*c), stream);
    fputs("\" 1 \"\" \"lyrnn " LYRNN_VERSION "\" \"lyrnn manual\"\n"
          ".nh\n.ad l\n"
          ".SH NAME\n",
          stream);
    write_roff(stream, name, strlen(name));
    fputs(" \\- ", stream);
    write_roff_line(stream, summary);
}

/* The metavar: words to be typed in bold, a name for a value in italics. */
static void write_metavar(FILE *stream, const option_spec *spec)
{
    bool is_literal = spec->kind == OPTION_CHOICE || spec->completes == COMPLETE_DEVICE;
    fputs(is_literal ? "=\\fB" : "=\\fI", stream);
    for (const char *c = spec->metavar; *c != '\0'; c++) {
        write_roff_char(stream, *c, false);
        if (*c == '|')
            fputs("\\:", stream); /* a line may break here */
    }
    fputs("\\fR", stream);
}

static void write_limits(FILE *stream, const option_spec *spec)
{
    if (spec->min != NULL) {
        fputs("From ", stream);
        write_roff(stream, spec->min, strlen(spec->min));
        fputs(" to ", stream);
        write_roff(stream, spec->max, strlen(spec->max));
        fputs(".\n", stream);
    }
    if (spec->fallback != NULL) {
        fputs("The default is ", stream);
        write_roff(stream, spec->fallback, strlen(spec->fallback));
        fputs(".\n", stream);
    }
}

static bool can_resume(const option_table *table)
{
    for (size_t i = 0; i < table->num_specs; i++)
        if (table->specs[i].name != NULL && strcmp(table->specs[i].name, "resume") == 0)
            return true;
    return false;
}

static void write_man_option(FILE *stream, const option_table *table, const option_spec *spec)
{
    if (spec->kind == OPTION_HEADING) {
        size_t length = strcspn(spec->help, ":");
        fputs(".SS \"", stream);
        write_roff(stream, spec->help, length);
        fputs("\"\n", stream);
        return;
    }
    fputs(".TP\n\\fB\\-\\-", stream);
    write_roff(stream, spec->name, strlen(spec->name));
    fputs("\\fR", stream);
    if (spec->metavar != NULL)
        write_metavar(stream, spec);
    fputc('\n', stream);
    write_sentence(stream, spec->help);
    if (spec->detail != NULL)
        write_roff_line(stream, spec->detail);
    write_limits(stream, spec);
    if (spec->may_change && can_resume(table) && strcmp(spec->name, "resume") != 0)
        fputs("May change with \\fB\\-\\-resume\\fR.\n", stream);
}

static void write_help_option(FILE *stream)
{
    fputs(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint a list of the options.\n", stream);
}

static void write_examples(FILE *stream, const char *examples)
{
    fputs(".SH EXAMPLES\n.EX\n", stream);
    write_roff_line(stream, examples);
    fputs(".EE\n", stream);
}

static void write_man_files(FILE *stream, const option_file *files)
{
    fputs(".SH FILES\n", stream);
    for (; files->path != NULL; files++) {
        fputs(".TP\n\\fI", stream);
        write_roff(stream, files->path, strlen(files->path));
        fputs("\\fR\n", stream);
        write_sentence(stream, files->meaning);
    }
}

static void write_exit_status(FILE *stream)
{
    static const char *const statuses[][2] = {
        {"0", "The command did what it was asked to do."},
        {"1", "It failed. One line on standard error names the object, what is wrong with it and "
              "what to "
              "do."},
        {"2", "Wrong usage: an unknown command or option, or a value that is out of range."},
        {"3", "Nothing to resume: there is no such run, or it has no checkpoint yet."},
        {"4", "Another process trains in the run."},
        {"5",
         "A file of the run or of the model is damaged: its checksum differs, or the files of the "
         "run do not fit each other."},
        {"129, 130, 140, 143, 152",
         "SIGHUP, SIGINT, SIGUSR2, SIGTERM or SIGXCPU stopped a training, which saved a checkpoint "
         "first."},
    };
    fputs(".SH EXIT STATUS\n", stream);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        fprintf(stream, ".TP\n\\fB%s\\fR\n", statuses[i][0]);
        write_roff_line(stream, statuses[i][1]);
    }
}

/* All pages but own, which is NULL for the program's. */
static void write_see_also(FILE *stream, const cli_command *own)
{
    fputs(".SH SEE ALSO\n", stream);
    const char *separator = "";
    if (own != NULL) {
        fputs("\\fBlyrnn\\fR(1)", stream);
        separator = ",\n";
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (commands[i] == own)
            continue;
        fprintf(stream, "%s\\fBlyrnn\\-%s\\fR(1)", separator, command_name(commands[i]));
        separator = ",\n";
    }
    fputc('\n', stream);
}

void write_command_page(FILE *stream, const cli_command *command)
{
    const option_table *table = command->table;
    char name[64];
    snprintf(name, sizeof name, "lyrnn-%s", command_name(command));
    write_man_head(stream, name, table->summary);
    fprintf(stream, ".SH SYNOPSIS\n\\fB%s\\fR%s\n", table->name,
            table->num_specs > 0 ? " [\\fIOPTION\\fR...]" : "");
    if (table->arguments != NULL)
        write_roff_line(stream, table->arguments);
    fputs(".SH DESCRIPTION\n", stream);
    write_roff_line(stream, table->doc);
    if (table->detail != NULL)
        write_paragraphs(stream, table->detail);
    if (table->num_specs > 0)
        fputs(".PP\nThe name of an option may be shortened, and its value given as the next "
              "argument:\n"
              "\\fB\\-\\-name=value\\fR and \\fB\\-\\-name value\\fR mean the same.\n"
              "If an option that is not repeatable is given twice, the last one counts.\n",
              stream);
    fputs(".SH OPTIONS\n", stream);
    for (size_t i = 0; i < table->num_specs; i++)
        write_man_option(stream, table, &table->specs[i]);
    if (table->num_specs > 0 && table->specs[0].kind == OPTION_HEADING)
        fputs(".SS Help\n", stream);
    write_help_option(stream);
    if (table->files != NULL)
        write_man_files(stream, table->files);
    write_exit_status(stream);
    if (table->examples != NULL)
        write_examples(stream, table->examples);
    write_see_also(stream, command);
}

void write_program_page(FILE *stream)
{
    write_man_head(stream, "lyrnn", "train character-level recurrent networks on lyrics");
    fputs(".SH SYNOPSIS\n"
          "\\fBlyrnn\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n"
          ".br\n"
          "\\fBlyrnn\\fR \\fB\\-\\-help\\fR|\\fB\\-\\-version\\fR\n"
          ".SH DESCRIPTION\n",
          stream);
    write_roff_line(stream, program_doc);
    fputs(".SH COMMANDS\n", stream);
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(stream, ".TP\n\\fB%s\\fR\n", commands[i]->table->name);
        write_sentence(stream, commands[i]->table->summary);
        fprintf(stream, "See \\fBlyrnn\\-%s\\fR(1).\n", command_name(commands[i]));
    }
    fputs(".SH OPTIONS\n", stream);
    write_help_option(stream);
    fputs(".TP\n\\fB\\-V\\fR, \\fB\\-\\-version\\fR\nPrint the version.\n", stream);
    write_exit_status(stream);
    write_examples(stream, train_command.table->examples);
    write_see_also(stream, NULL);
}
