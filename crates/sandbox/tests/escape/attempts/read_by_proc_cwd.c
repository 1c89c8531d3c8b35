// shows: a file is reached through the folder of another process
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
    snprintf(path, sizeof path, "/proc/%s/cwd/decoy", getenv("VICTIM"));
    int file = open(path, O_RDONLY);
    if (file < 0) return 1;
    char content[64] = {0};
    return read(file, content, sizeof content - 1) > 0 && strstr(content, "DECOY") ? 0 : 1;
}
