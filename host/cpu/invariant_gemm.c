/* y (M,N) = start + x (M,K) w^T, where a row of y has the same bits whatever M and the number of threads are.
 *
 * BLAS chooses its order of addition by the shape. Here each sum is a dot product of two contiguous rows: each
 * lane of a vector adds up its share of the products in ascending k, then the lanes are added as a tree, neighbours
 * first. How many sums are worked on together changes nothing in that; LANES of them at a time keep the
 * vector units busy, and the tree folds their LANES vectors into one. */
#include "cpu.h"

#include <omp.h>
#include <string.h>

/* As wide as the machine's registers. */
#if defined(__AVX512F__)
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD  1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
enum { LANES = 16 };
#elif defined(__AVX__)
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD  1, 3, 5, 7, 9, 11, 13, 15
enum { LANES = 8 };
#else
#define EVEN 0, 2, 4, 6
#define ODD  1, 3, 5, 7
enum { LANES = 4 };
#endif
typedef float vector __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef int32_t lane_bits __attribute__((vector_size(LANES * sizeof(int32_t)), aligned(4)));

#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (lane_bits){__VA_ARGS__})
#endif

/* A tile is TILE_ROWS by TILE_COLUMNS sums, or 1 by LANES. */
enum { TILE_COLUMNS = 4, TILE_ROWS = LANES / TILE_COLUMNS };
typedef float four __attribute__((vector_size(TILE_COLUMNS * sizeof(float)), aligned(4)));

/* The last lanes of a row of K, K not a multiple of LANES: what full vectors left over stands in the lanes
 * that `rest` has bits for, the others are zero. */
static __attribute__((noinline)) vector load_rest(const float *row, int K, lane_bits rest)
{
    if (K >= LANES)
        return (vector)((lane_bits) * (const vector *)(row + K - LANES) & rest);
    float lanes[LANES] = {0};
    for (int k = 0; k < K; k++)
        lanes[k] = row[k];
    vector loaded;
    memcpy(&loaded, lanes, sizeof loaded);
    return loaded;
}

/* Lane i of the result is the sum over vector i. Written out as calls: in loops gcc keeps the vectors in memory. */
static inline __attribute__((always_inline)) vector fold(vector a, vector b)
{
    return PICK(a, b, EVEN) + PICK(a, b, ODD);
}

static inline __attribute__((always_inline)) vector fold_4(const vector *sums)
{
    return fold(fold(sums[0], sums[1]), fold(sums[2], sums[3]));
}

static inline __attribute__((always_inline)) vector add_lanes(const vector sums[LANES])
{
#if defined(__AVX512F__)
    vector left = fold(fold_4(sums), fold_4(sums + 4));
    return fold(left, fold(fold_4(sums + 8), fold_4(sums + 12)));
#elif defined(__AVX__)
    return fold(fold_4(sums), fold_4(sums + 4));
#else
    return fold_4(sums);
#endif
}

/* One product: rows of x and of w are K floats, ldx and K apart. */
typedef struct {
    int M, N, K;
    const float *x;
    int ldx;
    const float *w;
    const float *start;
    int ldstart;
    float *y;
    int ldy;
    lane_bits rest;
} product;

/* Adds a tile's start to its sums, four columns at a time where they all exist. */
static inline __attribute__((always_inline)) void store_tile(const product *p, int ROWS, int m,
                                                             int n, vector sums)
{
    const int COLUMNS = LANES / ROWS;
    float totals[LANES];
    memcpy(totals, &sums, sizeof totals);
    for (int r = 0; r < ROWS; r++) {
        const float *start = p->start + (size_t)(m + r) * (size_t)p->ldstart + n;
        const float *total = totals + r * COLUMNS;
        float *y = p->y + (size_t)(m + r) * (size_t)p->ldy + n;
        if (n + COLUMNS <= p->N)
            for (int c = 0; c < COLUMNS; c += TILE_COLUMNS)
                *(four *)(y + c) = *(const four *)(start + c) + *(const four *)(total + c);
        else
            for (int c = 0; n + c < p->N; c++)
                y[c] = start[c] + total[c];
    }
}

/* The ROWS by LANES / ROWS sums from row m and column n on; columns beyond the last are that again, unused.
 * IS_WHOLE: all columns exist, and rows are whole vectors. */
static inline __attribute__((always_inline)) void tile(const product *p, int ROWS, bool IS_WHOLE,
                                                       int m, int n)
{
    const int COLUMNS = LANES / ROWS;
    const float *x[TILE_ROWS], *w[LANES];
    vector sums[LANES] = {0};
    for (int r = 0; r < ROWS; r++)
        x[r] = p->x + (size_t)(m + r) * (size_t)p->ldx;
    for (int c = 0; c < COLUMNS; c++)
        w[c] = p->w + (size_t)(IS_WHOLE || n + c < p->N ? n + c : p->N - 1) * (size_t)p->K;
    int k = 0;
    for (; k + LANES <= p->K; k += LANES) {
        vector factors[TILE_ROWS];
        for (int r = 0; r < ROWS; r++)
            factors[r] = *(const vector *)(x[r] + k);
        for (int c = 0; c < COLUMNS; c++) {
            vector weights = *(const vector *)(w[c] + k);
            for (int r = 0; r < ROWS; r++)
                sums[r * COLUMNS + c] += factors[r] * weights;
        }
    }
    if (!IS_WHOLE && k < p->K) {
        vector factors[TILE_ROWS];
        for (int r = 0; r < ROWS; r++)
            factors[r] = load_rest(x[r], p->K, p->rest);
        for (int c = 0; c < COLUMNS; c++) {
            vector weights = load_rest(w[c], p->K, p->rest);
            for (int r = 0; r < ROWS; r++)
                sums[r * COLUMNS + c] += factors[r] * weights;
        }
    }
    store_tile(p, ROWS, m, n, add_lanes(sums));
}

/* LANES columns of all rows: their rows of w stay in the nearest cache. */
static inline __attribute__((always_inline)) void column_block(const product *p, bool IS_WHOLE,
                                                               int first)
{
    int m = 0;
    for (; m + TILE_ROWS <= p->M; m += TILE_ROWS)
        for (int n = first; n < first + LANES && n < p->N; n += TILE_COLUMNS)
            tile(p, TILE_ROWS, IS_WHOLE, m, n);
    for (; m < p->M; m++)
        tile(p, 1, IS_WHOLE, m, first);
}

void lyrnn_cpu_invariant_gemm(int M, int N, int K, const float *x, int ldx, const float *w,
                              const float *start, int ldstart, float *y, int ldy)
{
    /* Below, another thread wakes up when the work is done. */
    const size_t serial_max = 131072;
    product p = {M, N, K, x, ldx, w, start, ldstart, y, ldy, {0}};
    for (int i = LANES - K % LANES; i < LANES; i++)
        p.rest[i] = -1;
    bool is_large = (size_t)M * (size_t)N * (size_t)K > serial_max;
#pragma omp parallel for schedule(static) if (is_large && !omp_in_parallel())
    for (int first = 0; first < N; first += LANES) {
        if (K % LANES == 0 && first + LANES <= N)
            column_block(&p, true, first);
        else
            column_block(&p, false, first);
    }
}
