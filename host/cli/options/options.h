/* A command's options, declared once in a table. Parsing, range checks, defaults, --help,
 * config.json, the man page and the shells' completions all come from it. Defaults and limits are
 * texts in the table. Values are typed fields of a struct that the command declares. A mistake of
 * the user is LYRNN_ERR_USAGE with one line that names it. ../README.md says how to add an
 * option. */
#ifndef LYRNN_CLI_OPTIONS_H
#define LYRNN_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/options/int_list.h"
#include "lyrnn/status.h"

typedef enum {
    OPTION_HEADING, /* no option: its help is a title in --help */
    OPTION_INT,     /* int */
    OPTION_INTS,    /* int_list; a list that is given replaces the default */
    OPTION_SIZE,    /* size_t */
    OPTION_UINT64,  /* uint64_t */
    OPTION_FLOAT,   /* float */
    OPTION_DOUBLE,  /* double, rounded to 15 digits, which config.json holds */
    OPTION_CHOICE,  /* an enum: the index of a word of the metavar, whose words '|' separates */
    OPTION_FLAG,    /* bool */
    OPTION_TEXT,    /* const char *, borrowed; NULL if none is given */
    OPTION_TEXTS    /* option_texts; those that are given replace the default, "one, two" */
} option_kind;

/* What a shell completes a text to. The words of an OPTION_CHOICE need no such entry. */
typedef enum {
    COMPLETE_NOTHING,
    COMPLETE_FILE,
    COMPLETE_DIRECTORY,
    COMPLETE_RUN,   /* a directory below runs/ that has a config.json */
    COMPLETE_MODEL, /* a run, or a file */
    COMPLETE_DEVICE,
    COMPLETE_COMMAND
} option_completion;

typedef struct {
    option_kind kind;
    const char *name;      /* "hidden-size" */
    const char *metavar;   /* "N"; NULL for a flag */
    const char *help;      /* one line, without the default, which is added */
    size_t offset;         /* of the field */
    const char *fallback;  /* the default, or NULL */
    const char *min, *max; /* for numbers, inclusive */
    const char *remedy;    /* what to do instead of a number out of range, or NULL */
    const char *detail;    /* whole sentences that only the man page has, or NULL */
    option_completion completes;
    bool may_change; /* a resumed run may have another value than the run began with */
    /* The value of a run whose config.json is older than the option; NULL: it must be there. */
    const char *if_missing;
} option_spec;

/* A file and what it holds, as the man page lists them. */
typedef struct {
    const char *path, *meaning;
} option_file;

enum { OPTIONS_MAX = 96 };

typedef struct {
    const char *name;         /* "lyrnn train" */
    const char *summary;      /* "train a model on lyrics" */
    const char *arguments;    /* "[CORPUS...]"; NULL: none */
    const char *doc;          /* what the command does, a paragraph */
    const char *detail;       /* paragraphs that only the man page has, one per line, or NULL */
    const char *examples;     /* a command per line, or NULL */
    const option_file *files; /* what the command writes or reads, ended by a NULL path, or NULL */
    const option_spec *specs;
    size_t num_specs;
    int min_arguments, max_arguments;
    const char *extra_option; /* what one argument too many was probably meant for, or NULL */
    option_completion first_argument, more_arguments;
} option_table;

typedef struct {
    const char **items; /* (num)  owned; the texts are borrowed from argv or from text */
    size_t num;
    char *text; /* owned */
} option_texts;

/* What a command line says in addition to the values of its options. */
typedef struct {
    char **arguments; /* (num_arguments)  words that are no options, moved to the front of argv */
    int num_arguments;
    bool given[OPTIONS_MAX]; /* by index in the table */
    bool help;               /* --help was given and printed: nothing else is left to do */
} option_result;

/* Sets every field of a zeroed struct from argv, or from its default. The caller frees the fields
 * with options_free, on failure too. LYRNN_ERR_USAGE, LYRNN_ERR_MEMORY. */
lyrnn_status options_parse(const option_table *table, int argc, char **argv, void *fields,
                           option_result *result);
void options_free(const option_table *table, void *fields);

/* One option of a preset and its value there. */
typedef struct {
    const char *name, *value;
} option_preset;

/* Sets the options of a preset to their values there, except those that the command line has. The
 * table must have all of them. An option with several texts follows itself in the preset. The texts
 * are borrowed. LYRNN_ERR_USAGE, LYRNN_ERR_MEMORY. */
lyrnn_status options_take_preset(const option_table *table, const option_result *result,
                                 const option_preset *preset, size_t num, void *fields);

/* Prints the text of --help. */
void options_print_help(const option_table *table, FILE *stream);

/* Returns whether the user gave the option --name, which the table must have. */
bool options_given(const option_table *table, const option_result *result, const char *name);

/* Sets every field of a zeroed struct from an object that options_to_json made and that anyone may
 * have changed since. The rules are those of the command line. An option without a default may be
 * missing, and one with if_missing then has that value. Texts are borrowed from the object.
 * LYRNN_ERR_USAGE names the option. The caller frees the fields with options_free, on failure
 * too. */
lyrnn_status options_from_json(const option_table *table, const json_t *object, void *fields);

/* Marks the options that an object names as given. LYRNN_ERR_USAGE: a key names no option; the
 * error says which one was probably meant. */
lyrnn_status options_mark_keys(const option_table *table, const json_t *object,
                               option_result *result);

/* "hidden_size", the key of an option in an object. The option is no heading. */
typedef char option_key[64];
void options_key(const option_spec *spec, option_key key);

/* The value of an option in an object, borrowed; NULL if the object lacks it. */
json_t *options_get(const option_spec *spec, const json_t *object);

/* A value as the command line spells it, with ", " between several, "none" for none, and true or
 * false for a flag. The caller frees it. NULL: out of memory. */
char *options_value_text(const json_t *value);

/* Exchanges the value of one option, and what it owns, between two structs. */
void options_swap(const option_spec *spec, void *fields, void *others);

/* The value of one option, as options_to_json has it. NULL: out of memory. */
json_t *options_value_to_json(const option_spec *spec, const void *fields);

/* An object with the present value of every option: {"hidden_size": 256, ...}. NULL: out of
 * memory. */
json_t *options_to_json(const option_table *table, const void *fields);

#endif
