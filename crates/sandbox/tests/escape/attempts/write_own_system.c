// shows: a program of the system is replaced for the next command
// stopped by: read-only mount
// outside: root
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
    const char *paths[] = {"/usr/bin/planted", "/usr/local/bin/planted", "/etc/planted", "/lib/planted"};
    for (int i = 0; i < 4; i++) {
        int file = open(paths[i], O_WRONLY | O_CREAT, 0755);
        if (file >= 0) { unlink(paths[i]); return 0; }
    }
    return 1;
}
