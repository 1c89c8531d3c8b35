// shows: processes that are killed while they connect, and whose numbers return, reach another server
// stopped by: the call must still wait after its memory was read
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    unsigned short port = htons(atoi(getenv("PORT")));
    int *reached = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 300 && !*reached; i++) {
        pid_t child = fork();
        if (child == 0) {
            int fd = socket(AF_INET, SOCK_STREAM, 0);
            struct sockaddr_in address = {AF_INET, i % 2 ? port : htons(3128), {htonl(INADDR_LOOPBACK)}}, peer;
            socklen_t length = sizeof peer;
            connect(fd, (void *)&address, sizeof address);
            if (getpeername(fd, (void *)&peer, &length) == 0 && peer.sin_port == port) *reached = 1;
            _exit(0);
        }
        usleep(i % 20 * 10 + (i % 7 == 6) * 2000);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return !*reached;
}
