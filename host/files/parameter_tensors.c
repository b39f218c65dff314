/* Describes a network's tensors as a file has them: with PyTorch's names, and in PyTorch's layout
 * even where the flat buffer holds a tensor transposed. */
#include "files/parameter_tensors.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

lyrnn_tensor lyrnn_parameter_tensor(const lyrnn_parameter *parameter)
{
    return (lyrnn_tensor){
        .name = parameter->name,
        .dtype = "F32",
        .num_dims = parameter->cols == 0 ? 1 : 2,
        .shape = {(size_t)parameter->rows, (size_t)parameter->cols},
        .num_bytes = lyrnn_parameter_count(parameter) * sizeof(float),
    };
}

size_t lyrnn_parameters_num_transposed(const lyrnn_parameters *parameters)
{
    size_t num = 0;
    for (int i = 0; i < parameters->num; i++)
        if (parameters->items[i].transposed)
            num += lyrnn_parameter_count(&parameters->items[i]);
    return num;
}

const float *lyrnn_parameter_values(const lyrnn_parameter *parameter, const float *flat,
                                    float **transposed)
{
    if (!parameter->transposed)
        return flat + parameter->offset;
    float *values = *transposed;
    lyrnn_parameter_unpack(parameter, flat, values);
    *transposed += lyrnn_parameter_count(parameter);
    return values;
}

static bool is_float(const char *dtype)
{
    static const char *const floats[] = {"F32", "F16", "BF16", "F64"};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++)
        if (strcmp(dtype, floats[i]) == 0)
            return true;
    return false;
}

lyrnn_status lyrnn_find_tensor(const lyrnn_safetensors *file, const char *path,
                               const lyrnn_tensor *wanted, const char *what_to_do,
                               const lyrnn_tensor **tensor)
{
    const lyrnn_tensor *found = *tensor = lyrnn_safetensors_tensor(file, wanted->name);
    if (found == NULL)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: it has no tensor %s; %s", path, wanted->name,
                          what_to_do);
    if (wanted->dtype == NULL ? !is_float(found->dtype) : strcmp(found->dtype, wanted->dtype) != 0)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: tensor %s is %s; convert it to F32 (torch.float32)", path,
                          wanted->name, found->dtype);
    if (found->num_dims != wanted->num_dims ||
        memcmp(found->shape, wanted->shape, (size_t)wanted->num_dims * sizeof wanted->shape[0]) !=
            0)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: tensor %s does not have the shape that this network needs; %s", path,
                          wanted->name, what_to_do);
    return LYRNN_OK;
}

bool lyrnn_tensors_are_equal(const lyrnn_tensor *a, const lyrnn_tensor *b)
{
    return strcmp(a->dtype, b->dtype) == 0 && a->num_dims == b->num_dims &&
           memcmp(a->shape, b->shape, (size_t)a->num_dims * sizeof a->shape[0]) == 0 &&
           memcmp(a->data, b->data, a->num_bytes) == 0;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: a sign, 5 bits of exponent with bias 15, and 10 of fraction. */
static float float_of_f16(uint16_t half)
{
    enum { BIAS_DIFFERENCE = 127 - 15, FRACTION_SHIFT = 23 - 10 };
    uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
    if (exponent == 0) {
        float value = (float)fraction * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    exponent = exponent == 0x1F ? 0xFF : exponent + BIAS_DIFFERENCE;
    return float_of_bits(sign | exponent << 23 | fraction << FRACTION_SHIFT);
}

size_t lyrnn_tensor_to_floats(const lyrnn_tensor *tensor, float *values)
{
    const unsigned char *data = tensor->data;
    if (strcmp(tensor->dtype, "F32") == 0) {
        memcpy(values, data, tensor->num_bytes);
        return tensor->num_bytes / sizeof *values;
    }
    if (strcmp(tensor->dtype, "F64") == 0) {
        size_t num = tensor->num_bytes / sizeof(double);
        for (size_t i = 0; i < num; i++) {
            double value;
            memcpy(&value, data + i * sizeof value, sizeof value);
            values[i] = (float)value;
            if (isfinite(value) && !isfinite(values[i]))
                return i;
        }
        return num;
    }
    bool is_half = strcmp(tensor->dtype, "F16") == 0;
    size_t num = tensor->num_bytes / sizeof(uint16_t);
    for (size_t i = 0; i < num; i++) {
        uint16_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        values[i] = is_half ? float_of_f16(bits) : float_of_bits((uint32_t)bits << 16);
    }
    return num;
}
