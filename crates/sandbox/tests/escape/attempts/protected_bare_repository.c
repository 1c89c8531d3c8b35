// shows: a bare repository gets a hook
// stopped by: protected path
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    return chdir(getenv("WORKSPACE")) || open("linked/bare/config", O_WRONLY | O_CREAT, 0600) < 0;
}
