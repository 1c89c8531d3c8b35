// shows: a thread changes the address while it is looked at, and another server is reached
// stopped by: the address is copied once, and the kernel never reads it again
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in shared = {AF_INET, 0, {0}};
static volatile int over;

static void *flip(void *port) {
    while (!over) {
        __atomic_store_n(&shared.sin_port, htons(3128), __ATOMIC_SEQ_CST);
        __atomic_store_n(&shared.sin_port, *(unsigned short *)port, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

int main(void) {
    unsigned short port = htons(atoi(getenv("PORT")));
    shared.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_t thread;
    pthread_create(&thread, NULL, flip, &port);
    int reached = 0;
    time_t begun = time(NULL);
    for (int i = 0; !reached && (i < 3000 ? time(NULL) - begun < 8 : time(NULL) - begun < 3); i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        if (connect(fd, (void *)&shared, sizeof shared) == 0 && getpeername(fd, (void *)&peer, &length) == 0)
            reached = peer.sin_port == port;
        close(fd);
    }
    over = 1;
    return !reached;
}
