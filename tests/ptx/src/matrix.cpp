/* Matrix instructions: ldmatrix, stmatrix, movmatrix and mma.sync (PTX ISA 9.0, section 9.7.14.5).
 *
 * The products of an mma are exact (they have at most 22 bits), and they are added in fp32. The
 * manual leaves the order of the sums, their rounding and subnormal operands open: here sums are
 * rounded to nearest, subnormal operands keep their values, and the seed draws the order. It is the
 * same order in a whole run, as it is on a device, where a repeated step gives the same bits. */
#include <algorithm>

#include "addresses.h"
#include "ptx_report.h"
#include "scheduler.h"
#include "warp.h"

namespace ptx
{

/* These instructions are .aligned: the whole warp executes them. Returns false if the group waits
 * for the other lanes now. */
static bool meet_all(Warp &warp, const Instruction &instruction)
{
    if (!gather(warp, all_lanes))
        return false;
    const Lanes lanes = warp.group().lanes;
    if (lanes != all_lanes)
        report(warp, instruction, static_cast<unsigned>(__builtin_ctz(lanes)),
               LYRNN_SIM_BAD_WARP_OPERATION,
               "a matrix instruction needs all 32 lanes of a warp, but only the lanes %#x are here",
               lanes);
    return true;
}

struct Position {
    unsigned row, column;
};

/* The elements of an 8 x 8 matrix of 16 bits: part 0 or 1 of lane's register. */
static constexpr Position position_in_tile(unsigned lane, unsigned part)
{
    return {lane / 4, lane % 4 * 2 + part};
}

/* The operands of an mma. A register holds `per` neighbors along k: one tf32, or two of 16 bits. So
 * every register of A and B is a tile of 8 rows (of B: columns) and 4 * per values along k. A comes
 * as the upper tile, the lower tile, and the same for the second half of k. */
static constexpr Position position_in_a(unsigned number, unsigned lane, unsigned part, unsigned per)
{
    return {lane / 4 + number % 2 * 8, (lane % 4 + number / 2 * 4) * per + part};
}

static constexpr Position position_in_b(unsigned number, unsigned lane, unsigned part, unsigned per)
{
    return {(lane % 4 + number * 4) * per + part, lane / 4};
}

/* C and D hold an fp32 value in each register. */
static constexpr Position position_in_c(unsigned number, unsigned lane)
{
    return {lane / 4 + number / 2 * 8, lane % 4 * 2 + number % 2};
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

struct Bf16 {
    static constexpr unsigned per_register = 2;

    static float value(uint32_t word, unsigned part)
    {
        return float_of_bits(word >> 16 * part << 16);
    }
};

struct F16 {
    static constexpr unsigned per_register = 2;

    static float value(uint32_t word, unsigned part)
    {
        const uint32_t half = word >> 16 * part & 0xffff, magnitude = (half & 0x7fff) << 13;
        /* The scale moves the exponent's bias from 15 to 127, also for subnormal numbers. */
        const uint32_t bits = (half & 0x7c00) == 0x7c00
                                  ? magnitude | 0x7f800000
                                  : bits_of_float(float_of_bits(magnitude) * 0x1p112f);
        return float_of_bits(bits | (half & 0x8000) << 16);
    }
};

/* The device ignores the low 13 bits. */
struct Tf32 {
    static constexpr unsigned per_register = 1;

    static float value(uint32_t word, unsigned)
    {
        return float_of_bits(word & ~0x1fffu);
    }
};

/* term[to] += term[from] */
struct Step {
    unsigned to, from;
};

/* Fills the order in which the terms become one sum: ascending, or any tree that the seed draws.
 * Terms 0 to K - 1 are the products. Term K is C, and becomes the sum. */
static void order_of_sum(unsigned K, Step *steps)
{
    uint64_t random = sim::order_seed() * 0x9e3779b97f4a7c15ull + K;
    unsigned live[17];
    for (unsigned i = 0; i <= K; i++)
        live[i] = i;
    for (unsigned i = 0; i < K; i++) {
        if (!sim::order_is_drawn()) {
            steps[i] = {K, i};
            continue;
        }
        const unsigned count = K + 1 - i;
        unsigned pair[2];
        for (unsigned k = 0; k < 2; k++) {
            random = (random ^ random >> 29) * 0xbf58476d1ce4e5b9ull + 1;
            std::swap(live[(random >> 32) % (count - k)], live[count - 1 - k]);
            pair[k] = live[count - 1 - k];
        }
        /* The sum stays in the larger number, so that the last one is in C. */
        steps[i] = {std::max(pair[0], pair[1]), std::min(pair[0], pair[1])};
        live[count - 2] = steps[i].to;
    }
}

/* The order of the current seed. */
template <unsigned K> static const Step *sum_order()
{
    static Step steps[K];
    static uint64_t seed;
    static bool is_known;
    if (!is_known || seed != sim::order_seed()) {
        order_of_sum(K, steps);
        seed = sim::order_seed();
        is_known = true;
    }
    return steps;
}

constexpr unsigned num_rows = 16, num_columns = 8;

/* Reads A and B along k, as a[k][row] and b[k][column]. */
template <typename Type, unsigned K>
static void read_factors(Warp &warp, const Operand *operands, float (*a)[num_rows],
                         float (*b)[num_columns])
{
    constexpr unsigned per = Type::per_register;
    constexpr unsigned num_a = num_rows * K / num_lanes / per;
    constexpr unsigned num_b = num_columns * K / num_lanes / per;
    for (unsigned number = 0; number < num_a; number++) {
        const uint32_t *words = row<uint32_t>(warp, operands[number]);
        for (unsigned i = 0; i < num_lanes * per; i++) {
            const Position at = position_in_a(number, i / per, i % per, per);
            a[at.column][at.row] = Type::value(words[i / per], i % per);
        }
    }
    for (unsigned number = 0; number < num_b; number++) {
        const uint32_t *words = row<uint32_t>(warp, operands[num_a + number]);
        for (unsigned i = 0; i < num_lanes * per; i++) {
            const Position at = position_in_b(number, i / per, i % per, per);
            b[at.row][at.column] = Type::value(words[i / per], i % per);
        }
    }
}

/* d, a, b, c: D = A B + C, where A is 16 x K, B is K x 8, and C and D are 16 x 8. */
template <typename Type, unsigned K>
static void multiply(Warp &warp, const Instruction &instruction, Lanes)
{
    constexpr unsigned num_factors = (num_rows + num_columns) * K / num_lanes / Type::per_register;
    const Operand *d = instruction.operands, *c = d + 4 + num_factors;
    float a[K][num_rows], b[K][num_columns], terms[K + 1][num_rows * num_columns];
    if (!meet_all(warp, instruction))
        return;
    read_factors<Type, K>(warp, d + 4, a, b);
    for (unsigned k = 0; k < K; k++)
        for (unsigned m = 0; m < num_rows; m++)
            for (unsigned n = 0; n < num_columns; n++)
                terms[k][m * num_columns + n] = a[k][m] * b[k][n];
    for (unsigned number = 0; number < 4; number++)
        for (unsigned lane = 0; lane < num_lanes; lane++) {
            const Position at = position_in_c(number, lane);
            terms[K][at.row * num_columns + at.column] = row<float>(warp, c[number])[lane];
        }
    const Step *steps = sum_order<K>();
    for (unsigned i = 0; i < K; i++)
        for (unsigned k = 0; k < num_rows * num_columns; k++)
            terms[steps[i].to][k] += terms[steps[i].from][k];
    for (unsigned number = 0; number < 4; number++)
        for (unsigned lane = 0; lane < num_lanes; lane++) {
            const Position at = position_in_c(number, lane);
            const float sum = terms[K][at.row * num_columns + at.column];
            row<uint32_t>(warp, d[number])[lane] = sum != sum ? 0x7fffffff : bits_of_float(sum);
        }
}

using Tile = uint16_t[8][8];

/* Returns the lane's register of a tile. */
static uint32_t take(const Tile tile, unsigned lane, bool is_transposed)
{
    uint32_t word = 0;
    for (unsigned part = 0; part < 2; part++) {
        const Position at = position_in_tile(lane, part);
        const uint32_t value = is_transposed ? tile[at.column][at.row] : tile[at.row][at.column];
        word |= value << 16 * part;
    }
    return word;
}

static void put(Tile tile, unsigned lane, bool is_transposed, uint32_t word)
{
    for (unsigned part = 0; part < 2; part++) {
        const Position at = position_in_tile(lane, part);
        uint16_t &value = is_transposed ? tile[at.column][at.row] : tile[at.row][at.column];
        value = static_cast<uint16_t>(word >> 16 * part);
    }
}

/* d, address: lane 8 i + r has the address of row r of matrix i. */
template <unsigned num_tiles, bool is_transposed>
static void load_tiles(Warp &warp, const Instruction &instruction, Lanes)
{
    if (!meet_all(warp, instruction))
        return;
    Tile tiles[num_tiles];
    for (unsigned lane = 0; lane < 8 * num_tiles; lane++)
        read_memory(warp, instruction, lane,
                    address_of(warp, instruction.operands[num_tiles], lane), 16,
                    tiles[lane / 8][lane % 8]);
    for (unsigned number = 0; number < num_tiles; number++) {
        uint32_t *to = row<uint32_t>(warp, instruction.operands[number]);
        for (unsigned lane = 0; lane < num_lanes; lane++)
            to[lane] = take(tiles[number], lane, is_transposed);
    }
}

/* address, a */
template <unsigned num_tiles, bool is_transposed>
static void store_tiles(Warp &warp, const Instruction &instruction, Lanes)
{
    if (!meet_all(warp, instruction))
        return;
    Tile tiles[num_tiles];
    for (unsigned number = 0; number < num_tiles; number++)
        for (unsigned lane = 0; lane < num_lanes; lane++)
            put(tiles[number], lane, is_transposed,
                row<uint32_t>(warp, instruction.operands[1 + number])[lane]);
    for (unsigned lane = 0; lane < 8 * num_tiles; lane++)
        write_memory(warp, instruction, lane, address_of(warp, instruction.operands[0], lane), 16,
                     tiles[lane / 8][lane % 8]);
}

/* d, a: the transpose of an 8 x 8 matrix. */
static void transpose(Warp &warp, const Instruction &instruction, Lanes)
{
    if (!meet_all(warp, instruction))
        return;
    Tile tile;
    for (unsigned lane = 0; lane < num_lanes; lane++)
        put(tile, lane, false, row<uint32_t>(warp, instruction.operands[1])[lane]);
    for (unsigned lane = 0; lane < num_lanes; lane++)
        row<uint32_t>(warp, instruction.operands[0])[lane] = take(tile, lane, true);
}

template <unsigned num_tiles, bool is_transposed> static void add_tiles(Forms *forms)
{
    const std::string count = std::to_string(num_tiles), registers(num_tiles, 'w');
    Access access = {};
    access.space = Space::shared;
    access.bytes = 16;
    access.count = 1;
    for (const char *space : {".shared", ".shared::cta"}) {
        const std::string rest =
            ".sync.aligned.m8n8.x" + count + (is_transposed ? ".trans" : "") + space + ".b16";
        forms->insert(
            {"ldmatrix" + rest,
             {load_tiles<num_tiles, is_transposed>, registers + "a", Kind::meeting, 0, access}});
        forms->insert(
            {"stmatrix" + rest,
             {store_tiles<num_tiles, is_transposed>, "a" + registers, Kind::meeting, 0, access}});
    }
}

template <typename Type, unsigned K> static void add_product(Forms *forms, const char *type)
{
    constexpr unsigned num_factors = (num_rows + num_columns) * K / num_lanes / Type::per_register;
    const std::string suffix = "." + std::string(type);
    forms->insert(
        {"mma.sync.aligned.m16n8k" + std::to_string(K) + ".row.col.f32" + suffix + suffix + ".f32",
         {multiply<Type, K>, std::string(4 + num_factors + 4, 'w'), Kind::meeting}});
}

void add_matrix_forms(Forms *forms)
{
    add_tiles<1, false>(forms);
    add_tiles<1, true>(forms);
    add_tiles<2, false>(forms);
    add_tiles<2, true>(forms);
    add_tiles<4, false>(forms);
    add_tiles<4, true>(forms);
    forms->insert({"movmatrix.sync.aligned.m8n8.trans.b16", {transpose, "ww", Kind::meeting}});
    add_product<Bf16, 8>(forms, "bf16");
    add_product<Bf16, 16>(forms, "bf16");
    add_product<F16, 8>(forms, "f16");
    add_product<F16, 16>(forms, "f16");
    add_product<Tf32, 4>(forms, "tf32");
    add_product<Tf32, 8>(forms, "tf32");
}

} // namespace ptx
