/* recover_show.c -- koffer-recover show.  See recover.h. */
#include <inttypes.h>

#include "common/base/table.h"
#include "common/base/text.h"
#include "controller/recover/recover_print.h"

static void
print_head(const struct recover *r, const struct record_full *f)
{
    char text[ID_TEXT_SIZE], time[CLOCK_TEXT_SIZE];
    (void)printf("full           %" PRIu64 "\n", f->number);
    (void)printf("state          %s\n", recover_print_state(f->state));
    (void)printf("started        %s\n", clock_text(f->started, time));
    (void)printf("sealed         %s\n", clock_text(f->sealed, time));
    (void)printf("record         %s\n", id_text(&f->name, text));
    (void)printf("controller key %s%s\n", recover_print_key(&f->signing_key, text),
                 recover_print_verdict(r, f));
    for (size_t i = 0; i < f->missing_count; i++) {
        const struct record_missing *m = &f->missing[i];
        char reason[512];
        (void)printf("MISSING        %s.%s: %s\n", m->host, m->source,
                     text_escape(span_of(m->reason, strlen(m->reason)), reason, sizeof reason));
    }
}

/* All archives of a full are sealed to the same recipients. */
static void
print_recipients(const struct archive_set *set)
{
    char text[ID_TEXT_SIZE];
    for (size_t i = 0; set->full.archive_count > 0 && i < set->archives[0].recipient_count; i++)
        (void)printf("%-14s %s\n", i == 0 ? "opens with key" : "",
                     id_text(&set->archives[0].recipients[i].fingerprint, text));
    (void)printf("\n");
}

static enum rc
print_archives(const struct archive_set *set, struct error *e)
{
    static const char *const titles[] = {"SOURCE",   "KIND",   "STATE",       "STARTED",   ">FILES",
                                         ">FOLDERS", ">BYTES", ">UNREADABLE", "SIGNED BY", NULL};
    CLEANUP(table_freep) struct table *t = NULL;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < set->full.archive_count; i++) {
        const struct record_archive *a = &set->archives[i];
        char signer[ID_TEXT_SIZE];
        table_put(t, "%s.%s", a->host, a->source);
        table_put(t, "%s", a->kind);
        table_put(t, "%s", a->state == RECORD_COMPLETE ? "complete" : "incomplete");
        table_put_time(t, a->started.ns);
        table_put(t, "%" PRIu64, a->totals.files);
        table_put(t, "%" PRIu64, a->totals.directories);
        table_put_size(t, a->totals.bytes);
        table_put(t, "%" PRIu64, a->totals.unreadable);
        table_put(t, "%.16s", recover_print_key(&a->signing_key, signer));
    }
    return table_print(t, stdout, e);
}

enum rc
recover_show(struct recover *r, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct archive_set set;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(recover_load(r, arena, &set, e));
    if (r->json)
        return recover_print_document(recover_print_json(r, &set, true), e);
    print_head(r, &set.full);
    print_recipients(&set);
    return print_archives(&set, e);
}
