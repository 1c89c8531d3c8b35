// shows: data sent with fast open connects without `connect`
// stopped by: seccomp
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, htons(atoi(getenv("PORT"))), {htonl(INADDR_LOOPBACK)}};
    int one = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    struct iovec data = {"x", 1};
    struct msghdr message = {&address, sizeof address, &data, 1};
    return sendto(one, "x", 1, MSG_FASTOPEN, (void *)&address, sizeof address) != 1
        && sendmsg(other, &message, MSG_FASTOPEN) != 1;
}
