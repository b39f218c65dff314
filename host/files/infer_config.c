/* torch.nn.RNN, LSTM and GRU store weight_hh as (G*H,H), so its shape gives the number of gates G,
 * which tells the cells apart. Only tanh and relu look the same.
 *
 * A tied network has no dense.weight, or has it as a second copy of embedding.weight: PyTorch's
 * state_dict names a shared tensor twice. Two matrices that training made separately are never
 * equal in every bit. */
#include "files/infer_config.h"

#include <stdio.h>

#include "files/parameter_tensors.h"

#define REMEDY "give the state_dict of an RNNModel: rnn (nn.RNN, LSTM or GRU) and dense (nn.Linear)"

/* Finds a tensor that must be a matrix, neither side of it 0. */
static lyrnn_status find_matrix(const lyrnn_safetensors *file, const char *path, const char *name,
                                const lyrnn_tensor **tensor)
{
    *tensor = lyrnn_safetensors_tensor(file, name);
    if (*tensor == NULL)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: it has no tensor %s; " REMEDY, path, name);
    if ((*tensor)->num_dims != 2 || (*tensor)->shape[0] == 0 || (*tensor)->shape[1] == 0)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: tensor %s is not a matrix; " REMEDY, path,
                          name);
    return LYRNN_OK;
}

static bool find_cell(size_t rows, size_t H, lyrnn_cell *cell)
{
    static const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_GRU, LYRNN_LSTM};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        *cell = cells[i];
        if (rows % H == 0 && rows / H == (size_t)lyrnn_num_gates(*cell))
            return true;
    }
    return false;
}

static int count_layers(const lyrnn_safetensors *file)
{
    int layer = 0;
    char name[32];
    do {
        layer++;
        snprintf(name, sizeof name, "rnn.weight_hh_l%d", layer);
    } while (layer <= LYRNN_MAX_LAYERS && lyrnn_safetensors_tensor(file, name) != NULL);
    return layer;
}

/* Sets the sizes that the tensors outside the stack show. One-hot networks have V from
 * weight_ih. */
static lyrnn_status infer_embedding(const lyrnn_safetensors *file, const char *path,
                                    lyrnn_rnn_config *config)
{
    const lyrnn_tensor *embedding, *dense = lyrnn_safetensors_tensor(file, "dense.weight");
    if (lyrnn_safetensors_tensor(file, "embedding.weight") == NULL)
        return LYRNN_OK;
    LYRNN_TRY(find_matrix(file, path, "embedding.weight", &embedding));
    size_t V = embedding->shape[0], E = embedding->shape[1];
    if (V > LYRNN_MAX_INPUT_SIZE || E > LYRNN_MAX_HIDDEN_SIZE)
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE,
            "%s: tensor embedding.weight is (%zu, %zu), which is out of range; use up "
            "to (%d, %d)",
            path, V, E, LYRNN_MAX_INPUT_SIZE, LYRNN_MAX_HIDDEN_SIZE);
    config->input_size = (int)V;
    config->embedding_size = (int)E;
    config->tied = dense == NULL || lyrnn_tensors_are_equal(dense, embedding);
    return LYRNN_OK;
}

lyrnn_status lyrnn_infer_config(const lyrnn_safetensors *file, const char *path,
                                lyrnn_rnn_config *config)
{
    const lyrnn_tensor *weight_ih, *weight_hh;
    LYRNN_TRY(find_matrix(file, path, "rnn.weight_ih_l0", &weight_ih));
    LYRNN_TRY(find_matrix(file, path, "rnn.weight_hh_l0", &weight_hh));
    size_t V = weight_ih->shape[1], rows = weight_hh->shape[0], H = weight_hh->shape[1];
    lyrnn_cell cell;
    if (!find_cell(rows, H, &cell))
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE,
            "%s: tensor rnn.weight_hh_l0 is (%zu, %zu), which is the shape of no cell; " REMEDY,
            path, rows, H);
    if (V > LYRNN_MAX_INPUT_SIZE || H > LYRNN_MAX_HIDDEN_SIZE)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: %zu inputs and %zu hidden units are out of range; use up to %d and "
                          "%d",
                          path, V, H, LYRNN_MAX_INPUT_SIZE, LYRNN_MAX_HIDDEN_SIZE);
    *config = (lyrnn_rnn_config){
        .cell = cell,
        .input_size = (int)V,
        .hidden_size = (int)H,
        .num_layers = count_layers(file),
        .bidirectional = lyrnn_safetensors_tensor(file, "rnn.weight_hh_l0_reverse") != NULL};
    return infer_embedding(file, path, config);
}
