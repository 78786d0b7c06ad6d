/* pki.c -- see pki.h. */
#include "tests/support/pki.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/check.h"

void
pki_make(struct pki *pki, const char *cluster)
{
    struct error e = ERROR_INIT;
    CHECK_OK(keys_generate(KEYS_SIGNING, &pki->key, &e), &e);
    CHECK_OK(certificate_make_ca(pki->key, cluster, clock_wall(), 3650, &pki->ca, &e), &e);
}

void
pki_free(struct pki *pki)
{
    keys_private_free(pki->key);
    free(pki->ca);
}

/* Keys come as text only from their files. */
static char *
key_text(const struct keys_private *key)
{
    struct error e = ERROR_INIT;
    char directory[] = "/tmp/koffer-pki-XXXXXX", path[64];
    char *text = calloc(1, 4096);

    assert_non_null(text);
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/key", directory);
    CHECK_OK(keys_write_file(key, path, &e), &e);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, text, 4095) > 0);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
    return text;
}

void
pki_issue(const struct pki *pki, enum certificate_role role, const char *name, struct wall now,
          unsigned days, struct pki_leaf *out)
{
    struct error e = ERROR_INIT;
    struct certificate_identity identity = {.role = role};
    struct certificate_facts facts;
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    CLEANUP(own_freep) char *request = NULL;

    (void)snprintf(identity.name, sizeof identity.name, "%s", name);
    *out = (struct pki_leaf){.ca = pki->ca};
    CHECK_OK(keys_generate(KEYS_SIGNING, &key, &e), &e);
    CHECK_OK(certificate_make_request(key, &identity, &request, &e), &e);
    CHECK_OK(
        certificate_issue(pki->key, pki->ca, request, &identity, now, days, &out->certificate, &e),
        &e);
    CHECK_OK(certificate_inspect(out->certificate, &facts, &e), &e);
    out->spki = facts.spki;
    out->key = key_text(key);
}

void
pki_leaf_free(struct pki_leaf *leaf)
{
    free(leaf->certificate);
    free(leaf->key);
    *leaf = (struct pki_leaf){.ca = NULL};
}
