/* cli_cut.c -- see cli_cut.h. */
#include "controller/cli/cli_cut.h"

#include <inttypes.h>
#include <stdio.h>

enum { NS_PER_US = 1000 };

const char *
cli_cut_ms(int64_t ns, char out[static CLI_CUT_TEXT])
{
    if (ns < 0)
        (void)snprintf(out, CLI_CUT_TEXT, "-");
    else
        (void)snprintf(out, CLI_CUT_TEXT, "%" PRId64 ".%03" PRId64 " ms", ns / CLOCK_NS_PER_MS,
                       ns % CLOCK_NS_PER_MS / NS_PER_US);
    return out;
}

/* "2026-11-24T01:36:00.123456Z": a cut is a matter of milliseconds. */
static void
put_instant(struct table *t, int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    int64_t us = (ns % CLOCK_NS_PER_SECOND + CLOCK_NS_PER_SECOND) % CLOCK_NS_PER_SECOND / NS_PER_US;
    if (ns == 0) {
        table_put(t, "-");
        return;
    }
    (void)clock_text((struct wall){ns}, text);
    text[strcspn(text, "Z")] = '\0';
    table_put(t, "%s.%06" PRId64 "Z", text, us);
}

/* "+12.345 ms", within "0.300 ms" */
static void
put_clock(struct table *t, const Koffer__Cut *cut)
{
    char ms[CLI_CUT_TEXT];
    if (cut == NULL || !cut->measured) {
        table_put(t, "not measured");
        table_put(t, "-");
        return;
    }
    /* Of a false clock: as far off as can be. */
    int64_t off = cut->offset == INT64_MIN ? INT64_MAX
                  : cut->offset < 0        ? -cut->offset
                                           : cut->offset;
    table_put(t, "%s%s", cut->offset < 0 ? "-" : "+", cli_cut_ms(off, ms));
    table_put(t, "%s", cli_cut_ms(cut->uncertainty, ms));
}

/* The last one said counts. */
static const char *
fact(Koffer__Fact *const *facts, size_t count, const char *name)
{
    for (size_t i = count; i > 0; i--)
        if (text_equal(facts[i - 1]->name, name))
            return facts[i - 1]->value;
    return NULL;
}

static void
put_us(struct table *t, const char *value)
{
    char ms[CLI_CUT_TEXT];
    uint64_t us;
    struct error ignored = ERROR_INIT;
    if (value == NULL || text_parse_u64(value, 0, INT64_MAX / NS_PER_US, &us, &ignored) != RC_OK)
        table_put(t, "-");
    else
        table_put(t, "%s", cli_cut_ms((int64_t)us * NS_PER_US, ms));
}

static const char *
how(const Koffer__Cut *cut, const char *driver, const char *method)
{
    if (cut == NULL || cut->until == 0)
        return "live";
    if (cut->snapshot)
        return driver != NULL ? driver : "snapshot";
    return method != NULL ? method : "export";
}

enum rc
cli_cut_begin(struct table **out, struct error *e)
{
    static const char *const titles[] = {"SOURCE", "CUT",      ">TOOK", "BY",
                                         ">CLOCK", ">WITHIN",  "LOCK",  ">WAITED",
                                         ">HELD",  ">STALLED", NULL};
    return table_new(titles, out, e);
}

void
cli_cut_put(struct table *t, const char *agent, const char *source, const Koffer__Cut *cut,
            Koffer__Fact *const *facts, size_t count)
{
    char ms[CLI_CUT_TEXT];
    const char *kind = fact(facts, count, "lock.kind");
    bool is_cut = cut != NULL && cut->until != 0;
    table_put(t, "%s.%s", agent, source);
    put_instant(t, is_cut ? cut->until : 0);
    table_put(
        t, "%s",
        is_cut ? cli_cut_ms(clock_between((struct wall){cut->from}, (struct wall){cut->until}), ms)
               : "-");
    table_put(t, "%s",
              how(cut, fact(facts, count, "cut.driver"), fact(facts, count, "cut.method")));
    put_clock(t, cut);
    table_put(t, "%s", kind != NULL ? kind : "-");
    put_us(t, fact(facts, count, "lock.wait_us"));
    put_us(t, fact(facts, count, "lock.hold_us"));
    put_us(t, fact(facts, count, "lock.stall_us"));
}
