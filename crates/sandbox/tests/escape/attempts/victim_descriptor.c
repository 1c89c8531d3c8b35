// shows: a descriptor of a process outside is copied
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
    int handle = syscall(SYS_pidfd_open, atoi(getenv("VICTIM")), 0);
    if (handle < 0) handle = syscall(SYS_pidfd_open, 1, 0);
    return syscall(SYS_pidfd_getfd, handle, 1, 0) < 0;
}
