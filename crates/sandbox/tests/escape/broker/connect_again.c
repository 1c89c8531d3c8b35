// shows: a socket that reached its proxy is disconnected, and connected to another server
// stopped by: connect is never carried out by the kernel
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, htons(atoi(getenv("PORT"))), {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in proxy = {AF_INET, htons(3128), {htonl(INADDR_LOOPBACK)}};
    struct sockaddr nowhere = {AF_UNSPEC};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (void *)&proxy, sizeof proxy);
    connect(fd, &nowhere, sizeof nowhere);
    return connect(fd, (void *)&address, sizeof address);
}
