/* window.c -- see window.h. */
#include "proto/window.h"

#include "proto/hub.h"

bool
window_may_send(struct window *w)
{
    bool may = w->sent - w->acknowledged < HUB_OUTSTANDING;
    if (!may)
        w->refused = true;
    return may;
}

void
window_sent(struct window *w)
{
    w->sent++;
}

bool
window_taken(struct window *w)
{
    w->taken++;
    return w->taken - w->told >= HUB_OUTSTANDING / 4;
}

uint64_t
window_tell(struct window *w)
{
    w->told = w->taken;
    return w->told;
}

bool
window_acknowledged(struct window *w, uint64_t count, bool *reopened)
{
    *reopened = false;
    if (count > w->sent)
        return false;
    if (count > w->acknowledged)
        w->acknowledged = count;
    if (w->refused && w->sent - w->acknowledged < HUB_OUTSTANDING) {
        w->refused = false;
        *reopened = true;
    }
    return true;
}
