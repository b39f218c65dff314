/* lyrnn generate: each prefix, and what a model writes after it, as a line on standard output. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/checkpoint.h"
#include "lyrnn/corpus.h"
#include "lyrnn/generate.h"
#include "lyrnn/run_dir.h"
#include "options.h"

typedef struct {
    option_texts prefixes;
    int length;
    bool greedy;
    const char *device;
    int threads;
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

    {OPTION_HEADING, .help = "Machine:"},
    {OPTION_TEXT, "device", "auto|cpu|cuda[:N]", "where to compute", FIELD(device),
     .fallback = "auto"},
    {OPTION_INT, "threads", "N", "CPU threads; 0: one per core", FIELD(threads), .fallback = "0",
     .min = "0", .max = "1024"},
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

/* A prefix as ids, with room for what follows. */
typedef struct {
    int32_t *ids; /* owned */
    size_t length;
} prompt;

static lyrnn_status encode_prefix(const lyrnn_vocab *vocab, const char *prefix, size_t room,
                                  prompt *prompt)
{
    char object[256];
    snprintf(object, sizeof object, "--prefix %s", prefix);
    lyrnn_corpus text = {0};
    lyrnn_status status =
        lyrnn_corpus_append_text(&text, object, prefix, strlen(prefix), LYRNN_NEWLINES_KEEP);
    if (status == LYRNN_OK && text.N == 0)
        status = lyrnn_fail(LYRNN_ERR_USAGE, "--prefix: is empty; give at least one character");
    if (status == LYRNN_OK) {
        prompt->length = text.N;
        prompt->ids = calloc(text.N + room, sizeof *prompt->ids);
        status = prompt->ids == NULL
                     ? lyrnn_fail(LYRNN_ERR_MEMORY,
                                  "--length %zu: no memory for the text; lower it", room)
                     : lyrnn_vocab_encode(vocab, object, text.chars, text.N, prompt->ids);
    }
    lyrnn_corpus_free(&text);
    return status;
}

static void print_text(const lyrnn_vocab *vocab, const int32_t *ids, size_t num_ids)
{
    for (size_t i = 0; i < num_ids; i++) {
        char utf8[LYRNN_UTF8_MAX];
        fwrite(utf8, 1, lyrnn_utf8_encode(vocab->chars[ids[i]], utf8), stdout);
    }
    putchar('\n');
}

static lyrnn_status write_texts(const lyrnn_checkpoint *checkpoint, const lyrnn_model *model,
                                const prompt *prompts, const generate_fields *fields)
{
    size_t length = (size_t)fields->length, longest = 0;
    for (size_t i = 0; i < fields->prefixes.num; i++)
        if (prompts[i].length > longest)
            longest = prompts[i].length;
    lyrnn_generator generator = {0};
    LYRNN_TRY(lyrnn_generator_init(&generator, model, longest + length));
    for (size_t i = 0; i < fields->prefixes.num; i++) {
        lyrnn_generate(&generator, prompts[i].ids, prompts[i].length, length);
        print_text(&checkpoint->vocab, prompts[i].ids, prompts[i].length + length);
    }
    lyrnn_generator_free(&generator);
    return LYRNN_OK;
}

static lyrnn_status run_model(const lyrnn_checkpoint *checkpoint, const prompt *prompts,
                              const generate_fields *fields)
{
    lyrnn_backend backend;
    lyrnn_model model = {0};
    LYRNN_TRY(lyrnn_backend_open(fields->device, fields->threads, &backend));
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
    prompt *prompts = calloc(num, sizeof *prompts);
    lyrnn_status status =
        prompts != NULL ? LYRNN_OK : lyrnn_fail(LYRNN_ERR_MEMORY, "--prefix: no memory left");
    for (size_t i = 0; i < num && status == LYRNN_OK; i++)
        status = encode_prefix(&checkpoint.vocab, fields->prefixes.items[i], (size_t)fields->length,
                               &prompts[i]);
    if (status == LYRNN_OK)
        status = run_model(&checkpoint, prompts, fields);
    for (size_t i = 0; i < num && prompts != NULL; i++)
        free(prompts[i].ids);
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
