/* cli_main.c -- from words to an exit status.  See cli.h. */
#include <errno.h>
#include <stdlib.h>

#include "controller/cli/cli_operator.h"

static enum cli_exit
exit_of(const struct cli *cli, enum rc rc)
{
    if (cli->exit != CLI_OK || rc == RC_OK)
        return cli->exit;
    if (rc == RC_NOT_FOUND)
        return CLI_NOT_FOUND;
    return rc == RC_DENIED ? CLI_DENIED : CLI_FAILED;
}

static enum rc
run(struct cli *cli, struct error *e)
{
    TRY(cli->command->run(cli, e));
    /* A full disk or a closed pipe behind us must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout))
        return error_errno(e, "standard output");
    return RC_OK;
}

static void
report(const struct cli *cli, const struct error *e)
{
    (void)fflush(stdout);
    /* Foreign text was escaped where it came in. */
    (void)fprintf(stderr, "koffer: %s\n", e->text);
    if (cli->exit != CLI_USAGE)
        return;
    const char *verb = cli->command != NULL ? cli->command->verb : NULL;
    bool known = cli->command != NULL || (cli->noun != NULL && cli_parse_is_noun(cli->noun));
    (void)fprintf(stderr, "See 'koffer%s%s%s%s --help'.\n", known ? " " : "",
                  known ? cli->noun : "", verb == NULL ? "" : " ", verb == NULL ? "" : verb);
}

int
cli_main(int argc, char *argv[])
{
    const char *controller = getenv("KOFFER_CONTROLLER");
    struct cli cli = {.controller =
                          controller != NULL && controller[0] != '\0' ? controller : NULL};
    struct error e = ERROR_INIT;
    enum rc rc = cli_parse(&cli, argc, argv, &e);
    if (rc == RC_OK && cli.version)
        (void)printf("koffer " KOFFER_VERSION "\n");
    else if (rc == RC_OK && cli.help)
        cli_print_help(&cli, stdout);
    else if (rc == RC_OK)
        rc = run(&cli, &e);
    if (rc != RC_OK)
        report(&cli, &e);
    if (cli.afar) /* last: whoever uses the new one cuts the old one off */
        cli_operator_renew(&cli);
    link_close(cli.link);
    return (int)exit_of(&cli, rc);
}
