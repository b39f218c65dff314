/* A text file that begins like JSON is a text. Only a stream that does is JSON. */
#include "corpus/document_kind.h"

#include <string.h>

#include "corpus/file_names.h"
#include "corpus/lrc.h"

static const char *skip_space(const char *text, const char *end)
{
    while (text < end && strchr(" \t\r\n", *text) != NULL && *text != '\0')
        text++;
    return text;
}

/* Whether the text begins with an object: {"..." */
static bool begins_object(const char *text, const char *end)
{
    if (text == end || *text != '{')
        return false;
    text = skip_space(text + 1, end);
    return text < end && *text == '"';
}

/* The reader of JSON finds out whether it is JSONL. */
static document_kind kind_of_stream(const char *text, const char *end)
{
    static const char mark[3] = {'\xEF', '\xBB', '\xBF'};
    if (end - text >= 3 && memcmp(text, mark, sizeof mark) == 0)
        text += sizeof mark;
    text = skip_space(text, end);
    bool is_array = text < end && *text == '[' && begins_object(skip_space(text + 1, end), end);
    return is_array || begins_object(text, end) ? DOCUMENT_JSON : DOCUMENT_TEXT;
}

document_kind document_kind_of(const document *given)
{
    const lyrnn_bytes *bytes = given->bytes;
    const char *name = given->is_file ? given->name : NULL;
    document_kind kind = DOCUMENT_TEXT;
    if (name == NULL && bytes->num > 0)
        kind = kind_of_stream(bytes->data, bytes->data + bytes->num);
    else if (name != NULL && file_kind_of_name(name) == FILE_JSON)
        kind = DOCUMENT_JSON;
    else if (name != NULL && file_kind_of_name(name) == FILE_JSONL)
        kind = DOCUMENT_JSONL;
    if (kind == DOCUMENT_TEXT && lrc_is(name, bytes->data, bytes->num))
        kind = DOCUMENT_LRC;
    return kind;
}
