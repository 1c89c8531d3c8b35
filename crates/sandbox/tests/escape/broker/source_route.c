// shows: a socket names a way through other machines for what it sends (RFC 791, loose source route)
// stopped by: seccomp
// outside: root
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in proxy = {AF_INET, htons(3128), {htonl(INADDR_LOOPBACK)}};
    unsigned char route[12] = {1, 131, 11, 4, 192, 0, 2, 1, 127, 0, 0, 1};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (void *)&proxy, sizeof proxy);
    return setsockopt(fd, IPPROTO_IP, 4 /* IP_OPTIONS */, route, sizeof route);
}
