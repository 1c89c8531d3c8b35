// shows: a socket listens on a port of the machine without having been bound
// stopped by: seccomp
#include <sys/socket.h>

int main(void) {
    return listen(socket(AF_INET, SOCK_STREAM, 0), 1);
}
