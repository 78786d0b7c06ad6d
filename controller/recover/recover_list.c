/* recover_list.c -- koffer-recover list.  See recover.h. */
#include <inttypes.h>
#include <jansson.h>

#include "common/base/table.h"
#include "common/base/text.h"
#include "controller/recover/recover.h"
#include "controller/recover/recover_print.h"

struct listing {
    struct table *table;
    json_t *json; /* array; NULL: the table is filled */
};

static void
end_listing(struct listing *l)
{
    table_free(l->table);
    json_decref(l->json);
}

static void
put_row(const struct recover *r, struct table *t, const struct archive_set *set)
{
    char signer[ID_TEXT_SIZE];
    struct record_totals sum = recover_print_sum(set);
    table_put(t, "%" PRIu64, set->full.number);
    table_put(t, "%s", recover_print_state(set->full.state));
    table_put_time(t, set->full.started.ns);
    table_put_time(t, set->full.sealed.ns);
    table_put(t, "%zu", set->full.archive_count);
    table_put(t, "%" PRIu64, sum.files);
    table_put_size(t, sum.bytes);
    table_put(t, "%.16s%s", recover_print_key(&set->full.signing_key, signer),
              recover_print_verdict(r, &set->full));
}

static void
put_damaged(struct table *t, uint64_t number)
{
    table_put(t, "%" PRIu64, number);
    table_put(t, "DAMAGED");
    for (size_t i = 0; i < 6; i++)
        table_put(t, "-");
}

static enum rc
add(struct recover *r, struct listing *l, uint64_t number, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct archive_set set;
    struct error why = ERROR_INIT;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    bool good = recover_load_number(r, number, arena, &set, &why) == RC_OK;
    if (!good) {
        recover_say("%s", why.text);
        r->exit = RECOVER_INCOMPLETE;
    }
    if (l->json == NULL && good)
        put_row(r, l->table, &set);
    else if (l->json == NULL)
        put_damaged(l->table, number);
    else if (json_array_append_new(l->json,
                                   good ? recover_print_json(r, &set, false)
                                        : json_pack("{s:I, s:s, s:s}", "full", (json_int_t)number,
                                                    "state", "damaged", "problem", why.text)) != 0)
        return error_set(e, RC_NO_MEMORY, "JSON");
    return RC_OK;
}

enum rc
recover_list(struct recover *r, struct error *e)
{
    static const char *const titles[] = {"FULL",   "STATE",  "STARTED",   "SEALED", ">ARCHIVES",
                                         ">FILES", ">BYTES", "SIGNED BY", NULL};
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    CLEANUP(end_listing) struct listing l = {0};
    size_t count = 0;
    TRY(table_new(titles, &l.table, e));
    if (r->json && (l.json = json_array()) == NULL)
        return error_set(e, RC_NO_MEMORY, "JSON");
    TRY(vault_fulls(r->vault, &fulls, &count, e));
    while (count-- > 0)
        TRY(add(r, &l, fulls[count].number, e));
    if (r->json)
        return recover_print_document(
            json_pack("{s:o, s:O}", "vault", recover_print_vault(r), "fulls", l.json), e);
    return table_print(l.table, stdout, e);
}
