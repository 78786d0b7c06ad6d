/* recover_verify.c -- koffer-recover verify.  See recover.h. */
#include <inttypes.h>

#include "common/base/text.h"
#include "controller/recover/recover.h"

static void
print_finding(void *ctx, const struct vault_finding *f)
{
    (void)ctx;
    recover_say("%s", f->text);
}

/* Whose signatures they are: that they are good is a part of the verification itself. */
static enum rc
count_foreign(struct recover *r, uint64_t *out, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count = 0;
    *out = 0;
    TRY(vault_fulls(r->vault, &fulls, &count, e));
    for (size_t i = 0; i < count && r->has_controller_key; i++) {
        CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
        struct archive_set set;
        struct error damaged = ERROR_INIT; /* has been reported */
        if (arena == NULL)
            return error_set(e, RC_NO_MEMORY, "record");
        if (recover_load_number(r, fulls[i].number, arena, &set, &damaged) != RC_OK ||
            recover_is_expected(r, &set.full))
            continue;
        recover_say("full %llu is not signed by the expected controller",
                    (unsigned long long)set.full.number);
        ++*out;
    }
    return RC_OK;
}

enum rc
recover_verify(struct recover *r, struct error *e)
{
    const struct vault_verify_options options = {.finding = print_finding};
    struct vault_verify_counts n;
    uint64_t foreign;
    char size[TEXT_SIZE_MAX];
    TRY(vault_verify(r->vault, &options, &n, e));
    TRY(count_foreign(r, &foreign, e));
    (void)printf("verified %" PRIu64 " fulls, %" PRIu64 " archives, %" PRIu64 " packs, %" PRIu64
                 " blobs, %s\n",
                 n.fulls, n.archives, n.packs, n.blobs, text_size(n.bytes, size));
    if (n.damaged == 0 && n.missing == 0 && foreign == 0)
        return RC_OK;
    return error_set(e, RC_CORRUPT,
                     "%" PRIu64 " damaged, %" PRIu64 " missing, %" PRIu64
                     " not signed by the expected controller: what is whole can be restored",
                     n.damaged, n.missing, foreign);
}
