// shows: sent to a socket of the host in a granted folder without connecting
// stopped by: seccomp
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strncpy(address.sun_path, getenv("GRANTED_DATAGRAMS"), sizeof address.sun_path - 1);
    int pair[2], s = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (s >= 0 && sendto(s, "x", 1, 0, (struct sockaddr *)&address, sizeof address) == 1) return 0;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 &&
        sendto(pair[0], "x", 1, 0, (struct sockaddr *)&address, sizeof address) == 1)
        return 0;
    return 1;
}
