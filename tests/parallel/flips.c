/* A rank whose memory or network card is faulty: one bit flips in each large piece of data that it
 * receives, after the first ones. The program links this recv in place of libc's. Small messages
 * stay whole, so that the ranks meet and agree as always. */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { LARGE_BYTES = 1024, FIRST_PIECES = 20 };
static int num_pieces;

/* libc's names of the parameters are reserved.
 * NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t recv(int fd, void *buffer, size_t num_bytes, int flags)
{
    ssize_t num = syscall(SYS_recvfrom, fd, buffer, num_bytes, flags, NULL, NULL);
    /* The highest bit of a float's fraction: it stays finite, and rounding does not undo it. */
    if (num >= LARGE_BYTES && num_pieces++ >= FIRST_PIECES)
        ((unsigned char *)buffer)[num / 8 * 4 + 2] ^= 0x40;
    return num;
}
