// shows: the memory of a process outside is read through its file
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
    char path[64], content[6] = {0};
    snprintf(path, sizeof path, "/proc/%s/mem", getenv("VICTIM"));
    int file = open(path, O_RDONLY);
    return file < 0 || pread(file, content, 5, strtoul(getenv("VICTIM_ADDRESS"), 0, 0)) != 5 || strcmp(content, "DECOY");
}
