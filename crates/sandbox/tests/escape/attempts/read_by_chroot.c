// shows: a second root is left by its parent
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
    unshare(CLONE_NEWUSER);
    if (chdir(getenv("WORKSPACE")) || (mkdir("jail", 0700) && errno != EEXIST)) return 1;
    if (chroot("jail")) return 1;
    for (int i = 0; i < 60; i++) if (chdir("..")) return 1;
    if (chroot(".")) return 1;
    int file = open(getenv("DECOY"), O_RDONLY);
    if (file < 0) return 1;
    char content[64] = {0};
    return read(file, content, sizeof content - 1) > 0 && strstr(content, "DECOY") ? 0 : 1;
}
