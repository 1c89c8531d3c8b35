// shows: a process outside is traced
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
    int victim = atoi(getenv("VICTIM"));
    if (syscall(SYS_ptrace, 16, victim, 0, 0)) return 1;
    waitpid(victim, NULL, __WALL);
    syscall(SYS_ptrace, 17, victim, 0, 0);
    return 0;
}
