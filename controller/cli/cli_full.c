/* cli_full.c -- koffer full ... */
#include "controller/cli/cli_full.h"
#include "controller/cli/cli_key.h"

#include <inttypes.h>

#include "common/base/table.h"
#include "controller/cli/cli_cut.h"
#include "controller/cli/cli_job.h"
#include "controller/cli/cli_json.h"

static enum rc
list(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {"FULL",   "STATE",  "STARTED",  "SEALED", ">ARCHIVES",
                                         ">FILES", ">BYTES", "VERIFIED", NULL};
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    Koffer__ListRequest request;
    koffer__list_request__init(&request);
    uint64_t limit = 0;
    if (cli_option(cli, "limit") != NULL)
        TRY(cli_number(cli, "limit", cli_option(cli, "limit"), &limit, e));
    request.limit = (uint32_t)(limit < UINT32_MAX ? limit : UINT32_MAX);
    request.all = cli_option(cli, "all") != NULL;
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__FULL_LIST, &request.base,
                 &koffer__full_list__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__FullList *fulls = (const Koffer__FullList *)reply;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < fulls->n_fulls; i++) {
        const Koffer__FullSummary *f = fulls->fulls[i];
        table_put(t, "%" PRIu64, f->full);
        table_put(t, "%s", f->state);
        table_put_time(t, f->started);
        table_put_time(t, f->sealed);
        table_put(t, "%" PRIu32, f->archives);
        table_put(t, "%" PRIu64, f->files);
        table_put_size(t, f->bytes);
        table_put_time(t, f->verified);
    }
    return table_print(t, stdout, e);
}

static void
print_summary(const Koffer__FullSummary *f)
{
    char time[CLOCK_TEXT_SIZE], size[TEXT_SIZE_MAX];
    cli_field("full", "%" PRIu64, f->full);
    cli_field("state", "%s", f->state);
    cli_field("started", "%s", cli_time(f->started, time));
    cli_field("sealed", "%s", cli_time(f->sealed, time));
    cli_field("verified", "%s", f->verified == 0 ? "not yet" : cli_time(f->verified, time));
    cli_field("content", "%" PRIu64 " files, %s", f->files, text_size(f->bytes, size));
    cli_field("record", "%s", f->record);
}

static enum rc
print_archives(const Koffer__FullDetail *d, struct error *e)
{
    static const char *const titles[] = {"SOURCE",   "KIND",   "STATE",       "STARTED", ">FILES",
                                         ">FOLDERS", ">BYTES", ">UNREADABLE", ">FUZZY",  NULL};
    CLEANUP(table_freep) struct table *t = NULL;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < d->n_archives; i++) {
        const Koffer__Archive *a = d->archives[i];
        const Koffer__Totals none = KOFFER__TOTALS__INIT, *totals = a->totals;
        if (totals == NULL)
            totals = &none;
        table_put(t, "%s.%s", a->agent, a->source);
        table_put(t, "%s", a->kind);
        table_put(t, "%s", a->state);
        table_put_time(t, a->started);
        table_put(t, "%" PRIu64, totals->files);
        table_put(t, "%" PRIu64, totals->directories);
        table_put_size(t, totals->bytes);
        table_put(t, "%" PRIu64, totals->unreadable);
        table_put(t, "%" PRIu64, totals->fuzzy);
    }
    return table_print(t, stdout, e);
}

static enum rc
print_cuts(const Koffer__FullDetail *d, struct error *e)
{
    CLEANUP(table_freep) struct table *t = NULL;
    TRY(cli_cut_begin(&t, e));
    for (size_t i = 0; i < d->n_archives; i++) {
        const Koffer__Archive *a = d->archives[i];
        cli_cut_put(t, a->agent, a->source, a->cut, a->facts, a->n_facts);
    }
    return table_print(t, stdout, e);
}

static void
print_facts(const Koffer__FullDetail *d)
{
    for (size_t i = 0; i < d->n_archives; i++) {
        const Koffer__Archive *a = d->archives[i];
        for (size_t at = 0; at < a->n_facts; at++)
            cli_field(at == 0 ? a->source : "", "%s = %s", a->facts[at]->name, a->facts[at]->value);
    }
}

static enum rc
fetch(struct cli *cli, uint64_t full, ProtobufCMessage **reply, struct error *e)
{
    Koffer__FullRef ref;
    koffer__full_ref__init(&ref);
    ref.full = full;
    return cli_call(cli, KOFFER__MESSAGE_TYPE__FULL_SHOW, &ref.base,
                    &koffer__full_detail__descriptor, reply, e);
}

/* The full in the first argument, or the newest; it may not name more. */
static enum rc
wanted_full(struct cli *cli, uint64_t *out, struct error *e)
{
    struct cli_place place = {.path = ""};
    if (cli->argument_count > 0)
        TRY(cli_parse_place(cli, cli->arguments[0], &place, e));
    if (place.source[0] != '\0')
        return cli_wrong(cli, e, "this is about a whole full; write %s",
                         place.full == 0 ? "latest" : "its number only");
    *out = place.full;
    return RC_OK;
}

static enum rc
show(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    uint64_t full;
    TRY(wanted_full(cli, &full, e));
    TRY(fetch(cli, full, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__FullDetail *d = (const Koffer__FullDetail *)reply;
    if (d->summary != NULL)
        print_summary(d->summary);
    char skew[CLI_CUT_TEXT];
    cli_field("skew", "%s", cli_cut_ms(d->skew, skew));
    for (size_t i = 0; i < d->n_recipients; i++)
        cli_field(i == 0 ? "opens with key" : "", "%s", d->recipients[i]);
    for (size_t i = 0; i < d->n_missing; i++)
        cli_field("MISSING", "%s.%s: %s", d->missing[i]->agent, d->missing[i]->source,
                  d->missing[i]->reason);
    (void)printf("\n");
    TRY(print_archives(d, e));
    (void)printf("\n");
    TRY(print_cuts(d, e));
    (void)printf("\n");
    print_facts(d);
    return RC_OK;
}

static enum rc
ls(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    struct cli_place place;
    TRY(cli_parse_place(cli, cli->arguments[0], &place, e));
    if (place.source[0] != '\0')
        return cli_full_ls(cli, e);
    TRY(fetch(cli, place.full, &reply, e));
    return cli->json ? cli_json_print(reply, e)
                     : print_archives((const Koffer__FullDetail *)reply, e);
}

static enum rc
verify(struct cli *cli, struct error *e)
{
    Koffer__FullRef ref;
    koffer__full_ref__init(&ref);
    TRY(wanted_full(cli, &ref.full, e));
    return cli_job_run(cli, KOFFER__MESSAGE_TYPE__FULL_VERIFY, &ref.base, e);
}

static const struct cli_option list_options[] = {
    {.name = "limit", .argument = "N", .help = "At most so many, the newest first."},
    {.name = "all", .help = "Also the records of incomplete cycles, which are no fulls."},
    {.name = NULL},
};

static const struct cli_option browse_options[] = {CLI_KEY_OPTION, {.name = NULL}};

const struct cli_command cli_full_commands[] = {
    {.noun = "full",
     .verb = "list",
     .options = list_options,
     .help = "List the fulls, the newest first.",
     .run = list},
    {.noun = "full",
     .verb = "show",
     .arguments = "[FULL]",
     .most = 1,
     .help =
         "Show a full: its archives, what is missing, which keys open it; when each source was cut, by "
         "the controller's clock, how far apart the snapshots were (skew), and the locks that were held.",
     .run = show},
    {.noun = "full",
     .verb = "ls",
     .arguments = "FULL[:SOURCE[/PATH]]",
     .least = 1,
     .most = 1,
     .options = browse_options,
     .help =
         "List a directory in a full, or the full's archives. An archive holds 'fs', the host's "
         "files from the root, and 'export', what the server's tools wrote. With --key it is opened "
         "on this machine, with the key of a recovery sheet.",
     .run = ls},
    {.noun = "full",
     .verb = "cat",
     .arguments = "FULL:SOURCE/PATH",
     .least = 1,
     .most = 1,
     .options = browse_options,
     .help = "Write the content of a file in a full to the standard output. On a terminal control "
             "characters are shown as \\xNN.",
     .run = cli_full_cat},
    {.noun = "full",
     .verb = "verify",
     .arguments = "[FULL]",
     .most = 1,
     .help = "Prove that a full is complete and every byte of it intact. No key is needed. Ctrl-C "
             "cancels it.",
     .run = verify},
    {.noun = NULL},
};
