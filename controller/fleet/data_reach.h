/*
 * data_reach.h -- what a restore may fetch: the root that was ordered, and what was reached from it, step by step.
 *
 *     TRY(data_reach_new(&root, 1, &reach, e));
 *     if (data_reach_holds(reach, &id)) ... serve it, then
 *     TRY(data_reach_served(reach, blob, e));          // its children may be asked for now
 *
 * Whoever restores goes from the root downwards anyway: it finds names and keys of the children in the parent.  So nothing
 * is walked beforehand, and an agent cannot fetch what its order does not reach: other hosts' blobs, older fulls.
 * Memory: 40 to 120 bytes for each blob that was named.
 *
 * Threads: one at a time.  Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_DATA_REACH_H
#define CONTROLLER_FLEET_DATA_REACH_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/own.h"
#include "common/base/span.h"

struct data_reach;

enum rc
data_reach_new(const struct id *roots, size_t count, struct data_reach **out, struct error *e);
void data_reach_free(struct data_reach *r);
DEFINE_FREEP(data_reach)

bool data_reach_holds(const struct data_reach *r, const struct id *id);
enum rc data_reach_served(struct data_reach *r, struct span blob, struct error *e);

#endif
