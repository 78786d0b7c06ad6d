/*
 * mandate.h -- what the controller says to the privileged half of an agent, past the network side (docs/formats/mandate.md).
 *
 * The network side of an agent carries everything and is trusted with nothing.  Two things would give it what it must not have:
 * recipients of its own (it could open every archive from then on) and restores of its own making (it could put files on the
 * host as root).  So both are signed by the controller's signing key, which koffer-priv knows since its enrolment.
 *
 *     TRY(mandate_sign_recipients(key, &r, signature, e));      // controller, with each Welcome
 *     TRY(mandate_check_recipients(&pinned, &r, signature, e)); // koffer-priv; RC_DENIED, with the remedy
 *
 * Threads: any.  Layer: common/record.
 */
#ifndef COMMON_RECORD_MANDATE_H
#define COMMON_RECORD_MANDATE_H

#include "common/base/limits.h"
#include "common/crypto/keys.h"
#include "common/record/record.h"

struct mandate_recipients {
    struct record_vault_id vault;
    const struct keys_public *recipients;
    size_t count;
};

struct mandate_restore {
    struct record_vault_id vault;
    const char *host;
    uint64_t job;
    const struct id *root;
    const uint8_t *root_sealed; /* KEYS_SEALED_SIZE */
    const char *path, *target;
    bool dry_run, replace;
};

/* The controller's key, as told at an enrolment, under the token's secret: HMAC key is SHA-256 of that. */
struct mandate_enrolment {
    const uint8_t *binding; /* 32 bytes, of the connection */
    struct record_vault_id vault;
    struct keys_public controller;
};

enum rc mandate_sign_recipients(const struct keys_private *key, const struct mandate_recipients *m,
                                uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e);
enum rc
mandate_check_recipients(const struct keys_public *key, const struct mandate_recipients *m,
                         const uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e);
enum rc mandate_sign_restore(const struct keys_private *key, const struct mandate_restore *m,
                             uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e);
enum rc mandate_check_restore(const struct keys_public *key, const struct mandate_restore *m,
                              const uint8_t signature[static KEYS_SIGNATURE_SIZE], struct error *e);
enum rc mandate_enrolment_proof(const struct id *token_hash, const struct mandate_enrolment *m,
                                struct id *proof, struct error *e);

#endif
