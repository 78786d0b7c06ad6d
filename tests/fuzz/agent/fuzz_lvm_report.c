/* fuzz_lvm_report.c -- what LVM and device-mapper print: any bytes are a report or are refused, and decisions stand on whatever is taken. */
#include <stdlib.h>
#include <string.h>

#include "agent/snapshot/lvm_decide.h"
#include "common/base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool good)
{
    if (!good)
        abort();
}

static void
decide_all(const struct lvm_report *report)
{
    const struct lvm_claim claim = {.mark = "0123456789abcdef"};
    for (size_t i = 0; i < report->count; i++) {
        struct error e = ERROR_INIT;
        const struct lvm_volume *v = &report->at[i];
        check(v->data >= -1 && v->data <= 1000);
        check(lvm_report_find(report, v->group, v->name) != NULL);
        if (lvm_decide_removal(report, v, &claim, &e) == RC_OK)
            check(strncmp(v->name, "koffer_", 7) == 0 && lvm_report_has_tag(v, "koffer"));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    CLEANUP(own_freep) char *line = strndup((const char *)data, len);
    struct lvm_status status;
    if (line != NULL && lvm_report_status(line, &status, &e) == RC_OK) {
        check(status.used <= status.total && status.metadata <= 1000);
        (void)lvm_decide_growth(&status, 4194304);
    }
    if (lvm_report_read(span_of(data, len), &report, &e) == RC_OK)
        decide_all(&report);
    return 0;
}
