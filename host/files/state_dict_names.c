/* PyTorch's wrappers put a prefix before the names of a model's tensors, and the safetensors
 * package saves a tensor that two modules share under one of its two names. */
#include "files/state_dict_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A name may have several wrappers. */
static const char *without_wrappers(const char *name)
{
    static const char *const wrappers[] = {"module.", "_orig_mod."};
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0];) {
        size_t length = strlen(wrappers[i]);
        bool is_wrapped = strncmp(name, wrappers[i], length) == 0;
        name += is_wrapped ? length : 0;
        i = is_wrapped ? 0 : i + 1;
    }
    return name;
}

static bool notes_shared_weight(const lyrnn_safetensors *file)
{
    for (size_t i = 0; i < file->num_metadata; i++)
        if (strcmp(without_wrappers(file->metadata[i].key), "embedding.weight") == 0 &&
            strcmp(without_wrappers(file->metadata[i].value), "dense.weight") == 0)
            return true;
    return false;
}

void lyrnn_state_dict_rename(lyrnn_safetensors *file)
{
    for (size_t i = 0; i < file->num_tensors; i++)
        file->tensors[i].name = without_wrappers(file->tensors[i].name);
    if (lyrnn_safetensors_tensor(file, "embedding.weight") != NULL || !notes_shared_weight(file))
        return;
    for (size_t i = 0; i < file->num_tensors; i++)
        if (strcmp(file->tensors[i].name, "dense.weight") == 0)
            file->tensors[i].name = "embedding.weight";
}
