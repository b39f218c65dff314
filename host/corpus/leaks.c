/* Hashes all runs of LEAKS_MIN_RUN characters of the validation text into a set, reads the training
 * text once, and looks each of its runs up. A character of validation leaks if a run with it is in
 * both texts. The longest run is found by halving, because a text with a common run of L characters
 * also has one of L - 1; each step reads only what leaks.
 *
 * The suffix array of copies.c would answer too. But it takes over 20 bytes per character of
 * training and several times as long, on each start of a training. */
#include "corpus/leaks.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/plain_text.h"
#include "corpus/drop_lines.h"
#include "corpus/grams.h"
#include "corpus/songs.h"

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
        uint64_t hash = gram_hash_value(&reader.gram);
        run_slot *slot = find_slot(set, hash);
        if (slot->position == 0)
            *slot = (run_slot){.hash = hash, .position = (uint32_t)position + 1};
    }
}

/* The slot of a run of training that the set has, or NULL. */
static run_slot *find_run(const run_set *set, const leak_texts *texts, const run_reader *reader,
                          size_t position)
{
    run_slot *slot = find_slot(set, gram_hash_value(&reader->gram));
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
        if (find_slot(set, gram_hash_value(&validation.gram))->is_shared)
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

/* What the search needs: the runs of validation, and which characters leak. */
typedef struct {
    run_set set;
    bool *is_shared; /* (N) */
} leak_search;

static void free_search(leak_search *search)
{
    free(search->set.slots);
    free(search->is_shared);
}

/* Marks what leaks. The caller frees search, on failure too. */
static lyrnn_status begin_search(leak_search *search, const leak_texts *texts)
{
    size_t num = 0;
    for (size_t song = 0; song < texts->num_songs; song++)
        if (texts->is_validation[song])
            num += end_of_song(texts, song) - texts->starts[song];
    *search = (leak_search){.set.mask = 1};
    while (search->set.mask < 2 * num)
        search->set.mask = 2 * search->set.mask + 1;
    size_t bytes = texts->N + (search->set.mask + 1) * sizeof *search->set.slots;
    LYRNN_TRY(lyrnn_require_memory("validation", bytes, "hold out less of the text"));
    search->set.slots = malloc((search->set.mask + 1) * sizeof *search->set.slots);
    search->is_shared = calloc(texts->N + 1, sizeof *search->is_shared);
    if (search->set.slots == NULL || search->is_shared == NULL)
        return lyrnn_out_of_memory("validation", bytes, "hold out less of the text");
    mark_shared(&search->set, texts, search->is_shared);
    return LYRNN_OK;
}

static void fill_found(leak_search *search, const leak_texts *texts, leaks *found)
{
    for (size_t song = 0; song < texts->num_songs; song++) {
        found->num_songs += texts->is_validation[song];
        for (size_t i = texts->starts[song];
             i < end_of_song(texts, song) && texts->is_validation[song]; i++) {
            found->num_chars++;
            found->num_shared += search->is_shared[i];
        }
    }
    size_t at = 0;
    if (found->num_shared > 0)
        found->longest = find_longest(&search->set, texts, search->is_shared, &at);
    write_text(texts->chars + at, found->longest, found->text);
}

lyrnn_status leaks_find(const leak_texts *texts, leaks *found)
{
    leak_search search;
    *found = (leaks){0};
    lyrnn_status status = begin_search(&search, texts);
    if (status == LYRNN_OK)
        fill_found(&search, texts, found);
    free_search(&search);
    return status;
}

static bool has_leak(void *context, const lyrnn_corpus *corpus, size_t begin, size_t end)
{
    const bool *is_shared = context;
    for (size_t i = begin; i < end; i++)
        if (is_shared[i] && corpus->chars[i] != '\n')
            return true;
    return false;
}

/* Drops the lines that leak now. is_kept has room for num_songs. */
static lyrnn_status drop_once(lyrnn_corpus *corpus, bool *is_validation, bool *is_kept,
                              line_rule *rule)
{
    leak_search search;
    size_t num_songs = corpus->num_songs, num_kept = 0;
    const leak_texts texts = {corpus->chars, corpus->N, corpus->starts, num_songs, is_validation};
    lyrnn_status status = begin_search(&search, &texts);
    if (status == LYRNN_OK) {
        for (size_t song = 0; song < num_songs; song++)
            if (is_validation[song])
                memset(search.is_shared + corpus->starts[song], 0,
                       songs_end(corpus, song) - corpus->starts[song]);
        *rule = (line_rule){.is_bad = has_leak, .context = search.is_shared};
        corpus_drop_lines(corpus, rule, is_kept);
        for (size_t song = 0; song < num_songs; song++)
            if (is_kept[song])
                is_validation[num_kept++] = is_validation[song];
    }
    free_search(&search);
    return status;
}

static lyrnn_status drop_all(lyrnn_corpus *corpus, bool *is_validation, bool *is_kept,
                             leak_counts *dropped)
{
    enum { MAX_TIMES = 8 }; /* each time takes as long as to find the runs of the whole text */
    for (int i = 0; i < MAX_TIMES; i++) {
        line_rule rule;
        LYRNN_TRY(drop_once(corpus, is_validation, is_kept, &rule));
        dropped->num_lines += rule.num_lines;
        dropped->num_songs += rule.num_songs;
        if (rule.num_lines == 0)
            break;
    }
    for (size_t song = 0; song < corpus->num_songs; song++)
        if (!is_validation[song])
            return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "--drop-leaks: each line of training has a run of %d characters that "
                      "validation has too; leave it out, or give more text",
                      LEAKS_MIN_RUN);
}

lyrnn_status leaks_drop(lyrnn_corpus *corpus, bool *is_validation, leak_counts *dropped)
{
    *dropped = (leak_counts){0};
    bool *is_kept = malloc((corpus->num_songs + 1) * sizeof *is_kept);
    if (is_kept == NULL)
        return lyrnn_out_of_memory("corpus", corpus->num_songs * sizeof *is_kept,
                                   "leave out --drop-leaks");
    lyrnn_status status = drop_all(corpus, is_validation, is_kept, dropped);
    free(is_kept);
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

void leaks_log_dropped(const leak_counts *dropped, FILE *log)
{
    char num_lines[32], num_songs[32];
    lyrnn_print_plain(log, "training: dropped %s line%s that validation has too",
                      with_commas(dropped->num_lines, num_lines),
                      dropped->num_lines == 1 ? "" : "s");
    if (dropped->num_songs > 0)
        lyrnn_print_plain(log, ", among them %s whole song%s",
                          with_commas(dropped->num_songs, num_songs),
                          dropped->num_songs == 1 ? "" : "s");
    lyrnn_print_plain(log, "\n");
}
