/* The options of a run that --resume continues: those in its config.json, and what the command line
 * may change of them. */
#ifndef LYRNN_CLI_RESUME_OPTIONS_H
#define LYRNN_CLI_RESUME_OPTIONS_H

#include "cli/options/options.h"

typedef struct {
    const option_table *table;
    const option_result *result; /* which options the command line has */
    const char *run_path;        /* names the run in errors */
    const json_t *config;        /* the run's config.json */
} resume_args;

/* Fills run_fields, a zeroed struct like given_fields, with the run's options. An option of the
 * command line, whose value is in given_fields, then replaces the run's if the table marks it
 * may_change; any other one must repeat the run's value. Texts are borrowed from config. The caller
 * frees both structs with options_free, on failure too. LYRNN_ERR_USAGE: an option differs; the
 * error has both values. LYRNN_ERR_MODEL_FILE: config is not that of a run. */
lyrnn_status resume_options(const resume_args *args, void *given_fields, void *run_fields);

#endif
