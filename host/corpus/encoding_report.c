/* A guess is less certain, the nearer the score of the next encoding is. */
#include "corpus/encoding_report.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/plain_text.h"

/* What was not guessed is the most certain, then what fits no other encoding. */
static double certainty(const text_encoding *found)
{
    if (!found->is_guess)
        return HUGE_VAL;
    return found->next_name != NULL ? found->score - found->next_score : DBL_MAX;
}

void encoding_report_add(encoding_report *report, const char *name, const text_encoding *found,
                         lyrnn_corpus_counts *counts)
{
    int index = (int)found->charset;
    bool is_first = counts->num_in[index]++ == 0;
    if (!is_first && certainty(found) >= certainty(&report->files[index].found))
        return;
    report->files[index].found = *found;
    snprintf(report->files[index].name, sizeof report->files[index].name, "%s", name);
}

static void log_encoding(const encoding_report *report, int index, size_t num_files, FILE *log)
{
    char certainty[TEXT_ENCODING_LABEL_SIZE];
    const char *name = report->files[index].name;
    text_encoding_label(&report->files[index].found, certainty);
    if (num_files > 1)
        lyrnn_print_plain(log, "corpus: %zu files read as %s", num_files,
                          lyrnn_encoding_names[index]);
    else
        lyrnn_print_plain(log, "%s: read as %s", name, lyrnn_encoding_names[index]);
    if (certainty[0] == '\0')
        lyrnn_print_plain(log, "\n");
    else if (num_files > 1)
        lyrnn_print_plain(log, "; most doubtful: %s (%s)\n", name, certainty);
    else
        lyrnn_print_plain(log, " (%s)\n", certainty);
}

void encoding_report_log(const encoding_report *report, const lyrnn_corpus_counts *counts,
                         FILE *log)
{
    for (int i = 1; i < LYRNN_NUM_ENCODINGS && log != NULL; i++)
        if (counts->num_in[i] > 0)
            log_encoding(report, i, counts->num_in[i], log);
}
