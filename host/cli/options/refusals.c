/* The option table knows what getopt does not say: why an argument is refused, and which name is
 * near to it. */
#include "cli/options/refusals.h"

#include <stdio.h>
#include <string.h>

#include "cli/options/nearest_name.h"

/* A word of a metavar "json|csv": the one after previous, or the first. NULL: there is none. */
static const char *next_choice(const option_spec *spec, const char *previous, size_t *length)
{
    if (spec->kind != OPTION_CHOICE)
        return NULL;
    const char *word = previous == NULL ? spec->metavar : previous + *length;
    word += *word == '|';
    *length = strcspn(word, "|");
    return *word != '\0' ? word : NULL;
}

lyrnn_status options_refuse_choice(const option_spec *spec, const char *text)
{
    nearest_name nearest = {.typed = text, .length = strlen(text)};
    size_t length = 0;
    for (const char *word = NULL; (word = next_choice(spec, word, &length)) != NULL;)
        nearest_name_consider(&nearest, "", word, length);
    const char *meant = nearest_name_text(&nearest);
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s %s: must be one of %s%s%s", spec->name, text,
                      spec->metavar, meant != NULL ? "; " : "", meant != NULL ? meant : "");
}

static lyrnn_status refuse_unknown(const option_table *table, const char *argument, int dashes,
                                   int length)
{
    nearest_name nearest = {.typed = argument + dashes, .length = (size_t)length};
    for (size_t i = 0; i < table->num_specs; i++)
        if (table->specs[i].kind != OPTION_HEADING)
            nearest_name_consider(&nearest, "--", table->specs[i].name,
                                  strlen(table->specs[i].name));
    nearest_name_consider(&nearest, "--", "help", strlen("help"));
    nearest_name_consider(&nearest, "lyrnn --", "version", strlen("version"));
    if (strncmp(argument, "-V", sizeof "-V") == 0)
        nearest_name_consider(&nearest, "lyrnn -", "V", strlen("V"));
    const char *meant = nearest_name_text(&nearest);
    return lyrnn_fail(LYRNN_ERR_USAGE, "%.*s: unknown option; %s%s %s --help", dashes + length,
                      argument, meant != NULL ? meant : "", meant != NULL ? " See" : "see",
                      table->name);
}

/* Lists the options that begin with a name that is short for several. */
static lyrnn_status refuse_short(const option_table *table, const char *name, int length)
{
    char list[512] = "";
    size_t end = 0, room = sizeof list;
    for (size_t i = 0; i < table->num_specs && end < room; i++) {
        const option_spec *spec = &table->specs[i];
        if (spec->kind != OPTION_HEADING && strncmp(spec->name, name, (size_t)length) == 0)
            end +=
                (size_t)snprintf(list + end, room - end, "%s--%s", end > 0 ? ", " : "", spec->name);
    }
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%.*s: short for several options; write more of one: %s",
                      length, name, list);
}

static lyrnn_status refuse_value(const option_spec *flag, const char *value)
{
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s: takes no value; leave out %s", flag->name, value);
}

lyrnn_status options_check_word(const option_spec *before, const char *argument)
{
    static const char *const words[] = {"yes", "no", "true", "false", "on", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (before != NULL && before->kind == OPTION_FLAG && strcmp(argument, words[i]) == 0)
            return refuse_value(before, argument);
    return LYRNN_OK;
}

lyrnn_status options_check_value(const option_table *table, const option_spec *spec,
                                 const char *value)
{
    for (size_t i = 0; i < table->num_specs && strncmp(value, "--", 2) == 0; i++) {
        const option_spec *other = &table->specs[i];
        size_t length = strcspn(value + 2, "=");
        if (other->kind != OPTION_HEADING && strlen(other->name) == length &&
            strncmp(other->name, value + 2, length) == 0)
            return lyrnn_fail(LYRNN_ERR_USAGE, "--%s: needs a value before --%s: --%s %s",
                              spec->name, other->name, spec->name, spec->metavar);
    }
    return LYRNN_OK;
}

lyrnn_status options_refuse(const option_table *table, const char *argument)
{
    const char *name = argument + strspn(argument, "-");
    int length = (int)strcspn(name, "=");
    int dashes = (int)(name - argument);
    int num_matches = 0;
    const option_spec *match = NULL;
    for (size_t i = 0; i < table->num_specs && dashes <= 2 && length > 0; i++) {
        const option_spec *spec = &table->specs[i];
        if (spec->kind == OPTION_HEADING || strncmp(spec->name, name, (size_t)length) != 0)
            continue;
        bool whole = spec->name[length] == '\0';
        num_matches = whole ? 1 : num_matches + 1;
        match = spec;
        if (whole)
            break;
    }
    if (num_matches > 1)
        return refuse_short(table, name, length);
    if (match == NULL)
        return refuse_unknown(table, argument, dashes, length);
    if (match->kind == OPTION_FLAG)
        return refuse_value(match, name + length);
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s: needs a value: --%s %s", match->name, match->name,
                      match->metavar);
}

/* Quotes a word as a shell needs it. One that is too long for that loses its end. */
static void quote(const char *word, char *quoted, size_t size)
{
    size_t end = 0;
    quoted[end++] = '\'';
    for (; *word != '\0' && end + sizeof "'\\'''" < size; word++) {
        if (*word == '\'')
            end += (size_t)snprintf(quoted + end, size - end, "'\\'");
        quoted[end++] = *word;
    }
    quoted[end++] = '\'';
    quoted[end] = '\0';
}

/* The option that has the argument among its values, or NULL. */
static const option_spec *find_choice(const option_table *table, const char *argument)
{
    for (size_t i = 0; i < table->num_specs; i++) {
        size_t length = 0;
        for (const char *word = NULL;
             (word = next_choice(&table->specs[i], word, &length)) != NULL;)
            if (strlen(argument) == length && strncmp(argument, word, length) == 0)
                return &table->specs[i];
    }
    return NULL;
}

lyrnn_status options_refuse_argument(const option_table *table, const char *argument,
                                     const option_spec *before)
{
    char quoted[1024];
    const option_spec *choice = find_choice(table, argument);
    if (before != NULL && before->kind == OPTION_FLAG && table->extra_option == NULL)
        return refuse_value(before, argument);
    if (table->extra_option != NULL) {
        quote(argument, quoted, sizeof quoted);
        return lyrnn_fail(LYRNN_ERR_USAGE, "%s: one argument too many; did you mean --%s %s?",
                          argument, table->extra_option, quoted);
    }
    if (choice != NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE, "%s: one argument too many; did you mean --%s %s?",
                          argument, choice->name, argument);
    return lyrnn_fail(LYRNN_ERR_USAGE, "%s: one argument too many; %s takes %s%s; see %s --help",
                      argument, table->name, table->max_arguments == 0 ? "none" : "only ",
                      table->arguments != NULL ? table->arguments : "", table->name);
}
