/* Writes text. The samples of a prompt are streams of one batch on the device, which reads a character of each
 * and chooses the next by itself; the host looks at the texts now and then and passes on what is new.
 *
 *     lyrnn_generate_options options = lyrnn_greedy_options();
 *     lyrnn_generator generator;
 *     lyrnn_generator_init(&generator, &model, &options, prompt.length + 50);
 *     lyrnn_generate(&generator, &prompt, 50, &listener);   -- calls back for each character and sample
 *     lyrnn_generator_free(&generator);
 *
 * A sample's text depends on the model, the prompt, the options, the seed and the sample's number: not on how
 * many are written beside it. */
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

/* Forbids each character that would extend the text's last `length` characters as the corpus does, so that the
 * text has no run of length + 1 characters in common with the corpus. */
typedef struct {
    int length;                 /* 0: no guard; text that is shorter is not guarded either */
    const lyrnn_copies *corpus; /* borrowed; NULL where length is 0 */
} lyrnn_copy_guard;

typedef struct {
    lyrnn_sampler sampler;
    lyrnn_line_rules lines;
    lyrnn_copy_guard copies;
    const int32_t *stop; /* (num_stop)  a text ends before the first place where it wrote these */
    size_t num_stop;
    uint64_t first_sample; /* number of the first sample */
    size_t num_samples;    /* at least 1 */
    int poll_every;        /* characters between two looks at the texts; 1: as they come */
} lyrnn_generate_options;

/* One sample, always the likeliest character, no rules. */
lyrnn_generate_options lyrnn_greedy_options(void);

/* Why a text is over. */
typedef enum {
    LYRNN_END_LENGTH, /* as many characters as were asked for */
    LYRNN_END_LINES,  /* as many lines */
    LYRNN_END_STOP,   /* the stop text came next */
    LYRNN_END_STUCK   /* no character was allowed */
} lyrnn_sample_end;
const char *lyrnn_sample_end_name(lyrnn_sample_end end); /* "length" and so on */

typedef struct {
    uint64_t number;
    const int32_t *ids; /* (length)  prefix included, borrowed for the call */
    size_t length, prefix_length;
    lyrnn_sample_end end;
} lyrnn_sample;

/* Who is told, sample by sample in ascending order of numbers: of each character, the prefix's included, once
 * it is certain to stay, and then of the whole sample. Either may be NULL. What fails ends the generation. */
typedef struct {
    lyrnn_status (*character)(void *context, uint64_t sample, int32_t id);
    lyrnn_status (*sample)(void *context, const lyrnn_sample *sample);
    void *context;
} lyrnn_listener;

typedef struct {
    const lyrnn_model *model;  /* borrowed */
    lyrnn_packed_model packed; /* the model's parameters when generation began */
    lyrnn_generate_options
        options; /* after lyrnn_generator_init, lines and copies point to nothing */
    int B;
    size_t max_length;
    lyrnn_activations activations; /* T = 1 */
    void *memory;                  /* the device allocation of the following */
    lyrnn_text_cursor *cursor;     /* (1)  set for each batch */
    lyrnn_text_state *states;      /* (B) */
    int32_t *texts;                /* (B,max_length) */
    int32_t *news;                 /* (B,poll_every)  what the host has not seen */
    int32_t *acrostic;             /* (num_acrostic) */
    int32_t *corpus, *suffixes;    /* (N) each, the copy guard's */
    lyrnn_device_line_rules lines; /* options.lines and options.copies on the device */
    lyrnn_device_copy_guard copies;
    lyrnn_text_state *states_host; /* (B)             host, owned, as are the following */
    int32_t *texts_host;           /* (B,max_length) */
    int32_t *news_host;            /* (B,poll_every) */
} lyrnn_generator;

/* Device memory that a generator takes. num_lanes is the backend's. */
size_t lyrnn_generator_bytes(const lyrnn_rnn_config *config, int num_lanes,
                             const lyrnn_generate_options *options, size_t max_length);

/* For texts of at most max_length characters, prefix included. What options point to is borrowed: stop for the
 * generator's life, the rest for the call. LYRNN_ERR_USAGE: max_length beyond an int. LYRNN_ERR_MEMORY names
 * the bytes. */
lyrnn_status lyrnn_generator_init(lyrnn_generator *generator, const lyrnn_model *model,
                                  const lyrnn_generate_options *options, size_t max_length);
/* A zeroed generator is fine. */
void lyrnn_generator_free(lyrnn_generator *generator);

/* Writes all samples, of at most length characters after the prompt, the state zero at first. Returns what the
 * listener does. */
lyrnn_status lyrnn_generate(lyrnn_generator *generator, const lyrnn_prompt *prompt, size_t length,
                            const lyrnn_listener *listener);

#ifdef __cplusplus
}
#endif
#endif
