// shows: a second name for a foreign file is made in the workspace
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
    snprintf(path, sizeof path, "%s/second-name", getenv("WORKSPACE"));
    unlink(path);
    if (link(getenv("DECOY"), path)) return 1;
    unlink(path);
    return 0;
}
