/* A command's options, declared once in a table from which parsing, range checks, defaults, --help and
 * config.json all come. Values and defaults are text in the table and typed fields of a struct of the
 * command's own; a mistake of the user's is LYRNN_ERR_USAGE with one line that names it. */
#ifndef LYRNN_CLI_OPTIONS_H
#define LYRNN_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/options/int_list.h"
#include "lyrnn/status.h"

typedef enum {
    OPTION_HEADING, /* a title in --help, in help; no option */
    OPTION_INT,     /* int */
    OPTION_INTS,    /* int_list; one given replaces the default */
    OPTION_SIZE,    /* size_t */
    OPTION_UINT64,  /* uint64_t */
    OPTION_FLOAT,   /* float */
    OPTION_CHOICE,  /* an enum: which of the metavar's words, parted by '|', from 0 */
    OPTION_FLAG,    /* bool */
    OPTION_TEXT,    /* const char *, borrowed, NULL where none is given */
    OPTION_TEXTS    /* option_texts; any given replace the default, "one, two" */
} option_kind;

typedef struct {
    option_kind kind;
    const char *name;      /* "hidden-size" */
    const char *metavar;   /* "N"; NULL for a flag */
    const char *help;      /* one line; the default is added */
    size_t offset;         /* of the field */
    const char *fallback;  /* the default, or NULL */
    const char *min, *max; /* for numbers, inclusive */
    const char *remedy;    /* what to do where a number out of range was meant, or NULL */
} option_spec;

enum { OPTIONS_MAX = 40 };

typedef struct {
    const char *name;      /* "lyrnn train" */
    const char *arguments; /* "[CORPUS...]"; NULL: none */
    const char *doc;       /* what the command does, a paragraph */
    const char *examples;  /* a command per line, or NULL */
    const option_spec *specs;
    size_t num_specs;
    int min_arguments, max_arguments;
} option_table;

typedef struct {
    const char **items; /* borrowed from argv or from text, in an array that is owned */
    size_t num;
    char *text; /* owned */
} option_texts;

/* What a command line held besides its fields. */
typedef struct {
    char **arguments; /* those that are no options, borrowed from argv */
    int num_arguments;
    bool given[OPTIONS_MAX]; /* by place in the table */
    bool help;               /* --help was asked for and printed: there is nothing else to do */
} option_result;

/* Sets every field of a zeroed struct from its default or from argv. The fields are to be freed by
 * options_free, on failure too. */
lyrnn_status options_parse(const option_table *table, int argc, char **argv, void *fields,
                           option_result *result);
void options_free(const option_table *table, void *fields);

/* What --help prints. */
void options_print_help(const option_table *table, FILE *stream);

/* Whether the user gave the option --name. */
bool options_given(const option_table *table, const option_result *result, const char *name);

/* Sets every field of a zeroed struct from an object that options_to_json made and anyone may have changed,
 * by the table's rules; an option without default may be missing. Texts are borrowed from the object.
 * LYRNN_ERR_USAGE names the option. To be freed by options_free, on failure too. */
lyrnn_status options_from_json(const option_table *table, const json_t *object, void *fields);

/* Exchanges one option's value between two structs, what it owns included. */
void options_swap(const option_spec *spec, void *fields, void *others);

/* An option's value as it stands in that object. NULL: no memory. */
json_t *options_value_to_json(const option_spec *spec, const void *fields);

/* An object of all options as the fields now stand, "hidden_size": 256. NULL: no memory. */
json_t *options_to_json(const option_table *table, const void *fields);

#endif
