/* Copies the weights of each known character to its id in the new model, for fine-tuning on a text
 * with another vocabulary. In the flat buffer, each tensor whose shape depends on the vocabulary
 * has one row per id: weight_ih of the first layer does too, because it is stored transposed. */
#include "lyrnn/checkpoint.h"

#include <string.h>

/* Copies the rows of the characters that both vocabularies have.
 * from: (checkpoint->vocab.V, width), to: (vocab->V, width) */
static void copy_known_rows(const lyrnn_checkpoint *checkpoint, const lyrnn_vocab *vocab,
                            size_t width, const float *from, float *to)
{
    for (int id = 0; id < vocab->V; id++) {
        int32_t known = lyrnn_vocab_id(&checkpoint->vocab, vocab->chars[id]);
        if (known >= 0)
            memcpy(to + (size_t)id * width, from + (size_t)known * width, width * sizeof *to);
    }
}

void lyrnn_checkpoint_remap(const lyrnn_checkpoint *checkpoint, const lyrnn_vocab *vocab,
                            float *params)
{
    LYRNN_CHECK(checkpoint->vocab.V == checkpoint->config.input_size);
    lyrnn_rnn_config config = checkpoint->config;
    config.input_size = vocab->V;
    lyrnn_parameters from, to;
    lyrnn_parameters_of_model(&from, &checkpoint->config);
    lyrnn_parameters_of_model(&to, &config);
    for (int i = 0; i < from.num; i++) {
        const float *old = checkpoint->params + from.items[i].offset;
        float *new = params + to.items[i].offset;
        size_t count = lyrnn_parameter_count(&from.items[i]);
        if (from.items[i].has_row_per_id)
            copy_known_rows(checkpoint, vocab, count / (size_t)checkpoint->vocab.V, old, new);
        else
            memcpy(new, old, count * sizeof *new);
    }
}
