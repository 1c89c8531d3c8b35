// shows: memory shared by key with the host
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
    int area = syscall(SYS_shmget, 0, 4096, 01600);
    if (area < 0) return 1;
    syscall(SYS_shmctl, area, 0, 0);
    return 0;
}
