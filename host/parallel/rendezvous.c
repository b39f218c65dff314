/* The rendezvous: all ranks connect to rank 0, which then hands out where each of them listens, and
 * each connects to those below it. */
#include "parallel/rendezvous.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "parallel/over_mpi.h"
#include "parallel/sockets.h"

/* Time for the last step, after the last rank has come. */
static const double members_seconds = 60;

/* The number that the kernel gives itself when it starts. Containers of one machine share it, and
 * hosts with the same name do not. */
static void read_machine(char *machine, size_t size, const char *host)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    snprintf(machine, size, "%s", host);
    if (file == NULL)
        return;
    char line[64];
    if (fgets(line, sizeof line, file) != NULL)
        snprintf(machine, size, "%.*s", (int)strcspn(line, "\n"), line);
    fclose(file);
}

static void begin_hello(rank_hello *hello, const lyrnn_ranks *ranks)
{
    char host[sizeof hello->host] = "";
    (void)gethostname(host, sizeof host - 1);
    *hello = (rank_hello){.from = (uint32_t)ranks->rank,
                          .size = (uint32_t)ranks->size,
                          .process = (uint32_t)getpid()};
    snprintf(hello->host, sizeof hello->host, "%s", host);
    snprintf(hello->token, sizeof hello->token, "%s", ranks->token);
    read_machine(hello->machine, sizeof hello->machine, host);
}

void member_set(rank_member *member, const rank_hello *hello)
{
    memset(member, 0, sizeof *member);
    snprintf(member->host, sizeof member->host, "%s", hello->host);
    snprintf(member->machine, sizeof member->machine, "%s", hello->machine);
    snprintf(member->name, sizeof member->name, "%s, process %u", hello->host, hello->process);
    member->port = hello->port;
}

/* Why rank 0 cannot listen, with what to do. */
static lyrnn_status cannot_listen(const char *name, int port, int error)
{
    if (error == EADDRINUSE)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "rank 0: port %d of %s is taken by another process; set MASTER_PORT to "
                          "another one",
                          port, name);
    if (error == EADDRNOTAVAIL)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "rank 0: %s is no address of this host; set MASTER_ADDR to the address "
                          "of the host of rank 0",
                          name);
    return lyrnn_fail(LYRNN_ERR_IO,
                      "rank 0: cannot listen at %s port %d: %s; set MASTER_ADDR and "
                      "MASTER_PORT to others",
                      name, port, strerror(error));
}

/* Listens at the first address of a name that can be used. */
static lyrnn_status listen_at(const char *name, int port, int *listener)
{
    struct addrinfo *addresses = NULL;
    int error = socket_resolve(name, port, &addresses);
    *listener = -1;
    if (error != 0)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "rank 0: %s: %s; set MASTER_ADDR to a name or an IP "
                          "address of this host",
                          name, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    errno = EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && *listener < 0; a = a->ai_next)
        *listener = socket_listen(a->ai_addr, a->ai_addrlen);
    error = errno;
    freeaddrinfo(addresses);
    return *listener < 0 ? cannot_listen(name, port, error) : LYRNN_OK;
}

/* Listens at ranks->address. Some systems give a host's own name an address such as 127.0.1.1, and
 * ranks of other hosts would look for rank 0 there in vain. */
static lyrnn_status listen_for_ranks(const lyrnn_ranks *ranks, int port, int *listener,
                                     struct sockaddr_storage *address)
{
    socklen_t num_bytes = sizeof *address;
    char where[ADDRESS_TEXT_BYTES];
    memset(address, 0, sizeof *address);
    LYRNN_TRY(listen_at(ranks->address, port, listener));
    (void)getsockname(*listener, (struct sockaddr *)address, &num_bytes);
    if (!ranks->has_other_hosts || !address_is_loopback(address))
        return LYRNN_OK;
    close(*listener);
    *listener = -1;
    address_text(address, where);
    return lyrnn_fail(LYRNN_ERR_IO,
                      "rank 0: %s is %s on this host, which other hosts cannot reach; set "
                      "MASTER_ADDR to an IP address of this host that they reach",
                      ranks->address, where);
}

static lyrnn_status make_token(char token[65])
{
    uint8_t bytes[32];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return lyrnn_fail(LYRNN_ERR_IO, "rank 0: no random numbers: %s; set LYRNN_TOKEN",
                          strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return LYRNN_OK;
}

/* Each other rank takes two connections, and each guest at the rendezvous one. */
static lyrnn_status make_room(const lyrnn_ranks *ranks)
{
    enum { OTHER_FILES = 256 };
    struct rlimit limit;
    const rlim_t needed = 2 * (rlim_t)ranks->size + LINKS_MAX_PENDING + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return LYRNN_OK;
    limit.rlim_cur = needed;
    if (limit.rlim_max >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_IO,
                      "rank %d: %d ranks need %llu open files, and the limit is %llu; raise it "
                      "(ulimit -n)",
                      ranks->rank, ranks->size, (unsigned long long)needed,
                      (unsigned long long)limit.rlim_max);
}

lyrnn_status lyrnn_ranks_listen(lyrnn_ranks *ranks)
{
    struct sockaddr_storage address;
    LYRNN_TRY(make_room(ranks));
    if (ranks->address[0] == '\0' && gethostname(ranks->address, sizeof ranks->address - 1) != 0)
        return lyrnn_fail(LYRNN_ERR_IO, "rank 0: this host has no name; set MASTER_ADDR");
    LYRNN_TRY(listen_for_ranks(ranks, 0, &ranks->listener, &address));
    ranks->port = address_port(&address);
    return make_token(ranks->token);
}

/* Counts this rank's place among those of its machine. */
static void count_local(lyrnn_comm *comm, const rank_group *group)
{
    comm->local_size = 0;
    for (int r = 0; r < group->size; r++) {
        if (strcmp(group->members[r].machine, group->members[group->rank].machine) != 0)
            continue;
        if (r < group->rank)
            comm->local_rank++;
        comm->local_size++;
    }
}

/* What rank 0 hands out is believed, but not that its texts end. */
static void terminate_texts(rank_group *group)
{
    for (int r = 0; r < group->size; r++) {
        rank_member *member = &group->members[r];
        member->name[sizeof member->name - 1] = '\0';
        member->host[sizeof member->host - 1] = '\0';
        member->machine[sizeof member->machine - 1] = '\0';
    }
}

static lyrnn_status hand_out_members(rendezvous *meeting)
{
    rank_group *group = meeting->group;
    LYRNN_TRY(meeting->comm->broadcast(meeting->comm, group->members,
                                       (size_t)group->size * sizeof *group->members));
    terminate_texts(group);
    count_local(meeting->comm, group);
    return LYRNN_OK;
}

/* Takes over a listener that this process inherited. */
static lyrnn_status take_listener(int socket)
{
    int listens = 0;
    socklen_t num_bytes = sizeof listens;
    if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &num_bytes) != 0 || !listens)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "LYRNN_LISTENER: %d is not a socket that listens; leave it unset, or "
                          "pass on one",
                          socket);
    if (fcntl(socket, F_SETFD, FD_CLOEXEC) != 0 || fcntl(socket, F_SETFL, O_NONBLOCK) != 0)
        return lyrnn_fail(LYRNN_ERR_IO, "LYRNN_LISTENER: cannot use %d: %s; leave it unset", socket,
                          strerror(errno));
    return LYRNN_OK;
}

static lyrnn_status lead(rendezvous *meeting)
{
    if (meeting->listener < 0)
        LYRNN_TRY(listen_for_ranks(meeting->ranks, meeting->ranks->port, &meeting->listener,
                                   &meeting->leader));
    else
        LYRNN_TRY(take_listener(meeting->listener));
    LYRNN_TRY(accept_ranks(meeting, 1));
    return hand_out_members(meeting);
}

static lyrnn_status follow(rendezvous *meeting)
{
    rank_group *group = meeting->group;
    LYRNN_TRY(join_leader(meeting));
    LYRNN_TRY(hand_out_members(meeting));
    meeting->timeout = members_seconds;
    meeting->deadline = lyrnn_seconds() + meeting->timeout;
    for (int r = 1; r < group->rank; r++)
        LYRNN_TRY(join_member(meeting, r));
    return accept_ranks(meeting, group->rank + 1);
}

/* Ends the rendezvous when all connections stand. From then on, any rank can lead the end. */
static lyrnn_status meet(rendezvous *meeting)
{
    lyrnn_comm *comm = meeting->comm;
    char none = 0, all[1];
    LYRNN_TRY(comm->rank == 0 ? lead(meeting) : follow(meeting));
    LYRNN_TRY(comm->gather(comm, &none, 0, all));
    return comm->broadcast(comm, &none, 0);
}

static lyrnn_status check_known(const lyrnn_ranks *ranks)
{
    LYRNN_CHECK(ranks->size >= 2 && ranks->rank >= 0 && ranks->rank < ranks->size);
    if (ranks->size > LYRNN_RANKS_MAX)
        return lyrnn_fail(LYRNN_ERR_USAGE, "%s: %d ranks are too many; start at most %d",
                          ranks->launcher, ranks->size, LYRNN_RANKS_MAX);
    if (ranks->listener < 0 && ranks->address[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "MASTER_ADDR: is not set, and %s does not say which host rank 0 is on; "
                          "set it for all ranks",
                          ranks->launcher);
    if (ranks->listener < 0 && ranks->port == 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "MASTER_PORT: is not set, and %s does not name a free port; set it for "
                          "all ranks",
                          ranks->launcher);
    return LYRNN_OK;
}

static lyrnn_status open_group(lyrnn_comm *comm, const lyrnn_ranks *ranks,
                               const rank_carrier *carrier, double timeout_seconds)
{
    rank_group *group;
    LYRNN_TRY(check_known(ranks));
    LYRNN_TRY(make_room(ranks));
    lyrnn_status status = group_new(ranks->rank, ranks->size, &group);
    if (status != LYRNN_OK) {
        group_free(group);
        return status;
    }
    comm_set(comm, group);
    mpi_carry(comm, carrier);
    rendezvous meeting = {.comm = comm,
                          .group = group,
                          .ranks = ranks,
                          .timeout = timeout_seconds,
                          .deadline = lyrnn_seconds() + timeout_seconds,
                          .listener = ranks->rank == 0 ? ranks->listener : -1};
    begin_hello(&meeting.hello, ranks);
    member_set(&group->members[ranks->rank], &meeting.hello);
    status = meet(&meeting);
    if (meeting.listener >= 0)
        close(meeting.listener);
    return status;
}

lyrnn_status lyrnn_comm_open(lyrnn_comm *comm, const lyrnn_ranks *ranks, double timeout_seconds)
{
    lyrnn_ranks known = *ranks;
    rank_carrier carrier = {.is_of_mpirun = ranks->has_mpi, .text = "TCP"};
    memset(comm, 0, sizeof *comm);
    if (ranks->has_mpi)
        LYRNN_TRY(mpi_meet(&known, timeout_seconds, &carrier));
    return open_group(comm, &known, &carrier, timeout_seconds);
}
