/* Sockets of TCP over IPv4 and IPv6. All are close-on-exec and never block. */
#ifndef LYRNN_SOCKETS_H
#define LYRNN_SOCKETS_H

#include <netdb.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lyrnn/status.h"

enum { LISTEN_BACKLOG = 1024 };

/* The addresses of a name. The caller calls freeaddrinfo. Returns getaddrinfo's error. */
int socket_resolve(const char *name, int port, struct addrinfo **addresses);

/* Opens a listener at an address. Returns -1 with errno. */
int socket_listen(const struct sockaddr *address, socklen_t num_bytes);

/* Begins to connect. Returns -1 with errno. */
int socket_connect(const struct sockaddr *address, socklen_t num_bytes);

/* The error of a connection that has begun, or 0. */
int socket_error(int socket);

/* The port of an address. */
int address_port(const struct sockaddr_storage *address);
void address_set_port(struct sockaddr_storage *address, int port);

/* The IP address without the port, as up to 16 bytes. */
void address_get_ip(const struct sockaddr_storage *address, uint8_t ip[16]);
void address_set_ip(struct sockaddr_storage *address, const uint8_t ip[16]);

/* Whether only this host reaches an address. */
int address_is_loopback(const struct sockaddr_storage *address);

/* "10.0.0.1 port 29501" */
enum { ADDRESS_TEXT_BYTES = 96 };
void address_text(const struct sockaddr_storage *address, char text[ADDRESS_TEXT_BYTES]);

#endif
