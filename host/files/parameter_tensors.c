/* Describes a network's tensors as a file has them: with PyTorch's names, and in PyTorch's layout
 * even where the flat buffer holds a tensor transposed. */
#include "files/parameter_tensors.h"

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

lyrnn_status lyrnn_find_tensor(const lyrnn_safetensors *file, const char *path,
                               const lyrnn_tensor *wanted, const char *what_to_do,
                               const lyrnn_tensor **tensor)
{
    const lyrnn_tensor *found = *tensor = lyrnn_safetensors_tensor(file, wanted->name);
    if (found == NULL)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: it has no tensor %s; %s", path, wanted->name,
                          what_to_do);
    if (strcmp(found->dtype, wanted->dtype) != 0)
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
