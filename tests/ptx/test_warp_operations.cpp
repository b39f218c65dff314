/* Warp operations against independent references: the pseudocode of the PTX ISA manual, and what
 * the CUDA programming guide says of the functions that are built on it. */
#include "one_warp.h"

using ptx::all_lanes;
using ptx::Lanes;
using ptx::num_lanes;

static void add_forms(ptx::Forms *forms)
{
    ptx::add_warp_forms(forms);
}

/* The registers that the tests use. 64-bit values take two rows. */
enum { D = 0, P = 1, A = 2, B = 4, C = 5, MASK = 6 };

static bool is_in(Lanes lanes, unsigned lane)
{
    return (lanes >> lane & 1) != 0;
}

static const char *const shuffles[] = {"shfl.sync.up.b32", "shfl.sync.down.b32",
                                       "shfl.sync.bfly.b32", "shfl.sync.idx.b32"};

/* The pseudocode of the manual, with the names that it uses. */
static int shuffled_lane(int mode, int lane, uint32_t b, uint32_t c, bool *pval)
{
    int bval = static_cast<int>(b % 32), cval = static_cast<int>(c % 32);
    int segmask = static_cast<int>(c / 256 % 32);
    int maxLane = (lane & segmask) | (cval & ~segmask), minLane = lane & segmask, j = 0;
    switch (mode) {
    case 0:
        j = lane - bval;
        *pval = j >= maxLane;
        break;
    case 1:
        j = lane + bval;
        *pval = j <= maxLane;
        break;
    case 2:
        j = lane ^ bval;
        *pval = j <= maxLane;
        break;
    default:
        j = minLane | (bval & ~segmask);
        *pval = j <= maxLane;
        break;
    }
    return *pval ? j : lane;
}

/* Shuffles random values among all lanes, and compares. Each lane has its own b and c. */
static void check_shuffle(OneWarp &machine, int mode)
{
    uint32_t before[num_lanes];
    memcpy(before, machine.values(A), sizeof before);
    machine.execute(shuffles[mode], {D, P, A, B, C, MASK});
    for (unsigned lane = 0; lane < num_lanes; lane++) {
        bool in_range;
        int source = shuffled_lane(mode, static_cast<int>(lane), machine.values(B)[lane],
                                   machine.values(C)[lane], &in_range);
        assert_int_equal(machine.values(D)[lane], before[source]);
        assert_int_equal(is_in(*machine.values(P), lane), in_range);
    }
}

static void shuffles_follow_the_pseudocode(void **)
{
    OneWarp machine(add_forms);
    for (int mode = 0; mode < 4; mode++) {
        for (int round = 0; round < 3000; round++) {
            machine.fill();
            machine.fill_row(MASK, all_lanes);
            check_shuffle(machine, mode);
        }
        /* Every pair of an offset and a limit, with all segments of a power of 2. */
        for (uint32_t segment : {0u, 16u, 24u, 28u, 30u, 31u})
            for (uint32_t c = 0; c < 32; c++)
                for (uint32_t b = 0; b < 32; b++) {
                    machine.fill();
                    machine.fill_row(MASK, all_lanes);
                    machine.fill_row(B, b);
                    machine.fill_row(C, segment << 8 | c);
                    check_shuffle(machine, mode);
                }
    }
}

/* __shfl_up_sync and the others with a width: the lane that the programming guide names. */
static unsigned lane_of_function(int mode, unsigned lane, unsigned offset, unsigned width)
{
    unsigned within = lane % width, first = lane - within;
    switch (mode) {
    case 0:
        return within >= offset ? lane - offset : lane;
    case 1:
        return within + offset < width ? lane + offset : lane;
    case 2:
        return (lane ^ offset) < first + width ? lane ^ offset : lane;
    default:
        return first + offset % width;
    }
}

static void shuffles_serve_the_functions_of_cuda(void **)
{
    OneWarp machine(add_forms);
    for (int mode = 0; mode < 4; mode++)
        for (unsigned width = 1; width <= 32; width *= 2)
            for (unsigned offset = 0; offset < 32; offset++) {
                machine.fill_row(B, offset);
                machine.fill_row(C, (32 - width) << 8 | (mode == 0 ? 0u : 31u));
                machine.fill_row(MASK, all_lanes);
                for (unsigned lane = 0; lane < num_lanes; lane++)
                    machine.values(A)[lane] = 1000 + lane;
                /* The result may replace the operand. */
                machine.execute(shuffles[mode], {A, P, A, B, C, MASK});
                for (unsigned lane = 0; lane < num_lanes; lane++)
                    assert_int_equal(machine.values(A)[lane],
                                     1000 + lane_of_function(mode, lane, offset, width));
            }
}

/* Sets masks that divide the lanes into random sets. The lanes of a set name each other. Lanes
 * outside `lanes` do not take part. */
static void draw_masks(OneWarp &machine, Lanes lanes)
{
    Lanes sets[3] = {};
    unsigned number_of[num_lanes];
    for (unsigned lane = 0; lane < num_lanes; lane++) {
        number_of[lane] = static_cast<unsigned>(machine.random() % 3);
        sets[number_of[lane]] |= 1u << lane;
    }
    for (unsigned lane = 0; lane < num_lanes; lane++)
        machine.values(MASK)[lane] = sets[number_of[lane]] & lanes;
}

/* Calls check(lane, members) for each lane of a random part of the warp, after an execution. Other
 * lanes keep their values. */
template <typename Check>
static void with_random_masks(const char *mnemonic, std::initializer_list<int> numbers,
                              uint64_t value_bits, Check &&check)
{
    OneWarp machine(add_forms);
    for (int round = 0; round < 2000; round++) {
        Lanes lanes = round == 0 ? all_lanes : static_cast<Lanes>(machine.random()) | 1;
        machine.fill();
        /* Few values, so that some are equal; now and then all are. */
        uint64_t bits = round % 4 == 0 ? 0 : value_bits;
        for (unsigned i = 0; i < num_lanes; i++) {
            machine.values<uint64_t>(A)[i] |= ~bits;
        }
        draw_masks(machine, lanes);
        machine.be_at({lanes});
        OneWarp before = machine;
        before.warp.program = &before.program;
        machine.execute(mnemonic, numbers);
        for (unsigned lane = 0; lane < num_lanes; lane++) {
            if (is_in(lanes, lane)) {
                check(machine, before, lane, before.values(MASK)[lane]);
                continue;
            }
            assert_int_equal(machine.values(D)[lane], before.values(D)[lane]);
            assert_int_equal(is_in(*machine.values(P), lane), is_in(*before.values(P), lane));
        }
    }
}

static void votes_count_the_members(void **)
{
    /* Here D is a predicate, so only the lanes that take part are looked at. */
    static const char *const mnemonics[] = {"vote.sync.all.pred", "vote.sync.any.pred",
                                            "vote.sync.uni.pred"};
    OneWarp machine(add_forms);
    for (int mode = 0; mode < 3; mode++)
        for (int round = 0; round < 4000; round++) {
            Lanes lanes = static_cast<Lanes>(machine.random()) | 1;
            machine.fill();
            Lanes yes =
                round % 3 == 0 ? static_cast<Lanes>(machine.random())
                : round % 3 == 1
                    ? all_lanes
                    : static_cast<Lanes>(machine.random() & machine.random() & machine.random());
            *machine.values(A) = yes;
            draw_masks(machine, lanes);
            machine.be_at({lanes});
            Lanes old = *machine.values(P);
            machine.execute(mnemonics[mode], {P, A, MASK});
            for (unsigned lane = 0; lane < num_lanes; lane++) {
                Lanes members = machine.values(MASK)[lane];
                int votes = __builtin_popcount(members & yes), all = __builtin_popcount(members);
                bool expected[3] = {votes == all, votes > 0, votes == 0 || votes == all};
                assert_int_equal(is_in(*machine.values(P), lane),
                                 is_in(lanes, lane) ? expected[mode] : is_in(old, lane));
            }
        }
    /* The operand may be negated. */
    machine.fill_row(MASK, all_lanes);
    machine.be_at({all_lanes});
    *machine.values(A) = 0;
    machine.prepare("vote.sync.all.pred", {P, A, MASK});
    machine.operands[1].is_negated = true;
    machine.execute();
    assert_int_equal(*machine.values(P), all_lanes);
}

static void ballots_name_the_members(void **)
{
    with_random_masks("vote.sync.ballot.b32", {D, A, MASK}, ~uint64_t{0},
                      [](OneWarp &machine, OneWarp &before, unsigned lane, Lanes members) {
                          assert_int_equal(machine.values(D)[lane], *before.values(A) & members);
                      });
}

template <typename T> static Lanes lanes_with(OneWarp &machine, T value, Lanes members)
{
    Lanes lanes = 0;
    for (unsigned lane = 0; lane < num_lanes; lane++)
        if (is_in(members, lane) && machine.values<T>(A)[lane] == value)
            lanes += 1u << lane;
    return lanes;
}

template <typename T> static void check_matches(const char *any, const char *all, uint64_t bits)
{
    with_random_masks(any, {D, A, MASK}, bits,
                      [](OneWarp &machine, OneWarp &before, unsigned lane, Lanes members) {
                          T value = before.values<T>(A)[lane];
                          assert_int_equal(machine.values(D)[lane],
                                           lanes_with<T>(before, value, members));
                      });
    with_random_masks(all, {D, P, A, MASK}, bits,
                      [](OneWarp &machine, OneWarp &before, unsigned lane, Lanes members) {
                          T value = before.values<T>(A)[lane];
                          bool is_same = lanes_with<T>(before, value, members) == members;
                          assert_int_equal(machine.values(D)[lane], is_same ? members : 0);
                          assert_int_equal(is_in(*machine.values(P), lane), is_same);
                      });
}

static void matches_compare_the_members(void **)
{
    check_matches<uint32_t>("match.any.sync.b32", "match.all.sync.b32", 0x100000001);
    /* Values that differ only in the high half are different. */
    check_matches<uint64_t>("match.any.sync.b64", "match.all.sync.b64", 0x100000000);
}

template <typename T> static void check_reduction(const char *mnemonic, T (*operation)(T, T))
{
    for (uint64_t bits : {~uint64_t{0}, uint64_t{0x8000000080000000}})
        with_random_masks(mnemonic, {D, A, MASK}, bits,
                          [&](OneWarp &machine, OneWarp &before, unsigned, Lanes members) {
                              const T *a = before.values<T>(A);
                              for (unsigned lane = 0; lane < num_lanes; lane++) {
                                  if (!is_in(members, lane))
                                      continue;
                                  T total = a[lane];
                                  for (unsigned other = 0; other < num_lanes; other++)
                                      if (is_in(members, other) && other != lane)
                                          total = operation(total, a[other]);
                                  assert_int_equal(machine.values<T>(D)[lane], total);
                              }
                          });
}

static void reductions_take_the_members(void **)
{
    using U = uint32_t;
    using S = int32_t;
    check_reduction<U>("redux.sync.add.u32", [](U a, U b) { return a + b; });
    check_reduction<U>("redux.sync.add.s32", [](U a, U b) { return a + b; });
    check_reduction<U>("redux.sync.min.u32", [](U a, U b) { return std::min(a, b); });
    check_reduction<S>("redux.sync.min.s32", [](S a, S b) { return std::min(a, b); });
    check_reduction<U>("redux.sync.max.u32", [](U a, U b) { return std::max(a, b); });
    check_reduction<S>("redux.sync.max.s32", [](S a, S b) { return std::max(a, b); });
    check_reduction<U>("redux.sync.and.b32", [](U a, U b) { return a & b; });
    check_reduction<U>("redux.sync.or.b32", [](U a, U b) { return a | b; });
    check_reduction<U>("redux.sync.xor.b32", [](U a, U b) { return a ^ b; });
}

/* One leader for each mask, and always the same. With a seed it is not the first lane. */
static void elections_have_one_winner(void **)
{
    for (uint64_t seed : {0u, 7u}) {
        sim::set_seed(seed);
        with_random_masks("elect.sync", {D, P, MASK}, 0,
                          [&](OneWarp &machine, OneWarp &, unsigned lane, Lanes members) {
                              unsigned leader = machine.values(D)[lane];
                              assert_true(is_in(members, leader));
                              assert_int_equal(*machine.values(P) & members, 1u << leader);
                              if ((members & (members - 1)) != 0)
                                  assert_int_equal(
                                      leader == static_cast<unsigned>(__builtin_ctz(members)),
                                      seed == 0);
                          });
    }
    sim::set_seed(0);
}

static void the_active_mask_is_the_group(void **)
{
    with_random_masks("activemask.b32", {D}, 0,
                      [](OneWarp &machine, OneWarp &, unsigned lane, Lanes) {
                          Lanes lanes = machine.values(D)[lane];
                          assert_int_equal(lanes, machine.warp.group().lanes);
                      });
}

/* Half of a warp comes later. */
static void groups_wait_for_the_lanes_they_name(void **)
{
    OneWarp machine(add_forms);
    machine.fill_row(A, 1);
    machine.fill_row(D, 99);
    machine.fill_row(MASK, all_lanes);
    machine.be_at({0xffff, 0xffff0000});
    machine.execute("redux.sync.add.u32", {D, A, MASK});
    assert_int_equal(machine.warp.groups[0].wait, ptx::Wait::warp);
    assert_int_equal(machine.values(D)[0], 99);
    machine.warp.current = 1;
    machine.execute();
    assert_int_equal(machine.warp.groups.size(), 1);
    assert_int_equal(machine.warp.group().lanes, all_lanes);
    for (unsigned lane = 0; lane < num_lanes; lane++)
        assert_int_equal(machine.values(D)[lane], 32);
}

static void tiles_do_not_wait_for_each_other(void **)
{
    OneWarp machine(add_forms);
    machine.fill_row(A, 1);
    for (unsigned lane = 0; lane < num_lanes; lane++)
        machine.values(MASK)[lane] = lane < 16 ? 0xffffu : 0xffff0000u;
    machine.be_at({0xffff, 0xffff0000});
    machine.execute("redux.sync.add.u32", {D, A, MASK});
    assert_int_equal(machine.warp.group().lanes, 0xffff);
    assert_int_equal(machine.warp.group().wait, ptx::Wait::nothing);
    assert_int_equal(machine.values(D)[3], 16);
}

/* Lanes of two tiles come together, and the lanes that one of them waits for come later. */
static void each_tile_waits_for_its_own_lanes(void **)
{
    OneWarp machine(add_forms);
    machine.fill_row(A, 1);
    machine.fill_row(D, 99);
    for (unsigned lane = 0; lane < num_lanes; lane++)
        machine.values(MASK)[lane] = lane < 16 ? 0xffffu : 0xffff0000u;
    machine.be_at({0xf00f, 0xff0ff0, 0xff000000});
    machine.execute("redux.sync.add.u32", {D, A, MASK});
    assert_int_equal(machine.warp.groups[0].wait, ptx::Wait::warp);
    machine.warp.current = 1;
    machine.execute();
    assert_int_equal(machine.warp.group().lanes, 0xffff);
    for (unsigned lane = 0; lane < num_lanes; lane++)
        assert_int_equal(machine.values(D)[lane], lane < 16 ? 16 : 99);
    machine.warp.group().next++;
    for (size_t i = 0; i < machine.warp.groups.size(); i++)
        if (machine.warp.groups[i].lanes == 0xff000000)
            machine.warp.current = i;
    machine.execute();
    assert_int_equal(machine.warp.group().lanes, 0xffff0000);
    assert_int_equal(machine.values(D)[16], 16);
    assert_int_equal(machine.values(D)[31], 16);
}

static void nobody_waits_for_lanes_that_have_ended(void **)
{
    OneWarp machine(add_forms);
    machine.fill_row(A, 1);
    machine.fill_row(MASK, all_lanes);
    machine.warp.exited = 0xff;
    machine.be_at({all_lanes & ~0xffu});
    machine.execute("redux.sync.add.u32", {D, A, MASK});
    assert_int_equal(machine.values(D)[8], 24);
    machine.execute("match.all.sync.b32", {D, P, A, MASK});
    assert_int_equal(machine.values(D)[8], 0xffffff00);
    /* Lane 16 reads lane 17, which is here. */
    machine.fill_row(B, 1);
    machine.fill_row(C, 31);
    machine.execute("shfl.sync.down.b32", {D, P, A, B, C, MASK});
}

static void bad_operations_are_reported(void **)
{
    OneWarp machine(add_forms);
    machine.fill_row(B, 1);
    machine.fill_row(C, 31);
    machine.fill_row(MASK, all_lanes);
    assert_int_equal(machine.defect_of("shfl.sync.bfly.b32", {D, P, A, B, C, MASK}),
                     LYRNN_SIM_NO_DEFECT);
    /* The mask lacks a lane that calls. */
    machine.fill_row(MASK, all_lanes & ~(1u << 5));
    assert_int_equal(machine.defect_of("vote.sync.ballot.b32", {D, A, MASK}),
                     LYRNN_SIM_BAD_WARP_OPERATION);
    /* Lanes that name each other have different masks. */
    machine.fill_row(MASK, all_lanes);
    machine.values(MASK)[5] = 0xffff;
    assert_int_equal(machine.defect_of("vote.sync.ballot.b32", {D, A, MASK}),
                     LYRNN_SIM_BAD_WARP_OPERATION);
    /* Lane 15 reads lane 16, which is in another mask. */
    for (unsigned lane = 0; lane < num_lanes; lane++)
        machine.values(MASK)[lane] = lane < 16 ? 0xffffu : 0xffff0000u;
    assert_int_equal(machine.defect_of("shfl.sync.down.b32", {D, P, A, B, C, MASK}),
                     LYRNN_SIM_BAD_WARP_OPERATION);
    machine.fill_row(C, 16 << 8 | 31);
    assert_int_equal(machine.defect_of("shfl.sync.down.b32", {D, P, A, B, C, MASK}),
                     LYRNN_SIM_NO_DEFECT);
    /* Lane 8 reads lane 9, which has ended. */
    machine.fill_row(MASK, all_lanes);
    machine.warp.exited = 1u << 9;
    machine.be_at({all_lanes & ~(1u << 9)});
    assert_int_equal(machine.defect_of("shfl.sync.bfly.b32", {D, P, A, B, C, MASK}),
                     LYRNN_SIM_BAD_WARP_OPERATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffles_follow_the_pseudocode),
        cmocka_unit_test(shuffles_serve_the_functions_of_cuda),
        cmocka_unit_test(votes_count_the_members),
        cmocka_unit_test(ballots_name_the_members),
        cmocka_unit_test(matches_compare_the_members),
        cmocka_unit_test(reductions_take_the_members),
        cmocka_unit_test(elections_have_one_winner),
        cmocka_unit_test(the_active_mask_is_the_group),
        cmocka_unit_test(groups_wait_for_the_lanes_they_name),
        cmocka_unit_test(tiles_do_not_wait_for_each_other),
        cmocka_unit_test(each_tile_waits_for_its_own_lanes),
        cmocka_unit_test(nobody_waits_for_lanes_that_have_ended),
        cmocka_unit_test(bad_operations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
