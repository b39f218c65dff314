/* Which encodings the files of a corpus were read as: a line for each encoding, however many files
 * there are. */
#ifndef LYRNN_ENCODING_REPORT_H
#define LYRNN_ENCODING_REPORT_H

#include <stdio.h>

#include "corpus/encoding.h"
#include "lyrnn/corpus.h"

/* For each encoding the file whose guess is the most doubtful. A zeroed report is empty. */
typedef struct {
    struct {
        char name[200];
        text_encoding found;
    } files[LYRNN_NUM_ENCODINGS];
} encoding_report;

/* Counts a file, in counts->num_in. */
void encoding_report_add(encoding_report *report, const char *name, const text_encoding *found,
                         lyrnn_corpus_counts *counts);

/* Logs what is not UTF-8. */
void encoding_report_log(const encoding_report *report, const lyrnn_corpus_counts *counts,
                         FILE *log);

#endif
