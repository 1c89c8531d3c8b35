// shows: the environment of a process outside is read
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
    char path[64], content[8192];
    snprintf(path, sizeof path, "/proc/%s/environ", getenv("VICTIM"));
    int file = open(path, O_RDONLY);
    long length = file < 0 ? 0 : read(file, content, sizeof content);
    return memmem(content, length > 0 ? length : 0, "DECOY", 5) ? 0 : 1;
}
