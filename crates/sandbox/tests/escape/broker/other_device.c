// shows: a connected socket is bound to a network device of its choice
// stopped by: it is bound to the loopback already, and only root changes that
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, htons(atoi(getenv("PORT"))), {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in proxy = {AF_INET, htons(3128), {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0), any = 0;
    if (connect(fd, (void *)&proxy, sizeof proxy)) {
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&address, sizeof address)) return 2;
    }
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
}
