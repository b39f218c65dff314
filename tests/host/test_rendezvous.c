/* Ranks meet in spite of strangers, and everyone who cannot take part gets one line that says why:
 * a rank of another training, an address that cannot be used, a rank that does not come. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "parallel/hello.h"
#include "parallel/sockets.h"
#include "ranks_check.h"

/* For ranks that wait in vain for another, and for ranks that nobody answers. */
static const double short_timeout = 0.3, answer_timeout = 0.5;

static lyrnn_status do_nothing(lyrnn_comm *comm, const void *context)
{
    (void)comm;
    (void)context;
    return LYRNN_OK;
}

static void check_all_ok(int size, const rank_outcome *outcomes)
{
    for (int r = 0; r < size; r++) {
        assert_true(outcomes[r].has_ended);
        assert_string_equal(outcomes[r].text, "");
        assert_int_equal(outcomes[r].status, LYRNN_OK);
    }
}

static void assert_begins(const char *text, const char *begin)
{
    if (strncmp(text, begin, strlen(begin)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", text, begin);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not have \"%s\"", text, part);
}

static void check_address(const char *address)
{
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const ranks_setup setup = {.address = address};
    run_ranks(4, do_nothing, NULL, &setup, outcomes);
    check_all_ok(4, outcomes);
}

static void ranks_meet_at_a_name_or_a_number(void **state)
{
    (void)state;
    check_address("127.0.0.1");
    check_address("localhost");
}

static void ranks_meet_over_ipv6(void **state)
{
    (void)state;
    lyrnn_ranks ranks = {.size = 2, .address = "::1"};
    if (lyrnn_ranks_listen(&ranks) != LYRNN_OK) {
        print_message("no IPv6 here: %s\n", lyrnn_error_text());
        skip();
    }
    close(ranks.listener);
    check_address("::1");
}

static int connect_raw(const lyrnn_ranks *ranks)
{
    struct addrinfo *address;
    LYRNN_CHECK(socket_resolve(ranks->address, ranks->port, &address) == 0);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    LYRNN_CHECK(fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) == 0);
    freeaddrinfo(address);
    return fd;
}

static void send_raw(int fd, const void *bytes, size_t num_bytes)
{
    (void)send(fd, bytes, num_bytes, MSG_NOSIGNAL);
}

/* What a stranger sends. */
typedef enum {
    NOTHING,
    RUBBISH,
    HALF,
    HALF_AND_END,
    TOO_LONG,
    OTHER_TOKEN,
    NUM_STRANGERS
} stranger;

static void be_stranger(const lyrnn_ranks *ranks, stranger kind)
{
    static uint8_t rubbish[100000];
    uint8_t bytes[HELLO_BYTES];
    rank_hello hello = {.from = 1, .size = (uint32_t)ranks->size};
    int fd = connect_raw(ranks);
    snprintf(hello.token, sizeof hello.token, "%s", kind == OTHER_TOKEN ? "x" : ranks->token);
    hello_write(&hello, bytes);
    memset(rubbish, 'x', sizeof rubbish);
    memcpy(rubbish, bytes, kind == TOO_LONG ? 8 : 0);
    if (kind == RUBBISH || kind == TOO_LONG)
        send_raw(fd, rubbish, sizeof rubbish);
    if (kind == HALF || kind == HALF_AND_END)
        send_raw(fd, bytes, HELLO_BYTES / 2);
    if (kind == HALF_AND_END)
        close(fd);
    if (kind == OTHER_TOKEN)
        send_raw(fd, bytes, HELLO_BYTES);
    /* The others stay open as long as this rank. */
}

/* Rank 1 first sends what strangers would, more of them than rank 0 listens to at a time. */
static void bring_strangers(lyrnn_ranks *ranks, const void *context)
{
    for (int i = 0; ranks->rank == 1 && i < 100; i++)
        be_stranger(ranks, *(const stranger *)context);
}

static void strangers_do_not_stop_the_ranks(void **state)
{
    (void)state;
    for (stranger kind = 0; kind < NUM_STRANGERS; kind++) {
        rank_outcome outcomes[CHECK_MAX_RANKS];
        const ranks_setup setup = {.prepare = bring_strangers};
        run_ranks(3, do_nothing, &kind, &setup, outcomes);
        check_all_ok(3, outcomes);
        assert_true(outcomes[0].seconds < 3);
    }
}

typedef enum { BAD_TOKEN, NO_TOKEN, BAD_SIZE, BAD_RANK, NUM_MISTAKES } mistake;

/* Rank 2 of 3 belongs to another training. */
static void make_mistake(lyrnn_ranks *ranks, const void *context)
{
    if (ranks->rank != 2)
        return;
    usleep(50000); /* after rank 1 */
    switch (*(const mistake *)context) {
    case BAD_TOKEN:
        ranks->token[63] ^= 1;
        break;
    case NO_TOKEN:
        ranks->token[0] = '\0';
        break;
    case BAD_SIZE:
        ranks->size = 4;
        break;
    default:
        ranks->rank = 1;
    }
}

static void a_rank_of_another_training_is_refused(void **state)
{
    (void)state;
    static const char *const texts[NUM_MISTAKES] = {
        "rank 2: rank 0 refuses it: its token differs; start all ranks by one launcher, or with "
        "the same LYRNN_TOKEN",
        "rank 2: rank 0 refuses it: its token differs; start all ranks by one launcher, or with "
        "the same LYRNN_TOKEN",
        "rank 2: rank 0 refuses it: it is one of 4 ranks here and one of 3 there; start all with "
        "one number",
        "rank 1: rank 0 refuses it: ",
    };
    for (mistake kind = 0; kind < NUM_MISTAKES; kind++) {
        rank_outcome outcomes[CHECK_MAX_RANKS];
        const ranks_setup setup = {.prepare = make_mistake, .timeout_seconds = short_timeout};
        run_ranks(3, do_nothing, &kind, &setup, outcomes);
        assert_int_equal(outcomes[2].status, LYRNN_ERR_USAGE);
        assert_begins(outcomes[2].text, texts[kind]);
        if (kind == BAD_RANK)
            assert_has(outcomes[2].text, " has joined as rank 1 already; give each process its");
        /* The others wait on, and the end says what came instead. */
        assert_int_equal(outcomes[0].status, LYRNN_ERR_IO);
        assert_begins(outcomes[0].text, "rank 0: rank 2 of 3 did not come within 0.3 s; rank ");
        assert_has(outcomes[0].text, ") was refused: ");
        assert_int_equal(outcomes[1].status, LYRNN_ERR_RANK);
        assert_string_equal(outcomes[1].text, "");
    }
}

/* Rank 1 is of another version: nothing after its first bytes is believed. */
static void speak_version(lyrnn_ranks *ranks, const void *context)
{
    (void)context;
    uint8_t bytes[HELLO_BYTES], answer[FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX] = {0};
    rank_hello hello = {.from = 1, .size = 2};
    frame header;
    if (ranks->rank != 1)
        return;
    int fd = connect_raw(ranks);
    hello_write(&hello, bytes);
    bytes[8] = 99;
    send_raw(fd, bytes, HELLO_PREFIX_BYTES);
    LYRNN_CHECK(recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > FRAME_HEADER_BYTES);
    LYRNN_CHECK(frame_read(answer, &header) && header.kind == FRAME_REFUSED);
    LYRNN_CHECK(
        strncmp((char *)answer + FRAME_HEADER_BYTES, "it is another version of lyrnn; ", 32) == 0);
}

static void another_version_is_refused(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const ranks_setup setup = {.prepare = speak_version};
    run_ranks(2, do_nothing, NULL, &setup, outcomes);
    check_all_ok(2, outcomes);
}

/* Ranks 2 and 3 do not come. */
static void stay_away(lyrnn_ranks *ranks, const void *context)
{
    const int *first = context;
    if (ranks->rank >= *first)
        _exit(0);
}

static void rank_0_names_who_did_not_come(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const ranks_setup setup = {.prepare = stay_away, .timeout_seconds = short_timeout};
    const int two = 2, one = 1;
    run_ranks(4, do_nothing, &two, &setup, outcomes);
    assert_int_equal(outcomes[0].status, LYRNN_ERR_IO);
    assert_begins(outcomes[0].text,
                  "rank 0: ranks 2 and 3 of 4 did not come within 0.3 s; see whether they run and "
                  "reach 127.0.0.1 port ");
    assert_has(outcomes[0].text,
               ", which other hosts cannot: set MASTER_ADDR to an IP address that they reach");
    assert_true(outcomes[0].seconds >= short_timeout && outcomes[0].seconds < 3);
    assert_int_equal(outcomes[1].status, LYRNN_ERR_RANK);
    assert_string_equal(outcomes[1].text, "");
    run_ranks(8, do_nothing, &one, &setup, outcomes);
    assert_begins(outcomes[0].text, "rank 0: ranks 1, 2, 3, 4, 5, 6 and 7 of 8 did not come");
}

/* A rank comes and dies before all are there. */
static void come_and_die(lyrnn_ranks *ranks, const void *context)
{
    (void)context;
    if (ranks->rank != 2)
        return;
    rank_hello hello = {.from = 2, .size = 3, .process = 77, .host = "elsewhere"};
    uint8_t bytes[HELLO_BYTES];
    snprintf(hello.token, sizeof hello.token, "%s", ranks->token);
    hello_write(&hello, bytes);
    send_raw(connect_raw(ranks), bytes, HELLO_BYTES);
    usleep(50000);
    _exit(0);
}

static void a_rank_that_dies_early_ends_the_rendezvous(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const ranks_setup setup = {.prepare = come_and_die};
    run_ranks(3, do_nothing, NULL, &setup, outcomes);
    assert_int_equal(outcomes[0].status, LYRNN_ERR_RANK);
    assert_begins(outcomes[0].text, "rank 2 (elsewhere, process 77): is gone; ");
    assert_true(outcomes[0].seconds < 3);
    assert_string_equal(outcomes[1].text, "");
    assert_true(outcomes[1].seconds < 3);
}

/* Rank 0 dies while it waits for rank 2. Rank 1 knows no more of it than its address. */
static void wait_and_die(lyrnn_ranks *ranks, const void *context)
{
    (void)context;
    if (ranks->rank == 2)
        _exit(0);
    if (ranks->rank == 0)
        alarm(1);
}

static void rank_0_has_a_name_before_all_are_there(void **state)
{
    (void)state;
    rank_outcome outcomes[CHECK_MAX_RANKS];
    const ranks_setup setup = {.prepare = wait_and_die};
    run_ranks(3, do_nothing, NULL, &setup, outcomes);
    assert_int_equal(outcomes[1].status, LYRNN_ERR_RANK);
    assert_begins(outcomes[1].text, "rank 0 (127.0.0.1 port ");
    assert_has(outcomes[1].text, "): is gone; ");
}

/* Opens a group as one rank, without the others. */
static lyrnn_status open_alone(lyrnn_ranks *ranks)
{
    lyrnn_comm comm;
    lyrnn_status status = lyrnn_comm_open(&comm, ranks, answer_timeout);
    return lyrnn_comm_close(&comm, status);
}

static lyrnn_ranks ranks_at(const char *address, int port, int rank)
{
    lyrnn_ranks ranks = {.rank = rank, .size = 2, .launcher = "test", .port = port, .listener = -1};
    snprintf(ranks.address, sizeof ranks.address, "%s", address);
    return ranks;
}

static void rank_0_says_why_it_cannot_listen(void **state)
{
    (void)state;
    char expected[200];
    lyrnn_ranks other = ranks_at("127.0.0.1", 0, 0);
    assert_int_equal(lyrnn_ranks_listen(&other), LYRNN_OK);
    lyrnn_ranks ranks = ranks_at("127.0.0.1", other.port, 0);
    assert_int_equal(open_alone(&ranks), LYRNN_ERR_IO);
    snprintf(expected, sizeof expected,
             "rank 0: port %d of 127.0.0.1 is taken by another process; set MASTER_PORT to another "
             "one",
             other.port);
    assert_string_equal(lyrnn_error_text(), expected);
    close(other.listener);
    ranks = ranks_at("192.0.2.1", 4000, 0); /* nobody's (RFC 5737) */
    assert_int_equal(open_alone(&ranks), LYRNN_ERR_IO);
    assert_begins(lyrnn_error_text(), "rank 0: 192.0.2.1 is no address of this host; set "
                                      "MASTER_ADDR ");
    ranks = ranks_at("no.such.host.invalid", 4000, 0);
    assert_int_equal(open_alone(&ranks), LYRNN_ERR_IO);
    assert_begins(lyrnn_error_text(), "rank 0: no.such.host.invalid: ");
}

/* It does not wait for ranks that cannot come. */
static void rank_0_refuses_an_address_of_this_host_only(void **state)
{
    (void)state;
    static const char *const end =
        " on this host, which other hosts cannot reach; set MASTER_ADDR to an IP address of this "
        "host that they reach";
    char begin[64];
    lyrnn_ranks ranks = ranks_at("127.0.0.1", 0, 0);
    assert_int_equal(lyrnn_ranks_listen(&ranks), LYRNN_OK);
    close(ranks.listener);
    snprintf(begin, sizeof begin, "rank 0: 127.0.0.1 is 127.0.0.1 port %d", ranks.port);
    ranks.listener = -1;
    ranks.has_other_hosts = true;
    double start = lyrnn_seconds();
    assert_int_equal(open_alone(&ranks), LYRNN_ERR_IO);
    assert_true(lyrnn_seconds() - start < answer_timeout);
    assert_begins(lyrnn_error_text(), begin);
    assert_has(lyrnn_error_text(), end);
    /* So it is where MPI passes the address on. */
    assert_int_equal(lyrnn_ranks_listen(&ranks), LYRNN_ERR_IO);
    assert_int_equal(ranks.listener, -1);
    assert_has(lyrnn_error_text(), end);
}

static void a_follower_says_that_rank_0_did_not_come(void **state)
{
    (void)state;
    char expected[200];
    lyrnn_ranks free_port = ranks_at("127.0.0.1", 0, 1);
    assert_int_equal(lyrnn_ranks_listen(&free_port), LYRNN_OK);
    close(free_port.listener);
    lyrnn_ranks ranks = ranks_at("127.0.0.1", free_port.port, 1);
    double begin = lyrnn_seconds();
    assert_int_equal(open_alone(&ranks), LYRNN_ERR_IO);
    double seconds = lyrnn_seconds() - begin;
    assert_true(seconds >= answer_timeout && seconds < 3);
    snprintf(expected, sizeof expected,
             "rank 1: rank 0 (127.0.0.1 port %d) did not answer within 0.5 s; see whether it runs, "
             "and whether this host reaches it (Connection refused)",
             free_port.port);
    assert_string_equal(lyrnn_error_text(), expected);
}

/* Answers all who connect with a text. NULL: says nothing. */
static void be_program(int listener, const char *text)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        struct pollfd ready = {.fd = listener, .events = POLLIN};
        poll(&ready, 1, -1);
        int fd = accept(listener, NULL, NULL);
        if (text != NULL)
            send_raw(fd, text, strlen(text));
    }
}

/* Something else listens where rank 0 should. */
static void another_program_is_not_taken_for_rank_0(void **state)
{
    (void)state;
    static const char *const texts[] = {NULL, "SSH-2.0-OpenSSH_9.2p1\r\n"};
    static const char *const reasons[] = {"(no answer)", "(another program answers there)"};
    for (int i = 0; i < 2; i++) {
        lyrnn_ranks ranks = ranks_at("127.0.0.1", 0, 1);
        assert_int_equal(lyrnn_ranks_listen(&ranks), LYRNN_OK);
        int listener = ranks.listener;
        ranks.listener = -1;
        pid_t child = fork();
        if (child == 0)
            be_program(listener, texts[i]);
        close(listener);
        lyrnn_status status = open_alone(&ranks);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_int_equal(status, LYRNN_ERR_IO);
        assert_has(lyrnn_error_text(), reasons[i]);
    }
}

static void a_number_that_is_no_listener_is_refused(void **state)
{
    (void)state;
    lyrnn_ranks ranks = ranks_at("127.0.0.1", 4000, 0);
    ranks.listener = open("/dev/null", O_RDONLY);
    assert_int_equal(open_alone(&ranks), LYRNN_ERR_USAGE);
    assert_has(lyrnn_error_text(), " is not a socket that listens; ");
}

/* The listener is at the named address only, its port is free, and each token is another. */
static void a_listener_is_at_one_address(void **state)
{
    (void)state;
    struct sockaddr_storage address = {0};
    socklen_t num_bytes = sizeof address;
    char text[ADDRESS_TEXT_BYTES], expected[ADDRESS_TEXT_BYTES];
    lyrnn_ranks ranks = ranks_at("127.0.0.1", 0, 0), again = ranks;
    assert_int_equal(lyrnn_ranks_listen(&ranks), LYRNN_OK);
    assert_int_equal(lyrnn_ranks_listen(&again), LYRNN_OK);
    assert_int_equal(getsockname(ranks.listener, (struct sockaddr *)&address, &num_bytes), 0);
    address_text(&address, text);
    snprintf(expected, sizeof expected, "127.0.0.1 port %d", ranks.port);
    assert_string_equal(text, expected);
    assert_int_equal(strlen(ranks.token), 64);
    assert_string_not_equal(ranks.token, again.token);
    close(ranks.listener);
    close(again.listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_meet_at_a_name_or_a_number),
        cmocka_unit_test(ranks_meet_over_ipv6),
        cmocka_unit_test(strangers_do_not_stop_the_ranks),
        cmocka_unit_test(a_rank_of_another_training_is_refused),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(rank_0_names_who_did_not_come),
        cmocka_unit_test(a_rank_that_dies_early_ends_the_rendezvous),
        cmocka_unit_test(rank_0_has_a_name_before_all_are_there),
        cmocka_unit_test(rank_0_says_why_it_cannot_listen),
        cmocka_unit_test(rank_0_refuses_an_address_of_this_host_only),
        cmocka_unit_test(a_follower_says_that_rank_0_did_not_come),
        cmocka_unit_test(another_program_is_not_taken_for_rank_0),
        cmocka_unit_test(a_number_that_is_no_listener_is_refused),
        cmocka_unit_test(a_listener_is_at_one_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
