/*
 * links.h -- files with several names, and the numbers of the slots where the finisher keeps
 * content.
 *
 * The first name of a file is read and kept in a slot, the others take it from there without being
 * opened.  A slot is given up when the last name was seen.  The table is bounded
 * (LINKS_PIECES_MAX, in pieces of content; attributes count as many as take the same room); what
 * does not fit is read once per name, which costs time only.
 * Threads: the scanner's.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_LINKS_H
#define AGENT_CAPTURE_LINKS_H

#include "agent/capture/event.h"

enum { LINKS_PIECES_MAX = 128 * 1024 };

struct links;
/* `pieces_max`: LINKS_PIECES_MAX, less in tests. */
enum rc links_new(size_t pieces_max, struct links **out, struct error *e);
void links_free(struct links *l);
DEFINE_FREEP(links)

/* A slot for content of made files: never refused but for memory. */
enum rc links_slot(struct links *l, int *slot, struct error *e);

/* The number that all names of this file carry (never 0). */
uint64_t links_id(const struct stat *st);
/* Was this file read already, and is it still as it was?  *last: no other name is awaited, the
 * slot is given up with this one. */
bool links_find(struct links *l, const struct stat *st, int *slot, bool *last);
/* The file was read: keep it for its other names?  EVENT_NO_SLOT: no room. */
int links_add(struct links *l, const struct event_found *found, nlink_t names);

#endif
