/*
 * capture_limits.h -- the bounds of a capture that depend on what it reads, to be made small by
 * tests: what happens at a bound should not need a million files to be seen.
 * Layer: agent/capture (for capture.c, and tests).
 */
#ifndef AGENT_CAPTURE_CAPTURE_LIMITS_H
#define AGENT_CAPTURE_CAPTURE_LIMITS_H

#include "agent/capture/capture.h"

struct capture_limits {
    size_t names_bytes; /* of one directory at a time: NAMES_BYTES_MAX */
    size_t link_pieces; /* of hard links that wait for their other names: LINKS_PIECES_MAX */
};

/* capture_begin with other bounds. */
enum rc
capture_limits_begin(const struct capture_options *options, const struct capture_limits *limits,
                     struct capture **out, struct error *e);

#endif
