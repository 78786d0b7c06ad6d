/* keys_file.c -- keys and secrets in files that only their owner can read.  See keys.h. */
#include "common/crypto/keys.h"

#include <fcntl.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/text.h"
#include "common/crypto/algorithms.h"
#include "common/crypto/keys_internal.h"
#include "common/sys/file.h"

/* A PKCS#8 file of ours has some 120 bytes. */
enum { KEY_FILE_MAX = 4096, SECRET_TEXT_SIZE = 2 * ID_SIZE + 1 };

/* A buffer whose bytes are wiped; its whole room is reserved at once, so no copy stays behind. */
static void
wipe_and_free(struct buffer *b)
{
    if (b->data != NULL)
        keys_wipe(b->data, b->capacity);
    buffer_free(b);
}

/* Create, then sync the name: a key that vanishes in a power cut takes its backups with it. */
static enum rc
write_private(const char *path, struct span bytes, struct error *e)
{
    CLEANUP(own_freep) char *directory = strdup(path);
    if (directory == NULL)
        return error_set(e, RC_NO_MEMORY, "path");
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        slash[slash == directory ? 1 : 0] = '\0';

    TRY(file_write_new(AT_FDCWD, path, bytes, 0600, e));
    enum rc rc = file_sync_directory(AT_FDCWD, slash == NULL ? "." : directory, e);
    if (rc != RC_OK)
        (void)unlink(path); /* the caller will make another one */
    return rc;
}

/* PEM in memory that is wiped when freed. */
static BIO *
pem_of(const struct keys_private *k)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1)
        return bio;
    /* not covered: OpenSSL fails here for want of memory only */
    BIO_free(bio);
    return NULL; /* not covered: likewise */
}

enum rc
keys_to_pem(const struct keys_private *k, char **pem, struct error *e)
{
    BIO *bio = pem_of(k);
    char *data = NULL;
    long len = bio == NULL ? 0 : BIO_get_mem_data(bio, &data);
    char *copy = len <= 0 ? NULL : strndup(data, (size_t)len);
    BIO_free(bio);
    if (len <= 0)
        return algorithms_failed(e, "write a private key as PEM");
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "a private key as PEM");
    *pem = copy;
    return RC_OK;
}

enum rc
keys_write_file(const struct keys_private *k, const char *path, struct error *e)
{
    BIO *bio = pem_of(k);
    char *data = NULL;
    long len = bio == NULL ? 0 : BIO_get_mem_data(bio, &data);
    enum rc rc = len <= 0 ? algorithms_failed(e, "write a private key as PEM")
                          : write_private(path, span_of(data, (size_t)len), e);
    BIO_free(bio);
    if (rc != RC_OK)
        return error_context(e, "%s key", keys_kind_name(k->kind));
    return RC_OK;
}

/* Key files of ours have no passphrase; OpenSSL must not ask the terminal for one. */
static int
no_passphrase(char *out, int size, int writing, void *ctx)
{
    (void)out, (void)size, (void)writing, (void)ctx;
    return -1;
}

enum rc
keys_read_file(enum keys_kind kind, const char *path, struct keys_private **out, struct error *e)
{
    const char *what = kind == KEYS_SIGNING ? "signing key" : "receiving key";
    CLEANUP(wipe_and_free) struct buffer text = BUFFER_INIT(KEY_FILE_MAX);
    TRY(file_read_private(what, path, &text, e));

    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *pkey =
        bio == NULL ? NULL : PEM_read_bio_PrivateKey_ex(bio, NULL, no_passphrase, NULL, NULL, NULL);
    BIO_free(bio);
    if (pkey == NULL) {
        ERR_clear_error();
        return error_set(e, RC_INVALID, "%s '%s' is not an unencrypted PEM PKCS#8 key", what, path);
    }
    TRY_IN(keys_adopt(kind, pkey, out, e), e, "%s '%s'", what, path);
    return RC_OK;
}

enum rc
keys_write_secret(const struct id *secret, const char *path, struct error *e)
{
    char line[SECRET_TEXT_SIZE + 1];
    text_hex(span_of(secret->bytes, ID_SIZE), line);
    line[SECRET_TEXT_SIZE - 1] = '\n';
    enum rc rc = write_private(path, span_of(line, SECRET_TEXT_SIZE), e);
    keys_wipe(line, sizeof line);
    return rc == RC_OK ? RC_OK : error_context(e, "secret");
}

enum rc
keys_read_secret(const char *path, struct id *out, struct error *e)
{
    CLEANUP(wipe_and_free) struct buffer text = BUFFER_INIT(KEY_FILE_MAX);
    struct id secret;
    TRY(file_read_private("secret", path, &text, e));
    TRY(buffer_append(&text, span_of("", 1), e));
    const char *line = (const char *)text.data;
    size_t digits = 2 * (size_t)ID_SIZE;
    if (!text_unhex(line, secret.bytes, ID_SIZE) ||
        (line[digits] == '\n' ? text.len != digits + 2 : text.len != digits + 1)) {
        return error_set(e, RC_INVALID, "secret '%s' is not one line of %zu hexadecimal digits",
                         path, digits);
    }
    *out = secret;
    keys_wipe(&secret, sizeof secret);
    return RC_OK;
}
