// shows: the counters of the processor are read
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
    struct { unsigned type, size; unsigned long long config, period, kind, format, flags; char rest[72]; } request = {1, 112, 1};
    request.flags = 1 << 5 | 1 << 6;
    return syscall(SYS_perf_event_open, &request, 0, -1, -1, 0) < 0;
}
