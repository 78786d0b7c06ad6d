/*
 * random_tree.h -- trees as no sane person makes them, and what may happen to them between two captures.
 *
 *     random_tree_make(dirfd, &c);                          // in an empty directory; chance is the campaign's
 *     random_tree_change(dirfd, &c);                        // edits, renames, removes, touches, adds
 *
 * Names with line ends, bytes that are no UTF-8, direction marks, 255 bytes; sparse and empty files, hard links, attributes,
 * ACLs, every mode, times before 1970 and to the nanosecond, symbolic links to anywhere, fifos, sockets, devices (as root).
 */
#ifndef TESTS_TRUST_CONTROLLER_RANDOM_TREE_H
#define TESTS_TRUST_CONTROLLER_RANDOM_TREE_H

#include "tests/support/campaign.h"

void random_tree_make(int dirfd, struct campaign *c);
void random_tree_change(int dirfd, struct campaign *c);

#endif
