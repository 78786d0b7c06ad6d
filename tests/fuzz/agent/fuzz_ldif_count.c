/* fuzz_ldif_count.c -- the count does not depend on how the LDIF is sliced, and agrees with the parser. */
#include <stdlib.h>
#include <string.h>

#include "agent/source/ldap/ldif.h"
#include "agent/source/ldap/ldif_count.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A name may be folded by RFC 2849, though no server does: the parser sees one that the counter cannot. */
static bool
is_folded(struct span text)
{
    return memmem(text.data, text.len, "\n ", 2) != NULL;
}

static void
compare_with_parser(struct span text, uint64_t entries)
{
    struct error e = ERROR_INIT;
    CLEANUP(arena_freep) struct arena *a = arena_new(1u << 24);
    struct ldif_reader r = ldif_read(text);
    uint64_t parsed = 0;
    for (const struct ldif_entry *entry;; parsed++) {
        if (a == NULL || ldif_next(&r, a, &entry, &e) != RC_OK)
            return;
        if (entry == NULL)
            break;
    }
    if (parsed > entries)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ldif_count whole = LDIF_COUNT_INIT, sliced = LDIF_COUNT_INIT;
    ldif_count_feed(&whole, span_of(data, len));
    for (size_t at = 0; at < len; at += 2)
        ldif_count_feed(&sliced, span_of(data + at, len - at < 2 ? len - at : 2));
    if (whole.entries != sliced.entries || ldif_count_ended(&whole) != ldif_count_ended(&sliced))
        abort();
    if (!is_folded(span_of(data, len)))
        compare_with_parser(span_of(data, len), whole.entries);
    return 0;
}
