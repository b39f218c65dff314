/* Fuzzes what is done with the songs of a corpus: cleaning, repeats, copies, rare characters and
 * leaks. Whatever the text, songs stay contiguous and are not empty, a rule that is applied twice
 * changes nothing more, and the numbers of leaks agree.
 *
 * An input is two bytes and a text. The bits of the first byte are options, and those of the second
 * say which songs are for validation. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/clean.h"
#include "corpus/duplicates.h"
#include "corpus/leaks.h"
#include "corpus/repeats.h"
#include "fuzz.h"
#include "lyrnn/corpus.h"

enum { ONCE = 1, KEEP_DUPLICATES = 2, RARE = 4, SPACES = 8, PARAGRAPHS = 16 };

/* For each byte: the byte, some characters, and what the search for copies takes. */
enum { MEMORY_MULTIPLE = 160, MEMORY_CONSTANT = 8 << 20 };

static void check_songs(const lyrnn_corpus *corpus)
{
    LYRNN_CHECK(corpus->num_songs > 0 && corpus->starts[0] == 0);
    for (size_t song = 0; song < corpus->num_songs; song++) {
        size_t end = song + 1 < corpus->num_songs ? corpus->starts[song + 1] : corpus->N;
        LYRNN_CHECK(corpus->starts[song] < end && end <= corpus->N);
    }
}

/* No controls, no blanks but single spaces, and none of them at the end of a line. */
static void check_blanks(const lyrnn_corpus *corpus)
{
    for (size_t i = 0; i < corpus->N; i++) {
        uint32_t c = corpus->chars[i], next = i + 1 < corpus->N ? corpus->chars[i + 1] : '\n';
        LYRNN_CHECK(c == '\n' || (c >= ' ' && (c < 0x7F || c > 0xA0)));
        LYRNN_CHECK(c != ' ' || (next != ' ' && next != '\n'));
    }
}

static void check_clean(const lyrnn_corpus *corpus)
{
    text_clean_counts counts = {0};
    uint32_t *chars = malloc(corpus->N * sizeof *chars);
    LYRNN_CHECK(chars != NULL);
    memcpy(chars, corpus->chars, corpus->N * sizeof *chars);
    size_t num = text_clean(chars, corpus->N, &counts);
    counts = (text_clean_counts){0};
    LYRNN_CHECK(text_clean(chars, num, &counts) == num);
    LYRNN_CHECK(counts.num_controls + counts.num_invisible + counts.num_spaces == 0);
    free(chars);
}

static void check_rules(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    repeat_counts repeats;
    duplicate_counts copies;
    size_t N = corpus->N;
    if (rules->repeats == LYRNN_REPEATS_ONCE) {
        LYRNN_CHECK(corpus_drop_repeats(corpus, &repeats) == LYRNN_OK);
        LYRNN_CHECK(repeats.num_stanzas == 0 && corpus->N == N);
    }
    LYRNN_CHECK(corpus_drop_duplicates(corpus, &copies) == LYRNN_OK);
    LYRNN_CHECK(copies.num_dropped == 0 || rules->keep_duplicates);
    check_songs(corpus);
    LYRNN_CHECK(corpus_drop_duplicates(corpus, &copies) == LYRNN_OK && copies.num_dropped == 0);
}

static leaks find_leaks(const lyrnn_corpus *corpus, const bool *is_validation)
{
    leaks found;
    const leak_texts texts = {corpus->chars, corpus->N, corpus->starts, corpus->num_songs,
                              is_validation};
    LYRNN_CHECK(leaks_find(&texts, &found) == LYRNN_OK);
    LYRNN_CHECK(found.num_shared <= found.num_chars && found.longest <= found.num_shared);
    LYRNN_CHECK((found.num_shared > 0) == (found.longest >= LEAKS_MIN_RUN));
    return found;
}

static void check_leaks(lyrnn_corpus *corpus, uint8_t bits)
{
    bool *is_validation = malloc(corpus->num_songs * sizeof *is_validation);
    LYRNN_CHECK(is_validation != NULL);
    for (size_t song = 0; song < corpus->num_songs; song++)
        is_validation[song] = bits >> song % 8 & 1;
    leaks before = find_leaks(corpus, is_validation);
    leak_counts dropped;
    size_t N = corpus->N;
    if (leaks_drop(corpus, is_validation, &dropped) == LYRNN_OK) {
        check_songs(corpus);
        leaks after = find_leaks(corpus, is_validation);
        LYRNN_CHECK(after.num_songs == before.num_songs && after.num_chars == before.num_chars);
        LYRNN_CHECK((dropped.num_lines > 0) == (corpus->N < N));
        LYRNN_CHECK(dropped.num_lines > 0 || before.num_shared == after.num_shared);
    } else {
        fuzz_check_error_text("--drop-leaks");
    }
    free(is_validation);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    const char *const path = "input";
    if (num_bytes < 2)
        return 0;
    const lyrnn_corpus_rules rules = {
        .encoding = LYRNN_ENCODING_UTF8,
        .is_plain_text = true,
        .songs = bytes[0] & PARAGRAPHS ? LYRNN_SONGS_BLANK_LINE : LYRNN_SONGS_AUTO,
        .repeats = bytes[0] & ONCE ? LYRNN_REPEATS_ONCE : LYRNN_REPEATS_KEEP,
        .keep_duplicates = bytes[0] & KEEP_DUPLICATES,
        .min_count = bytes[0] & RARE ? 2 : 0,
        .newlines = bytes[0] & SPACES ? LYRNN_NEWLINES_SPACE : LYRNN_NEWLINES_KEEP};
    lyrnn_corpus corpus;
    fuzz_write_file(path, bytes + 2, num_bytes - 2);
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_corpus_load(&corpus, &path, 1, &rules);
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    if (status == LYRNN_OK) {
        check_songs(&corpus);
        check_clean(&corpus);
        if (!(bytes[0] & SPACES))
            check_blanks(&corpus);
        if (!(bytes[0] & (SPACES | RARE)) && bytes[0] & PARAGRAPHS)
            check_rules(&corpus, &rules);
        check_leaks(&corpus, bytes[1]);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_CORPUS);
        fuzz_check_error_line();
    }
    lyrnn_corpus_free(&corpus);
    return 0;
}
