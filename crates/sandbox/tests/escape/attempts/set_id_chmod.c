// shows: a file is made set-uid
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
    if (chdir(getenv("WORKSPACE"))) return 1;
    int file = open("set-id", O_RDWR | O_CREAT, 0700);
    if (file < 0 || chmod("set-id", 04755)) return 1;
    unlink("set-id");
    return 0;
}
