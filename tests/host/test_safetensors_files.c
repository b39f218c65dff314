/* safetensors files on disk. What is written is read back, with the same bytes every time; no
 * half-written file stays; and damage to a good file is either detected or harmless, and never
 * crashes the reader. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "checksum.h"
#include "lyrnn/safetensors.h"
#include "temp_dir.h"

typedef struct {
    unsigned char *bytes;
    size_t num_bytes;
} image;

#define ENTRY(dtype, shape, begin, end)                                                            \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

/* The content that the writing tests write. */
static const float small_f32[2] = {1.0f, -2.5f};
static const int64_t small_i64[1] = {7};
static const lyrnn_metadata small_metadata[] = {{"format", "pt"}, {"词", "[\"分\",\"\\\"\"]"}};
static const lyrnn_tensor small_tensors[] = {
    {.name = "w",
     .dtype = "F32",
     .num_dims = 2,
     .shape = {2, 1},
     .data = small_f32,
     .num_bytes = 8},
    {.name = "step", .dtype = "I64", .num_dims = 0, .data = small_i64, .num_bytes = 8},
};

/* As Python finds it: xxhash.xxh3_128(data).hexdigest(), with zeros in place of these digits. */
#define SMALL_XXH128 "42a9ddc9011eb0a796e6e301c02469fb"

static image write_small(const char *path)
{
    image result;
    assert_int_equal(lyrnn_safetensors_write(path, small_metadata, 2, small_tensors, 2), LYRNN_OK);
    result.bytes = read_file(path, &result.num_bytes);
    assert_non_null(result.bytes);
    return result;
}

static void writer_makes_these_bytes(void **state)
{
    (void)state;
    image file = write_small("a.safetensors");
    const char *header =
        "{\"__metadata__\":{\"format\":\"pt\",\"词\":\"[\\\"分\\\",\\\"\\\\\\\"\\\"]\""
        ",\"lyrnn_checksum\":\"xxh128:" SMALL_XXH128 "\"}"
        ",\"w\":" ENTRY("F32", "[2,1]", 0, 8) ",\"step\":" ENTRY("I64", "[]", 8, 16) "}";
    size_t padded = (strlen(header) + 7) / 8 * 8;
    uint64_t N = 0;
    memcpy(&N, file.bytes, 8);
    assert_int_equal(N, padded);
    assert_int_equal(file.num_bytes, 8 + padded + 16);
    assert_memory_equal(file.bytes + 8, header, strlen(header));
    for (size_t i = strlen(header); i < padded; i++)
        assert_int_equal(file.bytes[8 + i], ' ');
    assert_memory_equal(file.bytes + 8 + padded, small_f32, 8);
    assert_memory_equal(file.bytes + 8 + padded + 8, small_i64, 8);
    free(file.bytes);
}

static void same_arguments_give_the_same_bytes(void **state)
{
    (void)state;
    image a = write_small("same1"), b = write_small("same2");
    assert_int_equal(a.num_bytes, b.num_bytes);
    assert_memory_equal(a.bytes, b.bytes, a.num_bytes);
    free(a.bytes), free(b.bytes);
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    image written = write_small("back");
    lyrnn_safetensors file;
    assert_int_equal(lyrnn_safetensors_open(&file, "back"), LYRNN_OK);
    assert_int_equal(file.num_tensors, 2);
    assert_int_equal(file.num_metadata, 3);
    for (size_t i = 0; i < 2; i++) {
        const lyrnn_tensor *tensor = lyrnn_safetensors_tensor(&file, small_tensors[i].name);
        assert_non_null(tensor);
        assert_string_equal(tensor->dtype, small_tensors[i].dtype);
        assert_int_equal(tensor->num_dims, small_tensors[i].num_dims);
        assert_memory_equal(tensor->shape, small_tensors[i].shape, sizeof tensor->shape);
        assert_int_equal(tensor->num_bytes, small_tensors[i].num_bytes);
        assert_memory_equal(tensor->data, small_tensors[i].data, tensor->num_bytes);
        assert_string_equal(lyrnn_safetensors_metadata(&file, small_metadata[i].key),
                            small_metadata[i].value);
    }
    lyrnn_safetensors_close(&file);
    free(written.bytes);
}

static void a_valid_file_cut_at_any_byte_is_rejected(void **state)
{
    (void)state;
    image whole = write_small("cut");
    for (size_t length = 0; length < whole.num_bytes; length++) {
        /* Allocated on its own, so that a sanitizer sees a read past the cut. */
        unsigned char *cut = malloc(length + (length == 0));
        assert_non_null(cut);
        memcpy(cut, whole.bytes, length);
        lyrnn_safetensors file;
        assert_int_equal(lyrnn_safetensors_parse(&file, "cut", cut, length), LYRNN_ERR_MODEL_FILE);
        free(cut);
    }
    free(whole.bytes);
}

static void any_flipped_bit_is_refused(void **state)
{
    (void)state;
    image whole = write_small("flip");
    size_t damaged = 0, broken = 0;
    for (size_t bit = 0; bit < 8 * whole.num_bytes; bit++) {
        lyrnn_safetensors file;
        whole.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        lyrnn_status status =
            lyrnn_safetensors_parse(&file, "flipped", whole.bytes, whole.num_bytes);
        if (status == LYRNN_OK)
            fail_msg("bit %zu of byte %zu: accepted", bit % 8, bit / 8);
        assert_true(status == LYRNN_ERR_MODEL_FILE || status == LYRNN_ERR_DAMAGED);
        assert_null(strchr(lyrnn_error_text(), '\n'));
        damaged += status == LYRNN_ERR_DAMAGED;
        broken += status == LYRNN_ERR_MODEL_FILE;
        whole.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    /* In the data, in names and in values; and in the length and the structure. */
    assert_true(damaged > 8 * 16 && broken > 8 * 8);
    free(whole.bytes);
}

/* A file by another program has no checksum. Its flipped bits are refused, or what is read is
 * consistent. */
static void a_flipped_bit_of_a_file_without_checksum_does_no_harm(void **state)
{
    (void)state;
    char bytes[256];
    const char *header = "{\"__metadata__\":{\"format\":\"pt\"},\"w\":" ENTRY(
        "F32", "[2,1]", 0, 8) ",\"step\":" ENTRY("I64", "[]", 8, 16) "}";
    uint64_t N = strlen(header);
    size_t num_bytes = 8 + (size_t)N + 16, accepted = 0;
    memcpy(bytes, &N, 8);
    memcpy(bytes + 8, header, (size_t)N);
    memset(bytes + 8 + N, 1, 16);
    for (size_t bit = 0; bit < 8 * num_bytes; bit++) {
        lyrnn_safetensors file;
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        lyrnn_status status = lyrnn_safetensors_parse(&file, "flipped", bytes, num_bytes);
        if (status == LYRNN_OK) {
            size_t covered = 0;
            for (size_t i = 0; i < file.num_tensors; i++)
                covered += file.tensors[i].num_bytes;
            assert_int_equal(covered, 16);
            accepted++;
        } else {
            assert_int_equal(status, LYRNN_ERR_MODEL_FILE);
        }
        lyrnn_safetensors_close(&file);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(accepted > 8 * 16);
}

/* Replaces the first `from` by a text of the same length, and reads the result. */
static lyrnn_status read_edited(const image *whole, const char *from, const char *to)
{
    lyrnn_safetensors file;
    unsigned char *edited = malloc(whole->num_bytes);
    assert_non_null(edited);
    memcpy(edited, whole->bytes, whole->num_bytes);
    unsigned char *at = memmem(edited, whole->num_bytes, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    lyrnn_status status = lyrnn_safetensors_parse(&file, "edited", edited, whole->num_bytes);
    lyrnn_safetensors_close(&file);
    free(edited);
    return status;
}

static void a_wrong_checksum_is_damage_and_none_is_not(void **state)
{
    (void)state;
    image whole = write_small("checked");
    assert_int_equal(read_edited(&whole, SMALL_XXH128, SMALL_XXH128), LYRNN_OK);
    assert_int_equal(read_edited(&whole, "\"w\"", "\"v\""), LYRNN_ERR_DAMAGED);
    assert_non_null(strstr(lyrnn_error_text(), "edited: its bytes do not match its checksum"));
    assert_non_null(strstr(lyrnn_error_text(), "remove \"lyrnn_checksum\" from its __metadata__"));
    /* A change of the key or of the prefix does not turn the check off. */
    assert_int_equal(read_edited(&whole, "lyrnn_checksum", "other_checksum"), LYRNN_ERR_DAMAGED);
    assert_int_equal(read_edited(&whole, "xxh128:", "crc128:"), LYRNN_ERR_DAMAGED);
    assert_int_equal(read_edited(&whole, SMALL_XXH128 "\"", "\"                                "),
                     LYRNN_ERR_DAMAGED);
    /* The remedy: the whole entry is removed. */
    assert_true(checksum_remove(whole.bytes, whole.num_bytes) > 0);
    assert_int_equal(read_edited(&whole, "\"w\"", "\"v\""), LYRNN_OK);
    free(whole.bytes);
}

/* Whoever reads a file and writes its metadata again need not know the checksum. */
static void a_written_checksum_replaces_a_given_one(void **state)
{
    (void)state;
    image first = write_small("first");
    lyrnn_safetensors file;
    assert_int_equal(lyrnn_safetensors_open(&file, "first"), LYRNN_OK);
    assert_int_equal(lyrnn_safetensors_write("second", file.metadata, file.num_metadata,
                                             file.tensors, file.num_tensors),
                     LYRNN_OK);
    image second;
    second.bytes = read_file("second", &second.num_bytes);
    assert_int_equal(second.num_bytes, first.num_bytes);
    assert_memory_equal(second.bytes, first.bytes, first.num_bytes);
    lyrnn_safetensors_close(&file);
    free(first.bytes), free(second.bytes);
}

static void assert_cannot_open(const char *path, const char *problem)
{
    lyrnn_safetensors file;
    assert_int_equal(lyrnn_safetensors_open(&file, path), LYRNN_ERR_IO);
    assert_non_null(strstr(lyrnn_error_text(), path));
    assert_non_null(strstr(lyrnn_error_text(), problem));
    lyrnn_safetensors_close(&file);
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    assert_int_equal(mkdir("directory", 0777), 0);
    assert_int_equal(mkfifo("pipe", 0666), 0);
    assert_cannot_open("absent", "No such file");
    assert_cannot_open("directory", "not a regular file");
    assert_cannot_open("pipe", "not a regular file");
    assert_cannot_open("/dev/zero", "not a regular file");
}

static void a_file_that_breaks_a_rule_is_named_by_its_path(void **state)
{
    (void)state;
    lyrnn_safetensors file;
    assert_true(write_file("empty.safetensors", "", 0));
    assert_int_equal(lyrnn_safetensors_open(&file, "empty.safetensors"), LYRNN_ERR_MODEL_FILE);
    assert_int_equal(strncmp(lyrnn_error_text(), "empty.safetensors: ", 19), 0);
}

static void an_existing_file_is_not_overwritten(void **state)
{
    (void)state;
    assert_true(write_file("mine", "precious", 8));
    assert_int_equal(lyrnn_safetensors_write("mine", NULL, 0, small_tensors, 2), LYRNN_ERR_IO);
    assert_non_null(strstr(lyrnn_error_text(), "mine: cannot create: File exists"));
    size_t num_bytes;
    unsigned char *bytes = read_file("mine", &num_bytes);
    assert_int_equal(num_bytes, 8);
    assert_memory_equal(bytes, "precious", 8);
    free(bytes);
    assert_int_equal(lyrnn_safetensors_write("/dev/full", NULL, 0, small_tensors, 2), LYRNN_ERR_IO);
    assert_true(exists("/dev/full"));
}

static void a_missing_directory_is_an_io_error(void **state)
{
    (void)state;
    assert_int_equal(lyrnn_safetensors_write("no/where", NULL, 0, small_tensors, 2), LYRNN_ERR_IO);
    assert_non_null(strstr(lyrnn_error_text(), "no/where: cannot create: No such file"));
}

static void a_write_that_fails_leaves_no_file(void **state)
{
    (void)state;
    struct rlimit old, tiny;
    image whole = write_small("limit");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tiny = old;
    signal(SIGXFSZ, SIG_IGN);
    /* At every byte: in the length, the header, the padding, and both tensors. */
    for (tiny.rlim_cur = 0; tiny.rlim_cur < whole.num_bytes; tiny.rlim_cur++) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
        lyrnn_status status =
            lyrnn_safetensors_write("partial", small_metadata, 2, small_tensors, 2);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(status, LYRNN_ERR_IO);
        assert_non_null(strstr(lyrnn_error_text(), "partial: cannot write: File too large"));
        assert_false(exists("partial"));
    }
    signal(SIGXFSZ, SIG_DFL);
    free(whole.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_makes_these_bytes),
        cmocka_unit_test(same_arguments_give_the_same_bytes),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_valid_file_cut_at_any_byte_is_rejected),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(a_flipped_bit_of_a_file_without_checksum_does_no_harm),
        cmocka_unit_test(a_wrong_checksum_is_damage_and_none_is_not),
        cmocka_unit_test(a_written_checksum_replaces_a_given_one),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(a_file_that_breaks_a_rule_is_named_by_its_path),
        cmocka_unit_test(an_existing_file_is_not_overwritten),
        cmocka_unit_test(a_missing_directory_is_an_io_error),
        cmocka_unit_test(a_write_that_fails_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
