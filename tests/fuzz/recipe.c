/* See recipe.h. */
#include "recipe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "files/safetensors_format.h"
#include "fuzz.h"
#include "lyrnn/parameters.h"
#include "lyrnn/safetensors.h"

/* As many tensors as a trainer's state has, and a few too many. */
enum { MAX_TENSORS = 3 * LYRNN_MAX_PARAMETERS + 4, MAX_DATA_BYTES = 1 << 16 };

char *fuzz_copy_text(const uint8_t *bytes, size_t num_bytes)
{
    char *text = malloc(num_bytes + 1);
    LYRNN_CHECK(text != NULL);
    if (num_bytes > 0)
        memcpy(text, bytes, num_bytes);
    text[num_bytes] = '\0';
    return text;
}

char *fuzz_take_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    *rest = end != NULL ? end + 1 : line + strlen(line);
    if (end != NULL)
        *end = '\0';
    return line;
}

/* Adds the tensor of a line to a header. Modifies the line. Returns false if the line does not
 * describe a tensor. */
static bool add_tensor(json_t *header, char *line, size_t *end)
{
    char *words, *name = strtok_r(line, " ", &words), *dtype = strtok_r(NULL, " ", &words);
    size_t shape[LYRNN_TENSOR_MAX_DIMS], num_bytes, begin = *end;
    int num_dims = 0;
    if (name == NULL || dtype == NULL)
        return false;
    json_t *dims = json_array();
    for (char *word; num_dims < LYRNN_TENSOR_MAX_DIMS && (word = strtok_r(NULL, " ", &words));) {
        shape[num_dims] = strtoull(word, NULL, 10);
        json_array_append_new(dims, json_integer((json_int_t)shape[num_dims++]));
    }
    /* Larger than allowed: the file's size is a false claim. */
    if (!safetensors_tensor_bytes(shape, num_dims, safetensors_dtype_bytes(dtype), &num_bytes) ||
        num_bytes > MAX_DATA_BYTES - begin)
        num_bytes = 0;
    *end = begin + num_bytes;
    json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype, "shape", dims, "data_offsets",
                              (json_int_t)begin, (json_int_t)*end);
    return json_object_set_new(header, name, entry) == 0;
}

uint8_t *fuzz_cook(json_t *header, char *rest, const char *end, size_t *num_bytes)
{
    uint8_t *file = NULL;
    static uint8_t data[MAX_DATA_BYTES];
    size_t data_bytes = 0;
    char *line;
    for (int i = 0; i < MAX_TENSORS && *(line = fuzz_take_line(&rest)) != '\0'; i++)
        if (!add_tensor(header, line, &data_bytes))
            goto done;
    size_t fill_bytes = (size_t)(end - rest);
    for (size_t i = 0; i < data_bytes; i++)
        data[i] = fill_bytes > 0 ? (uint8_t)rest[i % fill_bytes] : 0;
    char *text = json_dumps(header, JSON_COMPACT);
    LYRNN_CHECK(text != NULL);
    file = fuzz_frame_safetensors(text, strlen(text), data, data_bytes, num_bytes);
    free(text);
done:
    json_decref(header);
    return file;
}
