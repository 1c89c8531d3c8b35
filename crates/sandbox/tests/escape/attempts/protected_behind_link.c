// shows: what a link that runs later leads to is changed, over a second link
// stopped by: protected path
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    if (chdir(getenv("WORKSPACE")) || unlink("linked/second")) return 1;
    return open("linked/second", O_WRONLY | O_CREAT, 0600) < 0;
}
