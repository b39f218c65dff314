/* The rules of the safetensors format. For each rule, the reader must refuse a hand-made file that
 * breaks only this rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/safetensors.h"

/* A hand-made file: N as given, the header, and num_data zero bytes. */
typedef struct {
    unsigned char *bytes;
    size_t num_bytes;
} image;

static image image_of(uint64_t N, const char *header, size_t header_bytes, size_t num_data)
{
    image result = {calloc(8 + header_bytes + num_data + 1, 1), 8 + header_bytes + num_data};
    assert_non_null(result.bytes);
    memcpy(result.bytes, &N, 8);
    memcpy(result.bytes + 8, header, header_bytes);
    return result;
}

/* Checks that the bytes are refused with an error of one line that names the object and contains
 * `problem`, and that closing the file again does no harm. */
static void assert_bytes_rejected(const void *bytes, size_t num_bytes, const char *problem)
{
    lyrnn_safetensors file;
    lyrnn_status status = lyrnn_safetensors_parse(&file, "model.safetensors", bytes, num_bytes);
    assert_int_equal(status, LYRNN_ERR_MODEL_FILE);
    const char *text = lyrnn_error_text();
    if (strstr(text, problem) == NULL)
        fail_msg("'%s' does not say '%s'", text, problem);
    assert_int_equal(strncmp(text, "model.safetensors: ", strlen("model.safetensors: ")), 0);
    assert_non_null(strchr(text, ';'));
    assert_null(strchr(text, '\n'));
    lyrnn_safetensors_close(&file);
}

static void assert_rejected(const char *header, size_t num_data, const char *problem)
{
    image hostile = image_of(strlen(header), header, strlen(header), num_data);
    assert_bytes_rejected(hostile.bytes, hostile.num_bytes, problem);
    free(hostile.bytes);
}

static void assert_accepted(lyrnn_safetensors *file, const char *header, size_t num_data)
{
    image good = image_of(strlen(header), header, strlen(header), num_data);
    lyrnn_status status =
        lyrnn_safetensors_parse(file, "model.safetensors", good.bytes, good.num_bytes);
    free(good.bytes);
    if (status != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

#define ENTRY(dtype, shape, begin, end)                                                            \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void sizes_below_the_length_are_rejected(void **state)
{
    (void)state;
    assert_bytes_rejected("", 0, "is empty");
    assert_bytes_rejected("\2\0\0\0\0\0\0", 7, "has 7 bytes");
}

static void header_length_over_the_limit_is_rejected(void **state)
{
    (void)state;
    image hostile = image_of(100000001, "{}", 2, 0);
    assert_bytes_rejected(hostile.bytes, hostile.num_bytes, "format allows 100000000");
    memset(hostile.bytes, 0xFF, 8);
    assert_bytes_rejected(hostile.bytes, hostile.num_bytes, "format allows 100000000");
    free(hostile.bytes);
}

static void header_length_beyond_the_file_is_rejected(void **state)
{
    (void)state;
    image hostile = image_of(100000000, "{}", 2, 0);
    assert_bytes_rejected(hostile.bytes, hostile.num_bytes, "header ends at byte 100000008");
    hostile.bytes[0] = 3, memset(hostile.bytes + 1, 0, 7);
    assert_bytes_rejected(hostile.bytes, hostile.num_bytes, "ends at byte 11 but the file has 10");
    free(hostile.bytes);
}

static void header_not_beginning_with_a_brace_is_rejected(void **state)
{
    (void)state;
    assert_rejected("", 0, "begin with '{'");
    assert_rejected(" {}", 0, "begin with '{'");
    assert_rejected("[]", 0, "begin with '{'");
    assert_rejected("\xEF\xBB\xBF{}", 0, "begin with '{'");
}

static void text_that_is_not_utf8_is_rejected(void **state)
{
    (void)state;
    const char *const bad[] = {"\xFF",         "\x80",         "\xC0\x80",        "\xC3",
                               "\xED\xA0\x80", "\xE4\xBD(\"x", "\xF4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char header[128];
        snprintf(header, sizeof header, "{\"%s\":" ENTRY("U8", "[1]", 0, 1) "}", bad[i]);
        assert_rejected(header, 1, "is not UTF-8");
        snprintf(header, sizeof header, "{\"__metadata__\":{\"a\":\"%s\"}}", bad[i]);
        assert_rejected(header, 0, "is not UTF-8");
    }
}

static void text_that_is_not_json_is_rejected(void **state)
{
    (void)state;
    assert_rejected("{", 0, "is not JSON");
    assert_rejected("{}x", 0, "is not JSON");
    assert_rejected("{} {}", 0, "is not JSON");
    assert_rejected("{'a':1}", 0, "is not JSON");
    /* jansson ignores a NUL after a number. */
    static const char nul_after_a_number[] = "{\"a\":" ENTRY("U8", "[1\0]", 0, 1) "}";
    image hostile = image_of(sizeof nul_after_a_number - 1, nul_after_a_number,
                             sizeof nul_after_a_number - 1, 1);
    assert_bytes_rejected(hostile.bytes, hostile.num_bytes, "is not JSON");
    free(hostile.bytes);
    assert_rejected("{\"a\":1,}", 0, "is not JSON");
    assert_rejected("{\"a\":NaN}", 0, "is not JSON");
    assert_rejected("{\"a\nb\":1}", 0, "is not JSON");
    assert_rejected("{\"__metadata__\":{\"a\":\"\\ud800\"}}", 0, "is not JSON");
    assert_rejected("{\"__metadata__\":{\"a\":\"\\u0000\"}}", 0, "header ");
    assert_rejected("{\"\\u0000\":1}", 0, "header ");
    image nul = image_of(3, "{}\0", 3, 0);
    assert_bytes_rejected(nul.bytes, nul.num_bytes, "is not JSON");
    free(nul.bytes);
}

static void duplicate_keys_are_rejected_at_every_level(void **state)
{
    (void)state;
    assert_rejected("{\"a\":" ENTRY("U8", "[1]", 0, 1) ",\"a\":" ENTRY("U8", "[1]", 1, 2) "}", 2,
                    "key twice");
    assert_rejected("{\"a\":" ENTRY("U8", "[1]", 0, 1) ",\"\\u0061\":" ENTRY("U8", "[1]", 1, 2) "}",
                    2, "key twice");
    assert_rejected("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "key twice");
    assert_rejected("{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", 0, "key twice");
    assert_rejected("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],"
                    "\"data_offsets\":[0,1]}}",
                    1, "key twice");
}

static void metadata_other_than_strings_is_rejected(void **state)
{
    (void)state;
    assert_rejected("{\"__metadata__\":[]}", 0, "__metadata__ is not an object");
    assert_rejected("{\"__metadata__\":null}", 0, "__metadata__ is not an object");
    const char *const values[] = {"1", "null", "true", "[]", "{}", "1.5"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char header[64];
        snprintf(header, sizeof header, "{\"__metadata__\":{\"a\":%s}}", values[i]);
        assert_rejected(header, 0, "__metadata__ 'a' is not a string");
    }
}

static void entries_with_missing_or_wrong_fields_are_rejected(void **state)
{
    (void)state;
    assert_rejected("{\"a\":1}", 0, "'a' has no dtype");
    assert_rejected("{\"a\":null}", 0, "'a' has no dtype");
    assert_rejected("{\"a\":{\"shape\":[],\"data_offsets\":[0,0]}}", 0, "has no dtype");
    assert_rejected("{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,0]}}", 0, "has no dtype");
    assert_rejected("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "has no shape");
    assert_rejected("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "data_offsets");
    const char *const offsets[] = {"[]",      "[0]",    "[0,1,2]",   "{\"a\":0,\"b\":1}",
                                   "[0.0,1]", "[-1,0]", "[0,\"1\"]", "[null,1]",
                                   "[0,1e0]", "1"};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        char header[128];
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":%s}}", offsets[i]);
        assert_rejected(header, 1, "not two whole numbers");
    }
}

static void unknown_dtypes_are_rejected(void **state)
{
    (void)state;
    assert_rejected("{\"a\":" ENTRY("F31", "[1]", 0, 4) "}", 4, "unknown dtype");
    assert_rejected("{\"a\":" ENTRY("f32", "[1]", 0, 4) "}", 4, "unknown dtype");
    assert_rejected("{\"a\":" ENTRY("", "[1]", 0, 4) "}", 4, "unknown dtype");
}

static void shapes_that_are_not_whole_numbers_are_rejected(void **state)
{
    (void)state;
    assert_rejected("{\"a\":" ENTRY("U8", "[-1]", 0, 1) "}", 1, "not whole numbers");
    assert_rejected("{\"a\":" ENTRY("U8", "[-1,-1]", 0, 1) "}", 1, "not whole numbers");
    assert_rejected("{\"a\":" ENTRY("U8", "[1.0]", 0, 1) "}", 1, "not whole numbers");
    assert_rejected("{\"a\":" ENTRY("U8", "[\"1\"]", 0, 1) "}", 1, "not whole numbers");
    assert_rejected("{\"a\":" ENTRY("U8", "[[1]]", 0, 1) "}", 1, "not whole numbers");
    assert_rejected("{\"a\":" ENTRY("U8", "1", 0, 1) "}", 1, "has no shape");
    assert_rejected("{\"a\":" ENTRY("U8", "[9223372036854775808]", 0, 1) "}", 1, "too large");
    assert_rejected("{\"a\":" ENTRY("U8", "[1e999]", 0, 1) "}", 1, "too large");
    assert_rejected("{\"a\":" ENTRY("U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1, "9 dimensions");
}

static void sizes_that_overflow_are_rejected(void **state)
{
    (void)state;
    /* 2^32 * 2^32 = 2^64, which wraps to 0; 2^62 * 4 = 2^64; 2^63 - 1 elements of 8 bytes. */
    assert_rejected("{\"a\":" ENTRY("U8", "[4294967296,4294967296]", 0, 0) "}", 0, "overflows");
    assert_rejected("{\"a\":" ENTRY("F32", "[4611686018427387904]", 0, 0) "}", 0, "overflows");
    assert_rejected("{\"a\":" ENTRY("F64", "[9223372036854775807]", 0, 8) "}", 8, "overflows");
    assert_rejected("{\"a\":" ENTRY("U8", "[4294967296,4294967296,0]", 0, 0) "}", 0, "overflows");
}

static void sizes_that_differ_from_the_shapes_are_rejected(void **state)
{
    (void)state;
    assert_rejected("{\"a\":" ENTRY("F32", "[2,3]", 0, 20) "}", 20, "20 bytes where its shape");
    assert_rejected("{\"a\":" ENTRY("F32", "[2,3]", 0, 28) "}", 28, "28 bytes where its shape");
    assert_rejected("{\"a\":" ENTRY("F32", "[]", 0, 0) "}", 0, "0 bytes where its shape takes 4");
    assert_rejected("{\"a\":" ENTRY("F32", "[0]", 0, 4) "}", 4, "4 bytes where its shape takes 0");
}

static void offsets_with_gaps_or_overlaps_are_rejected(void **state)
{
    (void)state;
    assert_rejected("{\"a\":" ENTRY("U8", "[1]", 1, 2) "}", 2, "does not begin where");
    assert_rejected("{\"a\":" ENTRY("U8", "[1]", 0, 1) ",\"b\":" ENTRY("U8", "[1]", 2, 3) "}", 3,
                    "'b' does not begin where");
    assert_rejected("{\"a\":" ENTRY("U8", "[2]", 0, 2) ",\"b\":" ENTRY("U8", "[2]", 1, 3) "}", 3,
                    "'b' does not begin where");
    assert_rejected("{\"a\":" ENTRY("U8", "[2]", 0, 2) ",\"b\":" ENTRY("U8", "[2]", 0, 2) "}", 2,
                    "'b' does not begin where");
    assert_rejected("{\"a\":" ENTRY("U8", "[4]", 0, 4) ",\"b\":" ENTRY("U8", "[0]", 2, 2) "}", 4,
                    "'b' does not begin where");
    assert_rejected("{\"a\":" ENTRY("U8", "[1]", 1, 0) "}", 1, "ends before it begins");
}

static void missing_bytes_are_rejected_with_both_sizes(void **state)
{
    (void)state;
    const char *header = "{\"a\":" ENTRY("U8", "[100]", 0, 100) "}";
    char problem[128];
    snprintf(problem, sizeof problem,
             "ends at byte %zu but the file has %zu; the file is truncated, copy it again",
             8 + strlen(header) + 100, 8 + strlen(header) + 99);
    assert_rejected(header, 99, problem);
    assert_rejected("{\"a\":" ENTRY("U8", "[9223372036854775807]", 0, 9223372036854775807) "}", 0,
                    "the file is truncated");
}

static void trailing_bytes_are_rejected(void **state)
{
    (void)state;
    assert_rejected("{}", 1, "1 bytes after the last tensor");
    assert_rejected("{\"a\":" ENTRY("U8", "[1]", 0, 1) "}", 3, "2 bytes after the last tensor");
}

/* As a tree of JSON values these would need many times their own size. */
static void headers_of_nothing_but_brackets_are_rejected(void **state)
{
    (void)state;
    enum { SIZE = 300000 };
    char *header = malloc(SIZE + 1);
    assert_non_null(header);
    memset(header, '[', SIZE);
    memcpy(header, "{\"a\":", 5);
    header[SIZE] = '\0';
    assert_rejected(header, 0, "has more brackets");
    for (size_t i = 6; i + 3 <= SIZE; i += 3)
        memcpy(header + i, "{},", 3);
    assert_rejected(header, 0, "has more brackets");
    free(header);
}

static void other_formats_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t num_bytes;
        const char *problem;
    } cases[] = {
#define CASE(bytes, problem) {bytes, sizeof(bytes) - 1, problem}
        CASE("PK\3\4\x14\0\0\0\0\0 .... \0archive/data.pkl\x80\2}q\0", "is a file of torch.save"),
        CASE("PK\3\4 m/data.pkl", "torch.load(\"model.safetensors\", \"cpu\"); s.save_file("),
        CASE("\x80\2\x8a\nl\xfc\x9c"
             "F\xf9 j\xa8P\x19.",
             "is a file of torch.save"),
        CASE("\x80\5}.", "is a file of torch.save"),
        CASE("PK\3\4 rnn.weight_ih_l0.npy\x93NUMPY", "is a NumPy archive (.npz)"),
        CASE("PK\3\4 lyrics.txt", "is a zip archive"),
        CASE("\x93NUMPY\1\0v\0{'descr'", "is a NumPy array"),
        CASE("\x89HDF\r\n\x1a\n\0\0", "is an HDF5 file"),
        CASE("GGUF\3\0\0\0\0", "is a GGUF file"),
        CASE("\x1f\x8b\b\0\0\0\0\0\0\3", "decompress it first: gzip -d"),
        CASE("BZh91AY&SY", "is compressed by bzip2"),
        CASE("\xfd"
             "7zXZ\0\0\4",
             "is compressed by xz"),
        CASE("\x28\xb5\x2f\xfd\4\0", "is compressed by Zstandard"),
        CASE("\b\7\x12\7pytorch\x1a\0052.1.0:", "is an ONNX model"),
        CASE("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        CASE("<!DOCTYPE html>\n<html>", "is a web page"),
        CASE("\xef\xbb\xbf\n <HTML lang=zh>", "is a web page"),
        CASE("{\"cell\": \"lstm\"}", "is a JSON file"),
        CASE("我们分开又相逢\n不分开的是晚风\n", "is a text file"),
        CASE("a", "is a text file"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_bytes_rejected(cases[i].bytes, cases[i].num_bytes, cases[i].problem);
        /* All beginnings are refused, whatever they are called. */
        for (size_t length = 0; length < cases[i].num_bytes; length++)
            assert_bytes_rejected(cases[i].bytes, length, "");
    }
    char archive[512] = "rnn/";
    memcpy(archive + 257, "ustar", sizeof "ustar");
    assert_bytes_rejected(archive, sizeof archive, "is a tar archive");
    /* Bytes of no known format, and a header that is only too long. */
    assert_bytes_rejected("\xde\xad\xbe\xef\0\0\0\0", 8, "not a safetensors file, or is damaged");
}

static void hostile_names_stay_within_one_line(void **state)
{
    (void)state;
    assert_rejected("{\"a\\nb\\u001b[2J\":1}", 0, "tensor 'a?b?[2J' has no dtype");
    char header[2048] = "{\"";
    for (int i = 0; i < 500; i++)
        strcat(header, "词");
    strcat(header, "\":1}");
    assert_rejected(header, 0, "词' has no dtype");
}

static void brackets_inside_strings_are_no_concern(void **state)
{
    (void)state;
    lyrnn_safetensors file;
    assert_accepted(&file, "{\"__metadata__\":{\"a\":\"[[[[[[[[[[\\\"{{{{{{{{{{{{{{{{\"}}", 0);
    assert_string_equal(lyrnn_safetensors_metadata(&file, "a"), "[[[[[[[[[[\"{{{{{{{{{{{{{{{{");
    lyrnn_safetensors_close(&file);
}

static void tensors_come_in_the_order_of_their_data(void **state)
{
    (void)state;
    lyrnn_safetensors file;
    assert_accepted(&file,
                    "{\"c\":" ENTRY("U8", "[2]", 4, 6) ",\"e\":" ENTRY(
                        "I64", "[0,5]", 4, 4) ",\"a\":" ENTRY("F32", "[]", 0, 4) "}  \n",
                    6);
    assert_int_equal(file.num_tensors, 3);
    assert_string_equal(file.tensors[0].name, "a");
    assert_string_equal(file.tensors[1].name, "e");
    assert_string_equal(file.tensors[2].name, "c");
    assert_int_equal(file.tensors[0].num_dims, 0);
    assert_int_equal(file.tensors[1].num_bytes, 0);
    assert_ptr_equal(lyrnn_safetensors_tensor(&file, "c"), &file.tensors[2]);
    assert_null(lyrnn_safetensors_tensor(&file, "d"));
    assert_null(lyrnn_safetensors_metadata(&file, "c"));
    assert_int_equal(file.num_metadata, 0);
    lyrnn_safetensors_close(&file);
}

/* Older writers did not pad the header, and their floats must be readable too. */
static void data_is_aligned_whatever_the_headers_length(void **state)
{
    (void)state;
    char header[128];
    for (int padding = 0; padding < 8; padding++) {
        lyrnn_safetensors file;
        snprintf(header, sizeof header, "{\"a\":" ENTRY("F64", "[1]", 0, 8) "}%*s", padding, "");
        assert_accepted(&file, header, 8);
        assert_int_equal((uintptr_t)file.tensors[0].data % 16, 0);
        lyrnn_safetensors_close(&file);
    }
}

static void an_empty_header_is_a_file_without_tensors(void **state)
{
    (void)state;
    lyrnn_safetensors file;
    assert_accepted(&file, "{}", 0);
    assert_int_equal(file.num_tensors, 0);
    lyrnn_safetensors_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_below_the_length_are_rejected),
        cmocka_unit_test(header_length_over_the_limit_is_rejected),
        cmocka_unit_test(header_length_beyond_the_file_is_rejected),
        cmocka_unit_test(header_not_beginning_with_a_brace_is_rejected),
        cmocka_unit_test(text_that_is_not_utf8_is_rejected),
        cmocka_unit_test(text_that_is_not_json_is_rejected),
        cmocka_unit_test(duplicate_keys_are_rejected_at_every_level),
        cmocka_unit_test(metadata_other_than_strings_is_rejected),
        cmocka_unit_test(entries_with_missing_or_wrong_fields_are_rejected),
        cmocka_unit_test(unknown_dtypes_are_rejected),
        cmocka_unit_test(shapes_that_are_not_whole_numbers_are_rejected),
        cmocka_unit_test(sizes_that_overflow_are_rejected),
        cmocka_unit_test(sizes_that_differ_from_the_shapes_are_rejected),
        cmocka_unit_test(offsets_with_gaps_or_overlaps_are_rejected),
        cmocka_unit_test(missing_bytes_are_rejected_with_both_sizes),
        cmocka_unit_test(trailing_bytes_are_rejected),
        cmocka_unit_test(headers_of_nothing_but_brackets_are_rejected),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(hostile_names_stay_within_one_line),
        cmocka_unit_test(brackets_inside_strings_are_no_concern),
        cmocka_unit_test(tensors_come_in_the_order_of_their_data),
        cmocka_unit_test(data_is_aligned_whatever_the_headers_length),
        cmocka_unit_test(an_empty_header_is_a_file_without_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
