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
        "{\"__metadata__\":{\"format\":\"pt\",\"词\":\"[\\\"分\\\",\\\"\\\\\\\"\\\"]\"}"
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
    assert_int_equal(file.num_metadata, 2);
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

/* Reads every byte that an accepted file refers to. */
static unsigned touch(const lyrnn_safetensors *file)
{
    unsigned sum = 0;
    for (size_t i = 0; i < file->num_tensors; i++) {
        const lyrnn_tensor *tensor = &file->tensors[i];
        assert_true(tensor->num_dims >= 0 && tensor->num_dims <= LYRNN_TENSOR_MAX_DIMS);
        sum += (unsigned)(strlen(tensor->name) + strlen(tensor->dtype));
        for (size_t k = 0; k < tensor->num_bytes; k++)
            sum += ((const unsigned char *)tensor->data)[k];
    }
    for (size_t i = 0; i < file->num_metadata; i++)
        sum += (unsigned)(strlen(file->metadata[i].key) + strlen(file->metadata[i].value));
    return sum;
}

static void any_flipped_bit_of_the_header_is_rejected_or_consistent(void **state)
{
    (void)state;
    image whole = write_small("flip");
    size_t accepted = 0, rejected = 0, covered;
    for (size_t bit = 0; bit < 8 * (whole.num_bytes - 16); bit++) {
        lyrnn_safetensors file;
        whole.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        lyrnn_status status =
            lyrnn_safetensors_parse(&file, "flipped", whole.bytes, whole.num_bytes);
        if (status == LYRNN_OK) {
            touch(&file);
            covered = 0;
            for (size_t i = 0; i < file.num_tensors; i++)
                covered += file.tensors[i].num_bytes;
            assert_int_equal(covered, 16);
            accepted++;
        } else {
            assert_int_equal(status, LYRNN_ERR_MODEL_FILE);
            assert_null(strchr(lyrnn_error_text(), '\n'));
            rejected++;
        }
        lyrnn_safetensors_close(&file);
        whole.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    /* A flipped bit in a name or a value goes unnoticed, one in N or in the structure does not. */
    assert_true(accepted > 0 && rejected > accepted);
    free(whole.bytes);
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
        cmocka_unit_test(any_flipped_bit_of_the_header_is_rejected_or_consistent),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(a_file_that_breaks_a_rule_is_named_by_its_path),
        cmocka_unit_test(an_existing_file_is_not_overwritten),
        cmocka_unit_test(a_missing_directory_is_an_io_error),
        cmocka_unit_test(a_write_that_fails_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
