/* ldmatrix, stmatrix and movmatrix: which lane gives an address, and which one has an element. */
#include "one_warp.h"

using ptx::all_lanes;
using ptx::num_lanes;

static void add_forms(ptx::Forms *forms)
{
    ptx::add_matrix_forms(forms);
}

/* The first registers of the operands. */
enum { D = 0, A = 4, B = 8, C = 10, X = 14, ADDRESS = 15 };

/* Memory for ldmatrix and stmatrix: local memory, so that the test needs no block. Each lane has
 * its own. Lane's address in it is in ADDRESS. */
static constexpr uint32_t memory_bytes = 1024;

static void use_local_memory(OneWarp &machine)
{
    machine.program.local_bytes = memory_bytes;
    machine.warp.local.assign(num_lanes * memory_bytes, 0);
}

static uint8_t *memory_of(OneWarp &machine, unsigned lane)
{
    return machine.warp.local.data() + lane * memory_bytes;
}

static void access_tiles(OneWarp &machine, const std::string &mnemonic,
                         std::initializer_list<int> numbers)
{
    machine.prepare(mnemonic, numbers);
    machine.instruction.access = machine.forms[mnemonic].access;
    assert_int_equal(machine.instruction.access.space, ptx::Space::shared);
    machine.instruction.access.space = ptx::Space::local;
    for (ptx::Operand &operand : machine.operands)
        if (operand.row == ADDRESS)
            operand.offset = 32;
    machine.execute();
}

static void run_tiles(OneWarp &machine, const std::string &name, unsigned count)
{
    const bool is_load = name[0] == 'l';
    if (count == 1 && is_load)
        access_tiles(machine, name, {A, ADDRESS});
    else if (count == 1)
        access_tiles(machine, name, {ADDRESS, A});
    else if (count == 2 && is_load)
        access_tiles(machine, name, {A, A + 1, ADDRESS});
    else if (count == 2)
        access_tiles(machine, name, {ADDRESS, A, A + 1});
    else if (is_load)
        access_tiles(machine, name, {A, A + 1, A + 2, A + 3, ADDRESS});
    else
        access_tiles(machine, name, {ADDRESS, A, A + 1, A + 2, A + 3});
}

/* Fills memory and addresses with random numbers. */
static void fill_tiles(OneWarp &machine)
{
    machine.fill();
    for (uint8_t &byte : machine.warp.local)
        byte = static_cast<uint8_t>(machine.random());
    for (unsigned lane = 0; lane < num_lanes; lane++)
        machine.values(ADDRESS)[lane] = static_cast<uint32_t>(machine.random() % 60 * 16);
}

/* Thread 8 i + r has the address of row r of matrix i. Four threads hold a row, two neighbors each,
 * or a column if the matrix is transposed. */
static void assert_tile_is_loaded(OneWarp &machine, unsigned matrix, bool is_transposed)
{
    for (unsigned i = 0; i < 64; i++) {
        const unsigned r = i / 8, c = i % 8, lane = 8 * matrix + r;
        const unsigned major = is_transposed ? c : r, minor = is_transposed ? r : c;
        uint16_t element;
        memcpy(&element, memory_of(machine, lane) + 32 + machine.values(ADDRESS)[lane] + 2 * c, 2);
        const uint32_t word = machine.values(A + static_cast<int>(matrix))[major * 4 + minor / 2];
        assert_int_equal(word >> minor % 2 * 16 & 0xffff, element);
    }
}

static void assert_tiles_are_moved(OneWarp &machine, unsigned count, const char *trans,
                                   const char *space)
{
    const std::string rest = "matrix.sync.aligned.m8n8.x" + std::to_string(count) + trans + space;
    fill_tiles(machine);
    run_tiles(machine, "ld" + rest, count);
    for (unsigned matrix = 0; matrix < count; matrix++)
        assert_tile_is_loaded(machine, matrix, *trans != 0);
    /* What was loaded is stored in the same place. */
    std::vector<uint8_t> before = machine.warp.local;
    for (unsigned lane = 0; lane < 8 * count; lane++)
        memset(memory_of(machine, lane) + 32 + machine.values(ADDRESS)[lane], 0, 16);
    run_tiles(machine, "st" + rest, count);
    assert_memory_equal(machine.warp.local.data(), before.data(), before.size());
}

static void tiles_have_their_rows_at_the_addresses_of_lanes(void **)
{
    OneWarp machine(add_forms);
    use_local_memory(machine);
    for (unsigned count = 1; count <= 4; count *= 2)
        for (const char *trans : {"", ".trans"})
            for (const char *space : {".shared.b16", ".shared::cta.b16"})
                assert_tiles_are_moved(machine, count, trans, space);
}

/* Copies a row to all lanes' memories. */
static void write_row(OneWarp &machine, unsigned at, const void *row, size_t bytes)
{
    for (unsigned lane = 0; lane < num_lanes; lane++)
        memcpy(memory_of(machine, lane) + 32 + at, row, bytes);
}

static uint16_t bf16_of(unsigned number)
{
    float value = static_cast<float>(number);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return static_cast<uint16_t>(bits >> 16);
}

/* A lies in memory by rows. */
static void load_a(OneWarp &machine, const unsigned (*a)[16])
{
    for (unsigned m = 0; m < 16; m++)
        for (unsigned k = 0; k < 16; k++) {
            uint16_t code = bf16_of(a[m][k]);
            write_row(machine, m * 32 + 2 * k, &code, 2);
        }
    for (unsigned lane = 0; lane < num_lanes; lane++)
        machine.values(ADDRESS)[lane] = lane % 16 * 32 + lane / 16 * 16;
    access_tiles(machine, "ldmatrix.sync.aligned.m8n8.x4.shared.b16",
                 {A, A + 1, A + 2, A + 3, ADDRESS});
}

/* B lies in memory by columns, or by rows, which need .trans. */
static void load_b(OneWarp &machine, const unsigned (*b)[8], bool is_transposed)
{
    for (unsigned k = 0; k < 16; k++)
        for (unsigned n = 0; n < 8; n++) {
            uint16_t code = bf16_of(b[k][n]);
            write_row(machine, is_transposed ? k * 16 + 2 * n : n * 32 + 2 * k, &code, 2);
        }
    for (unsigned lane = 0; lane < num_lanes; lane++)
        machine.values(ADDRESS)[lane] =
            is_transposed ? lane % 16 * 16 : lane % 8 * 32 + lane / 8 % 2 * 16;
    access_tiles(machine,
                 is_transposed ? "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16"
                               : "ldmatrix.sync.aligned.m8n8.x2.shared.b16",
                 {B, B + 1, ADDRESS});
}

/* The usual way from memory to mma, in which every lane gives the address of 16 bytes. D has two
 * neighbors of a row in a register pair, the rows from 0 on in the first one and from 8 in the
 * second. */
static void ldmatrix_fills_the_fragments_of_mma(void **)
{
    OneWarp machine(add_forms);
    use_local_memory(machine);
    for (bool is_transposed : {false, true}) {
        unsigned a[16][16], b[16][8];
        for (auto &row : a)
            for (unsigned &value : row)
                value = static_cast<unsigned>(machine.random() % 31);
        for (auto &row : b)
            for (unsigned &value : row)
                value = static_cast<unsigned>(machine.random() % 31);
        load_a(machine, a);
        load_b(machine, b, is_transposed);
        for (int i = 0; i < 4; i++)
            machine.fill_row(C + i, 0);
        machine.execute(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
            {D, D + 1, D + 2, D + 3, A, A + 1, A + 2, A + 3, B, B + 1, C, C + 1, C + 2, C + 3});
        for (unsigned m = 0; m < 16; m++)
            for (unsigned n = 0; n < 8; n++) {
                unsigned sum = 0;
                for (unsigned k = 0; k < 16; k++)
                    sum += a[m][k] * b[k][n];
                int number = D + static_cast<int>(m / 8 * 2 + n % 2);
                assert_true(machine.values<float>(number)[m % 8 * 4 + n / 2] ==
                            static_cast<float>(sum));
            }
    }
}

static void transposition_swaps_rows_and_columns(void **)
{
    OneWarp machine(add_forms);
    machine.fill();
    auto element = [&](int number, unsigned row, unsigned col) {
        return machine.values(number)[row * 4 + col / 2] >> (col % 2 * 16) & 0xffff;
    };
    machine.execute("movmatrix.sync.aligned.m8n8.trans.b16", {X, A});
    for (unsigned row = 0; row < 8; row++)
        for (unsigned col = 0; col < 8; col++)
            assert_int_equal(element(X, row, col), element(A, col, row));
    uint32_t before[num_lanes];
    memcpy(before, machine.values(A), sizeof before);
    machine.execute("movmatrix.sync.aligned.m8n8.trans.b16", {X, X});
    assert_memory_equal(machine.values(X), before, sizeof before);
}

static void the_whole_warp_takes_part(void **)
{
    OneWarp machine(add_forms);
    machine.fill();
    machine.be_at({0xffff, 0xffff0000});
    uint32_t before = machine.values(X)[0];
    machine.execute("movmatrix.sync.aligned.m8n8.trans.b16", {X, A});
    assert_int_equal(machine.warp.groups[0].wait, ptx::Wait::warp);
    assert_int_equal(machine.values(X)[0], before);
    machine.warp.current = 1;
    machine.execute();
    assert_int_equal(machine.warp.group().lanes, all_lanes);
    assert_int_equal(machine.values(X)[0] & 0xffff, machine.values(A)[0] & 0xffff);
    machine.warp.exited = 1;
    machine.be_at({all_lanes & ~1u});
    assert_int_equal(machine.defect_of("movmatrix.sync.aligned.m8n8.trans.b16", {X, A}),
                     LYRNN_SIM_BAD_WARP_OPERATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_have_their_rows_at_the_addresses_of_lanes),
        cmocka_unit_test(ldmatrix_fills_the_fragments_of_mma),
        cmocka_unit_test(transposition_swaps_rows_and_columns),
        cmocka_unit_test(the_whole_warp_takes_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
