// shows: the metadata address of a cloud is reached
// stopped by: network namespace
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
#include <net/if.h>

int main(void) {
    // A stand-in for the service, in namespaces of its own, where there is no cloud.
    unshare(CLONE_NEWUSER | CLONE_NEWNET);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct ifreq request = {.ifr_name = "lo"};
    struct sockaddr_in address = {AF_INET, htons(80), {htonl(0xa9fea9fe)}};
    memcpy(&request.ifr_addr, &address, sizeof address);
    ((struct sockaddr_in *)&request.ifr_addr)->sin_port = 0;
    ioctl(s, SIOCSIFADDR, &request);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ioctl(s, SIOCSIFFLAGS, &request);
    int service = socket(AF_INET, SOCK_STREAM, 0);
    bind(service, (void *)&address, sizeof address);
    listen(service, 1);
    return connect(s, (void *)&address, sizeof address);
}
