/*
 * pki.h -- a certificate authority and its leaves for one test.
 *
 *     struct pki pki;
 *     pki_make(&pki, "test");
 *     struct pki_leaf agent;
 *     pki_issue(&pki, CERTIFICATE_AGENT, "mail1", clock_wall(), 365, &agent);
 *     use(&agent.tls_ca...);
 *     pki_leaf_free(&agent); pki_free(&pki);
 *
 * Failures fail the test.
 */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#include "common/crypto/certificate.h"

struct pki {
    struct keys_private *key;
    char *ca; /* PEM */
};

struct pki_leaf {
    const char *ca; /* the pki's */
    char *certificate, *key;
    struct id spki;
};

void pki_make(struct pki *pki, const char *cluster);
void pki_free(struct pki *pki);
void pki_issue(const struct pki *pki, enum certificate_role role, const char *name, struct wall now,
               unsigned days, struct pki_leaf *out);
void pki_leaf_free(struct pki_leaf *leaf);

#endif
