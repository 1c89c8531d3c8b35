// shows: a thread puts other files in the place of the socket while it is connected, and another server is reached
// stopped by: what is put there leads to the proxy, whatever it replaces
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile int over;
static int place, pair[2];
static struct sockaddr_in shared = {AF_INET, 0, {0}};
static unsigned short port;

static void *swap(void *nothing) {
    for (unsigned i = 0; !over; i++) {
        usleep(i % 40);
        dup2(pair[0], place);
        int fresh = socket(AF_INET, SOCK_STREAM, 0);
        dup2(fresh, place);
        close(fresh);
        __atomic_store_n(&shared.sin_port, htons(3128), __ATOMIC_SEQ_CST);
        usleep(i % 60);
        close(place);
        fresh = socket(AF_INET, SOCK_STREAM, 0);
        if (fresh != place) dup2(fresh, place), close(fresh);
        __atomic_store_n(&shared.sin_port, port, __ATOMIC_SEQ_CST);
        usleep(i % 80);
    }
    return NULL;
}

int main(void) {
    port = htons(atoi(getenv("PORT")));
    shared.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    place = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, swap, NULL);
    int reached = 0;
    time_t begun = time(NULL);
    for (int i = 0; i < 3000 && !reached && time(NULL) - begun < 8; i++) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        connect(place, (void *)&shared, sizeof shared);
        for (int fd = 3; fd < 12 && !reached; fd++, length = sizeof peer)
            reached = getpeername(fd, (void *)&peer, &length) == 0 && peer.sin_family == AF_INET && peer.sin_port == port;
    }
    over = 1;
    return !reached;
}
