/* api_cut.c -- when a source was cut, for operators: by the clock that all of them know. */
#include "controller/api/api_internal.h"

/* Whose clock was not measured shows its own time; a false clock may have any. */
static int64_t
by_our_clock(const struct catalogue_cut *cut, struct wall at)
{
    bool measured = cut->clock.offset_ns != RECORD_CLOCK_UNKNOWN;
    return measured && at.ns != 0 ? clock_between((struct wall){cut->clock.offset_ns}, at) : at.ns;
}

enum rc
api_cut_of(struct api_call *call, const struct catalogue_cut *cut, Koffer__Cut **made,
           struct error *e)
{
    Koffer__Cut *out = API_NEW(call, Koffer__Cut);
    if (out == NULL)
        return error_set(e, RC_NO_MEMORY, "cut");
    koffer__cut__init(out);
    out->from = by_our_clock(cut, cut->from);
    out->until = by_our_clock(cut, cut->until);
    out->snapshot = cut->snapshotted;
    out->measured = cut->clock.offset_ns != RECORD_CLOCK_UNKNOWN;
    if (out->measured) {
        out->offset = cut->clock.offset_ns;
        out->uncertainty = cut->clock.uncertainty_ns;
    }
    *made = out;
    return RC_OK;
}
