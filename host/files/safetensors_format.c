/* The sizes of dtypes and tensors, as https://github.com/huggingface/safetensors defines them. */
#include "files/safetensors_format.h"

#include <string.h>

size_t safetensors_dtype_bytes(const char *dtype)
{
    static const struct {
        const char *name;
        size_t bytes;
    } dtypes[] = {
        {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
        {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},     {"I32", 4},
        {"F32", 4},  {"U64", 8}, {"I64", 8}, {"F64", 8},     {"C64", 8},
    };
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strcmp(dtype, dtypes[i].name) == 0)
            return dtypes[i].bytes;
    return 0;
}

bool safetensors_tensor_bytes(const size_t *shape, int num_dims, size_t element_bytes,
                              size_t *num_bytes)
{
    size_t product = 1;
    for (int i = 0; i < num_dims; i++)
        if (__builtin_mul_overflow(product, shape[i], &product))
            return false;
    return !__builtin_mul_overflow(product, element_bytes, num_bytes);
}
