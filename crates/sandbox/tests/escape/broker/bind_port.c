// shows: a socket takes a port of the machine
// stopped by: seccomp
#include <arpa/inet.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_ANY)}};
    return bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address);
}
