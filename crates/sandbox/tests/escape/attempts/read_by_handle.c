// shows: a file system is asked for a handle of its root
// stopped by: seccomp
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
    handle.head.handle_bytes = 128;
    int mount;
    return name_to_handle_at(AT_FDCWD, getenv("WORKSPACE"), &handle.head, &mount, 0) ? 1 : 0;
}
