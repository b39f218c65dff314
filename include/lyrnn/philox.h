/* Random numbers that depend on their purpose and position, never on the order of the calls.
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") maps (seed,
 * purpose, position) to 32 random bits. The result is that of cuRAND's curand_init(seed, purpose,
 * position) and one draw, so all backends and all batch shapes see the same numbers. */
#ifndef LYRNN_PHILOX_H
#define LYRNN_PHILOX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The sequences of two purposes never overlap. The numbers never change: checkpoints depend on
 * them. */
enum {
    LYRNN_PURPOSE_INIT = 1,      /* position: offset of the weight in the flat parameter buffer */
    LYRNN_PURPOSE_SHUFFLE = 2,   /* position: epoch * 2^32 + swap or song number */
    LYRNN_PURPOSE_BENCH = 3,     /* position: position in the random corpus of bench */
    LYRNN_PURPOSE_DROPOUT = 4,   /* position: see lyrnn_dropout_args */
    LYRNN_PURPOSE_OFFSET = 5,    /* position: epoch */
    LYRNN_PURPOSE_FROM_ZERO = 6, /* position: epoch * 2^32 + chunk number */
    /* position: see lyrnn_dropout_args; (B,E), (B,D*H) and all W_hh per step */
    LYRNN_PURPOSE_DROPOUT_INPUT = 7,
    LYRNN_PURPOSE_DROPOUT_OUTPUT = 8,
    LYRNN_PURPOSE_DROPOUT_WEIGHT = 9
};
/* Sample number n of generated text has the purpose LYRNN_PURPOSE_SAMPLE + n; position: the
 * position of the character in the text. */
#define LYRNN_PURPOSE_SAMPLE (UINT64_C(1) << 32)

/* Returns 32 random bits. */
uint32_t lyrnn_philox_bits(uint64_t seed, uint64_t purpose, uint64_t position);

/* Returns the bits as a float in (0, 1], as curand_uniform does: bits * 2^-32 + 2^-33. */
float lyrnn_philox_uniform(uint64_t seed, uint64_t purpose, uint64_t position);

/* Sets values to the four floats at positions 4 * block to 4 * block + 3, at the cost of one. */
void lyrnn_philox_uniform_block(uint64_t seed, uint64_t purpose, uint64_t block, float values[4]);

#ifdef __cplusplus
}
#endif
#endif
