/* Reads texts and cuts them into pieces. All characters of a file stay in its corpus; pieces point
 * into it, and the ids of all pieces share one array. Read next: eval_output.c. */
#include "cli/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "corpus/songs.h"

static void add_piece(eval_score *score, const evaluation *eval, size_t piece)
{
    const lyrnn_scored_text *text = &eval->texts[piece];
    score->num_chars += eval->pieces[piece].num_chars;
    score->num_unknown += eval->pieces[piece].num_chars - text->N;
    score->num_scored += text->N > 0 ? text->N - 1 : 0;
    score->nats += text->nats;
}

eval_score eval_score_of_piece(const evaluation *eval, size_t piece)
{
    eval_score score = {0};
    add_piece(&score, eval, piece);
    return score;
}

eval_score eval_score_of_file(const evaluation *eval, const eval_file *file)
{
    eval_score score = {0};
    for (size_t i = 0; i < file->num_pieces; i++)
        add_piece(&score, eval, file->first_piece + i);
    return score;
}

eval_score eval_score_of_all(const evaluation *eval)
{
    eval_score score = {0};
    for (size_t i = 0; i < eval->num_pieces; i++)
        add_piece(&score, eval, i);
    return score;
}

double eval_nats_per_char(const eval_score *score)
{
    bool is_number = score->num_scored > 0 && !isnan(score->nats);
    return is_number ? score->nats / (double)score->num_scored : (double)NAN; /* never "-nan" */
}

double eval_bits_per_char(const eval_score *score)
{
    return eval_nats_per_char(score) / log(2.0);
}

double eval_perplexity(const eval_score *score)
{
    return exp(eval_nats_per_char(score));
}

void evaluation_free(evaluation *eval)
{
    for (size_t i = 0; i < eval->num_files && eval->files != NULL; i++)
        lyrnn_corpus_free(&eval->files[i].text);
    free(eval->files);
    free(eval->pieces);
    free(eval->texts);
    free(eval->ids);
}

/* Each line ends in a newline; the last one may lack it. */
static size_t count_lines(const lyrnn_corpus *text)
{
    size_t num = text->chars[text->N - 1] != '\n';
    for (size_t i = 0; i < text->N; i++)
        num += text->chars[i] == '\n';
    return num;
}

static lyrnn_corpus_rules rules_to_score(const eval_reading *reading)
{
    lyrnn_corpus_rules rules = reading->rules;
    rules.is_plain_text = false;
    rules.normalize = reading->vocab->normalize;
    rules.newlines = reading->per_line ? LYRNN_NEWLINES_KEEP : lyrnn_vocab_newlines(reading->vocab);
    rules.repeats = LYRNN_REPEATS_KEEP;
    rules.keep_duplicates = true;
    rules.min_count = 0;
    rules.max_chars = 0;
    rules.is_named_by_user = true;
    rules.log = stderr;
    return rules;
}

static lyrnn_status read_files(evaluation *eval, char *const *paths, size_t num,
                               const eval_reading *reading)
{
    const lyrnn_corpus_rules rules = rules_to_score(reading);
    eval->files = calloc(num, sizeof *eval->files);
    if (eval->files == NULL)
        return lyrnn_out_of_memory("files", num * sizeof *eval->files, "give fewer files");
    eval->num_files = num;
    eval->has_lines = reading->per_line;
    for (size_t i = 0; i < num; i++) {
        eval_file *file = &eval->files[i];
        file->name = strcmp(paths[i], "-") == 0 ? "standard input" : paths[i];
        LYRNN_TRY(lyrnn_corpus_load_file(&file->text, paths[i], &rules));
        file->first_piece = eval->num_pieces;
        file->num_pieces = reading->per_line ? count_lines(&file->text) : file->text.num_songs;
        eval->num_pieces += file->num_pieces;
    }
    return LYRNN_OK;
}

/* The position after the last character of a piece that begins at `begin`. */
static size_t end_of_piece(const lyrnn_corpus *text, size_t piece, size_t begin, bool per_line)
{
    if (!per_line)
        return songs_end(text, piece);
    while (begin < text->N && text->chars[begin] != '\n')
        begin++;
    return begin;
}

/* Sets the characters and the known ids of each piece of a file. Returns the end of the ids
 * written. */
static int32_t *cut_file(evaluation *eval, const eval_file *file, const eval_reading *reading,
                         int32_t *ids)
{
    size_t begin = 0;
    for (size_t i = 0; i < file->num_pieces; i++) {
        eval_piece *piece = &eval->pieces[file->first_piece + i];
        lyrnn_scored_text *text = &eval->texts[file->first_piece + i];
        size_t end = end_of_piece(&file->text, i, begin, reading->per_line);
        piece->chars = file->text.chars + begin;
        piece->num_chars = end - begin;
        begin = reading->per_line ? end + 1 : end;
        text->ids = ids;
        text->N = lyrnn_vocab_encode_known(reading->vocab, piece->chars, piece->num_chars, ids);
        ids += text->N;
    }
    return ids;
}

static lyrnn_status cut_files(evaluation *eval, const eval_reading *reading)
{
    size_t num_chars = 0;
    for (size_t i = 0; i < eval->num_files; i++)
        num_chars += eval->files[i].text.N;
    eval->pieces = calloc(eval->num_pieces, sizeof *eval->pieces);
    eval->texts = calloc(eval->num_pieces, sizeof *eval->texts);
    eval->ids = calloc(num_chars, sizeof *eval->ids);
    if (eval->pieces == NULL || eval->texts == NULL || eval->ids == NULL)
        return lyrnn_out_of_memory("text to score", num_chars * sizeof *eval->ids,
                                   "give less text");
    int32_t *ids = eval->ids;
    for (size_t i = 0; i < eval->num_files; i++)
        ids = cut_file(eval, &eval->files[i], reading, ids);
    return LYRNN_OK;
}

lyrnn_status evaluation_read(evaluation *eval, char *const *paths, size_t num_paths,
                             const eval_reading *reading)
{
    LYRNN_TRY(read_files(eval, paths, num_paths, reading));
    return cut_files(eval, reading);
}
