// shows: a folder that the parent left open leads out
// stopped by: closed descriptors
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
    for (int descriptor = 3; descriptor < 1024; descriptor++) {
        int file = openat(descriptor, "decoy", O_RDONLY);
        char content[64] = {0};
        if (file >= 0 && read(file, content, sizeof content - 1) > 0 && strstr(content, "DECOY")) return 0;
    }
    return 1;
}
