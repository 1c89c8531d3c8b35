// shows: a file is moved out of the workspace
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
    char from[4096], to[4096];
    snprintf(from, sizeof from, "%s/moved", getenv("WORKSPACE"));
    snprintf(to, sizeof to, "%s/moved", getenv("OUTSIDE"));
    close(open(from, O_WRONLY | O_CREAT, 0600));
    if (rename(from, to)) return 1;
    unlink(to);
    return 0;
}
