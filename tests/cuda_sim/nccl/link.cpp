/* Frames between ranks over Unix sockets. */
#include "link.h"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace fake
{

/* The start of a frame. num_parts Parts and num_bytes bytes follow. */
struct Header {
    char kind; /* 'c': a call, 'a': the rank is alive, 'g': goodbye */
    bool is_captured;
    uint32_t num_parts;
    uint64_t num_bytes;
};

static void append(std::vector<char> *bytes, const void *more, size_t num_bytes)
{
    const char *begin = static_cast<const char *>(more);
    bytes->insert(bytes->end(), begin, begin + num_bytes);
}

void Link::open(int connected, const Hello &hello)
{
    socket = connected;
    bus = hello.bus;
    last_heard = now();
}

void Link::send_frame(char kind, bool is_captured, const std::vector<Part> &parts,
                      const std::vector<char> &data)
{
    if (socket < 0)
        return;
    Header header = {kind, is_captured, static_cast<uint32_t>(parts.size()), data.size()};
    append(&outgoing, &header, sizeof header);
    append(&outgoing, parts.data(), parts.size() * sizeof(Part));
    append(&outgoing, data.data(), data.size());
    advance();
}

void Link::send_call(const Call &call, const std::vector<char> &data)
{
    send_frame('c', call.is_captured, call.parts, data);
}

void Link::say_alive()
{
    send_frame('a', false, {}, {});
}

void Link::say_goodbye()
{
    send_frame('g', false, {}, {});
}

bool Link::has_sent_all() const
{
    return socket < 0 || outgoing.empty();
}

void Link::close()
{
    if (socket >= 0)
        ::close(socket);
    socket = -1;
}

/* Returns false if no whole frame is there. */
bool Link::take_frame()
{
    Header header;
    if (incoming.size() < sizeof header)
        return false;
    memcpy(&header, incoming.data(), sizeof header);
    const size_t parts_bytes = header.num_parts * sizeof(Part);
    const size_t size = sizeof header + parts_bytes + header.num_bytes;
    if (incoming.size() < size)
        return false;
    if (header.kind == 'c') {
        Arrived call = {{header.is_captured, std::vector<Part>(header.num_parts)}, {}};
        memcpy(call.call.parts.data(), incoming.data() + sizeof header, parts_bytes);
        append(&call.data, incoming.data() + sizeof header + parts_bytes, header.num_bytes);
        history.add(call.call);
        arrived.push_back(std::move(call));
    }
    has_left = has_left || header.kind == 'g';
    last_heard = now();
    incoming.erase(incoming.begin(), incoming.begin() + static_cast<ptrdiff_t>(size));
    return true;
}

void Link::advance()
{
    if (socket < 0)
        return;
    ssize_t num_sent = send(socket, outgoing.data(), outgoing.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (num_sent > 0)
        outgoing.erase(outgoing.begin(), outgoing.begin() + num_sent);
    char bytes[65536];
    ssize_t num_received;
    while ((num_received = recv(socket, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        append(&incoming, bytes, static_cast<size_t>(num_received));
    bool has_ended = num_received == 0 || (errno != EAGAIN && errno != EINTR);
    while (take_frame())
        ;
    if (!has_ended)
        return;
    is_gone = !has_left;
    last_heard = now();
    close();
}

/* An address that is no file, and so leaves nothing behind. */
static sockaddr_un address_of(const std::string &name, int rank, socklen_t *length)
{
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::string text = name + "." + std::to_string(rank);
    memcpy(address.sun_path + 1, text.data(), text.size());
    *length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    return address;
}

Meeting::Meeting(std::string the_name, const Hello &the_hello)
    : name(std::move(the_name)), mine(the_hello)
{
    socklen_t length;
    const sockaddr_un address = address_of(name, mine.rank, &length);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, reinterpret_cast<const sockaddr *>(&address), length) != 0 ||
        listen(listener, mine.size) != 0)
        error = "rank " + std::to_string(mine.rank) + ": " + strerror(errno) +
                " (another process has this rank?)";
}

Meeting::~Meeting()
{
    if (listener >= 0)
        close(listener);
    for (int socket : waiting)
        close(socket);
}

void Meeting::connect_to(int rank, std::vector<Link> *links)
{
    socklen_t length;
    const sockaddr_un address = address_of(name, rank, &length);
    int connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connected, reinterpret_cast<const sockaddr *>(&address), length) != 0 ||
        send(connected, &mine, sizeof mine, MSG_NOSIGNAL) != sizeof mine) {
        close(connected);
        return;
    }
    /* The answer names the other's device. */
    (*links)[static_cast<size_t>(rank)].socket = -2;
    waiting.push_back(connected);
}

void Meeting::accept_all()
{
    int connected;
    while ((connected = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
        send(connected, &mine, sizeof mine, MSG_NOSIGNAL);
        waiting.push_back(connected);
    }
}

void Meeting::read_hellos(std::vector<Link> *links)
{
    for (size_t i = waiting.size(); i-- > 0;) {
        Hello hello;
        if (recv(waiting[i], &hello, sizeof hello, MSG_DONTWAIT | MSG_PEEK) != sizeof hello)
            continue;
        recv(waiting[i], &hello, sizeof hello, 0);
        if (hello.size != mine.size)
            error = "rank " + std::to_string(hello.rank) + " has " + std::to_string(hello.size) +
                    " ranks, and rank " + std::to_string(mine.rank) + " has " +
                    std::to_string(mine.size);
        else if (hello.bus == mine.bus)
            error = "Duplicate GPU detected : rank " + std::to_string(mine.rank) + " and rank " +
                    std::to_string(hello.rank) + " both on CUDA device " + std::to_string(mine.bus);
        else
            (*links)[static_cast<size_t>(hello.rank)].open(waiting[i], hello);
        if (!error.empty())
            close(waiting[i]);
        waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(i));
    }
}

bool Meeting::advance(std::vector<Link> *links)
{
    for (int rank = 0; rank < mine.rank; rank++)
        if ((*links)[static_cast<size_t>(rank)].socket == -1)
            connect_to(rank, links);
    accept_all();
    read_hellos(links);
    for (int rank = 0; rank < mine.size; rank++)
        if (rank != mine.rank && (*links)[static_cast<size_t>(rank)].socket < 0)
            return false;
    return error.empty();
}

} // namespace fake
