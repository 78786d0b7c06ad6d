/* vault_kit.c -- see vault_kit.h.  Failures end the test program: there is nothing to test then. */
#include "tests/support/vault_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/wire.h"
#include "common/crypto/digest.h"
#include "common/sys/file.h"

static void
must(enum rc rc, const struct error *e)
{
    if (rc != RC_OK) {
        (void)fprintf(stderr, "vault_kit: %s\n", e->text);
        abort();
    }
}

void
vault_kit_directory(char out[static VAULT_KIT_PATH_SIZE])
{
    (void)snprintf(out, VAULT_KIT_PATH_SIZE, "/tmp/koffer-test-XXXXXX");
    if (mkdtemp(out) == NULL)
        abort();
}

void
vault_kit_fast_directory(char out[static VAULT_KIT_PATH_SIZE])
{
    (void)snprintf(out, VAULT_KIT_PATH_SIZE, "/dev/shm/koffer-test-XXXXXX");
    if (mkdtemp(out) == NULL)
        vault_kit_directory(out);
}

void
vault_kit_remove(const char *path)
{
    struct error e = ERROR_INIT;
    must(file_remove_tree(AT_FDCWD, path, &e), &e);
}

static int
compare(const void *a, const void *b)
{
    return id_compare(a, b);
}

void
vault_kit_blob(struct buffer *out, struct id *id, uint32_t seed, size_t len, struct id *children,
               size_t child_count)
{
    struct error e = ERROR_INIT;
    struct wire_writer w = wire_writer_to(out, &e);
    static const uint8_t domain[BLOB_DOMAIN_SIZE] = "a test's domain";

    buffer_clear(out);
    if (child_count > 1)
        qsort(children, child_count, sizeof *children, compare);
    wire_put_bytes(&w, span_of("KFB1", 4));
    wire_put_u8(&w, 1);
    wire_put_u8(&w, child_count > 0 ? BLOB_NODE : BLOB_DATA);
    wire_put_u16(&w, 0);
    wire_put_bytes(&w, span_of(domain, sizeof domain));
    wire_put_u64(&w, len);
    wire_put_u64(&w, len);
    wire_put_u32(&w, (uint32_t)child_count);
    wire_put_u32(&w, 0);
    for (size_t i = 0; i < child_count; i++)
        wire_put_id(&w, &children[i]);
    must(wire_writer_finish(&w), &e);
    must(buffer_reserve(out, len + BLOB_TAG_SIZE, &e), &e);
    uint32_t state = seed * UINT32_C(2654435761) + 1;
    for (size_t i = 0; i < len + BLOB_TAG_SIZE; i++) {
        state = (uint32_t)(state * UINT64_C(1664525) + 1013904223);
        out->data[out->len++] = (uint8_t)(state >> 24);
    }
    must(digest_sha256(buffer_span(out), id, &e), &e);
}

void
vault_kit_begin(struct vault_kit *kit)
{
    struct error e = ERROR_INIT;

    *kit = (struct vault_kit){0};
    must(keys_generate(KEYS_SIGNING, &kit->agent, &e), &e);
    must(keys_generate(KEYS_SIGNING, &kit->controller, &e), &e);
}

void
vault_kit_end(struct vault_kit *kit)
{
    keys_private_free(kit->agent);
    keys_private_free(kit->controller);
}

void
vault_kit_record(struct vault_kit *kit, const struct record_vault_id *vault, uint64_t number,
                 const struct id *previous, const struct id *root, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    struct error e = ERROR_INIT;
    const struct record_recipient recipient = {.fingerprint = {{7}}};
    struct record_archive archive = {
        .vault = *vault,
        .host = "mail",
        .source = "spool",
        .kind = "imap",
        .cycle = number,
        .sequence = ++kit->sequence,
        .previous = kit->last_archive,
        .state = RECORD_COMPLETE,
        .root = *root,
        .recipients = &recipient,
        .recipient_count = 1,
    };

    must(record_encode_archive(&archive, kit->agent, &bytes, &e), &e);
    kit->last_archive = archive.name;
    const struct span archives = buffer_span(&bytes);
    struct record_full full = {
        .vault = *vault,
        .number = number,
        .previous = *previous,
        .state = RECORD_FULL,
        .skew_ns = -1,
        .archives = &archives,
        .archive_count = 1,
    };
    buffer_clear(out);
    must(record_encode_full(&full, kit->controller, out, &e), &e);
}

static enum rc
count_name(void *ctx, const char *name, struct error *e)
{
    (void)name;
    (void)e;
    ++*(size_t *)ctx;
    return RC_OK;
}

size_t
vault_kit_count(const char *path, const char *folder)
{
    struct error e = ERROR_INIT;
    char full[256];
    size_t count = 0;

    (void)snprintf(full, sizeof full, "%s/%s", path, folder);
    must(file_list(AT_FDCWD, full, count_name, &count, &e), &e);
    return count;
}

void
vault_kit_flip(const char *path, uint64_t offset, uint8_t mask)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0 || pread(fd, &byte, 1, (off_t)offset) != 1)
        abort();
    byte = (uint8_t)(byte ^ mask);
    if (pwrite(fd, &byte, 1, (off_t)offset) != 1 || close(fd) != 0)
        abort();
}
