/* catalogue_acts.c -- see catalogue_acts.h. */
#include "tests/support/catalogue_acts.h"

#include <stdio.h>
#include <string.h>

#include "controller/catalogue/catalogue_internal.h"
#include "tests/support/check.h"

static const struct id token = {{1}}, certificate = {{5}};
static const struct keys_public key = {{3}};
static const struct wall now = {1000}, until = {3000};

static enum rc
invite(struct catalogue *c, struct error *e)
{
    return catalogue_peer_invite(c, CERTIFICATE_AGENT, "new", false, &token, until, now, e);
}

static enum rc
burn(struct catalogue *c, struct error *e)
{
    return catalogue_peer_burn(c, CERTIFICATE_AGENT, "imap1", &token, now, e);
}

static enum rc
enrol(struct catalogue *c, struct error *e)
{
    return catalogue_peer_enrolled(c, CERTIFICATE_AGENT, "imap1", &key, &key, &certificate, until,
                                   now, e);
}

static enum rc
set_sources(struct catalogue *c, struct error *e)
{
    static const struct catalogue_source sources[] = {
        {.name = "a", .kind = "files", .description = ""},
        {.name = "b", .kind = "files", .description = ""},
        {.name = "c", .kind = "imap", .description = "", .required = true},
    };
    return catalogue_sources_set(c, "imap1", sources, 3, e);
}

static enum rc
begin_cycle(struct catalogue *c, struct error *e)
{
    uint64_t number;
    return catalogue_cycle_new(c, 0, "root", now, &number, e);
}

static enum rc
take_transition(struct catalogue *c, struct error *e)
{
    return catalogue_cycle_state(c, 1, "failed", "unwound-failed", "why", true, now, e);
}

static enum rc
add_full(struct catalogue *c, struct error *e)
{
    const struct record_archive archives[] = {
        {.host = "imap1", .source = "a", .sequence = 4, .state = RECORD_COMPLETE, .name = {{4}}},
        {.host = "imap1", .source = "b", .sequence = 5, .state = RECORD_COMPLETE, .name = {{5}}},
    };
    const struct record_full full = {
        .number = 1, .state = RECORD_FULL, .archive_count = 2, .name = {{7}}};
    return catalogue_full_add(c, &full, archives, e);
}

const struct catalogue_act catalogue_acts[CATALOGUE_ACTS] = {
    {"invite", invite},
    {"burn", burn},
    {"enrol", enrol},
    {"set sources", set_sources},
    {"begin a cycle", begin_cycle},
    {"take a transition", take_transition},
    {"add a full", add_full},
};

void
catalogue_acts_prepare(struct catalogue *c)
{
    struct error e = ERROR_INIT;
    static const struct catalogue_source old = {.name = "old", .kind = "files", .description = ""};
    uint64_t number;
    CHECK_OK(catalogue_peer_invite(c, CERTIFICATE_AGENT, "imap1", false, &token, until, now, &e),
             &e);
    CHECK_OK(catalogue_sources_set(c, "imap1", &old, 1, &e), &e);
    CHECK_OK(catalogue_cycle_new(c, 0, "root", now, &number, &e), &e);
}

#define PEERS                                                                                      \
    "SELECT quote(name)||quote(enrolled)||quote(token)||quote(token_until)||quote(signing)||"      \
    "quote(certificate) FROM peer ORDER BY name"

void
catalogue_acts_describe(struct catalogue *c, char out[static CATALOGUE_ACTS_TEXT])
{
    static const char *const queries[] = {
        PEERS,
        "SELECT quote(agent)||quote(name)||quote(kind)||quote(required) FROM source ORDER BY name",
        "SELECT quote(number)||quote(state)||quote(final)||quote(problem) FROM cycle ORDER BY 1",
        "SELECT quote(cycle)||quote(event)||quote(state) FROM transition ORDER BY rowid",
        "SELECT quote(number)||quote(good)||quote(record)||quote(archives) FROM full ORDER BY 1",
        "SELECT quote(full)||quote(agent)||quote(source)||quote(complete) FROM archive ORDER BY 1",
        "SELECT quote(host)||quote(sequence)||quote(name) FROM chain ORDER BY 1",
    };
    struct error e = ERROR_INIT;
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        CLEANUP(sql_freep) struct sql *rows = NULL;
        CHECK_OK(sql_query(c->db, &rows, &e, queries[i], ""), &e);
        for (;;) {
            bool more;
            CHECK_OK(sql_next(rows, &more, &e), &e);
            if (!more)
                break;
            len += (size_t)snprintf(out + len, CATALOGUE_ACTS_TEXT - len, "%zu: %s\n", i,
                                    sql_text(rows, 0));
            assert_true(len < CATALOGUE_ACTS_TEXT);
        }
    }
}
