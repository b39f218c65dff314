/* lyrnn eval: how well a model predicts texts, as a table of files, or line by line. A piece is what is
 * scored on its own, a file or a line; characters that the model does not know are left out of it. */
#include "cli/commands.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/machine.h"
#include "cli/options/options.h"
#include "files/json_values.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/corpus.h"
#include "lyrnn/score.h"
#include "run/run_dir.h"

typedef struct {
    bool per_line, json;
    machine_options machine;
} eval_fields;

#define FIELD(member) .offset = offsetof(eval_fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Output:"},
    {OPTION_FLAG, "per-line", NULL, "score each line by itself, and print one line for each",
     FIELD(per_line),
     .detail = "Tabs separate its perplexity, bits per character, number of characters scored, "
               "number of unknown characters, and the line itself, in the order of the file. The "
               "perplexity is nan if the model knows fewer than two characters of the line."},
    {OPTION_FLAG, "json", NULL, "print one JSON object, or with --per-line one per line",
     FIELD(json)},

    MACHINE_OPTIONS(eval_fields, machine),
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn eval",
    .summary = "measure how well a model predicts texts",
    .arguments = "MODEL|RUN_DIR FILE...",
    .doc = "Measures how well a model predicts texts: prints the perplexity and the bits per "
           "character of each FILE (-: standard input) and of all together. Characters that the "
           "model does not know are skipped and counted.",
    .detail = "A file, or with --per-line a line, is read from the zero state. Each of its "
              "characters except the first is predicted from all characters before it.\n"
              "Unknown characters are named on standard error. If the model knows spaces but no "
              "line ends (train --newlines space), line ends are read as spaces.\n"
              "The perplexity of the lyrics that a model learned can be higher than in its "
              "training: consecutive sampling leaves up to --num-steps characters of each sequence "
              "of a batch unlearned.",
    .examples = "lyrnn eval runs/mine other_lyrics.txt\n"
                "lyrnn eval runs/mine --per-line lines.txt | sort -g | grep -v ^nan | head",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .min_arguments = 1,
    .max_arguments = INT_MAX,
    .first_argument = COMPLETE_MODEL,
    .more_arguments = COMPLETE_FILE,
};

typedef struct {
    const char *name; /* as errors call it */
    lyrnn_corpus text;
    size_t first_piece, num_pieces;
} eval_file;

typedef struct {
    const uint32_t *chars; /* (num_chars)  of the file's text */
    size_t num_chars;
} eval_piece;

typedef struct {
    eval_file *files; /* (num_files) */
    size_t num_files;
    eval_piece *pieces;       /* (num_pieces) */
    lyrnn_scored_text *texts; /* (num_pieces)  the known characters of each */
    size_t num_pieces;
    int32_t *ids; /* what all texts hold */
} evaluation;

/* A sum over pieces. */
typedef struct {
    size_t num_chars, num_unknown, num_scored;
    double nats;
} eval_score;

static void add_piece(eval_score *score, const evaluation *evaluation, size_t i)
{
    const lyrnn_scored_text *text = &evaluation->texts[i];
    score->num_chars += evaluation->pieces[i].num_chars;
    score->num_unknown += evaluation->pieces[i].num_chars - text->N;
    score->num_scored += text->N > 0 ? text->N - 1 : 0;
    score->nats += text->nats;
}

/* NaN where nothing was scored. */
static double nats_per_char(const eval_score *score)
{
    return score->num_scored > 0 ? score->nats / (double)score->num_scored : NAN;
}

static double bits_per_char(const eval_score *score)
{
    return nats_per_char(score) / log(2.0);
}

static double perplexity(const eval_score *score)
{
    return exp(nats_per_char(score));
}

static void evaluation_free(evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->num_files && evaluation->files != NULL; i++)
        lyrnn_corpus_free(&evaluation->files[i].text);
    free(evaluation->files);
    free(evaluation->pieces);
    free(evaluation->texts);
    free(evaluation->ids);
}

/* Lines end in a newline, the last one perhaps without. */
static size_t count_lines(const lyrnn_corpus *text)
{
    size_t num = text->chars[text->N - 1] != '\n';
    for (size_t i = 0; i < text->N; i++)
        num += text->chars[i] == '\n';
    return num;
}

static lyrnn_status read_files(evaluation *evaluation, char *const *paths, size_t num,
                               lyrnn_newlines newlines, bool per_line)
{
    evaluation->files = calloc(num, sizeof *evaluation->files);
    if (evaluation->files == NULL)
        return lyrnn_out_of_memory("files", num * sizeof *evaluation->files, "give fewer files");
    evaluation->num_files = num;
    for (size_t i = 0; i < num; i++) {
        eval_file *file = &evaluation->files[i];
        file->name = strcmp(paths[i], "-") == 0 ? "standard input" : paths[i];
        LYRNN_TRY(lyrnn_corpus_load_file(&file->text, paths[i], newlines));
        file->first_piece = evaluation->num_pieces;
        file->num_pieces = per_line ? count_lines(&file->text) : 1;
        evaluation->num_pieces += file->num_pieces;
    }
    return LYRNN_OK;
}

/* Each piece of a file: its characters, and of those that the model knows the ids. Returns behind the last. */
static int32_t *cut_file(evaluation *evaluation, const eval_file *file, const lyrnn_vocab *vocab,
                         bool per_line, int32_t *ids)
{
    const uint32_t *chars = file->text.chars, *end = chars + file->text.N;
    for (size_t i = 0; i < file->num_pieces; i++) {
        eval_piece *piece = &evaluation->pieces[file->first_piece + i];
        lyrnn_scored_text *text = &evaluation->texts[file->first_piece + i];
        piece->chars = chars;
        while (chars < end && !(per_line && *chars == '\n'))
            chars++;
        piece->num_chars = (size_t)(chars - piece->chars);
        chars++;
        text->ids = ids;
        text->N = lyrnn_vocab_encode_known(vocab, piece->chars, piece->num_chars, ids);
        ids += text->N;
    }
    return ids;
}

static lyrnn_status cut_files(evaluation *evaluation, const lyrnn_vocab *vocab, bool per_line)
{
    size_t num_chars = 0;
    for (size_t i = 0; i < evaluation->num_files; i++)
        num_chars += evaluation->files[i].text.N;
    evaluation->pieces = calloc(evaluation->num_pieces, sizeof *evaluation->pieces);
    evaluation->texts = calloc(evaluation->num_pieces, sizeof *evaluation->texts);
    evaluation->ids = calloc(num_chars, sizeof *evaluation->ids);
    if (evaluation->pieces == NULL || evaluation->texts == NULL || evaluation->ids == NULL)
        return lyrnn_out_of_memory("text to score", num_chars * sizeof *evaluation->ids,
                                   "give less text");
    int32_t *ids = evaluation->ids;
    for (size_t i = 0; i < evaluation->num_files; i++)
        ids = cut_file(evaluation, &evaluation->files[i], vocab, per_line, ids);
    return LYRNN_OK;
}

static eval_score score_of(const evaluation *evaluation, const eval_file *file)
{
    eval_score score = {0};
    for (size_t i = 0; i < file->num_pieces; i++)
        add_piece(&score, evaluation, file->first_piece + i);
    return score;
}

/* A file is refused where nothing of it can be scored. */
static lyrnn_status check_files(const evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->num_files; i++) {
        eval_score score = score_of(evaluation, &evaluation->files[i]);
        if (score.num_scored == 0)
            return lyrnn_fail(LYRNN_ERR_CORPUS,
                              "%s: the model knows %zu of its %zu characters, too few to predict "
                              "one from another; give a text that it can read",
                              evaluation->files[i].name, score.num_chars - score.num_unknown,
                              score.num_chars);
    }
    return LYRNN_OK;
}

/* One line naming the characters of a file that the model does not know; as pieces have them, since a
 * newline that parts two lines is in neither. */
static lyrnn_status report_unknown(const evaluation *evaluation, const eval_file *file,
                                   const lyrnn_vocab *vocab)
{
    eval_score score = score_of(evaluation, file);
    if (score.num_unknown == 0)
        return LYRNN_OK;
    uint32_t *unknown = malloc(score.num_unknown * sizeof *unknown);
    if (unknown == NULL)
        return lyrnn_out_of_memory(file->name, score.num_unknown * sizeof *unknown,
                                   "give less text");
    size_t num = 0;
    for (size_t i = 0; i < file->num_pieces; i++) {
        const eval_piece *piece = &evaluation->pieces[file->first_piece + i];
        for (size_t j = 0; j < piece->num_chars; j++)
            if (lyrnn_vocab_id(vocab, piece->chars[j]) < 0)
                unknown[num++] = piece->chars[j];
    }
    char list[400];
    size_t num_distinct;
    lyrnn_status status =
        lyrnn_vocab_list_unknown(vocab, unknown, num, list, sizeof list, &num_distinct);
    if (status == LYRNN_OK)
        fprintf(stderr, "warning: %s: %zu of %zu characters are unknown to the model: %s\n",
                file->name, score.num_unknown, score.num_chars, list);
    free(unknown);
    return status;
}

static lyrnn_status prepare(evaluation *evaluation, const lyrnn_checkpoint *checkpoint,
                            const eval_fields *fields, char *const *paths, int num_paths)
{
    const lyrnn_vocab *vocab = &checkpoint->vocab;
    lyrnn_newlines newlines = fields->per_line ? LYRNN_NEWLINES_KEEP : lyrnn_vocab_newlines(vocab);
    LYRNN_TRY(read_files(evaluation, paths, (size_t)num_paths, newlines, fields->per_line));
    LYRNN_TRY(cut_files(evaluation, vocab, fields->per_line));
    if (!fields->per_line)
        LYRNN_TRY(check_files(evaluation));
    if (checkpoint->config.bidirectional)
        fprintf(stderr, "warning: " LYRNN_BIDIRECTIONAL_WARNING "\n");
    for (size_t i = 0; i < evaluation->num_files; i++)
        LYRNN_TRY(report_unknown(evaluation, &evaluation->files[i], vocab));
    return LYRNN_OK;
}

static lyrnn_status run_model(const lyrnn_checkpoint *checkpoint, const machine_options *machine,
                              evaluation *evaluation)
{
    lyrnn_backend backend;
    lyrnn_model model = {0};
    LYRNN_TRY(machine_open(machine, &backend));
    lyrnn_status status = lyrnn_model_init(&model, &checkpoint->config, &backend);
    if (status == LYRNN_OK) {
        lyrnn_model_upload(&model, checkpoint->params);
        status = lyrnn_score(&model, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS, evaluation->texts,
                             evaluation->num_pieces);
    }
    lyrnn_model_free(&model);
    lyrnn_backend_close(&backend);
    return status;
}

static void print_row(const char *name, const eval_score *score)
{
    printf("%11zu %9zu %11zu %10.6f %10.6f %12.6f  %s\n", score->num_chars, score->num_unknown,
           score->num_scored, nats_per_char(score), bits_per_char(score), perplexity(score), name);
}

static eval_score total_of(const evaluation *evaluation)
{
    eval_score total = {0};
    for (size_t i = 0; i < evaluation->num_pieces; i++)
        add_piece(&total, evaluation, i);
    return total;
}

static void print_table(const evaluation *evaluation)
{
    printf("%11s %9s %11s %10s %10s %12s  %s\n", "characters", "unknown", "scored", "nats/char",
           "bits/char", "perplexity", "file");
    for (size_t i = 0; i < evaluation->num_files; i++) {
        eval_score score = score_of(evaluation, &evaluation->files[i]);
        print_row(evaluation->files[i].name, &score);
    }
    if (evaluation->num_files > 1) {
        eval_score total = total_of(evaluation);
        print_row("total", &total);
    }
}

static void print_line(const eval_piece *piece, const eval_score *score)
{
    printf("%f\t%f\t%zu\t%zu\t", perplexity(score), bits_per_char(score), score->num_scored,
           score->num_unknown);
    for (size_t i = 0; i < piece->num_chars; i++) {
        char utf8[LYRNN_UTF8_MAX];
        fwrite(utf8, 1, lyrnn_utf8_encode(piece->chars[i], utf8), stdout);
    }
    putchar('\n');
}

static void print_lines(const evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->num_pieces; i++) {
        eval_score score = {0};
        add_piece(&score, evaluation, i);
        print_line(&evaluation->pieces[i], &score);
    }
}

/* A path need not be UTF-8, JSON must. */
static json_t *name_to_json(const char *name)
{
    json_t *string = json_string(name);
    return string != NULL ? string : json_null();
}

static int set_score(json_t *object, const eval_score *score)
{
    int failed = 0;
    failed |= json_object_set_new(object, "chars", json_integer((json_int_t)score->num_chars));
    failed |= json_object_set_new(object, "unknown", json_integer((json_int_t)score->num_unknown));
    failed |= json_object_set_new(object, "scored", json_integer((json_int_t)score->num_scored));
    failed |= json_object_set_new(object, "nats_per_char", json_real_or_null(nats_per_char(score)));
    failed |= json_object_set_new(object, "bits_per_char", json_real_or_null(bits_per_char(score)));
    failed |= json_object_set_new(object, "perplexity", json_real_or_null(perplexity(score)));
    return failed;
}

static json_t *chars_to_json(const eval_piece *piece)
{
    char *utf8 = malloc(piece->num_chars * LYRNN_UTF8_MAX + 1);
    size_t num_bytes = 0;
    for (size_t i = 0; i < piece->num_chars && utf8 != NULL; i++)
        num_bytes += lyrnn_utf8_encode(piece->chars[i], utf8 + num_bytes);
    json_t *string = utf8 != NULL ? json_stringn(utf8, num_bytes) : NULL;
    free(utf8);
    return string;
}

/* Prints an object, which it frees, on a line; failed: it lacks something. */
static lyrnn_status print_object(json_t *object, int failed)
{
    failed |= json_dumpf(object, stdout, JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
    return failed ? lyrnn_fail(LYRNN_ERR_IO, "standard output: the result cannot be written; make "
                                             "room or send it elsewhere")
                  : LYRNN_OK;
}

static lyrnn_status print_json_lines(const evaluation *evaluation, const eval_file *file)
{
    for (size_t i = 0; i < file->num_pieces; i++) {
        eval_score score = {0};
        add_piece(&score, evaluation, file->first_piece + i);
        json_t *object = json_object();
        int failed = json_object_set_new(object, "file", name_to_json(file->name));
        failed |= json_object_set_new(object, "line", json_integer((json_int_t)i + 1));
        failed |= set_score(object, &score);
        failed |= json_object_set_new(object, "text",
                                      chars_to_json(&evaluation->pieces[file->first_piece + i]));
        LYRNN_TRY(print_object(object, failed));
    }
    return LYRNN_OK;
}

static lyrnn_status print_json(const evaluation *evaluation, const char *model_path)
{
    json_t *object = json_object(), *files = json_array(), *total = json_object();
    eval_score sum = total_of(evaluation);
    int failed = json_object_set_new(object, "model", name_to_json(model_path));
    for (size_t i = 0; i < evaluation->num_files; i++) {
        eval_score score = score_of(evaluation, &evaluation->files[i]);
        json_t *file = json_object();
        failed |= json_object_set_new(file, "file", name_to_json(evaluation->files[i].name));
        failed |= set_score(file, &score);
        failed |= json_array_append_new(files, file);
    }
    failed |= json_object_set_new(object, "files", files);
    failed |= set_score(total, &sum);
    failed |= json_object_set_new(object, "total", total);
    return print_object(object, failed);
}

static lyrnn_status print_results(const evaluation *evaluation, const eval_fields *fields,
                                  const char *model_path)
{
    if (!fields->json && !fields->per_line)
        print_table(evaluation);
    else if (!fields->json)
        print_lines(evaluation);
    else if (!fields->per_line)
        return print_json(evaluation, model_path);
    else
        for (size_t i = 0; i < evaluation->num_files; i++)
            LYRNN_TRY(print_json_lines(evaluation, &evaluation->files[i]));
    return LYRNN_OK;
}

static lyrnn_status eval(const option_result *result, const eval_fields *fields)
{
    if (result->num_arguments < 2)
        return lyrnn_fail(LYRNN_ERR_USAGE, "FILE is missing; name a text, or - for standard input");
    char model_path[4096];
    lyrnn_checkpoint checkpoint = {0};
    evaluation evaluation = {0};
    LYRNN_TRY(lyrnn_run_dir_find_model(result->arguments[0], model_path, sizeof model_path));
    LYRNN_TRY(lyrnn_checkpoint_read(&checkpoint, model_path));
    lyrnn_status status =
        prepare(&evaluation, &checkpoint, fields, result->arguments + 1, result->num_arguments - 1);
    if (status == LYRNN_OK)
        status = run_model(&checkpoint, &fields->machine, &evaluation);
    if (status == LYRNN_OK)
        status = print_results(&evaluation, fields, model_path);
    evaluation_free(&evaluation);
    lyrnn_checkpoint_free(&checkpoint);
    return status;
}

static lyrnn_status command_eval(int argc, char **argv)
{
    eval_fields fields = {0};
    option_result result;
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help)
        status = eval(&result, &fields);
    options_free(&table, &fields);
    return status;
}

const cli_command eval_command = {&table, command_eval};
