/* Takes a preset. What the user gave wins; the shape of --init wins too. An option that would not
 * fit those is left out, so that a preset never brings an error of its own. */
#include "cli/train_presets.h"
#include "cli/train_ranks.h"

#include <stdio.h>
#include <string.h>

#define PAIR(name, value) {name, value},
#define FLAG(name)        {name, NULL},
static const option_preset tutorial[] = {PRESET_TUTORIAL(PAIR, FLAG)};
static const option_preset small[] = {PRESET_SMALL(PAIR, FLAG)};
static const option_preset medium[] = {PRESET_MEDIUM(PAIR, FLAG)};
static const option_preset large[] = {PRESET_LARGE(PAIR, FLAG)};

typedef struct {
    const option_preset *options; /* (num) */
    size_t num;
    lyrnn_corpus_fit fit; /* a zeroed one: any corpus */
} train_preset;

#define LIST(name) .options = name, .num = sizeof name / sizeof *name
/* In the order of PRESET_WORDS. */
static const train_preset presets[] = {
    {.num = 0},
    {LIST(tutorial)},
    {LIST(small), {.preset = "small", .max_chars = 50000, .larger = "medium"}},
    {LIST(medium),
     {.preset = "medium",
      .min_chars = 50000,
      .max_chars = 1000000,
      .smaller = "small",
      .larger = "large"}},
    {LIST(large), {.preset = "large", .min_chars = 1000000, .smaller = "medium"}},
};

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Whether an option of the preset does not fit what the user gave, or the model of --init. */
static bool is_left_out(const char *name, const train_fields *fields, const option_result *result,
                        const lyrnn_rnn_config *model)
{
    static const char *const shape[] = {"cell",           "hidden-size", "num-layers",
                                        "embedding-size", "tie",         NULL};
    static const char *const embedding[] = {"tie", "dropout-input", NULL};
    bool has_embedding = model != NULL ? model->embedding_size > 0
                                       : fields->train.model.embedding_size > 0 ||
                                             !options_given(&train_table, result, "embedding-size");
    if (model != NULL && is_one_of(name, shape))
        return true;
    if (!has_embedding && is_one_of(name, embedding))
        return true;
    return strcmp(name, "val-songs") == 0 && options_given(&train_table, result, "val-fraction");
}

/* The job of the tutorial is known, and long. */
static void print_chosen(FILE *log, const train_preset *preset, const option_preset *chosen,
                         size_t num, bool has_model)
{
    if (preset->fit.preset == NULL)
        return;
    fprintf(log, "preset: %s sets", preset->fit.preset);
    for (size_t i = 0; i < num; i++)
        fprintf(log, " --%s%s%s", chosen[i].name, chosen[i].value != NULL ? " " : "",
                chosen[i].value != NULL ? chosen[i].value : "");
    fprintf(log, "%s\n", has_model ? "; the shape is that of --init" : "");
}

lyrnn_status train_take_preset(train_fields *fields, const option_result *result,
                               const lyrnn_rnn_config *model)
{
    const train_preset *preset = &presets[fields->preset];
    option_preset chosen[OPTIONS_MAX];
    size_t num = 0;
    LYRNN_CHECK(preset->num <= OPTIONS_MAX);
    for (size_t i = 0; i < preset->num; i++)
        if (!options_given(&train_table, result, preset->options[i].name) &&
            !is_left_out(preset->options[i].name, fields, result, model))
            chosen[num++] = preset->options[i];
    LYRNN_TRY(options_take_preset(&train_table, result, chosen, num, fields));
    fields->train.fit = preset->fit;
    fields->train.val_songs_is_default = !options_given(&train_table, result, "val-songs");
    if (!fields->is_check)
        print_chosen(train_log(fields), preset, chosen, num, model != NULL);
    return LYRNN_OK;
}

bool train_preset_has(const train_fields *fields, const char *name)
{
    const train_preset *preset = &presets[fields->preset];
    for (size_t i = 0; i < preset->num; i++)
        if (strcmp(preset->options[i].name, name) == 0)
            return true;
    return false;
}
