/* Reads a run's options from its config.json, by the same table of options that wrote them. */
#include "cli/resume_options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "files/json_build.h"

/* Writes a value as the command line spells it. */
static void value_to_text(const json_t *value, char text[128])
{
    if (json_is_string(value)) {
        snprintf(text, 128, "%s", json_string_value(value));
    } else if (json_is_null(value)) {
        snprintf(text, 128, "none");
    } else {
        char *json = json_to_text(value, JSON_REAL_PRECISION(15));
        snprintf(text, 128, "%s", json != NULL ? json : "another value");
        free(json);
    }
}

static lyrnn_status refuse_change(const option_spec *spec, const char *run_path,
                                  const json_t *given, const json_t *run)
{
    char given_text[128], run_text[128];
    if (spec->kind == OPTION_FLAG)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--%s: the run in %s does not have it; leave the option out", spec->name,
                          run_path);
    value_to_text(given, given_text);
    value_to_text(run, run_text);
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s %s: the run in %s has %s; leave the option out",
                      spec->name, given_text, run_path, run_text);
}

static lyrnn_status check_same(const option_spec *spec, const char *run_path,
                               const void *given_fields, const void *run_fields)
{
    json_t *given = options_value_to_json(spec, given_fields);
    json_t *run = options_value_to_json(spec, run_fields);
    lyrnn_status status = LYRNN_OK;
    if (given == NULL || run == NULL)
        status = lyrnn_out_of_memory("options", 0, "close other programs");
    else if (!json_equal(given, run))
        status = refuse_change(spec, run_path, given, run);
    json_decref(given);
    json_decref(run);
    return status;
}

lyrnn_status resume_options(const resume_args *args, void *given_fields, void *run_fields)
{
    const option_table *table = args->table;
    lyrnn_status status = options_from_json(table, args->config, run_fields);
    if (status == LYRNN_ERR_MEMORY)
        return status;
    if (status != LYRNN_OK)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s/config.json: %s; correct the file",
                          args->run_path, lyrnn_error_text());
    for (size_t i = 0; i < table->num_specs; i++) {
        const option_spec *spec = &table->specs[i];
        if (!args->result->given[i])
            continue;
        if (spec->may_change)
            options_swap(spec, given_fields, run_fields);
        else
            LYRNN_TRY(check_same(spec, args->run_path, given_fields, run_fields));
    }
    return LYRNN_OK;
}
