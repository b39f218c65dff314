/* The memory of one text is used for the next one. */
#include "corpus/json_text.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/blank.h"

bool json_is_line(const json_t *value)
{
    return json_is_string(value) || json_is_null(value);
}

static bool has_lines_only(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!json_is_line(json_array_get(array, i)))
            return false;
    return json_is_array(array);
}

bool json_is_text(const json_t *value)
{
    if (json_is_line(value) || has_lines_only(value))
        return true;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!has_lines_only(json_array_get(value, i)))
            return false;
    return json_is_array(value);
}

/* Appends a string or nothing, and a newline. */
static bool append(json_text *text, const json_t *line)
{
    size_t num_bytes = json_is_string(line) ? json_string_length(line) : 0;
    if (text->room - text->num_bytes <= num_bytes) {
        size_t room = 2 * (text->room + num_bytes + 1);
        char *utf8 = realloc(text->utf8, room);
        if (utf8 == NULL)
            return false;
        text->utf8 = utf8;
        text->room = room;
    }
    if (num_bytes > 0)
        memcpy(text->utf8 + text->num_bytes, json_string_value(line), num_bytes);
    text->num_bytes += num_bytes;
    text->utf8[text->num_bytes++] = '\n';
    return true;
}

static bool append_lines(json_text *text, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!append(text, json_array_get(array, i)))
            return false;
    return true;
}

static bool append_stanzas(json_text *text, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if ((i > 0 && !append(text, NULL)) || !append_lines(text, json_array_get(array, i)))
            return false;
    return true;
}

bool json_text_make(json_text *text, const json_t *value)
{
    text->num_bytes = 0;
    bool is_made = json_is_line(value)     ? append(text, value)
                   : has_lines_only(value) ? append_lines(text, value)
                                           : append_stanzas(text, value);
    if (!is_made)
        return false;
    bool has_newlines = text->num_bytes > 1 && text->utf8[text->num_bytes - 2] == '\n';
    if (json_is_string(value) && has_newlines)
        text->num_bytes--;
    if (text->num_bytes > 0 && text_leading_blanks(text->utf8, text->num_bytes) == text->num_bytes)
        text->num_bytes = 0;
    return true;
}
