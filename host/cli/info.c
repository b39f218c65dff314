/* lyrnn info: prints the card of a model, or of this program and its devices, as lines for people
 * or as JSON. card.c makes the card. */
#include "cli/commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/card.h"
#include "cli/options/options.h"
#include "files/plain_json.h"

typedef struct {
    bool json;
} info_fields;

static const option_spec specs[] = {
    {OPTION_FLAG, "json", NULL, "print one JSON object", .offset = offsetof(info_fields, json)},
};

static const option_table table = {
    .name = "lyrnn info",
    .summary = "describe a model, or this program and its devices",
    .arguments = "[MODEL|RUN_DIR]",
    .doc =
        "Describes a model: a model.safetensors, or the latest one of a run. Without an argument "
        "it describes this program, its devices and its paths.",
    .detail = "If a part of a run is missing or damaged, info names it and describes the rest.",
    .examples = "lyrnn info runs/mine\n"
                "lyrnn info --json runs/mine",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .max_arguments = 1,
    .first_argument = COMPLETE_MODEL,
};

/* A card holds values from files that anyone may have written. Each is printed on one line, without
 * control characters. */
static void print_value(const json_t *value)
{
    char text[1024];
    if (json_is_string(value)) {
        lyrnn_print_plain(stdout, "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(text, sizeof text, "%.7g", json_real_value(value));
        printf("%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
    } else if (value != NULL) {
        /* Only a changed file has other values. They are cut if they are long. */
        size_t size = json_dumpb(value, text, sizeof text, JSON_ENCODE_ANY);
        int length = (int)(size < sizeof text ? size : sizeof text);
        lyrnn_print_plain(stdout, "%.*s", length, text);
    }
}

/* Prints a line "label  value unit" if the card has the value. */
static void print_line(const json_t *card, const char *key, const char *label, const char *unit)
{
    const json_t *value = json_object_get(card, key);
    if (value == NULL)
        return;
    printf("%-11s ", label);
    print_value(value);
    puts(unit);
}

/* Prints an optional library, or the package that it is in. */
static void print_library(const json_t *card, const char *key, const char *package)
{
    if (json_is_null(json_object_get(card, key)))
        printf("%-11s not available: install %s and build again\n", key, package);
    else
        print_line(card, key, key, "");
}

static void print_program(const json_t *card)
{
    size_t i;
    json_t *device;
    print_line(card, "version", "lyrnn", "");
    print_line(card, "build", "build", "");
    json_array_foreach(json_object_get(card, "devices"), i, device)
    {
        const json_t *reason = json_object_get(device, "unavailable");
        printf("device      %s: %s", json_string_value(json_object_get(device, "name")),
               reason != NULL ? "not available: " : "");
        print_value(reason != NULL ? reason : json_object_get(device, "description"));
        putchar('\n');
    }
    print_library(card, "archives", "libarchive-dev");
    print_library(card, "scripts", "libopencc-dev");
    print_line(card, "runs", "runs", "");
}

/* One line with the places that have dropout, if any has. */
static void print_dropout(const json_t *card)
{
    static const struct {
        const char *key, *place;
    } dropouts[] = {{"dropout", "between layers"},
                    {"dropout_input", "of the embedding"},
                    {"dropout_output", "of the output"},
                    {"dropout_weight", "of the recurrent weights"}};
    int num = 0;
    for (size_t i = 0; i < sizeof dropouts / sizeof *dropouts; i++) {
        const json_t *value = json_object_get(card, dropouts[i].key);
        if (json_real_value(value) <= 0)
            continue;
        printf("%s", num++ == 0 ? "dropout     " : ", ");
        print_value(value);
        printf(" %s", dropouts[i].place);
    }
    if (num > 0)
        putchar('\n');
}

static void print_embedding(const json_t *card)
{
    if (json_object_get(card, "embedding_size") == NULL)
        return;
    print_line(card, "embedding_size", "embedding",
               json_is_true(json_object_get(card, "tied")) ? ", shared with the output layer" : "");
    puts("PyTorch     not for the tutorial's RNNModel; include/lyrnn/README.md has a class for it");
}

static void print_network(const json_t *card)
{
    json_int_t num_layers = json_integer_value(json_object_get(card, "num_layers"));
    printf("cell        %s, %d layer%s%s\n", json_string_value(json_object_get(card, "cell")),
           (int)num_layers, num_layers == 1 ? "" : "s",
           json_is_true(json_object_get(card, "bidirectional")) ? ", both directions" : "");
    print_line(card, "hidden_size", "hidden size", "");
    print_embedding(card);
    print_dropout(card);
    const json_t *sample = json_object_get(card, "vocab_sample");
    printf("vocabulary  %d characters, %s",
           (int)json_integer_value(json_object_get(card, "vocab_size")),
           sample != NULL ? "such as " : "not in the file");
    print_value(sample);
    putchar('\n');
    print_line(card, "num_parameters", "parameters", "");
    const json_t *dtype = json_object_get(card, "dtype");
    if (strcmp(json_string_value(dtype), "F32") != 0)
        print_line(card, "dtype", "stored as", ", read as F32");
    size_t i;
    json_t *tensor;
    json_array_foreach(json_object_get(card, "tensors"), i, tensor)
    {
        const json_t *shape = json_object_get(tensor, "shape");
        printf("  %-28s (%d", json_string_value(json_object_get(tensor, "name")),
               (int)json_integer_value(json_array_get(shape, 0)));
        if (json_array_size(shape) == 2)
            printf(", %d", (int)json_integer_value(json_array_get(shape, 1)));
        puts(")");
    }
}

static void print_perplexity_of(const json_t *epoch, const char *key)
{
    const json_t *value = json_object_get(epoch, key);
    if (json_is_null(value))
        printf("not finite");
    else
        print_value(value);
}

/* " in epoch 40" for a whole epoch, otherwise " at step 1234 of epoch 40". */
static void print_place(const json_t *line)
{
    bool is_within = json_integer_value(json_object_get(line, "batch")) > 0;
    if (is_within) {
        printf(" at step ");
        print_value(json_object_get(line, "step"));
    }
    printf(is_within ? " of epoch " : " in epoch ");
    print_value(json_object_get(line, "epoch"));
}

/* "last 1.84, best 1.79 in epoch 40", for training or for validation. */
static void print_perplexity(const json_t *card, const char *key, const char *label)
{
    const json_t *last = json_object_get(card, "last"), *best = json_object_get(card, "best");
    if (json_object_get(last, key) == NULL)
        return;
    printf("%-11s last ", label);
    print_perplexity_of(last, key);
    if (json_integer_value(json_object_get(last, "batch")) > 0)
        print_place(last);
    if (json_object_get(best, key) != NULL) {
        printf(", best ");
        print_perplexity_of(best, key);
        print_place(best);
    }
    putchar('\n');
}

static void print_corpus(const json_t *card)
{
    size_t i;
    json_t *path, *corpus = json_object_get(card, "corpus");
    if (!json_is_array(corpus)) {
        print_line(card, "corpus", "corpus", "");
        return;
    }
    printf("corpus      %s", json_array_size(corpus) == 0 ? "the sample lyrics" : "");
    json_array_foreach(corpus, i, path)
    {
        if (i > 0)
            putchar(' ');
        print_value(path);
    }
    putchar('\n');
}

static void print_run(const json_t *card)
{
    print_line(card, "run", "run", "");
    print_line(card, "run_bytes", "on disk", " bytes with all its checkpoints");
    print_line(card, "epochs", "epochs", "");
    print_line(card, "steps", "steps", "");
    print_perplexity(card, "perplexity", "perplexity");
    print_perplexity(card, "val_perplexity", "validation");
    print_corpus(card);
    print_line(card, "corpus_xxh128", "xxh128", " of the corpus");
    print_line(card, "seed", "seed", "");
    print_line(card, "backend", "trained on", "");
    print_line(card, "device_name", "", "");
    print_line(card, "threads", "threads", "");
    print_line(card, "precision", "precision", "");
    print_line(card, "version", "by lyrnn", "");
}

static void print_model(const json_t *card)
{
    size_t i;
    json_t *problem;
    print_line(card, "model", "model", "");
    print_line(card, "model_bytes", "file", " bytes");
    if (json_object_get(card, "model") != NULL)
        print_network(card);
    if (json_object_get(card, "run") != NULL)
        print_run(card);
    json_array_foreach(json_object_get(card, "problems"), i, problem)
    {
        printf("problem     ");
        print_value(problem);
        putchar('\n');
    }
}

static lyrnn_status info(const info_fields *fields, const option_result *result)
{
    json_t *card;
    lyrnn_status status = LYRNN_OK;
    bool of_model = result->num_arguments > 0;
    LYRNN_TRY(of_model ? card_of_model(result->arguments[0], &card) : card_of_program(&card));
    if (fields->json) {
        char *text = json_dumps_plain(card, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        if (text != NULL)
            puts(text);
        else
            status = lyrnn_out_of_memory("info", 0, "close other programs");
        free(text);
    } else if (of_model) {
        print_model(card);
    } else {
        print_program(card);
    }
    json_decref(card);
    return status;
}

static lyrnn_status command_info(int argc, char **argv)
{
    info_fields fields = {0};
    option_result result;
    LYRNN_TRY(options_parse(&table, argc, argv, &fields, &result));
    return result.help ? LYRNN_OK : info(&fields, &result);
}

const cli_command info_command = {&table, command_info};
