/*
 * paper.h -- the keys that fulls are sealed to, and the proof that their recovery sheets can be read.
 *
 * A sheet that was printed badly, or not at all, is found out too late.  So whoever keeps it types it back once:
 * `koffer key verify`, or `koffer-controller key verify-paper` on the controller's host, compares, notes it
 * (controller/custody/roster.h), and until then `koffer status` calls it a problem.
 *
 * Layer: controller.
 */
#ifndef CONTROLLER_DAEMON_PAPER_H
#define CONTROLLER_DAEMON_PAPER_H

#include "controller/daemon/store.h"

enum { PAPER_PROBLEM_SIZE = 256 };

/* koffer-controller key show: recipients with label, fingerprint, and when the sheet was verified. */
enum rc paper_show(const struct settings *s, struct error *e);
/* koffer-controller key verify-paper: key_file NULL is the standard input. */
enum rc paper_verify(const struct settings *s, const char *key_file, struct error *e);
/* "" when every sheet was verified.  Reads the roster anew.  Returns `out`. */
const char *paper_problem(struct roster *roster, char out[static PAPER_PROBLEM_SIZE]);

#endif
