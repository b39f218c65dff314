/* Random numbers that depend on what they are for, never on the order in which they are asked.
 *
 * Philox4x32-10 (Salmon et al. 2011) maps (seed, purpose, position) to 32 random bits. The numbering is
 * cuRAND's: the same as curand_init(seed, purpose, position) followed by one draw, so that every
 * backend and every batch shape sees the same numbers. */
#ifndef LYRNN_PHILOX_H
#define LYRNN_PHILOX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Streams that never overlap. A purpose keeps its number for ever: checkpoints depend on it. */
enum {
    LYRNN_PURPOSE_INIT = 1,    /* position: offset of the weight in the flat parameter buffer */
    LYRNN_PURPOSE_SHUFFLE = 2, /* position: epoch * 2^32 + swap number */
    LYRNN_PURPOSE_BENCH = 3,   /* position: place in the made-up corpus */
    LYRNN_PURPOSE_DROPOUT = 4  /* position: see lyrnn_dropout_args */
};
/* And one for each sample of text: this and its number; position: the character's place in the text. */
#define LYRNN_PURPOSE_SAMPLE (UINT64_C(1) << 32)

uint32_t lyrnn_philox_bits(uint64_t seed, uint64_t purpose, uint64_t position);

/* The bits as a float in (0, 1], curand_uniform's mapping: bits * 2^-32 + 2^-33. */
float lyrnn_philox_uniform(uint64_t seed, uint64_t purpose, uint64_t position);

/* The four floats at positions 4 block to 4 block + 3, for the price of one. */
void lyrnn_philox_uniform_block(uint64_t seed, uint64_t purpose, uint64_t block, float values[4]);

#ifdef __cplusplus
}
#endif
#endif
