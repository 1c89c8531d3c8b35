// shows: a process of the host is found in the list
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
    for (int process = 1; process <= atoi(getenv("VICTIM")); process++) {
        char path[64], content[4096];
        snprintf(path, sizeof path, "/proc/%d/cmdline", process);
        int file = open(path, O_RDONLY);
        if (file < 0) continue;
        long length = read(file, content, sizeof content);
        close(file);
        if (length > 0 && memmem(content, length, "hardshell-victim", 16)) return 0;
    }
    return 1;
}
