/* main.c -- koffer-recover: restore without a controller.  See koffer-recover(8). */
#include <signal.h>

#include "controller/recover/recover.h"

int
main(int argc, char *argv[])
{
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, reported as such */
    return recover_main(argc, argv);
}
