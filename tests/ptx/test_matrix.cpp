/* Products of matrices against plain loops in double. The places of elements in fragments come from
 * the manual's tables (PTX ISA 9.0, "Matrix fragments for mma"), written here by element and not by
 * register. test_matrix_tiles.cpp checks apart from these tables that ldmatrix fills fragments. */
#include <cmath>

#include "one_warp.h"

using ptx::num_lanes;

static void add_forms(ptx::Forms *forms)
{
    ptx::add_matrix_forms(forms);
}

/* The first registers of the operands. */
enum { D = 0, A = 4, B = 8, C = 10 };

enum Type { BF16, F16, TF32 };

struct Shape {
    const char *mnemonic;
    Type type;
    unsigned k;
};

static const Shape shapes[] = {
    {"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", BF16, 8},
    {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", BF16, 16},
    {"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", F16, 8},
    {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", F16, 16},
    {"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", TF32, 4},
    {"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", TF32, 8},
};

/* Element a_i of a lane, as the manual has it for each shape. */
static void find_a(const Shape &shape, unsigned laneid, unsigned i, unsigned *row, unsigned *col)
{
    unsigned groupID = laneid >> 2, threadID_in_group = laneid % 4;
    if (shape.type == TF32 && shape.k == 4) {
        *row = i == 0 ? groupID : groupID + 8;
        *col = threadID_in_group;
    } else if (shape.type == TF32) {
        *row = i == 0 || i == 2 ? groupID : groupID + 8;
        *col = i == 0 || i == 1 ? threadID_in_group : threadID_in_group + 4;
    } else if (shape.k == 8) {
        *row = i == 0 || i == 1 ? groupID : groupID + 8;
        *col = threadID_in_group * 2 + (i & 1);
    } else {
        *row = i < 2 || (4 <= i && i < 6) ? groupID : groupID + 8;
        *col = i < 4 ? threadID_in_group * 2 + (i & 1) : threadID_in_group * 2 + (i & 1) + 8;
    }
}

static void find_b(const Shape &shape, unsigned laneid, unsigned i, unsigned *row, unsigned *col)
{
    unsigned groupID = laneid >> 2, threadID_in_group = laneid % 4;
    *col = groupID;
    if (shape.type == TF32)
        *row = i == 0 ? threadID_in_group : threadID_in_group + 4;
    else
        *row = i < 2 ? threadID_in_group * 2 + (i & 1) : threadID_in_group * 2 + (i & 1) + 8;
}

static void find_c(unsigned laneid, unsigned i, unsigned *row, unsigned *col)
{
    unsigned groupID = laneid >> 2, threadID_in_group = laneid % 4;
    *row = i < 2 ? groupID : groupID + 8;
    *col = threadID_in_group * 2 + (i & 1);
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The value of an encoding with this many bits of exponent and of mantissa, by its definition. */
static double decode(uint32_t code, int exponent_bits, int mantissa_bits)
{
    int exponent = static_cast<int>(code >> mantissa_bits & ((1u << exponent_bits) - 1));
    int bias = (1 << (exponent_bits - 1)) - 1;
    double mantissa = code & ((1u << mantissa_bits) - 1);
    double sign = (code >> (exponent_bits + mantissa_bits) & 1) != 0 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return mantissa != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(mantissa + ldexp(1, mantissa_bits), exponent - bias - mantissa_bits);
}

static double decode(Type type, uint32_t code)
{
    return type == BF16  ? decode(code, 8, 7)
           : type == F16 ? decode(code, 5, 10)
                         : decode(code >> 13, 8, 10);
}

/* The nearest code of a number, from those of both signs. The numbers here are exact or random. */
static uint32_t encode(Type type, double value)
{
    if (type == TF32)
        return float_bits(static_cast<float>(value)) & ~0x1fffu;
    if (type == BF16)
        return float_bits(static_cast<float>(value)) >> 16;
    uint32_t low = 0, high = 0x7bff;
    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;
        if (decode(F16, middle) <= fabs(value))
            low = middle;
        else
            high = middle - 1;
    }
    return low | (value < 0 ? 0x8000 : 0);
}

/* The matrices of one mma, as codes and as values. */
struct Matrices {
    uint32_t a[16][16], b[16][8];
    double c[16][8], d[16][8];
};

static unsigned num_elements(const Shape &shape, unsigned num_rows)
{
    return num_rows * shape.k / num_lanes;
}

/* Puts a code into element i of the registers from `first` on. */
static void put(OneWarp &machine, const Shape &shape, int first, unsigned lane, unsigned i,
                uint32_t code)
{
    if (shape.type == TF32) {
        machine.values(first + static_cast<int>(i))[lane] = code;
        return;
    }
    uint32_t *word = &machine.values(first + static_cast<int>(i / 2))[lane];
    *word = i % 2 == 0 ? (*word & 0xffff0000) | code : (*word & 0xffff) | code << 16;
}

static void execute_mma(OneWarp &machine, const Shape &shape)
{
    bool is_large = num_elements(shape, 16) / (shape.type == TF32 ? 1 : 2) == 4;
    if (is_large)
        machine.execute(shape.mnemonic, {D, D + 1, D + 2, D + 3, A, A + 1, A + 2, A + 3, B, B + 1,
                                         C, C + 1, C + 2, C + 3});
    else
        machine.execute(shape.mnemonic,
                        {D, D + 1, D + 2, D + 3, A, A + 1, B, C, C + 1, C + 2, C + 3});
}

static void multiply(OneWarp &machine, const Shape &shape, Matrices *matrices)
{
    unsigned row, col;
    machine.fill();
    for (unsigned lane = 0; lane < num_lanes; lane++) {
        for (unsigned i = 0; i < num_elements(shape, 16); i++) {
            find_a(shape, lane, i, &row, &col);
            put(machine, shape, A, lane, i, matrices->a[row][col]);
        }
        for (unsigned i = 0; i < num_elements(shape, 8); i++) {
            find_b(shape, lane, i, &row, &col);
            put(machine, shape, B, lane, i, matrices->b[row][col]);
        }
        for (unsigned i = 0; i < 4; i++) {
            find_c(lane, i, &row, &col);
            machine.values<float>(C + static_cast<int>(i))[lane] =
                static_cast<float>(matrices->c[row][col]);
        }
    }
    execute_mma(machine, shape);
    for (unsigned lane = 0; lane < num_lanes; lane++)
        for (unsigned i = 0; i < 4; i++) {
            find_c(lane, i, &row, &col);
            matrices->d[row][col] = machine.values<float>(D + static_cast<int>(i))[lane];
        }
}

/* The exact result, and the sum of the magnitudes of its terms. */
static double product(const Shape &shape, const Matrices &matrices, unsigned row, unsigned col,
                      double *magnitude)
{
    double sum = matrices.c[row][col];
    *magnitude = fabs(sum);
    for (unsigned k = 0; k < shape.k; k++) {
        double term =
            decode(shape.type, matrices.a[row][k]) * decode(shape.type, matrices.b[k][col]);
        sum += term;
        *magnitude += fabs(term);
    }
    return sum;
}

template <typename Draw>
static void draw_matrices(const Shape &shape, Matrices *matrices, Draw &&draw)
{
    for (auto &row : matrices->a)
        for (uint32_t &code : row)
            code = encode(shape.type, draw());
    for (auto &row : matrices->b)
        for (uint32_t &code : row)
            code = encode(shape.type, draw());
    for (auto &row : matrices->c)
        for (double &value : row)
            value = static_cast<float>(draw());
}

static void small_integers_give_exact_products(void **)
{
    OneWarp machine(add_forms);
    Matrices matrices;
    for (uint64_t seed : {0u, 1u, 2u, 3u})
        for (const Shape &shape : shapes)
            for (int round = 0; round < 100; round++) {
                sim::set_seed(seed);
                draw_matrices(shape, &matrices, [&] {
                    return static_cast<double>(static_cast<int>(machine.random() % 201) - 100);
                });
                multiply(machine, shape, &matrices);
                for (unsigned row = 0; row < 16; row++)
                    for (unsigned col = 0; col < 8; col++) {
                        double magnitude;
                        assert_true(matrices.d[row][col] ==
                                    product(shape, matrices, row, col, &magnitude));
                    }
            }
    sim::set_seed(0);
}

/* Another order moves a sum by roundings only, and a seed's order is always the same. */
static void seeds_reorder_the_sums(void **)
{
    OneWarp machine(add_forms);
    std::normal_distribution<double> normal;
    Matrices matrices, ascending;
    for (const Shape &shape : shapes) {
        unsigned num_different = 0;
        for (uint64_t seed = 0; seed < 40; seed++) {
            sim::set_seed(0);
            draw_matrices(shape, &ascending, [&] { return normal(machine.random); });
            matrices = ascending;
            multiply(machine, shape, &ascending);
            sim::set_seed(seed);
            multiply(machine, shape, &matrices);
            Matrices again = matrices;
            sim::set_seed(0);
            multiply(machine, shape, &again);
            assert_memory_equal(again.d, ascending.d, sizeof again.d);
            /* Whatever else was drawn, the order is that of the seed. */
            sim::set_seed(seed);
            (void)sim::draw(2);
            multiply(machine, shape, &again);
            assert_memory_equal(again.d, matrices.d, sizeof again.d);
            num_different += memcmp(ascending.d, matrices.d, sizeof matrices.d) != 0;
            for (unsigned row = 0; row < 16; row++)
                for (unsigned col = 0; col < 8; col++) {
                    double magnitude, exact = product(shape, matrices, row, col, &magnitude);
                    assert_true(fabs(matrices.d[row][col] - exact) <=
                                magnitude * 0x1p-24 * shape.k);
                }
        }
        assert_true(num_different > 30);
    }
    sim::set_seed(0);
}

/* 2^24 + 1 is a tie in fp32, which rounds to 2^24. A wider sum would keep the ones. */
static void sums_are_rounded_to_fp32(void **)
{
    OneWarp machine(add_forms);
    for (const Shape &shape : shapes) {
        Matrices matrices = {};
        for (unsigned k = 0; k < shape.k; k++)
            matrices.a[3][k] = matrices.b[k][5] = encode(shape.type, 1);
        matrices.c[3][5] = 0x1p24;
        multiply(machine, shape, &matrices);
        assert_true(matrices.d[3][5] == 0x1p24);
        /* The products come first for some seed. */
        double largest = 0;
        for (uint64_t seed = 1; seed < 40; seed++) {
            sim::set_seed(seed);
            multiply(machine, shape, &matrices);
            largest = fmax(largest, matrices.d[3][5]);
        }
        sim::set_seed(0);
        assert_true(largest > 0x1p24);
    }
}

/* Every code times 1: 16 codes are rows of A, or 8 of them columns of B, at a k that moves. */
static void check_codes(OneWarp &machine, const Shape &shape, uint32_t first, bool is_in_a)
{
    Matrices matrices = {};
    const unsigned k = first / 16 % shape.k;
    const uint32_t one = encode(shape.type, 1);
    /* The low bits of a tf32 operand are ignored. */
    auto code = [&](uint32_t i) {
        return shape.type == TF32 ? (first + i) << 16 | 0x1fff : first + i;
    };
    for (unsigned row = 0; row < 16; row++)
        matrices.a[row][k] = is_in_a ? code(row) : one;
    for (unsigned col = 0; col < 8; col++)
        matrices.b[k][col] = is_in_a ? one : code(col);
    multiply(machine, shape, &matrices);
    for (unsigned row = 0; row < 16; row++)
        for (unsigned col = 0; col < 8; col++) {
            double value = decode(shape.type, code(is_in_a ? row : col));
            double got = matrices.d[row][col];
            assert_true(std::isnan(value) ? std::isnan(got) : got == value);
        }
}

static void every_operand_has_its_value(void **)
{
    OneWarp machine(add_forms);
    for (const Shape &shape : shapes) {
        for (uint32_t first = 0; first < 0x10000; first += 16)
            check_codes(machine, shape, first, true);
        for (uint32_t first = 0; first < 0x10000; first += 8)
            check_codes(machine, shape, first, false);
    }
}

/* NaN results have one encoding, and infinities follow the rules of IEEE 754. */
static void nan_is_canonical(void **)
{
    OneWarp machine(add_forms);
    for (const Shape &shape : shapes) {
        Matrices matrices = {};
        matrices.a[0][0] = encode(shape.type, 1);
        matrices.b[0][0] = encode(shape.type, 1);
        matrices.c[0][0] = INFINITY;
        matrices.c[0][1] = -NAN;
        multiply(machine, shape, &matrices);
        assert_int_equal(machine.values(D)[0], 0x7f800000);
        assert_int_equal(machine.values(D + 1)[0], 0x7fffffff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_integers_give_exact_products),
        cmocka_unit_test(seeds_reorder_the_sums),
        cmocka_unit_test(sums_are_rounded_to_fp32),
        cmocka_unit_test(every_operand_has_its_value),
        cmocka_unit_test(nan_is_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
