/* metrics.jsonl of a run: one JSON object per epoch and line,
 *
 *     {"epoch": 1, "step": 40, "loss": 3.2, "perplexity": 24.5, "chars_per_second": 81000.0,
 *      "seconds": 0.5, "lr": 0.001, "gradient_norm": 0.8, "val_loss": 3.3, "val_perplexity": 27.1}
 *
 * A report within an epoch also has "batch": 17 after "step", the batches of the epoch so far.
 *
 * "loss" is in nats per character and "perplexity" is exp(loss); both are the mean over the epoch,
 * or its part so far.
 * "seconds" is the time that the epoch's steps took, in all processes that computed some of them.
 * "lr" is the learning rate of the last step. "gradient_norm" is the L2 norm of all
 * gradients in that step, before clipping.
 * The "val_" pair is there if the run validates. A number that JSON cannot hold, such as an
 * infinite perplexity, is null. Only this module writes and reads the file. */
#ifndef LYRNN_METRICS_H
#define LYRNN_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "lyrnn/status.h"

typedef struct {
    int epoch;     /* counted from 1 */
    int64_t batch; /* within an epoch: its batches so far; 0: the epoch is complete */
    int64_t step;  /* optimizer steps since the training began */
    double nats_per_char;
    double perplexity;
    double chars_per_second;
    double seconds;      /* time that the epoch's steps took */
    float learning_rate; /* of the epoch's last step */
    double gradient_norm;
    bool is_validated;
    double validation_nats_per_char, validation_perplexity; /* if is_validated */
} lyrnn_metrics;

/* Epochs for people, for example "2 to 5, 7". Empty: none. */
typedef char lyrnn_epoch_list[128];

/* What a resumed run keeps of the file. */
typedef struct {
    off_t num_bytes;
    bool needs_newline;
    lyrnn_epoch_list missing;   /* epochs that have no line */
    lyrnn_epoch_list misplaced; /* epochs whose line comes again or too late */
} lyrnn_metrics_kept;

/* Where a run continues: after so many complete epochs. The reports up to this batch of the next
 * epoch are complete. */
typedef struct {
    int epoch;
    int64_t batch;
} lyrnn_metrics_position;

/* Both open metrics.jsonl in the run's folder run_fd for appending; run_path names the folder in
 * errors, and the caller closes *file, which is NULL on failure. The first makes a new file. The
 * second finds the lines up to `position`: a process that was killed may have written
 * lines, or part of one, after its last checkpoint. It refuses a file with a whole line that is not
 * the report of an epoch. LYRNN_ERR_IO. */
lyrnn_status lyrnn_metrics_create(int run_fd, const char *run_path, FILE **file);
lyrnn_status lyrnn_metrics_resume(int run_fd, const char *run_path,
                                  const lyrnn_metrics_position *position, FILE **file,
                                  lyrnn_metrics_kept *kept);

/* Cuts off all lines but those. LYRNN_ERR_IO. */
lyrnn_status lyrnn_metrics_cut(FILE *file, const char *run_path, const lyrnn_metrics_kept *kept);

/* Appends one line and flushes it to the system, not yet to the disk. LYRNN_ERR_IO,
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_metrics_append(FILE *file, const char *run_path, const lyrnn_metrics *metrics);

/* Reads the file of the run in run_path. *last is the last line, *best the one of the lowest
 * validation perplexity (without validation, the complete epoch of the lowest perplexity): new
 * references, NULL if there is no line. *best is also NULL if no line has a finite one. *seconds is
 * the sum over the epochs; it may be NULL. A line that cannot be read is left out; the first such
 * line is then the error, LYRNN_ERR_IO, and all results hold. */
lyrnn_status lyrnn_metrics_read(const char *run_path, json_t **last, json_t **best,
                                double *seconds);

#endif
