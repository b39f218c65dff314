/* The vocabulary of a model.safetensors as JSON: an array of one-character strings in id order, or,
 * in files by others, an object that maps each character to its id. */
#include "files/vocab_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "files/json_build.h"

char *lyrnn_vocab_to_json(const lyrnn_vocab *vocab)
{
    json_t *json = json_array();
    for (int id = 0; id < vocab->V; id++) {
        char utf8[LYRNN_UTF8_MAX];
        size_t length = lyrnn_utf8_encode(vocab->chars[id], utf8);
        json_add(&json, json_stringn(utf8, length));
    }
    char *text = json_to_text(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

/* Reads the code point of a text that is one character; false for any other. */
static bool read_char(const char *text, size_t num_bytes, uint32_t *c)
{
    utf8proc_int32_t code_point;
    if (num_bytes == 0 ||
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)num_bytes,
                         &code_point) != (utf8proc_ssize_t)num_bytes)
        return false;
    *c = (uint32_t)code_point;
    return true;
}

static lyrnn_status not_a_char(const char *path, size_t id)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                      "%s: entry %zu of its \"vocab\" is not one character; give the characters in "
                      "the order of the model's inputs, and no <unk>",
                      path, id);
}

/* Reads the characters of ["a", "b"] into chars (V). */
static lyrnn_status chars_from_array(const json_t *json, const char *path, size_t V,
                                     uint32_t *chars)
{
    for (size_t i = 0; i < V; i++) {
        const json_t *entry = json_array_get(json, i);
        if (!read_char(json_string_value(entry), json_string_length(entry), &chars[i]))
            return not_a_char(path, i);
    }
    return LYRNN_OK;
}

/* Reads those of {"a": 0, "b": 1}, where each id from 0 to V-1 occurs once. */
static lyrnn_status chars_from_object(json_t *json, const char *path, size_t V, uint32_t *chars)
{
    const char *key;
    json_t *value;
    memset(chars, 0xFF, V * sizeof *chars); /* no character */
    json_object_foreach(json, key, value)
    {
        json_int_t id = json_integer_value(value);
        if (!json_is_integer(value) || id < 0 || (size_t)id >= V || chars[id] != UINT32_MAX)
            return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                              "%s: its \"vocab\" does not give each id from 0 to %zu to one "
                              "character; correct it",
                              path, V - 1);
        if (!read_char(key, strlen(key), &chars[id]))
            return not_a_char(path, (size_t)id);
    }
    return LYRNN_OK;
}

/* chars has room for V characters. */
static lyrnn_status make_vocab(json_t *json, const char *path, size_t V, uint32_t *chars,
                               lyrnn_vocab *vocab)
{
    if (json_is_object(json))
        LYRNN_TRY(chars_from_object(json, path, V, chars));
    else
        LYRNN_TRY(chars_from_array(json, path, V, chars));
    lyrnn_status status = lyrnn_vocab_from_chars(vocab, chars, V);
    return status == LYRNN_OK ? LYRNN_OK : lyrnn_fail(status, "%s: %s", path, lyrnn_error_text());
}

lyrnn_status lyrnn_vocab_from_json(json_t *json, const char *path, int input_size,
                                   lyrnn_vocab *vocab)
{
    size_t V = json_is_object(json) ? json_object_size(json) : json_array_size(json);
    if (V != (size_t)input_size)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: its \"vocab\" has %zu characters where the network has %d inputs; "
                          "give the vocabulary of this model",
                          path, V, input_size);
    uint32_t *chars = malloc(V * sizeof *chars);
    if (chars == NULL)
        return lyrnn_out_of_memory(path, V * sizeof *chars, "close other programs");
    lyrnn_status status = make_vocab(json, path, V, chars, vocab);
    free(chars);
    return status;
}
