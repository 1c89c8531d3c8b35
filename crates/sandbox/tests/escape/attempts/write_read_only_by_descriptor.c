// shows: a file opened for reading is opened again for writing
// stopped by: read-only mount
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

int main(void) {
    char path[4096];
    snprintf(path, sizeof path, "%s/file", getenv("READABLE"));
    int file = open(path, O_RDONLY);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return open(path, O_WRONLY) < 0;
}
