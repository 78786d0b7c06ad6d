/* lvm_report.c -- see lvm_report.h. */
#include "agent/snapshot/lvm_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/compiler.h"
#include "common/base/text.h"

enum { SECTOR = 512, PERMILLE = 1000, POOL_BLOCK_MIN = 1 };

const char lvm_report_fields[] =
    "vg_name,lv_name,lv_attr,lv_size,origin,pool_lv,data_percent,metadata_percent,lv_snapshot_invalid,lv_tags,"
    "lv_health_status,lv_device_open,lv_kernel_major,lv_kernel_minor,lv_dm_path,vg_free,vg_size,vg_extent_size";

/* Hidden volumes are printed in brackets: "[pool_tdata]". */
static enum rc
take_text(const json_t *row, const char *field, char *out, size_t size, struct error *e)
{
    const char *text = json_string_value(json_object_get(row, field));
    if (text == NULL)
        return error_set(e, RC_PROTOCOL, "LVM's report has no '%s'", field);
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= size)
        return error_set(e, RC_PROTOCOL, "LVM's report has a '%s' of %zu bytes", field, len);
    memcpy(out, text, len);
    out[len] = '\0';
    return RC_OK;
}

static enum rc
take_size(const json_t *row, const char *field, uint64_t *out, struct error *e)
{
    char text[32];
    TRY(take_text(row, field, text, sizeof text, e));
    if (text_parse_u64(text, 0, INT64_MAX, out, e) != RC_OK)
        return error_set(e, RC_PROTOCOL, "LVM's report has a '%s' of '%s'", field, text);
    return RC_OK;
}

static enum rc
take_number(const json_t *row, const char *field, int64_t *out, struct error *e)
{
    char text[32];
    uint64_t value;
    TRY(take_text(row, field, text, sizeof text, e));
    *out = -1;
    if (text[0] == '\0' || text_equal(text, "-1"))
        return RC_OK;
    if (text_parse_u64(text, 0, UINT32_MAX, &value, e) != RC_OK)
        return error_set(e, RC_PROTOCOL, "LVM's report has a '%s' of '%s'", field, text);
    *out = (int64_t)value;
    return RC_OK;
}

/* "12.34" is 123. */
static enum rc
take_percent(const json_t *row, const char *field, int *out, struct error *e)
{
    char text[32];
    TRY(take_text(row, field, text, sizeof text, e));
    *out = -1;
    if (text[0] == '\0')
        return RC_OK;
    char *rest;
    double percent = strtod(text, &rest);
    if (*rest != '\0' || !(percent >= 0 && percent <= 100))
        return error_set(e, RC_PROTOCOL, "LVM's report has a '%s' of '%s'", field, text);
    *out = (int)(percent * 10);
    return RC_OK;
}

/* `yes`: the word for true; anything else, "unknown" among it, is not. */
static enum rc
take_flag(const json_t *row, const char *field, const char *yes, bool *out, struct error *e)
{
    char text[32];
    TRY(take_text(row, field, text, sizeof text, e));
    *out = text_equal(text, yes) || text_equal(text, "1");
    return RC_OK;
}

static enum rc
take_volume(const json_t *row, struct lvm_volume *v, struct error *e)
{
    TRY(take_text(row, "vg_name", v->group, sizeof v->group, e));
    TRY(take_text(row, "lv_name", v->name, sizeof v->name, e));
    TRY(take_text(row, "lv_attr", v->attr, sizeof v->attr, e));
    TRY(take_text(row, "origin", v->origin, sizeof v->origin, e));
    TRY(take_text(row, "pool_lv", v->pool, sizeof v->pool, e));
    TRY(take_text(row, "lv_tags", v->tags, sizeof v->tags, e));
    TRY(take_text(row, "lv_health_status", v->health, sizeof v->health, e));
    TRY(take_text(row, "lv_dm_path", v->device, sizeof v->device, e));
    TRY(take_size(row, "lv_size", &v->size, e));
    TRY(take_size(row, "vg_free", &v->group_free, e));
    TRY(take_size(row, "vg_size", &v->group_size, e));
    TRY(take_size(row, "vg_extent_size", &v->extent, e));
    TRY(take_number(row, "lv_kernel_major", &v->major, e));
    TRY(take_number(row, "lv_kernel_minor", &v->minor, e));
    TRY(take_percent(row, "data_percent", &v->data, e));
    TRY(take_percent(row, "metadata_percent", &v->metadata, e));
    TRY(take_flag(row, "lv_device_open", "open", &v->open, e));
    return take_flag(row, "lv_snapshot_invalid", "snapshot invalid", &v->invalid, e);
}

static void
free_json(json_t **root)
{
    json_decref(*root);
}

static const json_t *
rows_of(const json_t *root)
{
    const json_t *report = json_array_get(json_object_get(root, "report"), 0);
    return json_object_get(report, "lv");
}

enum rc
lvm_report_read(struct span json, struct lvm_report *out, struct error *e)
{
    json_error_t why;
    CLEANUP(lvm_report_free) struct lvm_report report = {0};
    CLEANUP(free_json)
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return error_set(e, RC_PROTOCOL, "LVM's report is no JSON: %s", why.text);
    const json_t *rows = rows_of(root);
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count > LVM_VOLUMES_MAX)
        return error_set(e, RC_PROTOCOL, "LVM's report has no list of volumes");
    report.at = calloc(count + 1, sizeof *report.at);
    if (report.at == NULL)
        return error_set(e, RC_NO_MEMORY, "LVM's report of %zu volumes", count);
    for (; report.count < count; report.count++)
        TRY(take_volume(json_array_get(rows, report.count), &report.at[report.count], e));
    *out = report;
    report.at = NULL;
    return RC_OK;
}

void
lvm_report_free(struct lvm_report *report)
{
    free(report->at);
    *report = (struct lvm_report){0};
}

const struct lvm_volume *
lvm_report_find(const struct lvm_report *report, const char *group, const char *name)
{
    for (size_t i = 0; i < report->count; i++)
        if (text_equal(report->at[i].group, group) && text_equal(report->at[i].name, name))
            return &report->at[i];
    return NULL;
}

bool
lvm_report_has_tag(const struct lvm_volume *v, const char *tag)
{
    size_t len = strlen(tag);
    for (const char *at = v->tags; *at != '\0';) {
        size_t here = strcspn(at, ",");
        if (here == len && memcmp(at, tag, len) == 0)
            return true;
        at += here + (at[here] == ',' ? 1 : 0);
    }
    return false;
}

/* "0 131072 snapshot 16/16384 16": sectors; or a word in place of the fraction. */
static bool
take_snapshot(const char *rest, struct lvm_status *out)
{
    uint64_t used, total;
    if (sscanf(rest, "%" SCNu64 "/%" SCNu64, &used, &total) != 2) {
        *out = (struct lvm_status){.metadata = -1};
        return true; /* "Invalid", "Overflow", "Merge failed" */
    }
    *out = (struct lvm_status){.valid = true, .metadata = -1};
    out->used = used * SECTOR;
    out->total = total * SECTOR;
    return total > 0 && used <= total && total <= UINT64_MAX / SECTOR;
}

/* "0 131072 thin-pool 2 11/1024 0/1024 - rw ...": used and all blocks, of metadata and of data; or "Fail". */
static bool
take_pool(const char *rest, struct lvm_status *out)
{
    uint64_t id, used_metadata, metadata, used, total;
    *out = (struct lvm_status){.metadata = -1};
    if (sscanf(rest, "%" SCNu64 " %" SCNu64 "/%" SCNu64 " %" SCNu64 "/%" SCNu64, &id,
               &used_metadata, &metadata, &used, &total) != 5)
        return strncmp(rest, "Fail", 4) == 0;
    if (metadata < POOL_BLOCK_MIN || total < POOL_BLOCK_MIN || used_metadata > metadata ||
        used > total || metadata > UINT64_MAX / PERMILLE)
        return false;
    out->valid = strstr(rest, "out_of_data_space") == NULL;
    out->used = used;
    out->total = total;
    out->metadata = (int)(used_metadata * PERMILLE / metadata);
    return true;
}

enum rc
lvm_report_status(const char *line, struct lvm_status *out, struct error *e)
{
    uint64_t from, length;
    char kind[32];
    int used = 0;
    struct lvm_status status = {.metadata = -1};
    bool good = sscanf(line, "%" SCNu64 " %" SCNu64 " %31s %n", &from, &length, kind, &used) == 3 &&
                ((text_equal(kind, "snapshot") && take_snapshot(line + used, &status)) ||
                 (text_equal(kind, "thin-pool") && take_pool(line + used, &status)));
    if (!good)
        return error_set(e, RC_PROTOCOL, "device-mapper says what is no state of a snapshot");
    *out = status;
    return RC_OK;
}
