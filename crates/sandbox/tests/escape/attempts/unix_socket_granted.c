// shows: connected to a socket of the host in a granted folder, by one of its many names
// stopped by: the first process, which connects for the command
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

static int reaches(int type, const char *path) {
    int s = socket(AF_UNIX, type, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return s >= 0 && connect(s, (struct sockaddr *)&address, sizeof address) == 0;
}

int main(void) {
    const char *socket_path = getenv("GRANTED_SOCKET"), *folder = getenv("READABLE");
    char by_link[64];
    snprintf(by_link, sizeof by_link, "/tmp/link-%d", getpid());
    symlink(socket_path, by_link);
    if (reaches(SOCK_STREAM, socket_path) || reaches(SOCK_STREAM | SOCK_NONBLOCK, socket_path) ||
        reaches(SOCK_SEQPACKET, socket_path) || reaches(SOCK_STREAM, by_link))
        return 0;
    unlink(by_link);
    if (chdir(folder) == 0 && (reaches(SOCK_STREAM, "socket") || reaches(SOCK_STREAM, "./../readable/socket") ||
                               reaches(SOCK_STREAM, "/proc/self/cwd/socket")))
        return 0;
    return 1;
}
