/* Reads the file of the trials. All lines are checked before the first training: a long night must
 * not end at a mistake in the last line. Options are merged as JSON, so that a line is read by the
 * rules of config.json. Read next: trial_check.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "base/untrusted_json.h"
#include "cli/trials.h"
#include "files/json_build.h"
#include "run/run_dir_files.h"

static lyrnn_status out_of_memory(const char *path)
{
    return lyrnn_out_of_memory(path, 0, "give fewer trials");
}

/* Adds the file and the line to an error. */
static lyrnn_status fail_in_line(const trial_list *list, lyrnn_status status, const char *remedy)
{
    char problem[1024];
    if (status == LYRNN_ERR_MEMORY)
        return out_of_memory(list->path);
    snprintf(problem, sizeof problem, "%s", lyrnn_error_text());
    return lyrnn_fail(status, "%s: line %zu: %s%s", list->path, list->items[list->num - 1].number,
                      problem, remedy);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static lyrnn_status parse_line(const char *text, size_t num_bytes, trial *item)
{
    untrusted_json_error error;
    if (text[0] == '#')
        return lyrnn_fail(LYRNN_ERR_USAGE, "begins with #, but there are no comments");
    item->line = untrusted_json_parse(text, num_bytes, &error);
    if (item->line == NULL && error.problem == NULL)
        return LYRNN_ERR_MEMORY;
    if (item->line == NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE, "byte %d: %s", error.byte, error.problem);
    return json_is_object(item->line)
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_USAGE, "is no JSON object like {\"lr\": 0.002}");
}

/* Sets the fields of a trial from `common`, the options of the command line, and its line. */
static lyrnn_status set_options(trial *item, json_t *common, const option_result *result)
{
    LYRNN_TRY(trial_check_fixed(item->line));
    item->result = *result;
    LYRNN_TRY(options_mark_keys(&train_table, item->line, &item->result));
    item->options = json_object();
    json_put_all(&item->options, common);
    json_put_all(&item->options, item->line);
    if (item->options == NULL)
        return LYRNN_ERR_MEMORY;
    item->fields.is_trial = true;
    return options_from_json(&train_table, item->options, &item->fields);
}

/* Adds a zeroed trial with its name. NULL: no memory. */
static trial *add_trial(trial_list *list, size_t number)
{
    trial *items = realloc(list->items, (list->num + 1) * sizeof *items);
    if (items == NULL)
        return NULL;
    list->items = items;
    trial *item = &items[list->num++];
    *item = (trial){.number = number};
    snprintf(item->name, sizeof item->name, "trial-%03zu", list->num);
    return item;
}

/* Reads a line that is not blank. */
static lyrnn_status read_line(trial_list *list, const char *text, size_t num_bytes, json_t *common,
                              const option_result *result)
{
    trial *item = &list->items[list->num - 1];
    LYRNN_TRY(run_dir_format(item->out, "%s/%s", list->out, item->name));
    lyrnn_status status = parse_line(text, num_bytes, item);
    if (status == LYRNN_OK)
        status = set_options(item, common, result);
    if (status != LYRNN_OK)
        return fail_in_line(list, status, "; correct the line");
    status = trial_check(list);
    return status == LYRNN_OK ? LYRNN_OK : fail_in_line(list, status, "");
}

static lyrnn_status read_lines(trial_list *list, const lyrnn_bytes *bytes, json_t *common,
                               const option_result *result)
{
    static const char mark[3] = {'\xEF', '\xBB', '\xBF'};
    bool has_mark = bytes->num >= sizeof mark && memcmp(bytes->data, mark, sizeof mark) == 0;
    const char *end = bytes->data + bytes->num, *text = bytes->data + (has_mark ? sizeof mark : 0);
    for (size_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline != NULL ? newline : end;
        while (text < line_end && is_blank(*text))
            text++;
        if (text < line_end) {
            if (add_trial(list, number) == NULL)
                return out_of_memory(list->path);
            LYRNN_TRY(read_line(list, text, (size_t)(line_end - text), common, result));
        }
        text = line_end + 1;
    }
    return list->num > 0
               ? LYRNN_OK
               : lyrnn_fail(
                     LYRNN_ERR_USAGE,
                     "%s: has no trial; write one JSON object per line, like {\"lr\": 0.002}",
                     list->path);
}

lyrnn_status trials_read(trial_list *list, const train_fields *fields, const option_result *result)
{
    enum { MAX_BYTES = 16 << 20 };
    const lyrnn_input input = {.path = fields->trial_path,
                               .is_named_by_user = true,
                               .max_bytes = MAX_BYTES,
                               .remedy = "name a file of one JSON object per line",
                               .log = stderr};
    lyrnn_bytes bytes = {0};
    if (fields->trial_path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_USAGE, "--trial: the name is empty; %s", input.remedy);
    json_t *common = options_to_json(&train_table, fields);
    if (common == NULL)
        return out_of_memory(fields->trial_path);
    json_object_del(common, "trial");
    json_object_del(common, "out");
    list->path = lyrnn_input_name(&input);
    lyrnn_status status = lyrnn_input_read(&input, &bytes);
    if (status == LYRNN_OK)
        status = read_lines(list, &bytes, common, result);
    free(bytes.data);
    json_decref(common);
    return status;
}
