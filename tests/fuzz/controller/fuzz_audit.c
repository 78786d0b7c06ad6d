/* fuzz_audit.c -- a file of the audit log: walked and decoded; what decodes encodes to the same bytes. */
#include <assert.h>
#include <string.h>

#include "controller/audit/audit_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_body(struct span body)
{
    struct error e = ERROR_INIT;
    struct audit_record record;
    struct id hash;
    if (audit_decode(body, &record, &e) != RC_OK)
        return;
    CLEANUP(buffer_free) struct buffer again = BUFFER_INIT(AUDIT_BODY_MAX + AUDIT_FRAME);
    assert(audit_encode(&record, &again, &hash, &e) == RC_OK);
    assert(again.len == body.len + AUDIT_FRAME);
    assert(memcmp(again.data + 4, body.data, body.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    struct span rest = span_of(data, size), body;
    struct id hash;
    if (size > 0)
        try_body(rest);
    while (audit_next(&rest, &body, &hash, &e) == RC_OK)
        try_body(body);
    return 0;
}
