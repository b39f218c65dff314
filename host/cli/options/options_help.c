/* --help: the usage, what the command does, its options in the order of the table, and examples.
 * Each option has a line "      --name=METAVAR  help [default]", whose second column is wrapped. A
 * width counts columns of a terminal: a Chinese character takes two. */
#include "cli/options/options_table.h"

#include <string.h>

#include <utf8proc.h>

enum { OPTION_COLUMN = 6, HELP_COLUMN = 29, LAST_COLUMN = 79 };

static int width_of(const char *text, size_t num_bytes)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    int width = 0;
    for (size_t i = 0; i < num_bytes;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t length =
            utf8proc_iterate(bytes + i, (utf8proc_ssize_t)(num_bytes - i), &c);
        LYRNN_CHECK(length > 0);
        width += utf8proc_charwidth(c);
        i += (size_t)length;
    }
    return width;
}

/* Prints a word after the one that ends at *column, on a new line if it does not fit. */
static void print_word(FILE *stream, const char *word, size_t num_bytes, int margin, int *column)
{
    int width = width_of(word, num_bytes);
    if (*column > margin && *column + 1 + width > LAST_COLUMN) {
        fprintf(stream, "\n%*s", margin, "");
        *column = margin;
    } else if (*column > margin) {
        fputc(' ', stream);
        ++*column;
    }
    fwrite(word, 1, num_bytes, stream);
    *column += width;
}

/* Prints text, wrapped, from the column margin on. Returns the column after it. */
static int print_wrapped(FILE *stream, const char *text, int margin)
{
    int column = margin;
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        print_word(stream, text, length, margin, &column);
        text += length;
        text += strspn(text, " ");
    }
    return column;
}

static void print_option(FILE *stream, const char *label, const char *help, const char *fallback)
{
    int column = width_of(label, strlen(label));
    fputs(label, stream);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', stream);
        column = 0;
    }
    fprintf(stream, "%*s", HELP_COLUMN - column, "");
    column = print_wrapped(stream, help, HELP_COLUMN);
    if (fallback != NULL) {
        char text[128];
        int length = snprintf(text, sizeof text, "[%s]", fallback);
        LYRNN_CHECK(length >= 0 && (size_t)length < sizeof text);
        print_word(stream, text, (size_t)length, HELP_COLUMN, &column);
    }
    fputc('\n', stream);
}

static void print_spec(FILE *stream, const option_spec *spec)
{
    char label[256];
    if (spec->kind == OPTION_HEADING) {
        fprintf(stream, "\n %s\n", spec->help);
        return;
    }
    snprintf(label, sizeof label, "%*s--%s%s%s", OPTION_COLUMN, "", spec->name,
             spec->metavar != NULL ? "=" : "", spec->metavar != NULL ? spec->metavar : "");
    print_option(stream, label, spec->help, spec->fallback);
}

void options_print_help(const option_table *table, FILE *stream)
{
    fprintf(stream, "Usage: %s [OPTION...]%s%s\n", table->name, table->arguments != NULL ? " " : "",
            table->arguments != NULL ? table->arguments : "");
    print_wrapped(stream, table->doc, 0);
    fputc('\n', stream);
    if (table->num_specs > 0 && table->specs[0].kind != OPTION_HEADING)
        fputc('\n', stream);
    for (size_t i = 0; i < table->num_specs; i++)
        print_spec(stream, &table->specs[i]);
    fputc('\n', stream);
    print_option(stream, "  -h, --help", "print this list", NULL);
    if (table->examples == NULL)
        return;
    fputs("\nExamples:\n", stream);
    for (const char *line = table->examples; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        fprintf(stream, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}
