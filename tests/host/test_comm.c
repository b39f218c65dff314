/* The collectives of a group of ranks: every byte arrives where it belongs, for short and long
 * pieces and each number of ranks. (Ranks that call different ones: test_ranks_end.c.) */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "parallel/links.h"
#include "ranks_check.h"

/* A byte that depends on who sends it, to whom, and where it is. */
static uint8_t byte_of(int from, int to, size_t i)
{
    return (uint8_t)((size_t)from * 31 + (size_t)to * 7 + i * 13 + (i >> 8));
}

static void fill(uint8_t *bytes, size_t num, int from, int to)
{
    for (size_t i = 0; i < num; i++)
        bytes[i] = byte_of(from, to, i);
}

static void check_bytes(const uint8_t *bytes, size_t num, int from, int to)
{
    for (size_t i = 0; i < num; i++)
        LYRNN_CHECK(bytes[i] == byte_of(from, to, i));
}

/* One round of all collectives; both arrays have room for a piece per rank. */
static lyrnn_status use_once(lyrnn_comm *comm, size_t num, int round, uint8_t *mine, uint8_t *other)
{
    fill(mine, num, comm->rank, round);
    LYRNN_TRY(comm->broadcast(comm, mine, num));
    check_bytes(mine, num, 0, round);
    fill(mine, num, comm->rank, round);
    LYRNN_TRY(comm->gather(comm, mine, num, comm->rank == 0 ? other : NULL));
    for (int r = 0; comm->rank == 0 && r < comm->size; r++)
        check_bytes(other + (size_t)r * num, num, r, round);
    for (int r = 0; r < comm->size; r++)
        fill(mine + (size_t)r * num, num, comm->rank, r);
    LYRNN_TRY(comm->exchange(comm, mine, other, num));
    for (int r = 0; r < comm->size; r++)
        check_bytes(other + (size_t)r * num, num, r, comm->rank);
    memset(mine, 0, (size_t)comm->size * num);
    fill(mine + (size_t)comm->rank * num, num, comm->rank, round);
    LYRNN_TRY(comm->all_gather(comm, mine, num));
    for (int r = 0; r < comm->size; r++)
        check_bytes(mine + (size_t)r * num, num, r, round);
    return comm->check(comm);
}

static lyrnn_status use_all(lyrnn_comm *comm, const void *context)
{
    const size_t num = *(const size_t *)context, n = (size_t)comm->size;
    uint8_t *mine = calloc(n, num + 1), *other = calloc(n, num + 1);
    LYRNN_CHECK(mine != NULL && other != NULL);
    LYRNN_CHECK(comm->local_rank == comm->rank && comm->local_size == comm->size);
    lyrnn_status status = LYRNN_OK;
    for (int round = 0; round < 2 && status == LYRNN_OK; round++)
        status = use_once(comm, num, round, mine, other);
    free(mine);
    free(other);
    return status;
}

static void check_all_ok(int size, rank_work work, const void *context, const ranks_setup *setup)
{
    rank_outcome outcomes[CHECK_MAX_RANKS];
    run_ranks(size, work, context, setup, outcomes);
    for (int r = 0; r < size; r++) {
        assert_true(outcomes[r].has_ended);
        assert_string_equal(outcomes[r].text, "");
        assert_int_equal(outcomes[r].status, LYRNN_OK);
    }
}

static void every_byte_arrives(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 4096, 4097, 100000};
    for (int size = 2; size <= 5; size++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            check_all_ok(size, use_all, &lengths[i], NULL);
    }
}

static void long_pieces_arrive(void **state)
{
    (void)state;
    const size_t length = 8 << 20;
    check_all_ok(3, use_all, &length, NULL);
}

static int get_option(int socket, int level, int option)
{
    int value = -1;
    socklen_t num_bytes = sizeof value;
    LYRNN_CHECK(getsockopt(socket, level, option, &value, &num_bytes) == 0);
    return value;
}

/* A host that vanishes sends no end, so the system must probe it. */
static lyrnn_status check_probes(lyrnn_comm *comm, const void *context)
{
    (void)context;
    const rank_group *group = comm->state;
    const int *sockets = group->links[1 - comm->rank].sockets;
    for (int channel = 0; channel < NUM_CHANNELS; channel++) {
        LYRNN_CHECK(get_option(sockets[channel], IPPROTO_TCP, TCP_NODELAY) == 1);
        LYRNN_CHECK(get_option(sockets[channel], SOL_SOCKET, SO_KEEPALIVE) == 1);
        LYRNN_CHECK(get_option(sockets[channel], IPPROTO_TCP, TCP_KEEPIDLE) +
                        get_option(sockets[channel], IPPROTO_TCP, TCP_KEEPINTVL) *
                            get_option(sockets[channel], IPPROTO_TCP, TCP_KEEPCNT) <=
                    30);
    }
    LYRNN_CHECK(get_option(sockets[CHANNEL_CONTROL], IPPROTO_TCP, TCP_USER_TIMEOUT) == 30000);
    /* A rank that does not read for a while is not gone. */
    LYRNN_CHECK(get_option(sockets[CHANNEL_DATA], IPPROTO_TCP, TCP_USER_TIMEOUT) == 0);
    return LYRNN_OK;
}

static void a_vanished_host_is_probed(void **state)
{
    (void)state;
    check_all_ok(2, check_probes, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives),
        cmocka_unit_test(long_pieces_arrive),
        cmocka_unit_test(a_vanished_host_is_probed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
