/* Looks for texts in the tree that jansson makes of a document, or of each line of JSONL. What may
 * be a song by mistake or hides one is an error with its place; what is surely none is counted. */
#include "corpus/json_songs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/untrusted_json.h"
#include "corpus/blank.h"
#include "corpus/json_text.h"
#include "corpus/json_walk.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define USUAL_FIELDS "paragraphs, lyrics, lyric, text, content and lines"

enum { PLACE_SIZE = 200, PROBLEM_SIZE = 400 };

/* A document that is being read. */
typedef struct {
    const char *name;
    const json_songs_rules *rules;
    const song_sink *sink;
    json_songs_counts *counts;
    json_walk walk;
    size_t line;                /* of JSONL, from 1; 0: not JSONL */
    json_text text;             /* of the last song */
    char problem[PROBLEM_SIZE]; /* of the first object without text; "": there is none */
} json_document;

static lyrnn_status out_of_memory(const json_document *document)
{
    return lyrnn_out_of_memory(document->name, 0, "give the songs as JSONL, one per line");
}

/* Writes the current place, with the line of JSONL. */
static void write_place(const json_document *document, bool is_child, char *place)
{
    char line[32] = "", path[PLACE_SIZE - sizeof line];
    if (document->line > 0)
        snprintf(line, sizeof line, "line %zu: ", document->line);
    json_walk_place(&document->walk, is_child, path, sizeof path);
    snprintf(place, PLACE_SIZE, "%s%s", line, path);
}

static lyrnn_status make_text(json_document *document, const json_t *value)
{
    return json_text_make(&document->text, value) ? LYRNN_OK : out_of_memory(document);
}

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "true or false";
    }
}

/* Refuses a value at the current place, or its element or member `inside`. */
static lyrnn_status refuse_value(const json_document *document, const char *inside,
                                 const json_t *value, const char *what)
{
    char place[PLACE_SIZE];
    write_place(document, true, place);
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: %s%s: is %s, not %s; name the member of a song that "
                      "is its text by --json-field, or correct the file",
                      document->name, place, inside, kind_of(value), what);
}

/* Gives a song its title from JSON, in place of that of LRC. */
typedef struct {
    const song_sink *sink;
    const char *title;
} titled_sink;

static lyrnn_status pass_with_title(void *context, const char *title, const char *utf8,
                                    size_t num_bytes)
{
    const titled_sink *titled = context;
    return titled->sink->song(titled->sink->context, titled->title != NULL ? titled->title : title,
                              utf8, num_bytes);
}

/* Passes document->text on. */
static lyrnn_status pass_song(json_document *document, const char *title)
{
    json_songs_counts *counts = document->counts;
    const json_text *text = &document->text;
    if (text->num_bytes == 0) {
        counts->num_empty++;
        return LYRNN_OK;
    }
    titled_sink titled = {document->sink, title};
    if (!lrc_is(NULL, text->utf8, text->num_bytes)) {
        counts->num_songs++;
        return pass_with_title(&titled, NULL, text->utf8, text->num_bytes);
    }
    char place[PLACE_SIZE], *name;
    write_place(document, true, place);
    if (asprintf(&name, "%s: %s", document->name, place) < 0)
        return out_of_memory(document);
    size_t before = counts->lrc.num_songs;
    const song_sink sink = {.song = pass_with_title, .context = &titled};
    lyrnn_status status = lrc_read(name, text->utf8, text->num_bytes, &sink, &counts->lrc);
    free(name);
    LYRNN_TRY(status);
    counts->num_songs += counts->lrc.num_songs - before;
    counts->num_empty += counts->lrc.num_songs == before;
    return LYRNN_OK;
}

/* Refuses an array that is a text except for some of its elements. */
static lyrnn_status check_array(json_document *document, const char *field, const json_t *array)
{
    bool has_string = false;
    const json_t *other = NULL;
    size_t place = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);
        has_string = has_string || json_is_string(element);
        if (!json_is_line(element) && other == NULL) {
            other = element;
            place = i;
        }
    }
    if (!has_string || other == NULL)
        return LYRNN_OK;
    char inside[PLACE_SIZE];
    snprintf(inside, sizeof inside, "%s%.*s[%zu]", *field != '\0' ? "." : "", PLACE_SIZE / 2, field,
             place);
    return refuse_value(document, inside, other, "a string like the others");
}

/* The members that may be the text of an object. */
static const char *const *text_fields(const json_document *document, size_t *num)
{
    static const char *const usual[] = {"paragraphs", "lyrics",  "lyric",
                                        "text",       "content", "lines"};
    *num = document->rules->field != NULL ? 1 : COUNT(usual);
    return document->rules->field != NULL ? &document->rules->field : usual;
}

/* Makes document->text that of an object: of the first usual member that has one. *is_song: it has
 * a text, or a member for it that is empty. */
static lyrnn_status find_text(json_document *document, const json_t *object, bool *is_song)
{
    size_t num_fields;
    const char *const *fields = text_fields(document, &num_fields);
    *is_song = false;
    document->text.num_bytes = 0;
    for (size_t i = 0; i < num_fields && document->text.num_bytes == 0; i++) {
        const json_t *value = json_object_get(object, fields[i]);
        if (value == NULL)
            continue;
        bool is_text = json_is_text(value);
        if (is_text)
            LYRNN_TRY(make_text(document, value));
        else if (json_is_array(value))
            LYRNN_TRY(check_array(document, fields[i], value));
        else if (document->rules->field != NULL && !json_is_object(value)) {
            char inside[PLACE_SIZE];
            snprintf(inside, sizeof inside, ".%.*s", PLACE_SIZE / 2, fields[i]);
            return refuse_value(document, inside, value, "a string or an array of strings");
        }
        *is_song = *is_song || is_text;
    }
    return LYRNN_OK;
}

/* The title of an object, or else that of the object around it, which has its text in several
 * languages. A song in an array does not have the title of the collection. */
static const char *title_of(const json_document *document, const json_t *object)
{
    static const char *const fields[] = {"title", "rhythmic", "name"};
    for (size_t i = 0; i < COUNT(fields); i++) {
        const char *title = json_string_value(json_object_get(object, fields[i]));
        if (title != NULL && text_leading_blanks(title, strlen(title)) < strlen(title))
            return title;
    }
    const json_walk *walk = &document->walk;
    return walk->depth > 0 ? walk->levels[walk->depth - 1].title : NULL;
}

/* Describes an object without text, or its member that should be one and is an object: a song in
 * several languages. */
static void describe(json_document *document, json_t *object)
{
    char place[PLACE_SIZE], members[PLACE_SIZE / 2] = "";
    const char *separator = "", *field = "";
    size_t num_fields, length = 0;
    const char *const *fields = text_fields(document, &num_fields);
    for (size_t i = 0; i < num_fields && *field == '\0'; i++)
        if (json_is_object(json_object_get(object, fields[i]))) {
            field = fields[i];
            object = json_object_get(object, field);
        }
    for (void *member = json_object_iter(object); member != NULL;
         member = json_object_iter_next(object, member)) {
        int num = snprintf(members + length, sizeof members - length, "%s%s", separator,
                           json_object_iter_key(member));
        if (num < 0 || (size_t)num >= sizeof members - length) {
            members[length] = '\0';
            break;
        }
        length += (size_t)num;
        separator = ", ";
    }
    write_place(document, false, place);
    snprintf(document->problem, sizeof document->problem, "%s%s%.*s: has no text in %s%s%s", place,
             *field != '\0' ? "." : "", PLACE_SIZE / 4, field,
             document->rules->field != NULL ? document->rules->field : USUAL_FIELDS,
             length > 0 ? ", but has " : "", members);
}

/* Whether the document is a list and the next child is on it: a line of JSONL, or an element of an
 * array that is the whole file. */
static bool is_on_top(const json_document *document)
{
    const json_walk *walk = &document->walk;
    return walk->depth == 0 ||
           (walk->depth == 1 && document->line == 0 && json_is_array(walk->levels[0].value));
}

static bool is_in_array(const json_walk *walk, size_t depth)
{
    return depth == 0 || json_is_array(walk->levels[depth - 1].value);
}

static lyrnn_status enter(json_document *document, json_t *value, const char *title)
{
    char place[PLACE_SIZE];
    if (json_walk_enter(&document->walk, value, title))
        return LYRNN_OK;
    write_place(document, true, place);
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: %.60s...: is nested deeper than %d levels; correct the file",
                      document->name, place, JSON_WALK_MAX_DEPTH);
}

static void mark_song(json_walk *walk)
{
    if (walk->depth > 0)
        walk->levels[walk->depth - 1].has_song = true;
}

/* Passes the value on as a song, or enters it. A song whose text is empty may be a collection that
 * has no text of its own, so it is entered, too. */
static lyrnn_status visit(json_document *document, json_t *value)
{
    bool is_top = is_on_top(document), is_song = false;
    const char *title = NULL;
    if (json_is_object(value)) {
        title = title_of(document, value);
        LYRNN_TRY(find_text(document, value, &is_song));
    } else if (json_is_array(value) && is_in_array(&document->walk, document->walk.depth)) {
        LYRNN_TRY(check_array(document, "", value));
        is_song = json_is_text(value);
    } else if (is_top) {
        is_song = json_is_line(value);
        if (!is_song)
            return refuse_value(document, "", value, "a song");
    }
    if (is_song && json_is_object(value) && document->text.num_bytes == 0) {
        LYRNN_TRY(enter(document, value, title));
        document->walk.levels[document->walk.depth - 1].is_empty_song = true;
        return LYRNN_OK;
    }
    if (is_song) {
        if (!json_is_object(value))
            LYRNN_TRY(make_text(document, value));
        mark_song(&document->walk);
        return pass_song(document, title);
    }
    return json_is_object(value) || json_is_array(value) ? enter(document, value, title) : LYRNN_OK;
}

/* Counts an object that is no song and contains none, unless it is only a member of one that is
 * counted. */
static void leave(json_document *document)
{
    json_walk *walk = &document->walk;
    json_level *level = &walk->levels[walk->depth - 1];
    if (level->is_empty_song && !level->has_song) {
        document->counts->num_empty++;
        level->has_song = true;
    }
    if (json_is_object(level->value) && !level->has_song && is_in_array(walk, walk->depth - 1)) {
        document->counts->num_without_text++;
        if (document->problem[0] == '\0')
            describe(document, level->value);
    }
    json_walk_leave(walk);
}

static lyrnn_status walk_value(json_document *document, json_t *value)
{
    document->walk.depth = 0;
    if (json_is_array(value) && document->line == 0)
        LYRNN_TRY(enter(document, value, NULL));
    else
        LYRNN_TRY(visit(document, value));
    while (document->walk.depth > 0) {
        json_t *child = json_walk_next(&document->walk);
        if (child != NULL)
            LYRNN_TRY(visit(document, child));
        else
            leave(document);
    }
    return LYRNN_OK;
}

/* Parses a text if memory has room for it. The limits of a machine are files, so they are only read
 * for a text that is not small. */
static lyrnn_status parse(const json_document *document, const char *text, size_t num_bytes,
                          json_t **value, untrusted_json_error *error)
{
    enum { SMALL = 1 << 20 };
    if (num_bytes > SMALL)
        LYRNN_TRY(lyrnn_require_memory(document->name, untrusted_json_memory(text, num_bytes),
                                       "give the songs as JSONL, one per line"));
    *value = untrusted_json_parse_any(text, num_bytes, error);
    return *value != NULL || error->problem != NULL ? LYRNN_OK : out_of_memory(document);
}

static lyrnn_status read_value(json_document *document, json_t *value)
{
    lyrnn_status status = walk_value(document, value);
    json_decref(value);
    return status;
}

static lyrnn_status read_lines(json_document *document, const char *utf8, size_t num_bytes)
{
    for (size_t begin = 0, end; begin < num_bytes; begin = end + 1) {
        const char *newline = memchr(utf8 + begin, '\n', num_bytes - begin);
        end = newline != NULL ? (size_t)(newline - utf8) : num_bytes;
        document->line++;
        if (text_leading_blanks(utf8 + begin, end - begin) == end - begin)
            continue;
        json_t *value;
        untrusted_json_error error;
        LYRNN_TRY(parse(document, utf8 + begin, end - begin, &value, &error));
        if (value == NULL)
            return lyrnn_fail(
                LYRNN_ERR_CORPUS,
                "%s: line %zu: %s (byte %d of the line); correct the line or remove "
                "it; a file that is one value of several lines is not JSONL; name it .json",
                document->name, document->line, error.problem, error.byte);
        LYRNN_TRY(read_value(document, value));
    }
    return LYRNN_OK;
}

/* Whether a text is JSONL: its first line that is not blank is a whole value, and others follow. */
static lyrnn_status find_lines(const json_document *document, const char *utf8, size_t num_bytes,
                               bool *is_lines)
{
    size_t begin = text_leading_blanks(utf8, num_bytes);
    const char *newline = memchr(utf8 + begin, '\n', num_bytes - begin);
    size_t end = newline != NULL ? (size_t)(newline - utf8) : num_bytes;
    *is_lines = end + text_leading_blanks(utf8 + end, num_bytes - end) < num_bytes;
    if (*is_lines) {
        json_t *value;
        untrusted_json_error error;
        LYRNN_TRY(parse(document, utf8 + begin, end - begin, &value, &error));
        *is_lines = value != NULL;
        json_decref(value);
    }
    return LYRNN_OK;
}

/* Reads one value, or JSONL that is called JSON. */
static lyrnn_status read_whole(json_document *document, const char *utf8, size_t num_bytes)
{
    json_t *value;
    untrusted_json_error error;
    bool is_lines;
    if (text_leading_blanks(utf8, num_bytes) == num_bytes)
        return LYRNN_OK;
    LYRNN_TRY(find_lines(document, utf8, num_bytes, &is_lines));
    if (is_lines)
        return read_lines(document, utf8, num_bytes);
    LYRNN_TRY(parse(document, utf8, num_bytes, &value, &error));
    if (value != NULL)
        return read_value(document, value);
    return lyrnn_fail(LYRNN_ERR_CORPUS, "%s: line %d: %s (byte %d of the file); correct the file",
                      document->name, error.line, error.problem, error.byte);
}

lyrnn_status json_songs_read(const char *name, const char *utf8, size_t num_bytes,
                             const json_songs_rules *rules, const song_sink *sink,
                             json_songs_counts *counts)
{
    static const char mark[3] = {'\xEF', '\xBB', '\xBF'};
    size_t mark_bytes =
        num_bytes >= sizeof mark && memcmp(utf8, mark, sizeof mark) == 0 ? sizeof mark : 0;
    size_t before = counts->num_songs + counts->num_empty;
    json_document document = {.name = name, .rules = rules, .sink = sink, .counts = counts};
    lyrnn_status status = rules->is_lines
                              ? read_lines(&document, utf8 + mark_bytes, num_bytes - mark_bytes)
                              : read_whole(&document, utf8 + mark_bytes, num_bytes - mark_bytes);
    free(document.text.utf8);
    if (status == LYRNN_OK && counts->num_songs + counts->num_empty == before &&
        document.problem[0] != '\0')
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: %s; name the member of a song that is its text by --json-field",
                          name, document.problem);
    return status;
}
