/* Products modulo 2^61 - 1 need no division: 2^61 is 1 there, so the high bits are added to the low
 * ones. */
#include "text/grams.h"

__extension__ typedef unsigned __int128 product;

static const uint64_t PRIME = (UINT64_C(1) << 61) - 1;
/* Any number that is not small. The program uses it for every text, so that it always finds the
 * same. */
static const uint64_t BASE = UINT64_C(0x1B873593CC9E2D51) % ((UINT64_C(1) << 61) - 1);

static uint64_t multiply(uint64_t a, uint64_t b)
{
    product p = (product)a * b;
    uint64_t sum = ((uint64_t)p & PRIME) + (uint64_t)(p >> 61);
    return sum >= PRIME ? sum - PRIME : sum;
}

gram_hash gram_hash_begin(size_t length)
{
    uint64_t oldest = 1, factor = BASE;
    for (size_t exponent = length - 1; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1)
            oldest = multiply(oldest, factor);
        factor = multiply(factor, factor);
    }
    return (gram_hash){.length = length, .oldest = oldest};
}

void gram_hash_restart(gram_hash *gram)
{
    gram->num = 0;
    gram->hash = 0;
}

/* Adds 1 to each character, so that U+0000 counts as well. */
void gram_hash_read(gram_hash *gram, const uint32_t *last)
{
    if (gram->num == gram->length) {
        const uint32_t *first = last - gram->length;
        uint64_t part = multiply(gram->oldest, *first + UINT64_C(1));
        gram->hash = gram->hash >= part ? gram->hash - part : gram->hash + PRIME - part;
    } else {
        gram->num++;
    }
    gram->hash = multiply(gram->hash, BASE) + *last + 1;
    if (gram->hash >= PRIME)
        gram->hash -= PRIME;
}

uint64_t gram_hash_of(const uint32_t *chars, size_t num)
{
    gram_hash gram = {.length = num};
    for (size_t i = 0; i < num; i++)
        gram_hash_read(&gram, &chars[i]);
    return gram.hash;
}
