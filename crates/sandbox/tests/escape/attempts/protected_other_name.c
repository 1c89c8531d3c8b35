// shows: a file that runs later is changed by its other name
// stopped by: protected path
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    return chdir(getenv("WORKSPACE")) || open("linked/other-name", O_WRONLY | O_APPEND) < 0;
}
