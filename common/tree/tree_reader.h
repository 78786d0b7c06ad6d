/*
 * tree_reader.h -- the inside of a reader: listing and content are in files of their own.
 * Layer: common/tree (not for other folders).
 */
#ifndef COMMON_TREE_TREE_READER_H
#define COMMON_TREE_TREE_READER_H

#include "common/tree/tree.h"
#include "common/tree/tree_cache.h"

struct tree_reader {
    struct tree_cache *cache;
};

#endif
