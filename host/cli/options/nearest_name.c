/* A name is near if few letters differ, or else if it shares a word with what was typed:
 * --hiden_size is near to --hidden-size, and --epochs to --num-epochs. A few names are those of
 * other programs and have nothing in common with ours. */
#include "cli/options/nearest_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = NEAREST_NAME_BYTES - 1, FAR = 100 };

/* As PyTorch, transformers, llama.cpp and other programs call what lyrnn has too. */
static const char *const synonyms[][2] = {
    {"learning-rate", "lr"},
    {"max-new-tokens", "length"},
    {"n-predict", "length"},
    {"max-tokens", "length"},
    {"prompt", "prefix"},
    {"bptt", "num-steps"},
    {"seq-len", "num-steps"},
    {"force", "overwrite"},
    {"jobs", "threads"},
    {"max-grad-norm", "clip-norm"},
    {"json", "format"},
    {"format", "json"},
    {"output-dir", "out"},
    {"accumulate", "shards"},
    {"gradient-accumulation-steps", "shards"},
    {"emsize", "embedding-size"},
};

/* Upper case and underscores are no difference. */
static char fold(char c)
{
    return (char)(c == '_' ? '-' : tolower((unsigned char)c));
}

static int min_of(int a, int b)
{
    return a < b ? a : b;
}

/* The number of letters to insert, remove, replace, or exchange with their neighbor (optimal string
 * alignment). Both texts have at most LONGEST bytes. */
static int edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int rows[3][LONGEST + 1]; /* row i % 3: the distances of the first i bytes of a */
    for (size_t i = 0; i <= a_length; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_length; j++) {
            if (i == 0) {
                row[j] = (int)j;
                continue;
            }
            bool same = fold(a[i - 1]) == fold(b[j - 1]);
            row[j] = min_of(min_of(above[j], row[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = min_of(row[j], second[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

static size_t word_length(const char *text, const char *end)
{
    size_t length = 0;
    while (text + length < end && fold(text[length]) != '-')
        length++;
    return length;
}

/* One begins with the other: "epoch" and "epochs". */
static bool is_same_word(const char *a, size_t a_length, const char *b, size_t b_length)
{
    enum { SHORTEST = 3 };
    size_t length = a_length < b_length ? a_length : b_length;
    if (length < SHORTEST)
        return false;
    for (size_t i = 0; i < length; i++)
        if (fold(a[i]) != fold(b[i]))
            return false;
    return true;
}

static int count_shared_words(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const char *a_end = a + a_length, *b_end = b + b_length;
    int num = 0;
    for (const char *word = a; word < a_end; word += word_length(word, a_end) + 1) {
        bool is_shared = false;
        for (const char *other = b; other < b_end; other += word_length(other, b_end) + 1)
            is_shared = is_shared || is_same_word(word, word_length(word, a_end), other,
                                                  word_length(other, b_end));
        num += is_shared;
    }
    return num;
}

static bool is_synonym(const nearest_name *nearest, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        if (strlen(synonyms[i][0]) == nearest->length &&
            edit_distance(nearest->typed, nearest->length, synonyms[i][0], nearest->length) == 0 &&
            strlen(synonyms[i][1]) == length && strncmp(synonyms[i][1], name, length) == 0)
            return true;
    return false;
}

/* FAR: not near at all. Below it, an edit distance comes before any number of shared words. */
static int distance_of(const nearest_name *nearest, const char *name, size_t length)
{
    enum { SHARED = 50 };
    if (is_synonym(nearest, name, length))
        return 0;
    size_t shorter = nearest->length < length ? nearest->length : length;
    int edits = edit_distance(nearest->typed, nearest->length, name, length);
    if (edits == 0 || (shorter > 1 && edits <= 1 + (int)shorter / 5))
        return edits;
    int num_shared = count_shared_words(nearest->typed, nearest->length, name, length);
    return num_shared > 0 ? SHARED - num_shared : FAR;
}

void nearest_name_consider(nearest_name *nearest, const char *before, const char *name,
                           size_t length)
{
    if (nearest->length > LONGEST || length + strlen(before) > LONGEST)
        return;
    int distance = distance_of(nearest, name, length);
    if (distance == FAR || (nearest->num > 0 && distance > nearest->best))
        return;
    if (nearest->num > 0 && distance < nearest->best)
        nearest->num = 0;
    nearest->best = distance;
    if (nearest->num < NEAREST_MAX)
        snprintf(nearest->names[nearest->num], NEAREST_NAME_BYTES, "%s%.*s", before, (int)length,
                 name);
    nearest->num++;
}

const char *nearest_name_text(nearest_name *nearest)
{
    if (nearest->num == 0 || nearest->num > NEAREST_MAX)
        return NULL;
    int length =
        snprintf(nearest->text, sizeof nearest->text, "did you mean %s", nearest->names[0]);
    for (int i = 1; i < nearest->num; i++)
        length += snprintf(nearest->text + length, sizeof nearest->text - (size_t)length, "%s%s",
                           i + 1 == nearest->num ? " or " : ", ", nearest->names[i]);
    snprintf(nearest->text + length, sizeof nearest->text - (size_t)length, "?");
    return nearest->text;
}
