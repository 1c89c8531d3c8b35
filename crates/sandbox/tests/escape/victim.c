// A process of the host that the attempts go after: its memory and its environment hold a decoy.
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile char memory[] = "DECOY";

int main(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(0x59616d61 /* PR_SET_PTRACER */, -1, 0, 0, 0);
    printf("%p\n", (void *)memory);
    fflush(stdout);
    for (;;) pause();
}
