// shows: the memory of a process outside is read by a call
// stopped by: seccomp
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
    char content[6] = {0};
    struct { void *start; size_t length; } here = {content, 5}, there = {(void *)strtoul(getenv("VICTIM_ADDRESS"), 0, 0), 5};
    return syscall(SYS_process_vm_readv, atoi(getenv("VICTIM")), &here, 1, &there, 1, 0) != 5 || strcmp(content, "DECOY");
}
