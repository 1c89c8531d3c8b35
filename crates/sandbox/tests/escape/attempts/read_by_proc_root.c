// shows: a file is reached through the root of another process
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
    char path[4096];
    const char *victims[] = {getenv("VICTIM"), "1", getenv("PARENT")};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/proc/%s/root%s", victims[i], getenv("DECOY"));
        int file = open(path, O_RDONLY);
        char content[64] = {0};
        if (file >= 0 && read(file, content, sizeof content - 1) > 0 && strstr(content, "DECOY")) return 0;
    }
    return 1;
}
