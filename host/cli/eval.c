/* lyrnn eval: how well a model predicts texts. The command reads the texts (evaluation.c), has the
 * model score them (lyrnn/score.h), and prints the result (eval_output.c). All that can be wrong
 * with the texts is found before the model runs. */
#include "cli/commands.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/eval_output.h"
#include "cli/evaluation.h"
#include "cli/machine.h"
#include "cli/reading.h"
#include "lyrnn/checkpoint.h"
#include "run/learned.h"
#include "run/reading_record.h"
#include "run/run_dir.h"
#include "train/progress.h"

/* `learned` first, then the values of lyrnn_songs without `auto`. */
#define SONGS_WORDS "learned|file|blank-line|none"

typedef struct {
    bool per_line, per_song, json;
    float dynamic_rate;      /* 0: the model does not learn */
    int songs;               /* an index of SONGS_WORDS */
    lyrnn_corpus_rules text; /* only what READING_SOURCE_OPTIONS has */
    machine_options machine;
} eval_fields;

#define FIELD(member) .offset = offsetof(eval_fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Texts:"},
    READING_SOURCE_OPTIONS(eval_fields, text),
    {OPTION_CHOICE, "songs", SONGS_WORDS,
     "what is read from the zero state: each song, or the text", FIELD(songs),
     .fallback = "learned",
     .detail = "learned: as in the model's training. A model that learned whole songs (train "
               "--sampling songs) scores each song by itself, any other model each FILE as one "
               "text. file, blank-line: each text file or paragraph is a song, as in train. none: "
               "each FILE is one text."},

    {OPTION_FLOAT, "dynamic", "RATE",
     "let the model learn from the text at this rate, after each part is scored; 0: no learning",
     FIELD(dynamic_rate), .fallback = "0", .min = "0", .max = "1", .remedy = "begin with 0.0003",
     .detail = "Dynamic evaluation (Krause et al. 2018) shows how well a model predicts a text to "
               "which it can adapt. It scores a segment of 35 characters, and then takes one step "
               "of gradient descent on that segment, scaled by the root mean square of the "
               "gradients so far. So no character is scored by a model that has seen it. Learning "
               "continues from song to song and from line to line, in the order of the FILE, and "
               "begins again with the model's own weights at the next FILE. The model file stays "
               "as it is. Such a perplexity compares only with those of the same RATE and the same "
               "order of songs."},

    {OPTION_HEADING, .help = "Output:"},
    {OPTION_FLAG, "per-line", NULL, "score each line by itself, and print one line for each",
     FIELD(per_line),
     .detail = "Tabs separate its perplexity, bits per character, number of characters scored, "
               "number of unknown characters, and the line itself, in the order of the file. The "
               "perplexity is nan if the model knows fewer than two characters of the line."},
    {OPTION_FLAG, "per-song", NULL, "score each song by itself, and print one line for each",
     FIELD(per_song),
     .detail = "The lines are those of --per-line, with the first line of the song as its text."},
    {OPTION_FLAG, "json", NULL, "print one JSON object, or one per line or song", FIELD(json)},

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
    .detail = "Each text, song or line is read from the zero state. Each of its characters except "
              "the first is predicted from all characters before it.\n"
              "A FILE is read as train reads its corpus: it may be a folder, an archive, LRC or "
              "JSON, in any encoding. Characters are treated as in the model's training "
              "(--normalize, --script, --width), but nothing else is dropped.\n"
              "Unknown characters are named on standard error. If the model knows spaces but no "
              "line ends (train --newlines space), line ends are read as spaces.\n"
              "The perplexity of the lyrics that a model learned can be higher than in its "
              "training: consecutive sampling leaves up to --num-steps characters of each sequence "
              "of a batch unlearned.",
    .examples = "lyrnn eval runs/mine other_lyrics.txt\n"
                "lyrnn eval runs/mine --dynamic 3e-4 other_lyrics.txt\n"
                "lyrnn eval runs/mine --per-line lines.txt | sort -g | grep -v ^nan | head",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .min_arguments = 1,
    .max_arguments = INT_MAX,
    .first_argument = COMPLETE_MODEL,
    .more_arguments = COMPLETE_FILE,
};

/* Refuses a file if none of its characters can be scored. */
static lyrnn_status check_files(const evaluation *eval)
{
    for (size_t i = 0; i < eval->num_files; i++) {
        eval_score score = eval_score_of_file(eval, &eval->files[i]);
        if (score.num_scored == 0)
            return lyrnn_fail(LYRNN_ERR_CORPUS,
                              "%s: the model knows %zu of its %zu characters, too few to predict "
                              "one from another; give a text in characters that it knows",
                              eval->files[i].name, score.num_chars - score.num_unknown,
                              score.num_chars);
    }
    return LYRNN_OK;
}

/* Prints one line that names the unknown characters of a file. A newline that separates two lines
 * belongs to neither, so they are looked for in the pieces. */
static lyrnn_status report_unknown(const evaluation *eval, const eval_file *file,
                                   const lyrnn_vocab *vocab)
{
    eval_score score = eval_score_of_file(eval, file);
    if (score.num_unknown == 0)
        return LYRNN_OK;
    uint32_t *unknown = malloc(score.num_unknown * sizeof *unknown);
    if (unknown == NULL)
        return lyrnn_out_of_memory(file->name, score.num_unknown * sizeof *unknown,
                                   "give less text");
    size_t num = 0;
    for (size_t i = 0; i < file->num_pieces; i++) {
        const eval_piece *piece = &eval->pieces[file->first_piece + i];
        for (size_t j = 0; j < piece->num_chars; j++)
            if (lyrnn_vocab_id(vocab, piece->chars[j]) < 0)
                unknown[num++] = piece->chars[j];
    }
    char list[400];
    size_t num_distinct;
    lyrnn_status status =
        lyrnn_vocab_list_unknown(vocab, unknown, num, list, sizeof list, &num_distinct);
    if (status == LYRNN_OK)
        lyrnn_print_plain(stderr,
                          "warning: %s: %zu of %zu characters are unknown to the model: %s\n",
                          file->name, score.num_unknown, score.num_chars, list);
    free(unknown);
    return status;
}

static lyrnn_status check_texts(const evaluation *eval, const lyrnn_checkpoint *checkpoint,
                                bool per_line)
{
    if (!per_line)
        LYRNN_TRY(check_files(eval));
    if (checkpoint->config.bidirectional)
        lyrnn_print_plain(stderr, "warning: " LYRNN_BIDIRECTIONAL_WARNING "\n");
    for (size_t i = 0; i < eval->num_files; i++)
        LYRNN_TRY(report_unknown(eval, &eval->files[i], &checkpoint->vocab));
    if (!eval->has_lines && eval->num_pieces > eval->num_files)
        lyrnn_print_plain(stderr,
                          "songs: %zu, each read from the zero state (--songs none: each text as "
                          "one)\n",
                          eval->num_pieces);
    return LYRNN_OK;
}

static lyrnn_status show_progress(void *context, size_t done, size_t total)
{
    lyrnn_progress *progress = context;
    if (progress->total_steps == 0)
        lyrnn_progress_init(progress, stderr, 0, (int64_t)done, (int64_t)total, 1);
    else if (lyrnn_progress_is_due(progress, (int64_t)done))
        lyrnn_progress_show(progress, 0, (int64_t)done);
    return LYRNN_OK;
}

static lyrnn_status score_texts(const lyrnn_model *model, float dynamic_rate,
                                lyrnn_scored_text *texts, size_t num)
{
    lyrnn_progress progress = {.log = stderr};
    const lyrnn_watcher watcher = {show_progress, &progress};
    const lyrnn_dynamic_options dynamic = {.rate = dynamic_rate, .T = LYRNN_DYNAMIC_STEPS};
    lyrnn_status status =
        dynamic_rate > 0.0f
            ? lyrnn_score_dynamic(model, &dynamic, texts, num, &watcher)
            : lyrnn_score(model, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS, texts, num, &watcher);
    lyrnn_progress_clear(&progress);
    return status;
}

/* Dynamic evaluation begins each file with the weights of the model. */
static lyrnn_status score_files(evaluation *eval, const lyrnn_model *model, float dynamic_rate)
{
    if (dynamic_rate == 0.0f)
        return score_texts(model, 0.0f, eval->texts, eval->num_pieces);
    for (size_t i = 0; i < eval->num_files; i++)
        LYRNN_TRY(score_texts(model, dynamic_rate, eval->texts + eval->files[i].first_piece,
                              eval->files[i].num_pieces));
    return LYRNN_OK;
}

static lyrnn_status score_pieces(evaluation *eval, const lyrnn_checkpoint *checkpoint,
                                 const eval_fields *fields)
{
    machine_model opened = {0};
    lyrnn_status status = machine_open_model(&fields->machine, checkpoint, &opened);
    if (status == LYRNN_OK)
        status = score_files(eval, &opened.model, fields->dynamic_rate);
    machine_close_model(&opened);
    return status;
}

static lyrnn_status print_evaluation(const evaluation *eval, const eval_fields *fields,
                                     const char *model_path)
{
    bool per_piece = fields->per_line || fields->per_song;
    if (fields->json)
        return per_piece ? eval_print_json_pieces(eval, fields->dynamic_rate)
                         : eval_print_json(eval, model_path, fields->dynamic_rate);
    if (per_piece)
        eval_print_pieces(eval);
    else
        eval_print_table(eval);
    return LYRNN_OK;
}

/* What a song is. `last` is the record of the text that the model learned last. */
static lyrnn_songs choose_songs(const eval_fields *fields, const json_t *last)
{
    const char *sampling = json_string_value(json_object_get(last, "sampling"));
    if (fields->songs > 0)
        return (lyrnn_songs)fields->songs;
    if (sampling != NULL && strcmp(sampling, "songs") == 0)
        return reading_song_unit(last);
    return fields->per_song ? LYRNN_SONGS_AUTO : LYRNN_SONGS_NONE;
}

/* Reads the texts as the model's own text was read. */
static lyrnn_status read_texts(const option_result *result, const eval_fields *fields,
                               const char *model_path, const lyrnn_checkpoint *checkpoint,
                               evaluation *eval)
{
    json_t *records;
    LYRNN_TRY(lyrnn_learned_of_model(model_path, checkpoint->learned, &records));
    const json_t *last = json_array_get(records, json_array_size(records) - 1);
    eval_reading reading = {.vocab = &checkpoint->vocab,
                            .rules = reading_of_record(last),
                            .per_line = fields->per_line};
    reading.rules.songs = choose_songs(fields, last);
    reading.rules.encoding = fields->text.encoding;
    reading.rules.json_field = fields->text.json_field;
    reading.rules.max_bytes = fields->text.max_bytes;
    lyrnn_status status =
        evaluation_read(eval, result->arguments + 1, (size_t)result->num_arguments - 1, &reading);
    json_decref(records);
    return status;
}

/* The caller frees checkpoint and eval, on failure too. */
static lyrnn_status evaluate_arguments(const option_result *result, const eval_fields *fields,
                                       lyrnn_checkpoint *checkpoint, evaluation *eval)
{
    char model_path[4096];
    if (result->num_arguments < 2)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "FILE: is missing; name a text, or - for standard input");
    if (fields->per_line && fields->per_song)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--per-song: cannot be used with --per-line; leave one "
                                           "of them out");
    LYRNN_TRY(lyrnn_run_dir_find_model(result->arguments[0], model_path, sizeof model_path));
    LYRNN_TRY(lyrnn_checkpoint_read(checkpoint, model_path));
    LYRNN_TRY(read_texts(result, fields, model_path, checkpoint, eval));
    LYRNN_TRY(check_texts(eval, checkpoint, fields->per_line));
    LYRNN_TRY(score_pieces(eval, checkpoint, fields));
    return print_evaluation(eval, fields, model_path);
}

static lyrnn_status command_eval(int argc, char **argv)
{
    eval_fields fields = {0};
    option_result result;
    lyrnn_checkpoint checkpoint = {0};
    evaluation eval = {0};
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help)
        status = evaluate_arguments(&result, &fields, &checkpoint, &eval);
    evaluation_free(&eval);
    lyrnn_checkpoint_free(&checkpoint);
    options_free(&table, &fields);
    return status;
}

const cli_command eval_command = {&table, command_eval};
