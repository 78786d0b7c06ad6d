/* recover.c -- from words to an exit status.  See recover.h. */
#include "controller/recover/recover.h"

#include <stdarg.h>

#include "common/base/text.h"

static const struct {
    const char *verb;
    enum rc (*run)(struct recover *r, struct error *e);
} commands[] = {
    {"list", recover_list}, {"show", recover_show},       {"ls", recover_ls},
    {"cat", recover_cat},   {"restore", recover_restore}, {"verify", recover_verify},
};

void
recover_say(const char *fmt, ...)
{
    va_list args;
    (void)fflush(stdout);
    (void)fprintf(stderr, "koffer-recover: ");
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

static enum rc
run(struct recover *r, struct error *e)
{
    TRY(recover_open(r, e));
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (text_equal(commands[i].verb, r->verb))
            TRY(commands[i].run(r, e));
    /* A full disk or a closed pipe behind us must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout))
        return error_errno(e, "standard output");
    return RC_OK;
}

static enum recover_exit
exit_of(const struct recover *r, enum rc rc)
{
    if (r->exit != RECOVER_OK || rc == RC_OK)
        return r->exit;
    if (rc == RC_NOT_FOUND)
        return RECOVER_NOT_FOUND;
    return rc == RC_DENIED ? RECOVER_DENIED : RECOVER_FAILED;
}

int
recover_main(int argc, char *argv[])
{
    struct recover r = {.place = {.path = ""}};
    struct error e = ERROR_INIT;
    enum rc rc = recover_parse(&r, argc, argv, &e);
    if (rc == RC_OK && r.version)
        (void)printf("koffer-recover " KOFFER_VERSION "\n");
    else if (rc == RC_OK && r.help)
        recover_print_usage(stdout);
    else if (rc == RC_OK)
        rc = run(&r, &e);
    if (rc != RC_OK)
        recover_say("%s", e.text);
    if (r.exit == RECOVER_USAGE)
        recover_print_usage(stderr);
    keys_private_free(r.key);
    vault_close(r.vault);
    return (int)exit_of(&r, rc);
}
