/* A tag is looked for where it ends, in the text as it was copied so far. So a tag around another
 * tag is found too, and no tag is left whatever the nesting. The search back stops at the bracket
 * that ended an earlier search, so the time is linear. */
#include "corpus/lrc_line.h"

#include <string.h>
#include <strings.h>

#include "corpus/blank.h"
#include "corpus/lrc_credits.h"

typedef struct {
    const char *next, *end;
} cursor;

/* m:s, m:s.f, m:s:f or h:m:s.f, where f is the fraction of a second. */
enum { MAX_GROUPS = 4 };
typedef struct {
    const char *digits[MAX_GROUPS];
    size_t num_digits[MAX_GROUPS];
    size_t num;
    bool is_negative;
    bool has_hours;
} digit_groups;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_spaces(cursor *at)
{
    while (at->next < at->end && (*at->next == ' ' || *at->next == '\t'))
        at->next++;
}

/* Reads one of the characters, with spaces around it. false: another one comes next. */
static bool read_char(cursor *at, const char *choices)
{
    cursor from = *at;
    skip_spaces(&from);
    if (from.next == from.end || *from.next == '\0' || strchr(choices, *from.next) == NULL)
        return false;
    from.next++;
    skip_spaces(&from);
    *at = from;
    return true;
}

static bool read_group(cursor *at, digit_groups *groups)
{
    const char *first = at->next;
    while (at->next < at->end && is_digit(*at->next))
        at->next++;
    groups->digits[groups->num] = first;
    groups->num_digits[groups->num] = (size_t)(at->next - first);
    return groups->num_digits[groups->num++] > 0;
}

/* Reads a time. A sign makes it negative, wherever it is: the line is sung before all others. The
 * fraction may lack its digits. */
static bool read_groups(cursor *at, digit_groups *groups)
{
    *groups = (digit_groups){.is_negative = read_char(at, "-")};
    skip_spaces(at);
    if (!read_group(at, groups) || !read_char(at, ":"))
        return false;
    groups->is_negative = read_char(at, "-") || groups->is_negative;
    if (!read_group(at, groups))
        return false;
    bool is_colon = read_char(at, ":");
    if (!is_colon && !read_char(at, ".,"))
        return true;
    bool has_digits = read_group(at, groups);
    groups->has_hours = is_colon && has_digits && read_char(at, ".,");
    if (groups->has_hours)
        read_group(at, groups);
    return true;
}

/* The value of a group. A number that no song needs becomes 10^9. */
static int64_t value_of(const digit_groups *groups, size_t group)
{
    enum { MAX = 1000000000 };
    int64_t value = 0;
    for (size_t i = 0; i < groups->num_digits[group]; i++)
        value = value < MAX ? value * 10 + (groups->digits[group][i] - '0') : MAX;
    return value;
}

static int64_t milliseconds_of(const digit_groups *groups)
{
    size_t minutes = groups->has_hours ? 1 : 0, fraction = minutes + 2;
    int64_t time = groups->has_hours ? value_of(groups, 0) * 60 : 0;
    time = ((time + value_of(groups, minutes)) * 60 + value_of(groups, minutes + 1)) * 1000;
    int64_t unit = 100;
    for (size_t i = 0; fraction < groups->num && i < groups->num_digits[fraction] && i < 3; i++) {
        time += (groups->digits[fraction][i] - '0') * unit;
        unit /= 10;
    }
    return groups->is_negative ? -time : time;
}

/* Where the tag begins with whose last bracket the text ends; num_bytes: it ends with none. */
static size_t find_tag(const char *text, size_t num_bytes, int64_t *time)
{
    char opening = text[num_bytes - 1] == ']' ? '[' : '<';
    size_t begin = num_bytes - 1;
    while (begin > 0 && text[begin - 1] != '\0' && strchr("0123456789:.,- \t", text[begin - 1]))
        begin--;
    if (begin == 0 || text[begin - 1] != opening)
        return num_bytes;
    cursor at = {text + begin, text + num_bytes - 1};
    digit_groups groups;
    if (!read_groups(&at, &groups))
        return num_bytes;
    skip_spaces(&at);
    if (at.next != at.end)
        return num_bytes;
    *time = milliseconds_of(&groups);
    return begin - 1;
}

static void add_time(lrc_line *line, int64_t time)
{
    if (line->num_times < LRC_MAX_LINES)
        line->times[line->num_times] = time;
    line->num_times++;
}

/* Copies a line without its tags. A tag in square brackets before any text is a time of the line;
 * another one is the time of a word. Returns the number of bytes. */
static size_t copy_without_tags(const char *bytes, size_t num_bytes, char *room, lrc_line *line,
                                lrc_counts *counts)
{
    size_t length = 0;
    for (size_t i = text_leading_blanks(bytes, num_bytes); i < num_bytes;) {
        char c = bytes[i++];
        room[length++] = c;
        if (c != ']' && c != '>')
            continue;
        int64_t time;
        size_t begin = find_tag(room, length, &time);
        if (begin == length)
            continue;
        if (begin == 0 && c == ']')
            add_time(line, time);
        else
            counts->num_word_times++;
        length = begin;
        if (length == 0 || room[length - 1] == ' ')
            i += text_leading_blanks(bytes + i, num_bytes - i);
    }
    return length;
}

bool lrc_begins_with_time(const char *text, size_t num_bytes)
{
    enum { SECONDS = 2 };
    cursor at = {text, text + num_bytes};
    digit_groups groups;
    return read_char(&at, "[") && read_groups(&at, &groups) &&
           groups.num_digits[groups.has_hours ? 2 : 1] == SECONDS;
}

/* The bytes of a time whose closing bracket is missing; 0: there is none. */
static size_t take_unclosed_time(const char *text, size_t num_bytes, lrc_line *line)
{
    if (!lrc_begins_with_time(text, num_bytes))
        return 0;
    cursor at = {text, text + num_bytes};
    digit_groups groups;
    read_char(&at, "[");
    read_groups(&at, &groups);
    add_time(line, milliseconds_of(&groups));
    return (size_t)(at.next - text);
}

/* Any two small letters are a header's name as well. */
static bool is_header_name(const char *name, size_t num_bytes)
{
    static const char *const names[] = {
        "ti",       "ar",       "al",      "au",       "by",     "re",       "ve",
        "la",       "lr",       "#",       "offset",   "length", "duration", "id",
        "hash",     "sign",     "total",   "language", "kana",   "tool",     "editor",
        "encoding", "title",    "artist",  "album",    "author", "creator",  "lyrics",
        "lyricist", "composer", "version", "t_time",   "source", "url"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == num_bytes && strncasecmp(names[i], name, num_bytes) == 0)
            return true;
    return (num_bytes == 2 && name[0] >= 'a' && name[0] <= 'z' && name[1] >= 'a' &&
            name[1] <= 'z') ||
           lrc_is_credit_name(name, num_bytes);
}

/* The bytes of a tag up to the bracket that belongs to its first one, or up to the text's end. */
static size_t end_of_tag(const char *text, size_t num_bytes)
{
    size_t depth = 0;
    for (size_t i = 0; i < num_bytes; i++) {
        if (text[i] == '[')
            depth++;
        if (text[i] == ']' && --depth == 0)
            return i + 1;
    }
    return num_bytes;
}

static void keep_title(lrc_line *line, const char *value, size_t num_bytes)
{
    size_t num_blanks = text_leading_blanks(value, num_bytes);
    line->title = value + num_blanks;
    line->title_bytes = text_without_trailing_blanks(line->title, num_bytes - num_blanks);
}

/* The bytes of a header tag, [NAME:VALUE]; 0: there is none. */
static size_t take_header(const char *text, size_t num_bytes, lrc_line *line)
{
    enum { MAX_NAME = 64 };
    size_t end = 1, colon = 0;
    if (num_bytes == 0 || text[0] != '[')
        return 0;
    while (end < num_bytes && end < MAX_NAME && text[end] != ']' && colon == 0) {
        colon = lrc_colon_at(text + end, num_bytes - end);
        end += colon == 0 ? 1 : 0;
    }
    size_t begin = 1 + text_leading_blanks(text + 1, end - 1);
    size_t name_bytes = text_without_trailing_blanks(text + begin, end - begin);
    if (colon == 0 || !is_header_name(text + begin, name_bytes))
        return 0;
    size_t tag_bytes = end_of_tag(text, num_bytes), value = end + colon;
    bool is_closed = text[tag_bytes - 1] == ']' && tag_bytes > value;
    if (line->title == NULL && strncasecmp(text + begin, "ti", name_bytes) == 0)
        keep_title(line, text + value, tag_bytes - value - (is_closed ? 1 : 0));
    return tag_bytes;
}

/* Takes what is no lyrics off the start of line->text, until nothing more is found. */
static void take_start(lrc_line *line, lrc_counts *counts)
{
    size_t taken;
    do {
        size_t num_blanks = text_leading_blanks(line->text, line->num_bytes);
        line->text += num_blanks;
        line->num_bytes -= num_blanks;
        taken = take_unclosed_time(line->text, line->num_bytes, line);
        size_t speaker = taken == 0 ? lrc_speaker_bytes(line->text, line->num_bytes) : 0;
        size_t header = taken + speaker == 0 ? take_header(line->text, line->num_bytes, line) : 0;
        counts->num_speakers += speaker > 0;
        counts->num_headers += header > 0;
        line->has_mark = line->has_mark || speaker + header > 0;
        taken += speaker + header;
        line->text += taken;
        line->num_bytes -= taken;
    } while (taken > 0);
}

void lrc_parse_line(const char *bytes, size_t num_bytes, char *room, lrc_line *line,
                    lrc_counts *counts)
{
    line->num_times = 0;
    line->title = NULL;
    line->title_bytes = 0;
    line->has_mark = false;
    line->text = room;
    line->num_bytes = copy_without_tags(bytes, num_bytes, room, line, counts);
    take_start(line, counts);
    line->num_bytes = text_without_trailing_blanks(line->text, line->num_bytes);
}
