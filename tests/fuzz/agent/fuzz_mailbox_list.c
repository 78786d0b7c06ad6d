/* fuzz_mailbox_list.c -- any bytes are a list of mailboxes or are refused, the same in any slicing. */
#include <stdlib.h>

#include "agent/source/imap/mailbox_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
count_twins(void *ctx, const char *one, const char *other, const char *uniqueid)
{
    unsigned *count = ctx;
    *count += one != other && uniqueid[0] != '\0';
}

static enum rc
feed(const uint8_t *data, size_t len, size_t step, struct mailbox_list_summary *out,
     unsigned *twins)
{
    struct error e = ERROR_INIT;
    CLEANUP(mailbox_list_freep) struct mailbox_list *list = NULL;
    TRY(mailbox_list_new(&list, &e));
    for (size_t at = 0; at < len; at += step)
        TRY(mailbox_list_feed(list, span_of(data + at, len - at < step ? len - at : step), &e));
    TRY(mailbox_list_end(list, out, &e));
    mailbox_list_find_twins(list, count_twins, twins);
    return RC_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mailbox_list_summary one = {0}, other = {0};
    unsigned twins = 0, again = 0;
    enum rc rc = feed(data, len, len + 1, &one, &twins);
    if (rc != feed(data, len, 3, &other, &again) || one.mailboxes != other.mailboxes ||
        twins != again)
        abort();
    return 0;
}
