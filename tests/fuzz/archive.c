/* Fuzzes archives: whatever the bytes are, the texts get to the reader in the order of their names
 * and within the limit of bytes, or the error is one line.
 *
 * An input is a file. */
#include <stdlib.h>
#include <string.h>

#include "corpus/archive.h"
#include "fuzz.h"
#include "lyrnn/status.h"

enum { MOST_BYTES = 1 << 20 };

typedef struct {
    char *last; /* the name of the last text, owned; NULL before the first */
    size_t num_bytes;
} reading;

static lyrnn_status read_text(void *context, const char *name, const lyrnn_bytes *bytes)
{
    reading *state = context;
    LYRNN_CHECK(state->last == NULL || strcmp(state->last, name) <= 0);
    LYRNN_CHECK(bytes->data[bytes->num] == '\0');
    free(state->last);
    state->last = strdup(name);
    LYRNN_CHECK(state->last != NULL);
    state->num_bytes += bytes->num;
    return LYRNN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    char *copy = malloc(num_bytes + 1); /* so that a read after the end is found */
    LYRNN_CHECK(copy != NULL);
    memcpy(copy, bytes, num_bytes);
    const lyrnn_bytes archive = {copy, num_bytes};
    reading state = {0};
    const archive_rules rules = {.max_bytes = MOST_BYTES};
    if (archive_read("input", &archive, &rules, read_text, &state) != LYRNN_OK)
        fuzz_check_error_text("input");
    LYRNN_CHECK(state.num_bytes <= MOST_BYTES);
    free(state.last);
    free(copy);
    return 0;
}
