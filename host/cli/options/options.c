/* Reads the command line with glibc's getopt_long_only, and turns a text into the value of an
 * option. getopt's own messages know neither range nor remedy. So they are silenced, and every
 * mistake becomes one line here or in refusals.c. Read next: options_help.c. */
#include "cli/options/options_table.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/words.h"
#include "cli/options/refusals.h"

/* Keys of getopt below 256 stand for short options. */
/* 1 is getopt's key for a word that is no option, if its list of options begins with '-'. */
enum { KEY_FIRST = 256, KEY_HELP = 'h', KEY_ARGUMENT = 1 };

static lyrnn_status options_out_of_memory(void)
{
    return lyrnn_out_of_memory("options", 0, "give fewer");
}

static lyrnn_status out_of_range(const option_spec *spec, const char *text)
{
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s %s: must be from %s to %s%s%s", spec->name, text,
                      spec->min, spec->max, spec->remedy != NULL ? "; " : "",
                      spec->remedy != NULL ? spec->remedy : "");
}

/* Accepts only digits with or without a sign: strtoull would accept white space, and turn -1 into
 * a large number. */
static bool parse_whole(const char *text, bool *negative, uint64_t *value)
{
    *negative = text[0] == '-';
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    *value = strtoull(digits, NULL, 10);
    if (errno == ERANGE)
        *value = UINT64_MAX;
    return true;
}

static lyrnn_status set_whole(const option_spec *spec, const char *text, void *field)
{
    bool negative, ignored;
    uint64_t value, min, max;
    LYRNN_CHECK(parse_whole(spec->min, &ignored, &min) && parse_whole(spec->max, &ignored, &max));
    if (!parse_whole(text, &negative, &value))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--%s %s: must be a whole number in digits, from %s to %s", spec->name,
                          text, spec->min, spec->max);
    if ((negative && value != 0) || value < min || value > max)
        return out_of_range(spec, text);
    if (spec->kind == OPTION_INT)
        *(int *)field = (int)value;
    else if (spec->kind == OPTION_SIZE)
        *(size_t *)field = (size_t)value;
    else
        *(uint64_t *)field = value;
    return LYRNN_OK;
}

static lyrnn_status set_ints(const option_spec *spec, const char *text, int_list *list)
{
    enum { DECIMAL = 10 };
    list->num = 0;
    const char *problem = int_list_parse(list, text, (int)strtol(spec->min, NULL, DECIMAL),
                                         (int)strtol(spec->max, NULL, DECIMAL));
    if (problem == NULL)
        return LYRNN_OK;
    if (strcmp(problem, INT_LIST_NO_MEMORY) == 0)
        return options_out_of_memory();
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s %s: %s; give numbers from %s to %s", spec->name, text,
                      problem, spec->min, spec->max);
}

/* The nearest double that 15 digits can name. */
static double round_to_15_digits(double value)
{
    enum { TEXT_BYTES = 32 };
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%.15g", value);
    return strtod(text, NULL);
}

static lyrnn_status set_real(const option_spec *spec, const char *text, void *field)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || isspace((unsigned char)text[0]))
        return lyrnn_fail(LYRNN_ERR_USAGE, "--%s %s: must be a number from %s to %s", spec->name,
                          text, spec->min, spec->max);
    /* This form of the comparison refuses NaN. */
    if (!(value >= strtod(spec->min, NULL) && value <= strtod(spec->max, NULL)))
        return out_of_range(spec, text);
    if (spec->kind == OPTION_FLOAT)
        *(float *)field = (float)value;
    else
        *(double *)field = round_to_15_digits(value);
    return LYRNN_OK;
}

static lyrnn_status set_choice(const option_spec *spec, const char *text, void *field)
{
    int index = lyrnn_word_find(spec->metavar, text);
    if (index < 0)
        return options_refuse_choice(spec, text);
    memcpy(field, &index, sizeof index);
    return LYRNN_OK;
}

lyrnn_status options_add_text(option_texts *texts, const char *text)
{
    const char **items = realloc(texts->items, (texts->num + 1) * sizeof *items);
    if (items == NULL)
        return options_out_of_memory();
    items[texts->num] = text;
    texts->items = items;
    texts->num++;
    return LYRNN_OK;
}

static lyrnn_status set_default_texts(const option_spec *spec, option_texts *texts)
{
    texts->text = strdup(spec->fallback);
    if (texts->text == NULL)
        return options_out_of_memory();
    for (char *part = texts->text, *comma; part != NULL; part = comma) {
        comma = strstr(part, ", ");
        if (comma != NULL) {
            *comma = '\0';
            comma += 2;
        }
        LYRNN_TRY(options_add_text(texts, part));
    }
    return LYRNN_OK;
}

lyrnn_status options_set_value(const option_spec *spec, const char *text, void *fields)
{
    void *field = option_field(spec, fields);
    switch (spec->kind) {
    case OPTION_INT:
    case OPTION_SIZE:
    case OPTION_UINT64:
        return set_whole(spec, text, field);
    case OPTION_INTS:
        return set_ints(spec, text, field);
    case OPTION_FLOAT:
    case OPTION_DOUBLE:
        return set_real(spec, text, field);
    case OPTION_CHOICE:
        return set_choice(spec, text, field);
    case OPTION_FLAG:
        *(bool *)field = true;
        return LYRNN_OK;
    case OPTION_TEXT:
        *(const char **)field = text;
        return LYRNN_OK;
    case OPTION_TEXTS:
        return options_add_text(field, text);
    case OPTION_HEADING:
        break;
    }
    return LYRNN_OK;
}

static lyrnn_status set_defaults(const option_table *table, void *fields)
{
    for (size_t i = 0; i < table->num_specs; i++) {
        const option_spec *spec = &table->specs[i];
        if (spec->fallback == NULL)
            continue;
        if (spec->kind == OPTION_TEXTS)
            LYRNN_TRY(set_default_texts(spec, option_field(spec, fields)));
        else
            LYRNN_TRY(options_set_value(spec, spec->fallback, fields));
    }
    return LYRNN_OK;
}

/* Sets a field in place of its default. The first of several texts replaces all of the default. */
static lyrnn_status replace_value(const option_spec *spec, const char *text, bool first,
                                  void *fields)
{
    if (spec->kind == OPTION_TEXTS && first)
        ((option_texts *)option_field(spec, fields))->num = 0;
    return options_set_value(spec, text, fields);
}

static lyrnn_status take_option(const option_table *table, size_t index, const char *text,
                                void *fields, option_result *result)
{
    bool first = !result->given[index];
    result->given[index] = true;
    return replace_value(&table->specs[index], text, first, fields);
}

/* Collects the arguments at the front of argv, over words that have been read already. */
static lyrnn_status take_argument(const option_table *table, char *argument,
                                  const option_spec *before, option_result *result)
{
    LYRNN_TRY(options_check_word(before, argument));
    if (result->num_arguments == table->max_arguments)
        return options_refuse_argument(table, argument, before);
    result->arguments[result->num_arguments++] = argument;
    return LYRNN_OK;
}

static lyrnn_status read_options(const option_table *table, int argc, char **argv, void *fields,
                                 option_result *result)
{
    struct option options[OPTIONS_MAX + 2] = {0};
    size_t num = 0;
    for (size_t i = 0; i < table->num_specs; i++) {
        const option_spec *spec = &table->specs[i];
        if (spec->kind != OPTION_HEADING)
            options[num++] = (struct option){
                .name = spec->name,
                .has_arg = spec->kind == OPTION_FLAG ? no_argument : required_argument,
                .val = KEY_FIRST + (int)i,
            };
    }
    options[num] = (struct option){.name = "help", .val = KEY_HELP};
    opterr = 0;
    optind = 0;
    result->arguments = argv + 1;
    const option_spec *last = NULL;
    /* Options have only long names, after one dash or two. So a refused argument is always the last
     * one read, never a letter within a cluster of short options. */
    for (int key; (key = getopt_long_only(argc, argv, "-h", options, NULL)) != -1;) {
        if (key == KEY_HELP) {
            options_print_help(table, stdout);
            result->help = true;
            return LYRNN_OK;
        }
        if (key == KEY_ARGUMENT) {
            LYRNN_TRY(take_argument(table, optarg, last, result));
            last = NULL;
            continue;
        }
        if (key < KEY_FIRST)
            return options_refuse(table, argv[optind - 1]);
        last = &table->specs[key - KEY_FIRST];
        if (optarg == argv[optind - 1])
            LYRNN_TRY(options_check_value(table, last, optarg));
        LYRNN_TRY(take_option(table, (size_t)(key - KEY_FIRST), optarg, fields, result));
    }
    for (; optind < argc; optind++) /* those after -- */
        LYRNN_TRY(take_argument(table, argv[optind], NULL, result));
    return LYRNN_OK;
}

static lyrnn_status check_arguments(const option_table *table, const option_result *result)
{
    return result->num_arguments >= table->min_arguments
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_USAGE, "%s: is missing; see %s --help", table->arguments,
                            table->name);
}

lyrnn_status options_parse(const option_table *table, int argc, char **argv, void *fields,
                           option_result *result)
{
    *result = (option_result){0};
    LYRNN_CHECK(table->num_specs <= OPTIONS_MAX);
    LYRNN_TRY(set_defaults(table, fields));
    LYRNN_TRY(read_options(table, argc, argv, fields, result));
    return result->help ? LYRNN_OK : check_arguments(table, result);
}

void options_free(const option_table *table, void *fields)
{
    for (size_t i = 0; i < table->num_specs; i++) {
        void *field = option_field(&table->specs[i], fields);
        if (table->specs[i].kind == OPTION_TEXTS) {
            option_texts *texts = field;
            free(texts->items);
            free(texts->text);
            *texts = (option_texts){0};
        } else if (table->specs[i].kind == OPTION_INTS) {
            int_list *list = field;
            free(list->items);
            *list = (int_list){0};
        }
    }
}

/* The index of the option --name, which the table must have. */
static size_t index_of(const option_table *table, const char *name)
{
    for (size_t i = 0; i < table->num_specs; i++)
        if (table->specs[i].kind != OPTION_HEADING && strcmp(table->specs[i].name, name) == 0)
            return i;
    lyrnn_check_failed("the table has this option", __FILE__, __LINE__);
}

bool options_given(const option_table *table, const option_result *result, const char *name)
{
    return result->given[index_of(table, name)];
}

lyrnn_status options_take_preset(const option_table *table, const option_result *result,
                                 const option_preset *preset, size_t num, void *fields)
{
    for (size_t i = 0; i < num; i++) {
        size_t index = index_of(table, preset[i].name);
        bool first = i == 0 || strcmp(preset[i - 1].name, preset[i].name) != 0;
        if (!result->given[index])
            LYRNN_TRY(replace_value(&table->specs[index], preset[i].value, first, fields));
    }
    return LYRNN_OK;
}
