/* Generates text. The samples of a prompt are the streams of one batch. The device reads a
 * character of each sample and chooses the next one by itself; the host polls the texts every few
 * characters and reports what is new.
 *
 *     lyrnn_generate_options options = lyrnn_greedy_options();
 *     lyrnn_generator generator;
 *     lyrnn_generator_init(&generator, &model, &options, prompt.length + 50);
 *     lyrnn_generate(&generator, &prompt, 50, &listener); -- calls the listener back
 *     lyrnn_generator_free(&generator);
 *
 * The text of a sample depends on the model, the prompt, the options, the seed and the number of
 * the sample. It does not depend on how many samples are generated together. lyrnn/beam.h searches
 * for the most likely text instead.
 *
 * Stream: one of the B parallel text sequences of a batch. Lane: a queue of work on the device;
 * CUDA calls it a stream. */
#ifndef LYRNN_GENERATE_H
#define LYRNN_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/copies.h"
#include "lyrnn/line_rules.h"
#include "lyrnn/model.h"
#include "lyrnn/prompt.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Forbids each character that would extend the text's last `length` characters as the corpus does.
 * No generated character then completes a run of length + 1 characters of the corpus. */
typedef struct {
    int length;                 /* 0: no guard */
    const lyrnn_copies *corpus; /* borrowed; not used if length is 0 */
} lyrnn_copy_guard;

typedef struct {
    lyrnn_sampler sampler; /* how a character is chosen, see lyrnn/backend.h */
    lyrnn_line_rules lines;
    lyrnn_copy_guard copies;
    /* (num_stop) ids, borrowed. The text ends before the first such ids after the prefix. */
    const int32_t *stop;
    size_t num_stop;
    uint64_t first_sample; /* number of the first sample */
    size_t num_samples;    /* at least 1 */
    int poll_every;        /* the host polls after this many characters; 1: after each */
} lyrnn_generate_options;

/* Options for one sample without rules that always takes the most likely character. */
lyrnn_generate_options lyrnn_greedy_options(void);

/* Why a text ended. */
typedef enum {
    LYRNN_END_LENGTH, /* it has the requested number of characters */
    LYRNN_END_LINES,  /* it has the requested number of lines */
    LYRNN_END_STOP,   /* the stop text followed */
    LYRNN_END_STUCK   /* no character was allowed */
} lyrnn_sample_end;
const char *lyrnn_sample_end_name(lyrnn_sample_end end); /* "length" and so on */

typedef struct {
    uint64_t number;
    const int32_t *ids; /* (length)  prefix included, borrowed for the call */
    size_t length, prefix_length;
    lyrnn_sample_end end;
} lyrnn_sample;

/* The caller's functions that receive the texts. Samples come one after the other, in ascending
 * order of their numbers. `character` receives each character, prefix included, as soon as no stop
 * text can remove it. `sample` then receives the whole sample. `poll` is called every few
 * characters, also while the model reads the prefix. Each may be NULL. An error that one returns
 * ends the generation. */
typedef struct {
    lyrnn_status (*character)(void *context, uint64_t sample, int32_t id);
    lyrnn_status (*sample)(void *context, const lyrnn_sample *sample);
    void *context;
    lyrnn_status (*poll)(void *context);
} lyrnn_listener;

typedef struct {
    const lyrnn_model *model;  /* borrowed */
    lyrnn_packed_model packed; /* the model's parameters when the generation began */
    /* After lyrnn_generator_init, lines and copies hold no pointers: the device views below replace
     * them. */
    lyrnn_generate_options options;
    int B;
    size_t max_length;
    lyrnn_activations activations; /* T = 1 */
    /* device memory */
    void *memory;              /* the allocation that holds the arrays below */
    lyrnn_text_cursor *cursor; /* (1) */
    lyrnn_text_state *states;  /* (B) */
    int32_t *texts;            /* (B,max_length) */
    int32_t *seen;             /* (B,V)  for the repeat penalty; else NULL */
    int32_t *news;             /* (B,poll_every)  what the host has not seen yet */
    int32_t *acrostic;         /* (num_acrostic) */
    int32_t *classes, *steps;  /* as in lyrnn_clusters, or NULL */
    int32_t *corpus;           /* (N)  for the copy guard */
    int32_t *suffixes;         /* (N)  for the copy guard */
    lyrnn_device_line_rules lines;
    lyrnn_device_copy_guard copies;
    /* host memory, owned */
    lyrnn_text_state *states_host; /* (B) */
    int32_t *texts_host;           /* (B,max_length) */
    int32_t *news_host;            /* (B,poll_every) */
} lyrnn_generator;

/* Bytes of device memory that a generator takes. */
size_t lyrnn_generator_bytes(const lyrnn_backend *backend, const lyrnn_rnn_config *config,
                             const lyrnn_generate_options *options, size_t max_length);

/* Prepares to generate texts of at most max_length characters, prefix included. options->stop is
 * borrowed for the life of the generator; acrostic, clusters and corpus are copied to the device.
 * LYRNN_ERR_USAGE: max_length does not fit an int. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_generator_init(lyrnn_generator *generator, const lyrnn_model *model,
                                  const lyrnn_generate_options *options, size_t max_length);
/* A zeroed generator is fine. */
void lyrnn_generator_free(lyrnn_generator *generator);

/* Generates all samples, each of at most length characters after the prompt. The state is zero at
 * the start. Uses the parameters that the model has now. Returns an error only if the listener
 * does. */
lyrnn_status lyrnn_generate(lyrnn_generator *generator, const lyrnn_prompt *prompt, size_t length,
                            const lyrnn_listener *listener);

#ifdef __cplusplus
}
#endif
#endif
