// shows: a file is made beside the workspace
// stopped by: root
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
    snprintf(path, sizeof path, "%s/planted", getenv("OUTSIDE"));
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    if (file < 0) return 1;
    unlink(path);
    return 0;
}
