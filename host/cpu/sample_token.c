/* Greedy choice: the likeliest character of each row, the lowest id among equals. */
#include "cpu.h"

void lyrnn_cpu_sample_token(lyrnn_backend *self, const lyrnn_sample_token_args *args)
{
    (void)self;
    for (int b = 0; b < args->B; b++) {
        const float *logits = args->logits + (size_t)b * (size_t)args->V;
        int best = 0;
        for (int v = 1; v < args->V; v++)
            if (logits[v] > logits[best])
                best = v;
        args->tokens[b] = best;
    }
}
