/* record_skew.c -- how far apart the cuts of a full were.  See record.h. */
#include "common/base/text.h"
#include "common/record/record.h"

bool
record_archive_is_snapshot(const struct record_archive *a)
{
    for (size_t i = 0; i < a->fact_count; i++)
        if (text_equal(a->facts[i].name, "cut.driver"))
            return a->cut_until.ns != 0 && !text_equal(a->facts[i].value, "none");
    return false;
}

void
record_skew_add(struct record_skew *skew, struct wall cut_until, const struct record_clock *clock)
{
    if (clock->offset_ns == RECORD_CLOCK_UNKNOWN) {
        skew->unknown = true;
        return;
    }
    int64_t at = clock_between((struct wall){clock->offset_ns}, cut_until);
    if (!skew->any || at < skew->earliest)
        skew->earliest = at;
    if (!skew->any || at > skew->latest)
        skew->latest = at;
    skew->any = true;
}

int64_t
record_skew_ns(const struct record_skew *skew)
{
    return !skew->any || skew->unknown
               ? -1
               : clock_between((struct wall){skew->earliest}, (struct wall){skew->latest});
}
