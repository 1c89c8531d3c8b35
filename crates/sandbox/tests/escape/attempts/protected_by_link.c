// shows: a file that runs later is a link, which is put out of the way and made anew
// stopped by: protected path
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    if (chdir(getenv("WORKSPACE")) || unlink("linked/.envrc")) return 1;
    return open("linked/.envrc", O_WRONLY | O_CREAT, 0600) < 0;
}
