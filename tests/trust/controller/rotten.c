/* rotten.c -- see rotten.h. */
#include "tests/trust/controller/rotten.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/vault/verify_parts.h"
#include "tests/support/check.h"
#include "tests/support/describe.h"
#include "tests/support/fault_io.h"

enum { SMALL = 9000, SMALLS = 10, LONG = 270 * 1024, TEXT_MAX = 64 * 1024 };

/* ---- the sample */

static enum rc
write_noise(int at, const char *name, size_t len, uint64_t seed, struct error *e)
{
    static uint8_t bytes[LONG];
    for (size_t i = 0; i < len; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        bytes[i] = (uint8_t)(seed >> 56);
    }
    TRY(file_remove_tree(at, name, e));
    return file_write_new(at, name, span_of(bytes, len), 0640, e);
}

/* What is new in the n-th full: a directory of small files; in the second a long one, which the sixth drops. */
static enum rc
change_source(const struct rotten *r, unsigned n, struct error *e)
{
    CLEANUP(own_closep) int at = -1;
    char name[64];
    TRY(file_open_directory(AT_FDCWD, r->kit.source, &at, e));
    (void)snprintf(name, sizeof name, "d%u", n);
    TRY(file_make_directory(at, name, 0750, e));
    for (unsigned i = 0; i < SMALLS; i++) {
        (void)snprintf(name, sizeof name, "d%u/%u", n, i);
        TRY(write_noise(at, name, SMALL, n * 1000 + i, e));
    }
    if (n == 2)
        TRY(write_noise(at, "long", LONG, 77, e));
    if (n == 6)
        TRY(file_remove_tree(at, "long", e));
    return RC_OK;
}

/* The disk below the incomplete full's source has a bad place. */
static void
break_source(const struct rotten *r, unsigned n)
{
    struct stat about = {.st_ino = 0};
    char path[ROTTEN_PATH];
    (void)snprintf(path, sizeof path, "%s/d%u/7", r->kit.source, n);
    if (n == ROTTEN_INCOMPLETE)
        assert_int_equal(stat(path, &about), 0);
    fault_io_break(about.st_ino, 0, EIO);
}

static enum rc
make_full(struct rotten *r, unsigned n, struct error *e)
{
    struct backup_kit_full full;
    char was[ROTTEN_PATH];
    TRY(change_source(r, n, e));
    break_source(r, n);
    enum rc rc = backup_kit_run(&r->kit, r->vault, &full, e);
    fault_io_break(0, 0, 0);
    TRY(rc);
    if (full.incomplete != (n == ROTTEN_INCOMPLETE))
        return error_set(e, RC_INVALID, "full %u: what is incomplete is another", n);
    rc = backup_kit_restore_anew(&r->kit, r->vault, n, e);
    if (rc != RC_OK && !full.incomplete)
        return rc;
    (void)snprintf(was, sizeof was, "%s/was-%u", r->directory, n);
    return rename(r->kit.target, was) == 0 ? RC_OK : error_errno(e, "rename");
}

/* ---- its files */

static enum rc
add_file(struct rotten *r, const char *name, struct rotten_file **out, struct error *e)
{
    struct stat about;
    char path[2 * ROTTEN_PATH];
    (void)snprintf(path, sizeof path, "%s/%s", r->kit.vault, name);
    if (r->file_count == ROTTEN_FILES)
        return error_set(e, RC_INVALID, "more than %d files", (int)ROTTEN_FILES);
    if (stat(path, &about) != 0)
        return error_errno(e, "'%s'", path);
    *out = &r->files[r->file_count++];
    **out = (struct rotten_file){.size = (uint64_t)about.st_size};
    (void)snprintf((*out)->name, sizeof(*out)->name, "%s", name);
    r->bytes += (*out)->size;
    return RC_OK;
}

static enum rc
add_pack(void *ctx, const struct id *name, struct error *e)
{
    struct rotten_file *file;
    char path[PACK_PATH_SIZE];
    TRY(add_file(ctx, pack_format_path(name, path), &file, e));
    file->is_pack = true;
    file->pack = *name;
    return RC_OK;
}

static enum rc
add_record(void *ctx, const char *name, struct error *e)
{
    struct rotten_file *file;
    char path[ROTTEN_PATH];
    (void)snprintf(path, sizeof path, "fulls/%s", name);
    TRY(add_file(ctx, path, &file, e));
    file->is_record = true;
    return RC_OK;
}

static enum rc
load_files(struct rotten *r, struct error *e)
{
    for (size_t i = 0; i < r->file_count; i++) {
        CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_PACK + LIMIT_BLOB);
        struct rotten_file *file = &r->files[i];
        TRY(file_read(r->vault->dir, file->name, &bytes, e));
        file->bytes = TAKE(bytes.data);
    }
    return RC_OK;
}

static enum rc
list_files(struct rotten *r, struct error *e)
{
    struct rotten_file *format;
    TRY(vault_each_pack(r->vault->dir, add_pack, r, e));
    TRY(file_list(r->vault->dir, "fulls", add_record, r, e));
    TRY(add_file(r, VAULT_FORMAT_NAME, &format, e));
    return load_files(r, e);
}

enum rc
rotten_begin(struct rotten *r, struct error *e)
{
    *r = (struct rotten){.file_count = 0};
    vault_kit_fast_directory(r->directory);
    (void)snprintf(r->copy, sizeof r->copy, "%s/copy", r->directory);
    backup_kit_begin(&r->kit);
    backup_kit_place(&r->kit, r->directory);
    TRY(backup_kit_create(&r->kit, e));
    TRY(backup_kit_open(&r->kit, &r->vault, e));
    for (unsigned n = 1; n <= ROTTEN_FULLS; n++)
        TRY(make_full(r, n, e));
    return list_files(r, e);
}

void
rotten_end(struct rotten *r)
{
    for (size_t i = 0; i < r->file_count; i++)
        free(r->files[i].bytes);
    vault_close(r->vault);
    backup_kit_end(&r->kit);
    vault_kit_remove(r->directory);
}

/* ---- one file, by the parts of a verification */

struct hearing {
    const char *name;
    unsigned findings, naming;
    bool victims[ROTTEN_FULLS + 1];
    struct buffer text;
};

/* "fulls hit: 3, 4": each of them is a victim. */
static void
note_listed(struct hearing *h, const char *text, const char *mark)
{
    const char *at = strstr(text, mark);
    for (at = at != NULL ? at + strlen(mark) : ""; *at != '\0';) {
        char *end;
        unsigned long number = strtoul(at, &end, 10);
        if (end == at)
            return;
        if (number <= ROTTEN_FULLS)
            h->victims[number] = true;
        at = end + strspn(end, ", ");
    }
}

static void
note_victims(struct hearing *h, const struct vault_finding *f)
{
    if (f->full != 0 && f->full <= ROTTEN_FULLS)
        h->victims[f->full] = true;
    note_listed(h, f->text, "fulls hit: ");
    note_listed(h, f->text, "inside, its number is ");
}

static void
hear(void *ctx, const struct vault_finding *f)
{
    struct hearing *h = ctx;
    struct error ignored = ERROR_INIT;
    h->findings++;
    h->naming += h->name != NULL && strstr(f->text, h->name) != NULL;
    note_victims(h, f);
    (void)!buffer_printf(&h->text, &ignored, "%s; ", f->text);
}

static void
release_verify(struct verify *y)
{
    verify_packs_release(y);
    verify_fulls_release(y);
    verify_loss_release(y);
    id_map_free(y->blobs);
    id_map_free(y->accepted);
}

/* What verify.c does with all packs, with this one. */
static enum rc
verify_pack(struct verify *y, const struct id *pack, struct error *e)
{
    y->packs = calloc(1, sizeof *y->packs);
    if (y->packs == NULL)
        return error_set(e, RC_NO_MEMORY, "pack");
    y->packs[0].name = *pack;
    y->pack_count = y->pack_capacity = 1;
    return verify_packs_read(y, e);
}

static enum rc
verify_records(struct verify *y, struct error *e)
{
    TRY(verify_gap_load(y, e));
    TRY(verify_fulls_list(y, e));
    return verify_fulls_read(y, e);
}

static enum rc
verify_file(struct rotten *r, const struct rotten_file *file, struct hearing *h, struct error *e)
{
    const struct vault_verify_options options = {.finding = hear, .ctx = h};
    CLEANUP(release_verify) struct verify y = {.vault = r->vault, .options = &options};
    struct record_vault_id id;
    if (!file->is_pack && !file->is_record)
        return vault_format_read(r->vault->dir, r->kit.vault, &id, e);
    TRY(id_map_new(&y.blobs, e));
    TRY(id_map_new(&y.losses_by_id, e));
    return file->is_pack ? verify_pack(&y, &file->pack, e) : verify_records(&y, e);
}

/* A format that can be read says another id: then no pack and no record is of this vault. */
static bool
format_differs(struct rotten *r)
{
    struct record_vault_id id;
    struct error e = ERROR_INIT;
    return vault_format_read(r->vault->dir, r->kit.vault, &id, &e) == RC_OK &&
           memcmp(&id, vault_id(r->vault), sizeof id) != 0;
}

bool
rotten_is_found(struct rotten *r, const struct rotten_file *file, char why[static ROTTEN_WHY])
{
    struct hearing h = {.name = file->name, .text = BUFFER_INIT(TEXT_MAX)};
    struct error e = ERROR_INIT;
    enum rc rc = verify_file(r, file, &h, &e);
    bool is_format = !file->is_pack && !file->is_record;
    bool found = rc == RC_OK ? h.naming > 0 : is_format;
    if (is_format && rc == RC_OK)
        found = format_differs(r);
    (void)snprintf(why, ROTTEN_WHY, "%s %s: %u findings, %u name it: %.*s", rc_name(rc), e.text,
                   h.findings, h.naming, (int)h.text.len, (const char *)h.text.data);
    buffer_free(&h.text);
    return found;
}

/* ---- all of it */

static enum rc
copy_file(const struct rotten *r, const struct rotten_file *file, struct error *e)
{
    char to[2 * ROTTEN_PATH], folder[2 * ROTTEN_PATH];
    (void)snprintf(to, sizeof to, "%s/%s", r->copy, file->name);
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(to, '/') - to), to);
    TRY(file_make_directory(AT_FDCWD, folder, 0700, e));
    return file_write_new(AT_FDCWD, to, span_of(file->bytes, file->size), 0600, e);
}

enum rc
rotten_copy(struct rotten *r, struct error *e)
{
    TRY(file_remove_tree(AT_FDCWD, r->copy, e));
    for (size_t i = 0; i < r->file_count; i++)
        TRY(copy_file(r, &r->files[i], e));
    return RC_OK;
}

/* False when what comes out is wrong, or does not come out though nobody said so. */
static bool
check_restore(struct rotten *r, struct vault *v, unsigned full, const struct hearing *h,
              const struct rotten_demand *demand, char why[static ROTTEN_WHY])
{
    CLEANUP(own_closep) int was = -1;
    CLEANUP(own_closep) int now = -1;
    struct error e = ERROR_INIT;
    char path[ROTTEN_PATH];
    enum rc rc = backup_kit_restore_anew(&r->kit, v, full, &e);
    if (full == ROTTEN_INCOMPLETE)
        return true; /* says so, whatever rots */
    if (rc != RC_OK) {
        (void)snprintf(why, ROTTEN_WHY, "full %u cannot be restored (%s), and is not named: %.*s",
                       full, e.text, (int)h->text.len, (const char *)h->text.data);
        return h->victims[full] || (demand->cache && h->findings > 0) || demand->gone == full;
    }
    (void)snprintf(path, sizeof path, "%s/was-%u", r->directory, full);
    rc = file_open_directory(AT_FDCWD, path, &was, &e);
    if (rc == RC_OK)
        rc = file_open_directory(AT_FDCWD, r->kit.target, &now, &e);
    if (rc == RC_OK)
        rc = describe_compare(was, now, &e);
    (void)snprintf(why, ROTTEN_WHY, "full %u: %s", full, e.text);
    return rc == RC_OK;
}

static bool
verify_and_restore(struct rotten *r, struct vault *v, struct hearing *h,
                   const struct rotten_demand *demand, char why[static ROTTEN_WHY])
{
    const struct vault_verify_options options = {.finding = hear, .ctx = h};
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;
    enum rc rc = vault_verify(v, &options, &counts, &e);
    (void)snprintf(why, ROTTEN_WHY, "verification %s %s: %u findings, %u name '%s': %.*s",
                   rc_name(rc), e.text, h->findings, h->naming, h->name != NULL ? h->name : "",
                   (int)h->text.len, (const char *)h->text.data);
    unsigned heard = h->name != NULL ? h->naming : h->findings;
    if (rc != RC_OK || (demand->found && heard == 0))
        return false;
    for (unsigned full = 1; full <= ROTTEN_FULLS; full++) {
        if (!check_restore(r, v, full, h, demand, why))
            return false;
    }
    return true;
}

bool
rotten_check_copy(struct rotten *r, const struct rotten_demand *demand, char why[static ROTTEN_WHY])
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct hearing h = {.name = demand->name, .text = BUFFER_INIT(TEXT_MAX)};
    struct error e = ERROR_INIT;
    bool good;
    /* A vault that does not open is not believed either; it must say which file is to blame. */
    if (vault_open(r->copy, &(struct vault_options){0}, &v, &e) == RC_OK) {
        good = verify_and_restore(r, v, &h, demand, why);
    } else {
        (void)snprintf(why, ROTTEN_WHY, "it does not open: %s", e.text);
        good = demand->found && (demand->name == NULL || strstr(e.text, demand->name) != NULL);
    }
    buffer_free(&h.text);
    return good;
}
