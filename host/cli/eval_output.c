/* Prints an evaluation: as a table to read, as lines for sort and grep, or as JSON for programs. */
#include "cli/eval_output.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "files/plain_json.h"

static void print_score_row(const char *name, const eval_score *score)
{
    lyrnn_print_plain(stdout, "%11zu %9zu %11zu %10.6f %10.6f %12.6f  %s\n", score->num_chars,
                      score->num_unknown, score->num_scored, eval_nats_per_char(score),
                      eval_bits_per_char(score), eval_perplexity(score), name);
}

void eval_print_table(const evaluation *eval)
{
    printf("%11s %9s %11s %10s %10s %12s  %s\n", "characters", "unknown", "scored", "nats/char",
           "bits/char", "perplexity", "file");
    for (size_t i = 0; i < eval->num_files; i++) {
        eval_score score = eval_score_of_file(eval, &eval->files[i]);
        print_score_row(eval->files[i].name, &score);
    }
    if (eval->num_files > 1) {
        eval_score total = eval_score_of_all(eval);
        print_score_row("total", &total);
    }
}

/* What names a piece: a line itself, or the first line of a song. A song whose newlines were read
 * as spaces has only one, which is cut. */
static eval_piece label_of(const evaluation *eval, size_t i)
{
    enum { MAX_LABEL = 40 };
    eval_piece piece = eval->pieces[i];
    if (eval->has_lines)
        return piece;
    size_t begin = 0, end;
    while (begin < piece.num_chars && (piece.chars[begin] == '\n' || piece.chars[begin] == ' '))
        begin++;
    for (end = begin; end < piece.num_chars && end - begin < MAX_LABEL && piece.chars[end] != '\n';)
        end++;
    return (eval_piece){piece.chars + begin, end - begin};
}

static void print_piece(const eval_piece *label, const eval_score *score, bool is_terminal)
{
    printf("%f\t%f\t%zu\t%zu\t", eval_perplexity(score), eval_bits_per_char(score),
           score->num_scored, score->num_unknown);
    for (size_t i = 0; i < label->num_chars; i++)
        lyrnn_print_char(stdout, label->chars[i], is_terminal);
    putchar('\n');
}

void eval_print_pieces(const evaluation *eval)
{
    bool is_terminal = lyrnn_is_terminal(stdout);
    for (size_t i = 0; i < eval->num_pieces; i++) {
        eval_score score = eval_score_of_piece(eval, i);
        eval_piece label = label_of(eval, i);
        print_piece(&label, &score, is_terminal);
    }
}

static void put_score(json_t **object, const eval_score *score)
{
    json_put(object, "chars", json_integer((json_int_t)score->num_chars));
    json_put(object, "unknown", json_integer((json_int_t)score->num_unknown));
    json_put(object, "scored", json_integer((json_int_t)score->num_scored));
    json_put(object, "nats_per_char", json_real_or_null(eval_nats_per_char(score)));
    json_put(object, "bits_per_char", json_real_or_null(eval_bits_per_char(score)));
    json_put(object, "perplexity", json_real_or_null(eval_perplexity(score)));
}

static json_t *piece_to_json(const eval_piece *piece)
{
    char *utf8 = malloc(piece->num_chars * LYRNN_UTF8_MAX + 1);
    size_t num_bytes = 0;
    for (size_t i = 0; i < piece->num_chars && utf8 != NULL; i++)
        num_bytes += lyrnn_utf8_encode(piece->chars[i], utf8 + num_bytes);
    json_t *string = utf8 != NULL ? json_stringn(utf8, num_bytes) : NULL;
    free(utf8);
    return string;
}

/* Prints an object on one line and frees it. NULL: no memory. */
static lyrnn_status print_object(json_t *object)
{
    char *line = json_dumps_plain(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    if (line == NULL)
        return lyrnn_out_of_memory("result", 0, "give less text");
    puts(line);
    free(line);
    return standard_output_check();
}

static void put_dynamic(json_t **object, float rate)
{
    if (rate > 0.0f)
        json_put(object, "dynamic", json_of_float(rate));
}

static lyrnn_status print_piece_as_json(const evaluation *eval, const eval_file *file, size_t i,
                                        float dynamic_rate)
{
    eval_score score = eval_score_of_piece(eval, file->first_piece + i);
    eval_piece label = label_of(eval, file->first_piece + i);
    json_t *object = json_object();
    json_put(&object, "file", json_string_or_null(file->name));
    json_put(&object, eval->has_lines ? "line" : "song", json_integer((json_int_t)i + 1));
    put_dynamic(&object, dynamic_rate);
    put_score(&object, &score);
    json_put(&object, eval->has_lines ? "text" : "first_line", piece_to_json(&label));
    return print_object(object);
}

lyrnn_status eval_print_json_pieces(const evaluation *eval, float dynamic_rate)
{
    for (size_t i = 0; i < eval->num_files; i++)
        for (size_t piece = 0; piece < eval->files[i].num_pieces; piece++)
            LYRNN_TRY(print_piece_as_json(eval, &eval->files[i], piece, dynamic_rate));
    return LYRNN_OK;
}

lyrnn_status eval_print_json(const evaluation *eval, const char *model_path, float dynamic_rate)
{
    json_t *object = json_object(), *files = json_array(), *total = json_object();
    eval_score sum = eval_score_of_all(eval);
    json_put(&object, "model", json_string_or_null(model_path));
    put_dynamic(&object, dynamic_rate);
    for (size_t i = 0; i < eval->num_files; i++) {
        eval_score score = eval_score_of_file(eval, &eval->files[i]);
        json_t *file = json_object();
        json_put(&file, "file", json_string_or_null(eval->files[i].name));
        put_score(&file, &score);
        json_add(&files, file);
    }
    json_put(&object, "files", files);
    put_score(&total, &sum);
    json_put(&object, "total", total);
    return print_object(object);
}
