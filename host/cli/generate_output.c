/* The listener that prints. Plain text is printed character by character, and flushed if standard
 * output is a terminal. JSON is printed when a sample is complete, so that a reader always gets a
 * whole object. No text is kept. */
#include "cli/generate_output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "files/plain_json.h"

static lyrnn_status print_character(void *context, uint64_t sample, int32_t id)
{
    generate_output *output = context;
    if (output->has_several && output->num_printed > 0 && sample != output->sample)
        fputc('\n', stdout);
    output->sample = sample;
    lyrnn_print_char(stdout, output->vocab->chars[id], output->is_terminal);
    if (output->is_terminal)
        fflush(stdout);
    return standard_output_check();
}

/* The text of ids as a string. NULL: out of memory. */
static json_t *ids_to_json(const lyrnn_vocab *vocab, const int32_t *ids, size_t num)
{
    char *utf8 = malloc(num * LYRNN_UTF8_MAX + 1);
    json_t *text =
        utf8 == NULL ? NULL : json_stringn(utf8, lyrnn_vocab_decode(vocab, ids, num, utf8));
    free(utf8);
    return text;
}

static json_t *report_to_json(const lyrnn_vocab *vocab, const lyrnn_sample *sample,
                              const lyrnn_text_report *report)
{
    return json_pack(
        "{s:I, s:o, s:o, s:o, s:o}", "longest_copy", (json_int_t)report->longest_copy, "copy",
        ids_to_json(vocab, sample->ids + report->copy_start, report->longest_copy), "distinct_2",
        json_real_or_null(report->distinct_2), "distinct_3", json_real_or_null(report->distinct_3),
        "perplexity", json_real_or_null(report->perplexity));
}

static void print_number(const char *name, double value)
{
    if (isfinite(value))
        fprintf(stderr, ", %s %.4g", name, value);
    else
        fprintf(stderr, ", %s none", name);
}

/* Names the text: "sample 3", or with several prompts "sample 3 of 月光". A long prompt is cut. */
static void print_name(const generate_output *output, const lyrnn_sample *sample)
{
    enum { LONGEST = 12 };
    fprintf(stderr, "sample %llu", (unsigned long long)sample->number);
    if (!output->has_several_prompts)
        return;
    fputs(" of ", stderr);
    size_t length = sample->prefix_length < LONGEST ? sample->prefix_length : LONGEST;
    lyrnn_vocab_print_line(output->vocab, sample->ids, length, stderr, true);
    fputs(length < sample->prefix_length ? "..." : "", stderr);
}

static void print_report(const generate_output *output, const lyrnn_sample *sample,
                         const lyrnn_text_report *report)
{
    print_name(output, sample);
    fprintf(stderr, ": longest copied run %zu", report->longest_copy);
    if (report->longest_copy > 0) {
        fputs(" (", stderr);
        lyrnn_vocab_print_line(output->vocab, sample->ids + report->copy_start,
                               report->longest_copy, stderr, true);
        fputs(")", stderr);
    }
    print_number("distinct-2", report->distinct_2);
    print_number("distinct-3", report->distinct_3);
    print_number("perplexity", report->perplexity);
    fputc('\n', stderr);
}

static lyrnn_status print_json(generate_output *output, const lyrnn_sample *sample,
                               const lyrnn_text_report *report, const lyrnn_suggestion *suggestion)
{
    const lyrnn_vocab *vocab = output->vocab;
    json_t *object = json_pack(
        "{s:o, s:o, s:I, s:o, s:s}", "prompt",
        ids_to_json(vocab, sample->ids, sample->prefix_length), "text",
        ids_to_json(vocab, sample->ids, sample->length), "sample", (json_int_t)sample->number,
        "seed", output->has_seed ? json_integer((json_int_t)output->seed) : json_null(), "end",
        lyrnn_sample_end_name(sample->end));
    if (suggestion != NULL) {
        json_put(&object, "line", ids_to_json(vocab, suggestion->line, suggestion->length));
        json_put(&object, "score", json_real_or_null(suggestion->score));
    }
    if (report != NULL)
        json_put(&object, "report", report_to_json(vocab, sample, report));
    char *line = json_dumps_plain(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    if (line == NULL)
        return lyrnn_out_of_memory("generated text", 0, "use --format text");
    if (output->format == FORMAT_JSON)
        printf("%s\n%s", output->num_printed > 0 ? "," : "", line);
    else
        printf("%s\n", line);
    free(line);
    /* A reader of lines gets each as soon as it is complete. */
    if (output->format == FORMAT_JSONL)
        fflush(stdout);
    return standard_output_check();
}

static lyrnn_status print_sample(void *context, const lyrnn_sample *sample)
{
    generate_output *output = context;
    lyrnn_text_report report;
    if (output->format == FORMAT_TEXT) {
        fputc('\n', stdout);
        if (output->is_terminal)
            fflush(stdout);
        LYRNN_TRY(standard_output_check());
    }
    if (sample->end == LYRNN_END_STUCK) {
        fputs("warning: ", stderr);
        print_name(output, sample);
        fprintf(stderr,
                ": no character was allowed after %zu of them; loosen --max-copy or the rules for "
                "lines\n",
                sample->length);
    }
    if (output->reporter != NULL) {
        LYRNN_TRY(lyrnn_report_text(output->reporter, sample, &report));
        print_report(output, sample, &report);
    }
    if (output->format != FORMAT_TEXT)
        LYRNN_TRY(print_json(output, sample, output->reporter != NULL ? &report : NULL, NULL));
    output->num_printed++;
    return LYRNN_OK;
}

lyrnn_status generate_output_suggestion(void *context, const lyrnn_suggestion *suggestion)
{
    generate_output *output = context;
    lyrnn_text_report report;
    if (output->format == FORMAT_TEXT) {
        for (size_t i = 0; i < suggestion->length; i++)
            lyrnn_print_char(stdout, output->vocab->chars[suggestion->line[i]],
                             output->is_terminal);
        fputc('\n', stdout);
        LYRNN_TRY(standard_output_check());
    }
    if (output->reporter != NULL) {
        LYRNN_TRY(lyrnn_report_text(output->reporter, &suggestion->sample, &report));
        print_report(output, &suggestion->sample, &report);
    }
    if (output->format != FORMAT_TEXT)
        LYRNN_TRY(print_json(output, &suggestion->sample, output->reporter != NULL ? &report : NULL,
                             suggestion));
    output->num_printed++;
    return LYRNN_OK;
}

lyrnn_listener generate_output_listener(generate_output *output)
{
    return (lyrnn_listener){
        .character = output->format == FORMAT_TEXT ? print_character : NULL,
        .sample = print_sample,
        .context = output,
    };
}

/* Prints the header without its last brace, which generate_output_end prints. */
lyrnn_status generate_output_begin(const generate_output *output, const json_t *header)
{
    if (output->format != FORMAT_JSON)
        return LYRNN_OK;
    char *text = json_dumps_plain(header, JSON_REAL_PRECISION(9));
    if (text == NULL)
        return lyrnn_out_of_memory("options", 0, "use --format text");
    printf("%.*s, \"samples\": [", (int)strlen(text) - 1, text);
    free(text);
    return LYRNN_OK;
}

void generate_output_end(const generate_output *output)
{
    if (output->format == FORMAT_JSON)
        puts("\n]}");
}
