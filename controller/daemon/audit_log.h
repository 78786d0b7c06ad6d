/*
 * audit_log.h -- where the controller's audit log is, and where its heads are kept besides.
 *
 * Layer: controller.
 */
#ifndef CONTROLLER_DAEMON_AUDIT_LOG_H
#define CONTROLLER_DAEMON_AUDIT_LOG_H

#include "controller/audit/audit.h"
#include "controller/catalogue/catalogue.h"
#include "controller/daemon/store.h"

enum rc audit_log_open(const struct settings *s, const struct store *store, struct catalogue *c,
                       struct audit **out, struct error *e);
/* When something is new: a signed head, a copy of it in the catalogue and in the system log.  Best effort. */
void audit_log_sign(struct audit *a, struct catalogue *c);
/* koffer-controller audit verify: without a controller.  *whole false when something is wrong; it is printed. */
enum rc audit_log_verify(const struct settings *s, bool *whole, struct error *e);

#endif
