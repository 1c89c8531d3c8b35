// shows: a file is made set-uid by a call whose mode lies in memory
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
    if (chdir(getenv("WORKSPACE"))) return 1;
    umask(0);
    unsigned long long how[3] = {O_RDWR | O_CREAT | O_EXCL, 04755, 0};
    int file = syscall(SYS_openat2, AT_FDCWD, "set-id-openat2", how, sizeof how);
    struct stat found;
    if (file < 0 || fstat(file, &found)) return 1;
    unlink("set-id-openat2");
    return found.st_mode & 04000 ? 0 : 1;
}
