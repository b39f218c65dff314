/* Reads a run's options from its config.json, by the same table of options that wrote them. */
#include "cli/resume_options.h"

#include <stdlib.h>

#include "base/memory.h"

static lyrnn_status refuse_change(const option_spec *spec, const char *run_path,
                                  const json_t *given, const json_t *run)
{
    if (spec->kind == OPTION_FLAG)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--%s: the run in %s does not have it; leave the option out", spec->name,
                          run_path);
    char *given_text = options_value_text(given), *run_text = options_value_text(run);
    lyrnn_status status =
        lyrnn_fail(LYRNN_ERR_USAGE, "--%s %s: the run in %s has %s; leave the option out",
                   spec->name, given_text != NULL ? given_text : "", run_path,
                   run_text != NULL ? run_text : "another value");
    free(given_text);
    free(run_text);
    return status;
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
