// shows: the first process inside is read
// stopped by: pid namespace
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
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", getppid());
    int file = open(path, O_RDONLY);
    char content[16];
    return file < 0 || read(file, content, 16) <= 0;
}
