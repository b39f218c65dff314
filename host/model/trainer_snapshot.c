/* Host memory of a snapshot. lyrnn_trainer_download fills it, files/trainer_state.c keeps it on
 * disk. */
#include "lyrnn/trainer_snapshot.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_limit.h"

lyrnn_status lyrnn_trainer_snapshot_init(lyrnn_trainer_snapshot *snapshot,
                                         const lyrnn_rnn_config *config, int B, bool has_average)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    size_t state_count = lyrnn_state_count(config, B);
    bool has_c = config->cell == LYRNN_LSTM;
    static const char remedy[] = "lower --hidden-size, or close other programs";
    size_t num_flat = has_average ? 3 : 2;
    size_t num_bytes = (num_flat * parameters.count + 2 * state_count) * sizeof(float);
    LYRNN_TRY(lyrnn_require_memory("checkpoint", num_bytes, remedy));
    *snapshot = (lyrnn_trainer_snapshot){
        .B = B,
        .m = (float *)calloc(parameters.count, sizeof(float)),
        .v = (float *)calloc(parameters.count, sizeof(float)),
        .h = (float *)calloc(state_count, sizeof(float)),
        .c = has_c ? (float *)calloc(state_count, sizeof(float)) : NULL,
        .raw = has_average ? (float *)calloc(parameters.count, sizeof(float)) : NULL,
    };
    if (snapshot->m != NULL && snapshot->v != NULL && snapshot->h != NULL &&
        (snapshot->c != NULL || !has_c) && (snapshot->raw != NULL || !has_average))
        return LYRNN_OK;
    lyrnn_trainer_snapshot_free(snapshot);
    return lyrnn_out_of_memory("checkpoint", num_bytes, remedy);
}

void lyrnn_trainer_snapshot_free(lyrnn_trainer_snapshot *snapshot)
{
    free(snapshot->m);
    free(snapshot->v);
    free(snapshot->h);
    free(snapshot->c);
    free(snapshot->raw);
    memset(snapshot, 0, sizeof *snapshot);
}
