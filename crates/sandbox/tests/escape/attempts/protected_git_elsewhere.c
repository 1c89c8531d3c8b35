// shows: the repository that a `.git` file names gets a hook
// stopped by: protected path
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    return chdir(getenv("WORKSPACE")) || open("linked/repository/hook", O_WRONLY | O_CREAT, 0700) < 0;
}
