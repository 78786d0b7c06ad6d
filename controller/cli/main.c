/* main.c -- koffer: the operator's command.  See koffer(1). */
#include <signal.h>

#include "controller/cli/cli.h"

int
main(int argc, char *argv[])
{
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, reported as such */
    return cli_main(argc, argv);
}
