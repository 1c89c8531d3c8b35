// shows: connected to a socket of the host by changing the address while it is looked at
// stopped by: the first process, which reads the address once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_un addresses[2], used = { .sun_family = AF_UNIX };
static volatile int running = 1;

static void *swap(void *nothing) {
    for (unsigned i = 0; running; i++) memcpy(used.sun_path, addresses[i & 1].sun_path, sizeof used.sun_path);
    return nothing;
}

int main(void) {
    pthread_t thread;
    int own = socket(AF_UNIX, SOCK_STREAM, 0), found = 0;
    for (int i = 0; i < 2; i++) addresses[i].sun_family = AF_UNIX;
    snprintf(addresses[0].sun_path, sizeof used.sun_path, "/tmp/own-%d", getpid());
    strncpy(addresses[1].sun_path, getenv("GRANTED_SOCKET"), sizeof used.sun_path - 1);
    if (own < 0 || bind(own, (struct sockaddr *)&addresses[0], sizeof used) || listen(own, 4096)) return 1;
    pthread_create(&thread, 0, swap, 0);
    // On a busy machine the other thread may get no turn for a while: there is time enough for it to have many.
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    now = begun;
    for (int i = 0; !found && (i < 2000 || now.tv_sec - begun.tv_sec < 2); i++) {
        if (i % 64 == 0) {
            sched_yield();
            clock_gettime(CLOCK_MONOTONIC, &now);
        }
        int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct sockaddr_un peer = { 0 };
        socklen_t length = sizeof peer;
        if (connect(s, (struct sockaddr *)&used, sizeof used) == 0 &&
            getpeername(s, (struct sockaddr *)&peer, &length) == 0 && !strcmp(peer.sun_path, addresses[1].sun_path))
            found = 1;
        close(s);
    }
    running = 0;
    pthread_join(thread, 0);
    unlink(addresses[0].sun_path);
    return !found;
}
