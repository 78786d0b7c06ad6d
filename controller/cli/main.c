/* main.c -- koffer: the operator's command.  See koffer(1). */
#include <signal.h>

#include "common/base/log.h"
#include "controller/cli/cli.h"

int
main(int argc, char *argv[])
{
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, reported as such */
    log_set_level(LOG_LEVEL_ERROR); /* what TLS refuses is told by the error, too */
    return cli_main(argc, argv);
}
