/* Sums a flat buffer over all ranks, which the ranks' interface (lyrnn/comm.h) moves. */
#include "cpu/cpu.h"

#include <limits.h>
#include <string.h>

/* The copies of a piece, one from each rank. Afterwards the first is their sum. */
typedef struct {
    int size;
    size_t length;
    float *copies; /* (size,length) */
} piece_copies;

/* Adds elements [first, end) of the copies in a binary tree: neighbors, then neighbors of these
 * sums, and so on. */
static void sum_copies(const void *args, int first, int end)
{
    const piece_copies *piece = (const piece_copies *)args;
    size_t count = (size_t)(end - first);
    for (int width = 1; width < piece->size; width *= 2) {
        for (int r = 0; r + width < piece->size; r += 2 * width) {
            float *sum = piece->copies + (size_t)r * piece->length + first;
            const float *other = sum + (size_t)width * piece->length;
            for (size_t i = 0; i < count; i++)
                sum[i] += other[i];
        }
    }
}

void lyrnn_cpu_all_reduce(lyrnn_backend *self, const lyrnn_all_reduce_args *args)
{
    lyrnn_comm *comm = self->comm;
    LYRNN_CHECK(comm != NULL && args->length % (4 * (size_t)comm->size) == 0);
    size_t length = args->length / (size_t)comm->size, num_bytes = length * sizeof(float);
    const piece_copies piece = {comm->size, length, args->scratch};
    LYRNN_CHECK(length <= INT_MAX);
    /* A failure stays in comm, where the caller looks for it. */
    if (comm->exchange(comm, args->values, args->scratch, num_bytes) != LYRNN_OK)
        return;
    lyrnn_cpu_share(&piece, (int)length, args->length > LYRNN_CPU_SERIAL_MAX, sum_copies);
    memcpy(args->values + (size_t)comm->rank * length, args->scratch, num_bytes);
    (void)comm->all_gather(comm, args->values, num_bytes);
}
