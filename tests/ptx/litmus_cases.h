/* The litmus kernels: their launches, and which defect each has. X(name, blocks, threads, how,
 * defect): how is CLUSTER: the blocks are a cluster; GRID: they run together; SINGLE: neither. */
#ifndef LYRNN_PTX_LITMUS_CASES_H
#define LYRNN_PTX_LITMUS_CASES_H

#define LITMUS_CASES(X)                                                                            \
    X(release_and_acquire, 2, 1, GRID, NO_DEFECT)                                                  \
    X(release_of_a_block, 2, 1, GRID, RACE)                                                        \
    X(acquire_of_a_block, 2, 1, GRID, RACE)                                                        \
    X(relaxed_poll, 2, 1, GRID, RACE)                                                              \
    X(relaxed_poll_then_fence, 2, 1, GRID, NO_DEFECT)                                              \
    X(relaxed_poll_then_acquire, 2, 1, GRID, NO_DEFECT)                                            \
    X(acquire_after_another_store, 3, 1, GRID, NO_DEFECT)                                          \
    X(relaxed_store, 2, 1, GRID, RACE)                                                             \
    X(fence_then_relaxed_store, 2, 1, GRID, NO_DEFECT)                                             \
    X(narrow_fence_after_wide_one, 2, 1, GRID, NO_DEFECT)                                          \
    X(narrow_fence, 2, 1, GRID, RACE)                                                              \
    X(relaxed_store_after_release, 2, 1, GRID, NO_DEFECT)                                          \
    X(release_for_the_whole_block, 2, 64, GRID, NO_DEFECT)                                         \
    X(three_threads_in_a_row, 3, 1, GRID, NO_DEFECT)                                               \
    X(strong_accesses_only, 2, 32, GRID, NO_DEFECT)                                                \
    X(weak_and_strong, 2, 1, GRID, RACE)                                                           \
    X(counter_of_the_grid, 3, 1, GRID, NO_DEFECT)                                                  \
    X(highest_bit_of_a_counter, 3, 16, GRID, NO_DEFECT)                                            \
    X(relaxed_arrival_at_the_highest_bit, 3, 16, GRID, RACE)                                       \
    X(red_is_no_acquire, 2, 1, GRID, RACE)                                                         \
    X(halves_of_a_word, 3, 1, GRID, RACE)                                                          \
    X(read_only_load_of_written_memory, 1, 1, SINGLE, RACE)                                        \
    X(poll_in_vain, 1, 32, SINGLE, DIVERGENT_BARRIER)                                              \
    X(long_loop, 1, 32, SINGLE, NO_DEFECT)                                                         \
    X(tiles_of_a_warp, 1, 32, SINGLE, NO_DEFECT)                                                   \
    X(tile_reads_another_tile, 1, 32, SINGLE, BAD_WARP_OPERATION)                                  \
    X(race_in_a_warp, 1, 32, SINGLE, RACE)                                                         \
    X(mma_by_half_a_warp, 1, 32, SINGLE, BAD_WARP_OPERATION)                                       \
    X(cluster_barrier, 2, 32, CLUSTER, NO_DEFECT)                                                  \
    X(halves_of_a_warp_at_barriers, 2, 64, CLUSTER, NO_DEFECT)                                     \
    X(relaxed_arrival, 2, 32, CLUSTER, RACE)                                                       \
    X(fence_before_relaxed_arrival, 2, 32, CLUSTER, NO_DEFECT)                                     \
    X(peer_in_own_window, 2, 32, CLUSTER, OUT_OF_BOUNDS)                                           \
    X(remote_arrival, 2, 64, CLUSTER, NO_DEFECT)                                                   \
    X(remote_arrival_of_a_block, 2, 64, CLUSTER, RACE)                                             \
    X(exit_after_relaxed_barrier, 2, 64, CLUSTER, RACE)                                            \
    X(mbarrier, 1, 64, SINGLE, NO_DEFECT)                                                          \
    X(relaxed_wait, 1, 64, SINGLE, RACE)                                                           \
    X(relaxed_wait_and_fences, 1, 64, SINGLE, NO_DEFECT)                                           \
    X(mbarrier_made_twice, 1, 32, SINGLE, BAD_ARGUMENT)                                            \
    X(mbarrier_overwritten, 1, 32, SINGLE, BAD_ARGUMENT)                                           \
    X(phase_that_never_ends, 1, 32, SINGLE, DIVERGENT_BARRIER)                                     \
    X(two_buffers_and_store_async, 2, 32, CLUSTER, NO_DEFECT)                                      \
    X(one_buffer_and_store_async, 2, 32, CLUSTER, RACE)                                            \
    X(store_async_and_wait_of_a_block, 2, 32, CLUSTER, RACE)                                       \
    X(store_async_without_expect, 2, 32, CLUSTER, RACE)                                            \
    X(bulk_copy, 1, 64, SINGLE, NO_DEFECT)                                                         \
    X(bulk_copy_shows_no_stores, 1, 64, SINGLE, RACE)                                              \
    X(bulk_copy_of_a_changed_source, 1, 32, SINGLE, RACE)                                          \
    X(bulk_copy_without_proxy_fence, 1, 32, SINGLE, RACE)                                          \
    X(bulk_copy_after_wait_for_reads, 1, 32, SINGLE, RACE)                                         \
    X(copy_without_wait, 1, 32, SINGLE, RACE)                                                      \
    X(copy_with_wait, 1, 32, SINGLE, NO_DEFECT)                                                    \
    X(copy_of_another_thread, 1, 32, SINGLE, RACE)

#endif
