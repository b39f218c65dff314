/* How a recurrence runs on a device: its path, its layout and its launch.
 *
 * recurrence.cu makes a plan for each call of the operation, and hands it to the path that it
 * names. A captured step makes its calls once. The kernels take all their sizes from the plan. */
#ifndef LYRNN_RECURRENCE_PLAN_CUH
#define LYRNN_RECURRENCE_PLAN_CUH

#include "cluster.cuh"
#include "cuda.cuh"

/* Threads per block of the resident path (recurrence_resident.cu). A multiprocessor runs one block:
 * registers for the weights matter more than occupancy. */
enum { RESIDENT_THREADS = 256 };

typedef struct {
    int cluster; /* C blocks per cluster */
    int slices;  /* S threads that share a unit: a power of two, at most 32 */
    int units;   /* units per block: ceil(H / C) */
    int weights; /* weights of one gate that a thread holds: a template argument of the kernels */
    int streams; /* streams per cluster, at most S: each thread finishes at most one */
} resident_plan;

/* The path over the grid (recurrence_grid.cu, tile_product.cuh).
 *
 * A thread computes a square of TILE_SIDE x TILE_SIDE sums. A chunk of the vectors is TILE_CHUNK
 * floats; each thread fetches TILE_FETCH of them, in squares of 4 streams by 8 values of k. Hence a
 * tile has at most 2^TILE_MAX_STREAMS_LOG streams. TILE_PADDING floats per row put the four rows
 * and eight columns that a warp transposes into different banks, and keep rows aligned to
 * float4. */
enum { GRID_THREADS = 256, TILE_SIDE = 8, TILE_FETCH = 16, TILE_PADDING = 4 };
enum { TILE_CHUNK = GRID_THREADS * TILE_FETCH, TILE_MAX_STREAMS_LOG = 9 };
static_assert(TILE_CHUNK >> TILE_MAX_STREAMS_LOG == 8, "whole squares");

typedef struct {
    int cluster; /* C blocks per cluster */
    int units;   /* units per tile */
    int tiles;   /* tiles side by side: ceil(H / units) */
    /* Columns per tile: all units of the first gate, then of the next, then zeros up to a multiple
     * of TILE_SIDE. */
    int columns;
    int depth;       /* values of k per block, a multiple of 8 */
    int streams_log; /* log2 of the streams per tile, 3 to TILE_MAX_STREAMS_LOG */
    int groups;      /* groups of threads that share k */
} grid_plan;

/* What a plan is made for. */
typedef struct {
    lyrnn_cell cell;
    bool is_backward;
    int T, B, H;
} recurrence_problem;

typedef struct {
    lyrnn_recurrence_path path; /* never LYRNN_RECURRENCE_BY_COST */
    double expected_ns;         /* of the whole sequence; infinity: the path does not fit */
    cluster_launch launch;      /* of the two paths that are one kernel */
    int at_once;                /* clusters that the device holds, one block per multiprocessor */
    resident_plan resident;
    grid_plan grid;
} recurrence_plan;

/* The plan with the lowest expected time, or of the path that LYRNN_DEBUG_RECURRENCE forces. By
 * steps, where the forced path does not fit. */
recurrence_plan lyrnn_cuda_plan_recurrence(const lyrnn_cuda_state *state,
                                           const recurrence_problem &problem);

/* The plan of the general path, which fits every shape. */
recurrence_plan lyrnn_cuda_plan_by_steps(const lyrnn_cuda_state *state,
                                         const recurrence_problem &problem);

#endif
