// shows: a connection that is put off until data is sent leads to another server
// stopped by: connect is answered before the kernel could put it off
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, htons(atoi(getenv("PORT"))), {htonl(INADDR_LOOPBACK)}}, peer;
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    socklen_t length = sizeof peer;
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &yes, sizeof yes);
    connect(fd, (void *)&address, sizeof address);
    send(fd, "x", 1, MSG_NOSIGNAL);
    return getpeername(fd, (void *)&peer, &length) || peer.sin_port != address.sin_port;
}
