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

/* The units that a group of threads of the resident path shares. Each has a row of weights per
 * gate, or backward one row in all; four rows at most. */
__host__ __device__ constexpr int resident_units(int G, bool is_backward)
{
    return is_backward || G == 1 ? 4 : 1;
}

/* The kernels of the resident path: how many threads a group has, and how many weights of a row
 * each of them holds. Numbers 0 to 3 are for groups that are as large as possible, 4 and 5 for half
 * as many threads. */
enum { RESIDENT_KERNELS = 6 };

struct resident_shape {
    int slices, weights;
};

constexpr resident_shape resident_kernel(lyrnn_cell cell, bool is_backward, int number)
{
    const int G = cell == LYRNN_LSTM ? 4 : cell == LYRNN_GRU ? 3 : 1;
    const int slices = G == 1 ? 16 : is_backward ? 32 : 8;
    const int weights = 4 << (number < 4 ? number : number - 2);
    /* Backward of gru has rows of three gates. */
    return {number < 4 ? slices : slices / 2,
            G == 3 && is_backward ? (3 * weights / 4 + 3) / 4 * 4 : weights};
}

typedef struct {
    int cluster; /* C blocks per cluster */
    int blocks;  /* blocks per cluster that have units */
    int units;   /* units per block: ceil(H / C) */
    int kernel;  /* which of the RESIDENT_KERNELS of the cell */
    int slices;  /* S threads of a group: that of the kernel */
    int weights; /* weights of a row that a thread holds: that of the kernel */
    int streams; /* streams per cluster, a power of two: each thread finishes at most one */
} resident_plan;

/* The path of one block (recurrence_block.cu). Each cell has kernels of four sizes, for hidden
 * sizes of up to a quarter, a half, three quarters and all of its block_max_h. A thread has
 * registers for so many quads of weights without a spill. The others have to fit into the shared
 * memory of 7.5. */
enum { BLOCK_THREADS = 256, BLOCK_SIZES = 4, BLOCK_REGISTER_QUADS = 52 };

typedef struct {
    int max_h;        /* the kernel is for hidden sizes up to this one */
    int units;        /* neighboring units whose weights a thread holds */
    int slices;       /* S threads that share these units: a power of two, at most 32 */
    int quads;        /* quads of the vector that a thread multiplies */
    int threads;      /* per block */
    int shared_quads; /* quads of weights that a thread holds in shared memory */
    int streams;      /* per block */
} block_plan;

/* The largest hidden size of this path, for a cell of G gates. */
constexpr int block_max_h(int G)
{
    return G == 1 ? 256 : 128;
}

/* The layout for hidden sizes up to max_h, with one stream. Forward, the weights of a unit are its
 * rows of all gates, and a vector is h. Backward, they are its columns, and a vector is dh' of all
 * gates. */
constexpr block_plan lay_out_block(int G, bool is_backward, int max_h)
{
    block_plan plan = {};
    const int rows = is_backward ? 1 : G, K = is_backward ? G * max_h : max_h;
    plan.max_h = max_h;
    plan.units = G > 1 && !is_backward ? 2 : 8;
    plan.slices = plan.units;
    while (plan.slices < 32 && 2 * plan.slices * (max_h / plan.units) <= BLOCK_THREADS &&
           2 * plan.slices <= K / 4)
        plan.slices *= 2;
    plan.quads = (K / 4 + plan.slices - 1) / plan.slices;
    plan.threads = max_h / plan.units * plan.slices;
    const int held = plan.units * rows * plan.quads;
    plan.shared_quads = held > BLOCK_REGISTER_QUADS ? held - BLOCK_REGISTER_QUADS : 0;
    plan.streams = 1;
    return plan;
}

/* The path over the grid (recurrence_grid.cu, tile_product.cuh).
 *
 * A thread computes a square of TILE_SIDE x TILE_SIDE sums. A chunk of the vectors is TILE_CHUNK
 * floats; each thread copies TILE_QUADS quads of 4 streams. A tile has at most
 * 2^TILE_MAX_STREAMS_LOG streams, so that a chunk has at least 8 values of k. TILE_PADDING floats
 * per row put the rows that a warp reads into different banks, and keep rows aligned to float4. */
enum { GRID_THREADS = 256, TILE_SIDE = 8, TILE_QUADS = 4, TILE_PADDING = 4 };
enum { TILE_CHUNK = GRID_THREADS * TILE_QUADS * 4, TILE_MAX_STREAMS_LOG = 9 };
static_assert(TILE_CHUNK >> TILE_MAX_STREAMS_LOG == 8, "values of k per chunk");

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

typedef struct {
    lyrnn_recurrence_path path; /* never LYRNN_RECURRENCE_BY_COST */
    double expected_ns;         /* of the whole sequence; infinity: the path does not fit */
    cluster_launch launch;      /* of the two paths that are one kernel */
    int at_once;                /* clusters that the device holds, one block per multiprocessor */
    resident_plan resident;
    block_plan block;
    grid_plan grid;
} recurrence_plan;

/* The plan that plan_use chose for the shape, or else the one with the lowest expected time, of the
 * path that LYRNN_DEBUG_RECURRENCE forces if it does. By steps, where the forced path does not
 * fit. */
recurrence_plan lyrnn_cuda_plan_recurrence(const lyrnn_cuda_state *state,
                                           const lyrnn_recurrence_shape &problem);

/* The plan of the general path, which fits every shape. */
recurrence_plan lyrnn_cuda_plan_by_steps(const lyrnn_cuda_state *state,
                                         const lyrnn_recurrence_shape &problem);

/* Writes the plans that are worth trying to plans (LYRNN_MAX_PLANS), the fastest first by
 * expectation, and returns how many. By steps is one of them. */
int lyrnn_cuda_list_plans(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &shape,
                          recurrence_plan *plans);

/* A plan's text: the path, then c and the blocks per cluster, then s and the streams that a cluster
 * takes; the path of one block has no c. All else of a layout follows from these, the shape and the
 * device. */
void lyrnn_cuda_plan_text(const recurrence_plan &plan, char text[LYRNN_PLAN_BYTES]);

/* Makes the plan of that text. False: there is no such plan, or it does not fit. */
bool lyrnn_cuda_plan_named(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &shape,
                           const char *text, recurrence_plan *plan);

/* Run a recurrence by its plan. */
void lyrnn_cuda_run_forward(lyrnn_backend *self, const recurrence_plan &plan,
                            const lyrnn_recurrence_forward_args *args);
void lyrnn_cuda_run_backward(lyrnn_backend *self, const recurrence_plan &plan,
                             const lyrnn_recurrence_backward_args *args);

/* Whether two shapes have the same plans: all but T is the same. */
static inline bool lyrnn_cuda_same_problem(const lyrnn_recurrence_shape &a,
                                           const lyrnn_recurrence_shape &b)
{
    return a.cell == b.cell && a.is_backward == b.is_backward && a.B == b.B && a.H == b.H;
}

#endif
