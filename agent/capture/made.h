/*
 * made.h -- the files that a source's tools made, on their way into export/.
 *
 * Their content is read when they are delivered and waits in slots; their entries are told at the
 * end, in the order of names.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_MADE_H
#define AGENT_CAPTURE_MADE_H

#include "agent/capture/intake.h"

struct made;
enum rc made_new(struct made **out, struct error *e);
void made_free(struct made *m);
DEFINE_FREEP(made)
/* RC_INVALID for a bad name, RC_EXISTS when the name is taken or leads through a file. */
enum rc made_check(const struct made *m, const char *name, struct error *e);
enum rc made_add(struct made *m, const char *name, int slot, uint64_t size, struct wall now,
                 struct error *e);
/* Tell the whole of export/; nothing when nothing was made. */
enum rc made_tell(struct made *m, struct outlet *outlet, struct error *e);

#endif
