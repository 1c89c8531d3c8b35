// shows: a datagram socket of the host is reached
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

int main(void) {
    struct sockaddr_in address = {AF_INET, htons(atoi(getenv("UDP_PORT"))), {htonl(INADDR_LOOPBACK)}};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    char answer[8];
    struct timeval wait = {1, 0};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    sendto(s, "ping", 4, 0, (void *)&address, sizeof address);
    return recv(s, answer, sizeof answer, 0) <= 0;
}
