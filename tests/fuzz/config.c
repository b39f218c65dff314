/* Fuzzes config.json as --resume and lyrnn info read it. Any bytes are refused in one line that
 * names the file, or read, with memory bounded by their number. Options that were read obey the
 * table, and are the same after writing and reading them as JSON.
 *
 * An input is a file. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/card.h"
#include "cli/options/options.h"
#include "cli/resume_options.h"
#include "fuzz.h"
#include "lyrnn/status.h"
#include "run/config.h"
#include "run/run_corpus.h"

/* An empty file gets the buffer of an input whose size is not known. */
enum { MEMORY_MULTIPLE = 48, MEMORY_CONSTANT = 8192, MEMORY_OF_EMPTY = 65536 + 8192 };

/* An option of each kind. */
typedef struct {
    int hidden_size;
    size_t max_chars;
    uint64_t seed;
    float lr;
    int cell;
    bool bidirectional;
    const char *init, *device;
    option_texts prefixes;
} fields;

#define FIELD(member) .offset = offsetof(fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "All kinds:"},
    {OPTION_INT, "hidden-size", "N", "", FIELD(hidden_size), .fallback = "256", .min = "1",
     .max = "65536"},
    {OPTION_SIZE, "max-chars", "N", "", FIELD(max_chars), .fallback = "0", .min = "0",
     .max = "1000000000000"},
    {OPTION_UINT64, "seed", "N", "", FIELD(seed), .fallback = "1", .min = "0",
     .max = "9223372036854775807"},
    {OPTION_FLOAT, "lr", "RATE", "", FIELD(lr), .fallback = "1e-3", .min = "0", .max = "1e6"},
    {OPTION_CHOICE, "cell", "rnn_tanh|lstm|gru", "", FIELD(cell), .fallback = "rnn_tanh"},
    {OPTION_FLAG, "bidirectional", NULL, "", FIELD(bidirectional)},
    {OPTION_TEXT, "init", "FILE", "", FIELD(init)},
    {OPTION_TEXT, "device", "NAME", "", FIELD(device), .fallback = "auto"},
    {OPTION_TEXTS, "prefix", "TEXT", "", FIELD(prefixes), .fallback = "分开, 不分开"},
};
#undef FIELD

static const option_table table = {
    .name = "fuzz", .specs = specs, .num_specs = sizeof specs / sizeof specs[0]};

static void check_sound(const fields *run)
{
    fields again = {0};
    LYRNN_CHECK(run->hidden_size >= 1 && run->hidden_size <= 65536);
    LYRNN_CHECK(run->max_chars <= 1000000000000 && run->seed <= INT64_MAX);
    LYRNN_CHECK(run->lr >= 0.0f && run->lr <= 1e6f);
    LYRNN_CHECK(run->cell >= 0 && run->cell < 3);
    LYRNN_CHECK(run->device != NULL);
    for (size_t i = 0; i < run->prefixes.num; i++)
        LYRNN_CHECK(run->prefixes.items[i] != NULL);

    json_t *json = options_to_json(&table, run);
    LYRNN_CHECK(options_from_json(&table, json, &again) == LYRNN_OK);
    json_t *json_again = options_to_json(&table, &again);
    LYRNN_CHECK(json_equal(json, json_again));
    json_decref(json_again);
    options_free(&table, &again);
    json_decref(json);
}

static void read_options(const json_t *config)
{
    fields given = {0}, run = {0};
    const option_result result = {0};
    const resume_args args = {
        .table = &table, .result = &result, .run_path = "run", .config = config};
    lyrnn_status status = resume_options(&args, &given, &run);
    if (status == LYRNN_OK) {
        check_sound(&run);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_MODEL_FILE);
        fuzz_check_error_text("run/config.json");
    }
    options_free(&table, &run);
}

static void read_corpus(const json_t *config)
{
    const char **paths;
    size_t num;
    if (lyrnn_run_corpus_paths("run", config, &paths, &num) == LYRNN_OK)
        for (size_t i = 0; i < num; i++)
            LYRNN_CHECK(paths[i] != NULL);
    else
        fuzz_check_error_text("run/config.json");
    free(paths);
}

/* info describes what exists, and reports what is wrong with the rest. */
static void read_card(bool is_config)
{
    json_t *card;
    LYRNN_CHECK(card_of_model("run", &card) == LYRNN_OK);
    size_t num_problems = json_array_size(json_object_get(card, "problems"));
    /* There is neither a model nor a metrics.jsonl. */
    LYRNN_CHECK(num_problems == (is_config ? 2 : 3));
    char *text = json_dumps(card, JSON_COMPACT);
    LYRNN_CHECK(text != NULL);
    free(text);
    json_decref(card);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    json_t *config;
    mkdir("run", 0777);
    fuzz_write_file("run/config.json", bytes, num_bytes);
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_run_config_read("run", &config);
    if (status == LYRNN_OK) {
        read_options(config);
        read_corpus(config);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_MODEL_FILE);
        fuzz_check_error_text("run/config.json");
    }
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE,
                      num_bytes > 0 ? MEMORY_CONSTANT : MEMORY_OF_EMPTY);
    json_decref(config);
    read_card(status == LYRNN_OK);
    return 0;
}
