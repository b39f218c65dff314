/* Products modulo 2^61 - 1 need no division: 2^61 is 1 there, so the high bits are added to the low
 * ones. */
#include "corpus/grams.h"

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
    gram->sum = 0;
}

/* Adds 1 to each character, so that U+0000 counts as well. */
void gram_hash_read(gram_hash *gram, const uint32_t *last)
{
    if (gram->num == gram->length) {
        const uint32_t *first = last - gram->length;
        uint64_t part = multiply(gram->oldest, *first + UINT64_C(1));
        gram->sum = gram->sum >= part ? gram->sum - part : gram->sum + PRIME - part;
    } else {
        gram->num++;
    }
    gram->sum = multiply(gram->sum, BASE) + *last + 1;
    if (gram->sum >= PRIME)
        gram->sum -= PRIME;
}

/* Runs that differ in their last characters only have sums near one another, which would be
 * neighbors in a table. This is the finalizer of MurmurHash3, which loses nothing. */
uint64_t gram_hash_value(const gram_hash *gram)
{
    uint64_t value = gram->sum;
    value = (value ^ value >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
    value = (value ^ value >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
    return value ^ value >> 33;
}

uint64_t gram_hash_of(const uint32_t *chars, size_t num)
{
    gram_hash gram = {.length = num};
    for (size_t i = 0; i < num; i++)
        gram_hash_read(&gram, &chars[i]);
    return gram_hash_value(&gram);
}
