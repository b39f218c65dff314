/* lyrnn generate: each prefix, and what a model writes after it, as a line on standard output. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/checkpoint.h"
#include "lyrnn/generate.h"
#include "lyrnn/run_dir.h"
#include "machine.h"
#include "options.h"

typedef struct {
    option_texts prefixes;
    int length;
    bool greedy;
    machine_options machine;
} generate_fields;

#define FIELD(member) .offset = offsetof(generate_fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Text:"},
    {OPTION_TEXTS, "prefix", "TEXT", "begin with TEXT; one text for each time it is given",
     FIELD(prefixes)},
    {OPTION_INT, "length", "N", "characters to write after each prefix", FIELD(length),
     .fallback = "50", .min = "0", .max = "100000000"},
    {OPTION_FLAG, "greedy", NULL, "take the likeliest character each time (always, so far)",
     FIELD(greedy)},

    MACHINE_OPTIONS(generate_fields, machine),
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn generate",
    .arguments = "MODEL|RUN_DIR",
    .doc = "Writes lyrics with a trained model: a model.safetensors, or a run, whose latest model "
           "it takes.\v"
           "  lyrnn generate runs/mine --prefix 月光 --length 100",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .min_arguments = 1,
    .max_arguments = 1,
};

static void print_text(const lyrnn_vocab *vocab, const int32_t *ids, size_t num_ids)
{
    for (size_t i = 0; i < num_ids; i++) {
        char utf8[LYRNN_UTF8_MAX];
        fwrite(utf8, 1, lyrnn_utf8_encode(vocab->chars[ids[i]], utf8), stdout);
    }
    putchar('\n');
}

static lyrnn_status write_texts(const lyrnn_checkpoint *checkpoint, const lyrnn_model *model,
                                lyrnn_prompt *prompts, const generate_fields *fields)
{
    size_t length = (size_t)fields->length, longest = 0;
    for (size_t i = 0; i < fields->prefixes.num; i++)
        if (prompts[i].prefix_length > longest)
            longest = prompts[i].prefix_length;
    lyrnn_generator generator = {0};
    LYRNN_TRY(lyrnn_generator_init(&generator, model, longest + length));
    for (size_t i = 0; i < fields->prefixes.num; i++) {
        lyrnn_generate(&generator, &prompts[i]);
        print_text(&checkpoint->vocab, prompts[i].ids, prompts[i].prefix_length + length);
    }
    lyrnn_generator_free(&generator);
    return LYRNN_OK;
}

static lyrnn_status run_model(const lyrnn_checkpoint *checkpoint, lyrnn_prompt *prompts,
                              const generate_fields *fields)
{
    lyrnn_backend backend;
    lyrnn_model model = {0};
    LYRNN_TRY(machine_open(&fields->machine, &backend));
    lyrnn_status status = lyrnn_model_init(&model, &checkpoint->config, &backend);
    if (status == LYRNN_OK) {
        lyrnn_model_upload(&model, checkpoint->params);
        status = write_texts(checkpoint, &model, prompts, fields);
    }
    lyrnn_model_free(&model);
    lyrnn_backend_close(&backend);
    return status;
}

static lyrnn_status generate(const char *path, const generate_fields *fields)
{
    size_t num = fields->prefixes.num;
    if (num == 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--prefix is missing; give the text to begin with: --prefix TEXT");
    char model_path[4096];
    lyrnn_checkpoint checkpoint = {0};
    LYRNN_TRY(lyrnn_run_dir_find_model(path, model_path, sizeof model_path));
    LYRNN_TRY(lyrnn_checkpoint_read(&checkpoint, model_path));
    if (checkpoint.config.bidirectional)
        fprintf(stderr, "warning: " LYRNN_BIDIRECTIONAL_WARNING "\n");
    lyrnn_prompt *prompts = calloc(num, sizeof *prompts);
    lyrnn_status status =
        prompts != NULL ? LYRNN_OK : lyrnn_fail(LYRNN_ERR_MEMORY, "--prefix: no memory left");
    for (size_t i = 0; i < num && status == LYRNN_OK; i++)
        status = lyrnn_prompt_init(&prompts[i], &checkpoint.vocab, fields->prefixes.items[i],
                                   LYRNN_NEWLINES_KEEP, (size_t)fields->length);
    if (status == LYRNN_OK)
        status = run_model(&checkpoint, prompts, fields);
    for (size_t i = 0; i < num && prompts != NULL; i++)
        lyrnn_prompt_free(&prompts[i]);
    free(prompts);
    lyrnn_checkpoint_free(&checkpoint);
    return status;
}

lyrnn_status command_generate(int argc, char **argv)
{
    generate_fields fields = {0};
    option_result result;
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help)
        status = generate(result.arguments[0], &fields);
    options_free(&table, &fields);
    return status;
}
