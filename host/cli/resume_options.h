/* --resume: the options of a run that is to go on, as its config.json has them. */
#ifndef LYRNN_CLI_RESUME_OPTIONS_H
#define LYRNN_CLI_RESUME_OPTIONS_H

#include "cli/options/options.h"

/* Fills run_fields, a zeroed struct like given_fields, with the run's options, and then with those
 * of given_fields that the command line gave. Such a one may differ from the run's where may_change
 * (a list that NULL ends) names it; elsewhere that is LYRNN_ERR_USAGE, with both values. Texts are
 * borrowed from config. Both structs are to be freed by options_free, on failure too. */
lyrnn_status resume_options(const option_table *table, const option_result *result,
                            const char *run_path, const json_t *config,
                            const char *const *may_change, void *given_fields, void *run_fields);

#endif
