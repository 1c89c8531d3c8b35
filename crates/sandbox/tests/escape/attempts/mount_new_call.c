// shows: a file system is opened by the new calls
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
    unshare(CLONE_NEWUSER | CLONE_NEWNS);
    return syscall(SYS_fsopen, "tmpfs", 0) < 0;
}
