/* audit_log.c -- see audit_log.h. */
#include "controller/daemon/audit_log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/sys/file.h"

enum { PATH_SIZE = 4096 };

static const char *
in(const struct settings *s, const char *name, char path[static PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", s->state, name);
    return path;
}

enum rc
audit_log_open(const struct settings *s, const struct store *store, struct catalogue *c,
               struct audit **out, struct error *e)
{
    char path[PATH_SIZE];
    struct audit_options options = {.directory = in(s, "audit", path), .signer = store->signing};
    TRY(catalogue_audit_head(c, &options.known.sequence, &options.known.hash, e));
    TRY(audit_open(&options, out, e));
    audit_log_sign(*out, c);
    return RC_OK;
}

void
audit_log_sign(struct audit *a, struct catalogue *c)
{
    struct error e = ERROR_INIT;
    struct audit_head head;
    char hash[ID_TEXT_SIZE];
    if (audit_sign(a, clock_wall(), clock_mono(), &head, &e) != RC_OK) {
        log_error(&e, "the audit log cannot be signed");
        return;
    }
    if (head.sequence == 0)
        return;
    log_info("audit head", LOG_U64("sequence", head.sequence),
             LOG_TEXT("hash", id_text(&head.hash, hash)));
    if (catalogue_audit_head_set(c, head.sequence, &head.hash, &e) != RC_OK)
        log_error(&e, "the audit log's head is not in the catalogue");
}

/* ---- offline */

/* Without a catalogue there is nothing to compare with; the chain can be checked all the same. */
static enum rc
read_known(const struct settings *s, struct audit_head *out, struct error *e)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    char path[PATH_SIZE];
    bool exists;
    *out = (struct audit_head){0};
    TRY(file_exists(AT_FDCWD, in(s, "catalogue.db", path), &exists, e));
    if (!exists)
        return RC_OK;
    TRY(catalogue_open(path, &c, e));
    return catalogue_audit_head(c, &out->sequence, &out->hash, e);
}

enum rc
audit_log_verify(const struct settings *s, bool *whole, struct error *e)
{
    CLEANUP(store_clear) struct store store = {0};
    struct audit_report r;
    struct audit_head known;
    char path[PATH_SIZE], hash[ID_TEXT_SIZE], time[CLOCK_TEXT_SIZE];
    TRY(store_load(s, &store, e));
    TRY(read_known(s, &known, e));
    TRY(audit_verify(in(s, "audit", path), &store.signing_public, &known, &r, e));
    *whole = r.problem[0] == '\0';
    (void)printf("%s: %s, records %" PRIu64 " to %" PRIu64 "\n", path, *whole ? "whole" : "BROKEN",
                 r.first, r.last);
    if (!*whole)
        (void)printf("first break: %s\n", r.problem);
    (void)printf("last signed: %s\nhead: %s\n",
                 r.last_signed.ns == 0 ? "never" : clock_text(r.last_signed, time),
                 id_text(&r.head, hash));
    return RC_OK;
}
