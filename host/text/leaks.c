/* Hashes all runs of LEAKS_MIN_RUN characters of the validation text into a set, reads the training
 * text once, and looks each of its runs up. A character of validation leaks if a run with it is in
 * both texts. The longest run is found by halving, because a text with a common run of L characters
 * also has one of L - 1; each step reads only what leaks.
 *
 * The suffix array of copies.c would answer too. But it takes over 20 bytes per character of
 * training and several times as long, on each start of a training. */
#include "text/leaks.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "text/grams.h"

/* A set of runs of the same length. */
typedef struct {
    uint64_t hash;
    uint32_t position; /* of the first run with this hash, plus 1; 0: the slot is free */
    bool is_shared;
} run_slot;

typedef struct {
    run_slot *slots; /* (mask + 1) */
    size_t mask;
} run_set;

/* Reads the songs of one part run by run. */
typedef struct {
    const leak_texts *texts;
    bool is_validation;
    const bool *only; /* (N)  reads only runs of these characters; NULL: all */
    size_t song, at, end;
    gram_hash gram;
} run_reader;

static run_reader read_runs(const leak_texts *texts, bool is_validation, size_t length,
                            const bool *only)
{
    return (run_reader){.texts = texts,
                        .is_validation = is_validation,
                        .only = only,
                        .gram = gram_hash_begin(length)};
}

static size_t end_of_song(const leak_texts *texts, size_t song)
{
    return song + 1 < texts->num_songs ? texts->starts[song + 1] : texts->N;
}

/* Whether there is another run; sets *position to its first character. */
static bool next_run(run_reader *reader, size_t *position)
{
    const leak_texts *texts = reader->texts;
    for (;;) {
        if (reader->at == reader->end) {
            if (reader->song == texts->num_songs)
                return false;
            size_t song = reader->song++;
            if (texts->is_validation[song] == reader->is_validation) {
                reader->at = texts->starts[song];
                reader->end = end_of_song(texts, song);
            }
            gram_hash_restart(&reader->gram);
            continue;
        }
        size_t at = reader->at++;
        if (reader->only != NULL && !reader->only[at]) {
            gram_hash_restart(&reader->gram);
            continue;
        }
        gram_hash_read(&reader->gram, &texts->chars[at]);
        if (reader->gram.num == reader->gram.length) {
            *position = at + 1 - reader->gram.length;
            return true;
        }
    }
}

/* The slot of this hash, or the free one where it belongs. */
static run_slot *find_slot(const run_set *set, uint64_t hash)
{
    size_t i = (size_t)hash & set->mask;
    while (set->slots[i].position != 0 && set->slots[i].hash != hash)
        i = (i + 1) & set->mask;
    return &set->slots[i];
}

/* Replaces the set by that of all runs of validation. */
static void fill_set(run_set *set, const leak_texts *texts, size_t length, const bool *only)
{
    run_reader reader = read_runs(texts, true, length, only);
    size_t position;
    memset(set->slots, 0, (set->mask + 1) * sizeof *set->slots);
    while (next_run(&reader, &position)) {
        run_slot *slot = find_slot(set, reader.gram.hash);
        if (slot->position == 0)
            *slot = (run_slot){.hash = reader.gram.hash, .position = (uint32_t)position + 1};
    }
}

/* The slot of a run of training that the set has, or NULL. */
static run_slot *find_run(const run_set *set, const leak_texts *texts, const run_reader *reader,
                          size_t position)
{
    run_slot *slot = find_slot(set, reader->gram.hash);
    bool is_same =
        slot->position != 0 && memcmp(&texts->chars[slot->position - 1], &texts->chars[position],
                                      reader->gram.length * sizeof *texts->chars) == 0;
    return is_same ? slot : NULL;
}

/* Marks the characters of a run. *marked is the end of the last one. */
static void mark_run(bool *is_shared, size_t position, size_t *marked)
{
    size_t end = position + LEAKS_MIN_RUN;
    for (size_t i = position > *marked ? position : *marked; i < end; i++)
        is_shared[i] = true;
    *marked = end;
}

/* Marks all characters of either part in runs that the other part has too. */
static void mark_shared(run_set *set, const leak_texts *texts, bool *is_shared)
{
    size_t position, marked = 0;
    fill_set(set, texts, LEAKS_MIN_RUN, NULL);
    run_reader training = read_runs(texts, false, LEAKS_MIN_RUN, NULL);
    while (next_run(&training, &position)) {
        run_slot *slot = find_run(set, texts, &training, position);
        if (slot == NULL)
            continue;
        slot->is_shared = true;
        mark_run(is_shared, position, &marked);
    }
    run_reader validation = read_runs(texts, true, LEAKS_MIN_RUN, NULL);
    marked = 0;
    while (next_run(&validation, &position))
        if (find_slot(set, validation.gram.hash)->is_shared)
            mark_run(is_shared, position, &marked);
}

/* Whether the two parts share a run of this length; sets *at to where it is in validation. */
static bool share_run(run_set *set, const leak_texts *texts, const bool *is_shared, size_t length,
                      size_t *at)
{
    size_t position;
    fill_set(set, texts, length, is_shared);
    run_reader training = read_runs(texts, false, length, is_shared);
    while (next_run(&training, &position)) {
        const run_slot *slot = find_run(set, texts, &training, position);
        if (slot != NULL) {
            *at = slot->position - 1;
            return true;
        }
    }
    return false;
}

/* The length of the longest run that the two parts share, if there is one. */
static size_t find_longest(run_set *set, const leak_texts *texts, const bool *is_shared, size_t *at)
{
    size_t longest = LEAKS_MIN_RUN, too_long = 2 * longest;
    share_run(set, texts, is_shared, longest, at);
    while (share_run(set, texts, is_shared, too_long, at)) {
        longest = too_long;
        too_long *= 2;
    }
    while (too_long - longest > 1) {
        size_t middle = longest + (too_long - longest) / 2;
        if (share_run(set, texts, is_shared, middle, at))
            longest = middle;
        else
            too_long = middle;
    }
    return longest;
}

static void write_text(const uint32_t *chars, size_t num, char text[LEAKS_TEXT_SIZE])
{
    enum { SHOWN = 40, MAX_BYTES = 4 };
    _Static_assert((SHOWN + 1) * MAX_BYTES < LEAKS_TEXT_SIZE, "the text fits");
    utf8proc_uint8_t *end = (utf8proc_uint8_t *)text;
    for (size_t i = 0; i < num && i < SHOWN; i++)
        end += utf8proc_encode_char(chars[i] == '\n' ? ' ' : (utf8proc_int32_t)chars[i], end);
    if (num > SHOWN)
        end += utf8proc_encode_char(0x2026, end);
    *end = '\0';
}

static void fill_found(run_set *set, const leak_texts *texts, bool *is_shared, leaks *found)
{
    mark_shared(set, texts, is_shared);
    for (size_t song = 0; song < texts->num_songs; song++)
        for (size_t i = texts->starts[song]; i < end_of_song(texts, song); i++)
            found->num_shared += texts->is_validation[song] && is_shared[i];
    size_t at = 0;
    if (found->num_shared > 0)
        found->longest = find_longest(set, texts, is_shared, &at);
    write_text(texts->chars + at, found->longest, found->text);
}

lyrnn_status leaks_find(const leak_texts *texts, leaks *found)
{
    *found = (leaks){0};
    for (size_t song = 0; song < texts->num_songs; song++) {
        size_t num = end_of_song(texts, song) - texts->starts[song];
        found->num_songs += texts->is_validation[song];
        found->num_chars += texts->is_validation[song] ? num : 0;
    }
    run_set set = {.mask = 1};
    while (set.mask < 2 * found->num_chars)
        set.mask = 2 * set.mask + 1;
    set.slots = malloc((set.mask + 1) * sizeof *set.slots);
    bool *is_shared = calloc(texts->N + 1, sizeof *is_shared);
    lyrnn_status status = LYRNN_OK;
    if (set.slots != NULL && is_shared != NULL)
        fill_found(&set, texts, is_shared, found);
    else
        status = lyrnn_out_of_memory("validation", texts->N + (set.mask + 1) * sizeof *set.slots,
                                     "hold out less of the text");
    free(set.slots);
    free(is_shared);
    return status;
}

/* Writes num with a comma after each thousand. */
static const char *with_commas(size_t num, char text[32])
{
    char *at = text + 31;
    *at = '\0';
    for (int i = 0; i == 0 || num > 0; i++, num /= 10) {
        if (i > 0 && i % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + num % 10);
    }
    return at;
}

void leaks_log(const leaks *found, FILE *log)
{
    char num_songs[32], num_chars[32];
    double percent =
        found->num_chars > 0 ? 100.0 * (double)found->num_shared / (double)found->num_chars : 0.0;
    lyrnn_print_plain(log,
                      "validation: %s song%s, %s characters; %.1f %% are in runs of %d or more "
                      "that training has too",
                      with_commas(found->num_songs, num_songs), found->num_songs == 1 ? "" : "s",
                      with_commas(found->num_chars, num_chars), percent, LEAKS_MIN_RUN);
    if (found->longest > 0)
        lyrnn_print_plain(log, " (longest %zu: %s)", found->longest, found->text);
    lyrnn_print_plain(log, "\n");
}
