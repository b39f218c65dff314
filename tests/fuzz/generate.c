/* Fuzzes lyrnn generate as a whole: options from a grammar, over one small model. A command line is
 * refused in one line, or what it prints obeys the rules that it asked for.
 *
 * An input is a sequence of choices, one byte each: an option of the grammar, then its value. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utf8proc.h>

#include "base/plain_text.h"
#include "cli/commands.h"
#include "fuzz.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/corpus.h"

/* What the model learned, and the characters of the grammar's texts: three that it does not know,
 * and a control that must not reach a person. */
static const char learned[] = "我们分开又相逢\n不分开的是晚风\n月光落在屋檐上\n一夜听雨到天明\n";
static const char *const pieces[] = {"我", "们", "分", "开", "不",   "是",     "风",  "月",
                                     "光", "\n", "\t", "x",  "\x1b", "\u9eb5", "\xff"};

typedef enum { FLAG, NUMBER, FEW, SHARE, TEXT, ON_UNKNOWN, FORMAT } value_kind;

enum {
    PREFIX,
    LENGTH,
    LINES,
    MIN_LINE,
    MAX_LINE,
    STOP,
    MAX_COPY,
    NUM_SAMPLES,
    FORMAT_OPTION,
    SUGGEST
};

static const struct {
    const char *name;
    value_kind kind;
} options[] = {
    [PREFIX] = {"prefix", TEXT},
    [LENGTH] = {"length", NUMBER},
    [LINES] = {"lines", NUMBER},
    [MIN_LINE] = {"min-line", NUMBER},
    [MAX_LINE] = {"max-line", NUMBER},
    [STOP] = {"stop", TEXT},
    [MAX_COPY] = {"max-copy", NUMBER},
    [NUM_SAMPLES] = {"num-samples", NUMBER},
    [FORMAT_OPTION] = {"format", FORMAT},
    [SUGGEST] = {"suggest", FEW},
    {"acrostic", TEXT},
    {"on-unknown", ON_UNKNOWN},
    {"greedy", FLAG},
    {"temperature", SHARE},
    {"top-k", NUMBER},
    {"top-p", SHARE},
    {"min-p", SHARE},
    {"repeat-penalty", SHARE},
    {"repeat-last-n", NUMBER},
    {"seed", NUMBER},
    {"first-sample", NUMBER},
    {"beam", NUMBER},
    {"report", FLAG},
};
enum { NUM_OPTIONS = sizeof options / sizeof *options, MAX_GIVEN = 10, VALUE_BYTES = 64 };

typedef struct {
    const uint8_t *bytes;
    size_t left;
} choices;

static unsigned choose(choices *from, unsigned num)
{
    if (from->left == 0)
        return 0;
    from->left--;
    return *from->bytes++ % num;
}

static void choose_value(choices *from, value_kind kind, char value[VALUE_BYTES])
{
    static const char *const odd[] = {"",    "-1",
                                      "0",   "1e9",
                                      "nan", "2.5",
                                      "0x1", "100000000000000",
                                      "1,2", "18446744073709551616"};
    static const char *const on_unknown[] = {"error", "skip", "nearest"};
    static const char *const formats[] = {"json", "jsonl", "text"};
    value[0] = '\0';
    switch (kind) {
    case FLAG:
        break;
    case NUMBER:
        if (choose(from, 16) == 15)
            strcpy(value, odd[choose(from, 10)]);
        else
            sprintf(value, "%u", choose(from, 24));
        break;
    case FEW:
        sprintf(value, "%u", choose(from, 4));
        break;
    case SHARE:
        sprintf(value, "%u.%02u", choose(from, 3), choose(from, 100));
        break;
    case TEXT:
        for (unsigned num = choose(from, 8); num > 0; num--)
            strcat(value, pieces[choose(from, sizeof pieces / sizeof *pieces)]);
        break;
    case ON_UNKNOWN:
        strcpy(value, on_unknown[choose(from, 3)]);
        break;
    case FORMAT:
        strcpy(value, formats[choose(from, 3)]);
        break;
    }
}

/* A command line, and the last value of each option; NULL: not given. */
typedef struct {
    char words[MAX_GIVEN][VALUE_BYTES + 32];
    const char *values[NUM_OPTIONS];
    char *argv[MAX_GIVEN + 12];
    int argc;
} command_line;

static void make_command_line(choices *from, command_line *line)
{
    static char *const always[] = {"lyrnn generate", "model",       "--device=cpu",
                                   "--threads=1",    "--length=20", "--format=json"};
    memset(line, 0, sizeof *line);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        line->argv[line->argc++] = always[i];
    line->values[LENGTH] = "20";
    line->values[FORMAT_OPTION] = "json";
    unsigned num = 1 + choose(from, MAX_GIVEN);
    bool reads_corpus = false;
    for (unsigned i = 0; i < num; i++) {
        unsigned option = choose(from, NUM_OPTIONS);
        char value[VALUE_BYTES];
        choose_value(from, options[option].kind, value);
        bool is_flag = options[option].kind == FLAG;
        int length = sprintf(line->words[i], "--%s%s", options[option].name, is_flag ? "" : "=");
        strcpy(line->words[i] + length, value);
        line->values[option] = line->words[i] + length;
        line->argv[line->argc++] = line->words[i];
        reads_corpus =
            reads_corpus || option == MAX_COPY || strcmp(options[option].name, "report") == 0;
    }
    if (reads_corpus)
        line->argv[line->argc++] = "--corpus=corpus.txt";
}

static void write_model(void)
{
    lyrnn_rnn_config config = {.cell = LYRNN_GRU, .hidden_size = 6, .num_layers = 1};
    lyrnn_parameters parameters;
    const lyrnn_corpus_rules rules = {0};
    lyrnn_corpus corpus = {0};
    lyrnn_vocab vocab = {0};
    unlink("model"); /* an input may be tried again by hand */
    fuzz_write_file("corpus.txt", learned, strlen(learned));
    LYRNN_CHECK(lyrnn_corpus_append_text(&corpus, "text", learned, strlen(learned), &rules) ==
                LYRNN_OK);
    LYRNN_CHECK(lyrnn_vocab_from_corpus(&vocab, &corpus) == LYRNN_OK);
    config.input_size = vocab.V;
    lyrnn_parameters_of_model(&parameters, &config);
    float *params = malloc(parameters.count * sizeof *params);
    LYRNN_CHECK(params != NULL);
    for (size_t i = 0; i < parameters.count; i++)
        params[i] = (float)((i * 2654435761u >> 8) % 2000) / 1000.0f - 1.0f;
    LYRNN_CHECK(lyrnn_checkpoint_write("model", &config, &vocab, params, NULL) == LYRNN_OK);
    free(params);
    lyrnn_vocab_free(&vocab);
    lyrnn_corpus_free(&corpus);
}

/* Characters of a UTF-8 text. */
typedef struct {
    utf8proc_int32_t chars[4096];
    size_t num;
} decoded;

static void decode(const char *utf8, decoded *text)
{
    for (text->num = 0; *utf8 != '\0'; text->num++) {
        LYRNN_CHECK(text->num < sizeof text->chars / sizeof *text->chars);
        utf8proc_ssize_t num_bytes =
            utf8proc_iterate((const utf8proc_uint8_t *)utf8, -1, &text->chars[text->num]);
        LYRNN_CHECK(num_bytes > 0);
        utf8 += num_bytes;
    }
}

static bool is_within(const decoded *text, const utf8proc_int32_t *run, size_t num)
{
    for (size_t i = 0; i + num <= text->num; i++)
        if (memcmp(text->chars + i, run, num * sizeof *run) == 0)
            return true;
    return false;
}

static long number_of(const command_line *line, int option)
{
    return line->values[option] != NULL ? strtol(line->values[option], NULL, 10) : 0;
}

/* Checks each line of a text that ends behind its prompt. */
static void check_lines(const command_line *line, const decoded *text, size_t prompt_length)
{
    long min = number_of(line, MIN_LINE), max = number_of(line, MAX_LINE), length = 0, num = 0;
    long num_in_prompt = 0;
    for (size_t i = 0; i < text->num; i++) {
        bool is_end = text->chars[i] == '\n';
        num += is_end;
        num_in_prompt += is_end && i < prompt_length;
        length = is_end ? length : length + 1;
        LYRNN_CHECK(i < prompt_length || max == 0 || length <= max);
        LYRNN_CHECK(i < prompt_length || !is_end || length >= min);
        length = is_end ? 0 : length;
    }
    long lines = number_of(line, LINES);
    LYRNN_CHECK(lines == 0 || num <= lines || num == num_in_prompt);
}

/* A suggestion is one line, at the end of its text. */
static void check_suggestion(const command_line *line, const json_t *sample)
{
    static decoded suggested;
    const char *utf8 = json_string_value(json_object_get(sample, "line"));
    const char *text = json_string_value(json_object_get(sample, "text"));
    LYRNN_CHECK(utf8 != NULL && strchr(utf8, '\n') == NULL);
    LYRNN_CHECK(strlen(text) >= strlen(utf8));
    LYRNN_CHECK(strcmp(text + strlen(text) - strlen(utf8), utf8) == 0);
    decode(utf8, &suggested);
    long max = number_of(line, MAX_LINE), num = (long)suggested.num;
    LYRNN_CHECK(num >= number_of(line, MIN_LINE) && (max == 0 || num <= max));
}

static void check_sample(const command_line *line, const json_t *sample)
{
    static decoded text, prompt, stop, corpus;
    const char *utf8 = json_string_value(json_object_get(sample, "text"));
    const char *prompt_utf8 = json_string_value(json_object_get(sample, "prompt"));
    LYRNN_CHECK(utf8 != NULL && prompt_utf8 != NULL);
    LYRNN_CHECK(strncmp(utf8, prompt_utf8, strlen(prompt_utf8)) == 0);
    LYRNN_CHECK(json_is_string(json_object_get(sample, "end")));
    if (line->values[SUGGEST] != NULL)
        check_suggestion(line, sample);
    decode(utf8, &text);
    decode(prompt_utf8, &prompt);
    LYRNN_CHECK(text.num - prompt.num <= (size_t)number_of(line, LENGTH) ||
                (line->values[LINES] != NULL));
    check_lines(line, &text, prompt.num);
    if (line->values[STOP] != NULL) {
        decode(line->values[STOP], &stop);
        for (size_t i = prompt.num; i + stop.num <= text.num; i++)
            LYRNN_CHECK(memcmp(text.chars + i, stop.chars, stop.num * sizeof *stop.chars) != 0);
    }
    if (line->values[MAX_COPY] != NULL) {
        size_t too_long = (size_t)number_of(line, MAX_COPY) + 1;
        decode(learned, &corpus);
        for (size_t end = prompt.num + 1; end <= text.num; end++)
            LYRNN_CHECK(end < too_long ||
                        !is_within(&corpus, text.chars + end - too_long, too_long));
    }
}

static void check_json(const command_line *line, char *output)
{
    bool is_whole = strcmp(line->values[FORMAT_OPTION], "json") == 0;
    size_t num = 0, i;
    char *rest = output;
    while (*rest != '\0') {
        size_t length = is_whole ? strlen(rest) : strcspn(rest, "\n");
        json_t *json = json_loadb(rest, length, JSON_REJECT_DUPLICATES, NULL), *sample;
        LYRNN_CHECK(json != NULL);
        json_t *samples = json_object_get(json, "samples");
        LYRNN_CHECK(is_whole == json_is_array(samples));
        json_array_foreach(samples, i, sample) check_sample(line, sample);
        if (!is_whole)
            check_sample(line, json);
        num += is_whole ? json_array_size(samples) : 1;
        json_decref(json);
        rest += length + (rest[length] == '\n');
    }
    LYRNN_CHECK(num > 0 || line->values[SUGGEST] != NULL);
}

/* Standard output or standard error of the command, in memory. */
static char *read_all(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)size + 1);
    LYRNN_CHECK(text != NULL && pread(fd, text, (size_t)size, 0) == size);
    text[size] = '\0';
    LYRNN_CHECK(strlen(text) == (size_t)size);
    LYRNN_CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    return text;
}

/* Warnings and reports are for a person. */
static void check_log(const char *text)
{
    static decoded log;
    if (strlen(text) >= sizeof log.chars / sizeof *log.chars)
        return;
    decode(text, &log);
    for (size_t i = 0; i < log.num; i++)
        LYRNN_CHECK(log.chars[i] == '\n' || lyrnn_is_plain((uint32_t)log.chars[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    static FILE *log, *true_stderr;
    choices from = {bytes, num_bytes};
    command_line line;
    if (log == NULL) {
        write_model();
        true_stderr = stderr;
        log = fdopen(memfd_create("stderr", 0), "w+");
        LYRNN_CHECK(log != NULL);
        LYRNN_CHECK(dup2(memfd_create("stdout", 0), STDOUT_FILENO) == STDOUT_FILENO);
    }
    make_command_line(&from, &line);
    stderr = log; /* not descriptor 2, which sanitizers write to */
    lyrnn_status status = generate_command.run(line.argc, line.argv);
    stderr = true_stderr;
    fflush(stdout);
    fflush(log);
    char *output = read_all(STDOUT_FILENO), *warnings = read_all(fileno(log));
    check_log(warnings);
    if (status != LYRNN_OK)
        fuzz_check_error_line();
    else if (strcmp(line.values[FORMAT_OPTION], "text") != 0)
        check_json(&line, output);
    free(output);
    free(warnings);
    return 0;
}
