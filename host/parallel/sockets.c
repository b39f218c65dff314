/* Sockets and their addresses. */
#include "parallel/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int socket_resolve(const char *name, int port, struct addrinfo **addresses)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    return getaddrinfo(name, service, &hints, addresses);
}

static int new_socket(const struct sockaddr *address)
{
    return socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int close_failed(int socket)
{
    int error = errno;
    close(socket);
    errno = error;
    return -1;
}

int socket_listen(const struct sockaddr *address, socklen_t num_bytes)
{
    int fd = new_socket(address);
    if (fd < 0)
        return -1;
    /* A port stays taken for a while after a training that used it, unless this is set. */
    const int yes = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address, num_bytes) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return close_failed(fd);
    return fd;
}

int socket_connect(const struct sockaddr *address, socklen_t num_bytes)
{
    int fd = new_socket(address);
    if (fd < 0)
        return -1;
    if (connect(fd, address, num_bytes) != 0 && errno != EINPROGRESS && errno != EINTR)
        return close_failed(fd);
    return fd;
}

int socket_error(int socket)
{
    int error = 0;
    socklen_t num_bytes = sizeof error;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &num_bytes) == 0 ? error : errno;
}

int address_port(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                                : ((const struct sockaddr_in *)address)->sin_port);
}

void address_set_port(struct sockaddr_storage *address, int port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
}

void address_get_ip(const struct sockaddr_storage *address, uint8_t ip[16])
{
    memset(ip, 0, 16);
    if (address->ss_family == AF_INET6)
        memcpy(ip, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    else
        memcpy(ip, &((const struct sockaddr_in *)address)->sin_addr, 4);
}

void address_set_ip(struct sockaddr_storage *address, const uint8_t ip[16])
{
    if (address->ss_family == AF_INET6)
        memcpy(&((struct sockaddr_in6 *)address)->sin6_addr, ip, 16);
    else
        memcpy(&((struct sockaddr_in *)address)->sin_addr, ip, 4);
}

int address_is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

void address_text(const struct sockaddr_storage *address, char text[ADDRESS_TEXT_BYTES])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    const void *bytes = address->ss_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    (void)inet_ntop(address->ss_family, bytes, ip, sizeof ip);
    snprintf(text, ADDRESS_TEXT_BYTES, "%s port %d", ip, address_port(address));
}
