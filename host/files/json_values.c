/* Texts that are not UTF-8, as paths may be: readable in one form, and reversible in another. */
#include "files/json_values.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

static const char scheme[] = "file:";

/* The bytes of the first character of text, or 0 if it begins with none. */
static size_t char_bytes(const char *text)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t num =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)strnlen(text, 4), &c);
    return num > 0 ? (size_t)num : 0;
}

static bool is_utf8(const char *text)
{
    for (size_t num; *text != '\0'; text += num)
        if ((num = char_bytes(text)) == 0)
            return false;
    return true;
}

json_t *json_string_or_null(const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    if (text == NULL)
        return json_null();
    char *utf8 = malloc(strlen(text) * strlen(replacement) + 1), *end = utf8;
    if (utf8 == NULL)
        return NULL;
    while (*text != '\0') {
        size_t num = char_bytes(text);
        end = num > 0 ? mempcpy(end, text, num) : mempcpy(end, replacement, strlen(replacement));
        text += num > 0 ? num : 1;
    }
    json_t *string = json_stringn(utf8, (size_t)(end - utf8));
    free(utf8);
    return string;
}

json_t *json_of_path(const char *path)
{
    enum { ESCAPE_BYTES = 3 };
    if (is_utf8(path))
        return json_string(path);
    char *uri = malloc(sizeof scheme + 2 + strlen(path) * ESCAPE_BYTES);
    if (uri == NULL)
        return NULL;
    char *end = stpcpy(stpcpy(uri, scheme), path[0] == '/' ? "//" : "");
    for (; *path != '\0'; path++) {
        if ((unsigned char)*path < 0x80 && *path != '%')
            *end++ = *path;
        else
            end += sprintf(end, "%%%02X", (unsigned)(unsigned char)*path);
    }
    json_t *string = json_stringn(uri, (size_t)(end - uri));
    free(uri);
    return string;
}

/* Replaces %E9 by its byte. What is no such escape stays, and so does that of a zero. */
static void unescape(char *text)
{
    char *end = text;
    for (; *text != '\0'; text++) {
        unsigned byte = 0;
        if (text[0] == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2]))
            sscanf(text + 1, "%2x", &byte);
        if (byte != 0)
            text += 2;
        else
            byte = (unsigned char)*text;
        *end++ = (char)byte;
    }
    *end = '\0';
}

const char *json_path_value(json_t *string)
{
    const char *text = json_string_value(string);
    if (text == NULL || strncmp(text, scheme, strlen(scheme)) != 0)
        return text;
    text += strlen(scheme);
    char *path = strdup(strncmp(text, "//", 2) == 0 ? text + 2 : text);
    if (path == NULL)
        return NULL;
    unescape(path);
    int failed = json_string_set_nocheck(string, path);
    free(path);
    return failed ? NULL : json_string_value(string);
}

json_t *json_of_float(float value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if ((float)strtod(text, NULL) == value)
            break;
    }
    return json_real(strtod(text, NULL));
}
