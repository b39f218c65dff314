/* Fuzzes the detector of encodings. Whatever the bytes are and whatever is asked for, the result is
 * strict UTF-8 without NUL, with memory bounded by the bytes, and iconv makes the same bytes of it;
 * or the error is one line. What is asked for is what is found, and UTF-8 stays as it is.
 *
 * An input is a text and one byte, which chooses what is asked for. */
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/charset.h"
#include "corpus/encoding.h"
#include "fuzz.h"

/* UTF-8 takes at most three bytes per byte, and the ranks of characters are 64 KiB. iconv has
 * buffers, and opens libraries. */
enum { MEMORY_MULTIPLE = 4, MEMORY_CONSTANT = 1 << 20 };

/* Converts by iconv. The caller frees the result. */
static lyrnn_bytes convert(const lyrnn_bytes *bytes, const char *from, const char *to)
{
    iconv_t converter = iconv_open(to, from);
    size_t size = 3 * bytes->num + 4, left = bytes->num, to_left = size;
    char *converted = malloc(size), *source = bytes->data, *end = converted;
    LYRNN_CHECK(converter != (iconv_t)-1 && converted != NULL);
    LYRNN_CHECK(iconv(converter, &source, &left, &end, &to_left) != (size_t)-1);
    iconv_close(converter);
    return (lyrnn_bytes){converted, size - to_left};
}

static void check_same(const lyrnn_bytes *a, const lyrnn_bytes *b)
{
    LYRNN_CHECK(a->num == b->num && memcmp(a->data, b->data, a->num) == 0);
}

/* A few characters of GB18030 have two codes, so only the text comes back. Big5 has more of them,
 * and iconv has it in two tables. */
static void check_comes_back(const lyrnn_bytes *utf8, const char *encoding,
                             const lyrnn_bytes *bytes)
{
    if (strcmp(encoding, "Big5") == 0)
        return;
    lyrnn_bytes back = convert(utf8, "UTF-8", encoding), again = convert(&back, encoding, "UTF-8");
    check_same(&again, utf8);
    if (strcmp(encoding, "GB18030") != 0)
        check_same(&back, bytes);
    free(again.data);
    free(back.data);
}

static void check_text(const lyrnn_bytes *bytes, lyrnn_encoding asked, const lyrnn_bytes *utf8,
                       const text_encoding *found)
{
    static const char *const names[] = {[LYRNN_ENCODING_UTF8] = "UTF-8",
                                        [LYRNN_ENCODING_GB18030] = "GB18030",
                                        [LYRNN_ENCODING_BIG5] = "Big5",
                                        [LYRNN_ENCODING_UTF16] = "UTF-16"};
    if (asked != LYRNN_ENCODING_AUTO)
        LYRNN_CHECK(
            strncmp(text_charset_name(found->charset), names[asked], strlen(names[asked])) == 0);
    bool is_utf8 = text_find_bad_utf8(bytes->data, bytes->num) == bytes->num;
    if (utf8->data == NULL) {
        LYRNN_CHECK(is_utf8);
        return;
    }
    LYRNN_CHECK(!is_utf8 || asked != LYRNN_ENCODING_AUTO);
    LYRNN_CHECK(utf8->data[utf8->num] == '\0');
    LYRNN_CHECK(text_find_bad_utf8(utf8->data, utf8->num) == utf8->num);
    LYRNN_CHECK(!found->is_guess || (found->score >= 0 && found->score <= 3));
    check_comes_back(utf8, text_charset_name(found->charset), bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t num_bytes)
{
    if (num_bytes == 0)
        return 0;
    lyrnn_encoding asked = (lyrnn_encoding)(input[num_bytes - 1] % (LYRNN_ENCODING_UTF16 + 1));
    lyrnn_bytes bytes = {malloc(num_bytes), num_bytes - 1}, utf8;
    text_encoding found;
    LYRNN_CHECK(bytes.data != NULL);
    memcpy(bytes.data, input, bytes.num);
    bytes.data[bytes.num] = '\0';
    fuzz_watch_memory();
    if (text_to_utf8("input", &bytes, asked, &utf8, &found) == LYRNN_OK)
        check_text(&bytes, asked, &utf8, &found);
    else
        fuzz_check_error_text("input");
    free(utf8.data);
    fuzz_check_memory(bytes.num, MEMORY_MULTIPLE, MEMORY_CONSTANT);

    char *name;
    LYRNN_CHECK(text_name_to_utf8(bytes.data, &name) == LYRNN_OK);
    LYRNN_CHECK(text_find_bad_utf8(name, strlen(name)) == strlen(name));
    free(name);
    free(bytes.data);
    return 0;
}
