/*
 * store.h -- the controller's state directory: which file is what.
 *
 *     keys/ca.key            Ed25519, signs certificates
 *     keys/tls.key           Ed25519, of the controller's certificate
 *     keys/signing.key       Ed25519, signs full records
 *     keys/custody.key       X25519, opens fulls; not there with custody = operator
 *     ca.pem, controller.pem certificates
 *     recipients, sheets-verified    who fulls are sealed to (controller/custody/roster.h)
 *     catalogue.db           SQLite
 *     unfinished             while init makes the files above; whatever is beside it is removed by the next init
 *     audit/                 the audit log (docs/formats/audit.md)
 *
 * Layer: controller.
 */
#ifndef CONTROLLER_DAEMON_STORE_H
#define CONTROLLER_DAEMON_STORE_H

#include "common/base/limits.h"
#include "common/base/own.h"
#include "common/crypto/certificate.h"
#include "controller/custody/roster.h"
#include "controller/daemon/settings.h"

struct store { /* everything loaded; NULL where a key is not there and may be missing */
    struct keys_private *ca, *tls, *signing, *custody;
    char *ca_pem, *certificate_pem, *tls_key_pem;
    struct keys_public signing_public;
    struct roster *roster;
    struct certificate_facts certificate;
};

/* RC_EXISTS when the state directory belongs to a controller already. */
enum rc store_check_free(const struct settings *s, struct error *e);
/*
 * Makes the directory, all keys and certificates; gives the recovery key, which is stored nowhere, to the caller.
 * After a failure it can be tried again: what an unfinished try left was never in use, and goes first.
 * `custody`: with a key of the controller's own that opens fulls.
 */
enum rc store_create(const struct settings *s, bool custody, struct keys_private **recovery,
                     struct error *e);
enum rc store_load(const struct settings *s, struct store *out, struct error *e);
/*
 * The controller's own certificate is made anew, for the same key, when two thirds of its life are over.  Called at each
 * start: a crash leaves the old or the new one, and both are good.
 */
enum rc
store_renew(const struct settings *s, struct store *store, struct wall now, struct error *e);
/* What ends within a year and is for a person to see to; "" when nothing does.  Returns `out`. */
const char *store_problem(const struct store *store, struct wall now, char *out, size_t size);
void store_clear(struct store *store); /* for CLEANUP */

#endif
