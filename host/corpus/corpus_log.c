/* A line is a list of counts; those that are 0 are left out, and a line without any is not
 * printed. */
#include "corpus/corpus_log.h"

#include <string.h>

#include "base/plain_text.h"

typedef struct {
    size_t num;
    const char *one, *several;
} counted;

/* Writes "3 tags, 1 credit line". "": all are 0. */
static const char *list_counts(const counted *items, size_t num, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < num; i++)
        if (items[i].num > 0 && length < size)
            length +=
                (size_t)snprintf(text + length, size - length, "%s%zu %s", length > 0 ? ", " : "",
                                 items[i].num, items[i].num == 1 ? items[i].one : items[i].several);
    return text;
}

enum { LIST_SIZE = 400 };
#define LIST(items, text) list_counts(items, sizeof(items) / sizeof((items)[0]), text, sizeof(text))

static void log_characters(const lyrnn_corpus_counts *counts, const char *name, FILE *log)
{
    char dropped[LIST_SIZE], changed[LIST_SIZE];
    const counted drops[] = {
        {counts->num_marks, "byte order mark (U+FEFF) inside the text",
         "byte order marks (U+FEFF) inside the text"},
        {counts->num_controls, "control character", "control characters"},
        {counts->num_invisible, "invisible character", "invisible characters"},
    };
    const counted changes[] = {
        {counts->num_full_width, "full-width character to ASCII", "full-width characters to ASCII"},
        {counts->num_other_script, "character to the other script (--script)",
         "characters to the other script (--script)"},
        {counts->num_separators, "line separator to a newline", "line separators to newlines"},
        {counts->num_spaces, "blank to one space or none", "blanks to one space or none"},
    };
    LIST(drops, dropped);
    LIST(changes, changed);
    if (dropped[0] != '\0')
        lyrnn_print_plain(log, "%s: dropped %s\n", name, dropped);
    if (changed[0] != '\0')
        lyrnn_print_plain(log, "%s: changed %s\n", name, changed);
}

static void log_lrc(const lyrnn_corpus_counts *counts, FILE *log)
{
    char dropped[LIST_SIZE];
    const counted drops[] = {
        {counts->num_lrc_tags, "tag", "tags"},
        {counts->num_lrc_credits, "credit line", "credit lines"},
        {counts->num_lrc_translations, "translated line", "translated lines"},
        {counts->num_lrc_names, "name of a singer", "names of singers"},
    };
    LIST(drops, dropped);
    if (counts->num_lrc_files == 0) { /* the text of a JSON object may be LRC */
        if (dropped[0] != '\0')
            lyrnn_print_plain(log, "lrc: dropped %s\n", dropped);
        return;
    }
    lyrnn_print_plain(log, "lrc: %zu file%s%s%s\n", counts->num_lrc_files,
                      counts->num_lrc_files == 1 ? "" : "s", dropped[0] != '\0' ? "; dropped " : "",
                      dropped);
}

static void log_json(const lyrnn_corpus_counts *counts, FILE *log)
{
    char dropped[LIST_SIZE];
    const counted drops[] = {
        {counts->num_json_empty, "song without text", "songs without text"},
        {counts->num_json_without_text, "object that is no song", "objects that are no songs"},
    };
    if (counts->num_json_files == 0)
        return;
    LIST(drops, dropped);
    lyrnn_print_plain(log, "json: %zu file%s, %zu song%s%s%s\n", counts->num_json_files,
                      counts->num_json_files == 1 ? "" : "s", counts->num_json_songs,
                      counts->num_json_songs == 1 ? "" : "s",
                      dropped[0] != '\0' ? "; dropped " : "", dropped);
}

static void log_dropped_parts(const lyrnn_corpus_counts *counts, const char *name, FILE *log)
{
    if (counts->num_repeated_stanzas > 0)
        lyrnn_print_plain(log, "%s: dropped %zu repeated stanza%s, %zu characters (--repeats)\n",
                          name, counts->num_repeated_stanzas,
                          counts->num_repeated_stanzas == 1 ? "" : "s", counts->num_repeated_chars);
    if (counts->num_rare_lines == 0)
        return;
    char songs[64] = "";
    if (counts->num_rare_songs > 0)
        snprintf(songs, sizeof songs, ", among them %zu whole song%s", counts->num_rare_songs,
                 counts->num_rare_songs == 1 ? "" : "s");
    lyrnn_print_plain(log,
                      "%s: dropped %zu line%s with one of %zu rare characters%s (--min-count)\n",
                      name, counts->num_rare_lines, counts->num_rare_lines == 1 ? "" : "s",
                      counts->num_rare_chars, songs);
}

void corpus_log_changes(const lyrnn_corpus_counts *counts, const char *name, FILE *log)
{
    if (log == NULL)
        return;
    log_lrc(counts, log);
    log_json(counts, log);
    log_characters(counts, name, log);
    log_dropped_parts(counts, name, log);
}

void lyrnn_corpus_log_songs(const lyrnn_corpus *corpus, FILE *log)
{
    const lyrnn_corpus_counts *counts = &corpus->counts;
    char kinds[LIST_SIZE], of_all[32] = "";
    size_t num_read = counts->num_file_songs + counts->num_paragraph_songs + counts->num_lrc_songs +
                      counts->num_json_songs;
    const counted items[] = {
        {counts->num_file_songs, "text file", "text files"},
        {counts->num_paragraph_songs, "paragraph", "paragraphs"},
        {counts->num_lrc_songs, "song of LRC files", "songs of LRC files"},
        {counts->num_json_songs, "JSON object", "JSON objects"},
    };
    if (corpus->num_songs < 2 || log == NULL)
        return;
    const char *hint = "";
    if (counts->num_file_songs > 0 && counts->num_paragraph_songs > 0)
        hint = "; --songs file|blank-line: use one unit for all";
    else if (counts->num_file_songs > 0)
        hint = "; --songs blank-line: one per paragraph";
    else if (counts->num_paragraph_songs > 0)
        hint = "; --songs file: one per file";
    if (corpus->num_songs != num_read)
        snprintf(of_all, sizeof of_all, " of %zu", num_read);
    lyrnn_print_plain(log, "songs: %zu%s (%s%s)\n", corpus->num_songs, of_all, LIST(items, kinds),
                      hint);
}
