/*
 * tree.h -- build directories out of entries, and read them back, over any store of blobs.
 *
 * Writing one directory, entries in ascending order of name, children before their parents:
 *
 *     CLEANUP(tree_builder_freep) struct tree_builder *d = NULL;
 *     TRY(tree_builder_new(sealer, sink, &d, e));
 *     TRY(tree_builder_add(d, &entry, e)); ...            // copies the entry
 *     TRY(tree_builder_finish(d, &ref, e));               // ref of the directory; d is empty again
 *
 * Leaves are sealed as they fill, so memory stays bounded however many entries there are.  Where
 * leaves end is specified in docs/formats/node.md.  tree_content() does the same for a long file:
 * pieces in, at most TREE_INLINE_PIECES pieces (or lists) out.
 *
 * Reading:
 *
 *     TRY(tree_reader_new(source, &r, e));
 *     TRY(tree_list(r, &dir_ref, after, visit, ctx, e));      // entries with name > after
 *     TRY(tree_find(r, &root, "fs/etc/hosts", arena, &found, &entry, e));
 *     TRY(tree_read(r, &entry, offset, buffer, len, &got, e));
 *
 * A reader keeps the plain text of the blobs it opened last (16 MiB), so many short files of one
 * bundle cost one opening.  Visitors may use the reader again.  What the store gives is checked
 * against its reference, but its shape may still be wrong: RC_CORRUPT, or RC_NOT_FOUND for a missing blob.
 * Threads: a builder or reader belongs to one thread.  Layer: common/tree.
 */
#ifndef COMMON_TREE_TREE_H
#define COMMON_TREE_TREE_H

#include "common/tree/node.h"

enum { TREE_INLINE_PIECES = NODE_CONTENT_MAX };

struct tree_builder;
enum rc tree_builder_new(struct blob_sealer *sealer, struct blob_sink *sink,
                         struct tree_builder **out, struct error *e);
void tree_builder_free(struct tree_builder *b);
DEFINE_FREEP(tree_builder)
/* RC_INVALID when the name does not ascend.  After any failure only tree_builder_free() is left. */
enum rc tree_builder_add(struct tree_builder *b, const struct node_entry *entry, struct error *e);
enum rc tree_builder_finish(struct tree_builder *b, struct blob_ref *out, struct error *e);

/* Collects the pieces of one file; adjacent slices of one blob and adjacent holes are joined, pieces
 * of no length dropped.  After a failure only tree_content_free() is left. */
struct tree_content;
enum rc tree_content_new(struct blob_sealer *sealer, struct blob_sink *sink,
                         struct tree_content **out, struct error *e);
void tree_content_free(struct tree_content *c);
DEFINE_FREEP(tree_content)
enum rc tree_content_add(struct tree_content *c, const struct node_piece *piece, struct error *e);
/* At most TREE_INLINE_PIECES, borrowed until the next use of `c`, which is empty again then. */
enum rc tree_content_finish(struct tree_content *c, const struct node_piece **pieces, size_t *count,
                            uint64_t *size, struct error *e);

struct tree_reader;
enum rc tree_reader_new(struct blob_source *source, struct tree_reader **out, struct error *e);
void tree_reader_free(struct tree_reader *r);
DEFINE_FREEP(tree_reader)

/* RC_CANCELLED from a visitor ends the listing and is returned. */
typedef enum rc tree_visit(void *ctx, const struct node_entry *entry, struct error *e);
/* `after` empty: from the first.  The entry lives for the call only. */
enum rc tree_list(struct tree_reader *r, const struct blob_ref *directory, struct span after,
                  tree_visit *visit, void *ctx, struct error *e);
/* One entry of one directory; everything in *out lives in the arena. */
enum rc tree_lookup(struct tree_reader *r, const struct blob_ref *directory, struct span name,
                    struct arena *arena, bool *found, struct node_entry *out, struct error *e);
/* A path of '/'-separated names below `root`; "" is the root itself as a nameless directory entry. */
enum rc tree_find(struct tree_reader *r, const struct blob_ref *root, const char *path,
                  struct arena *arena, bool *found, struct node_entry *out, struct error *e);
/* Up to `len` bytes of a file's content from `offset`; *got < len only at its end.  Holes read as zeros. */
enum rc tree_read(struct tree_reader *r, const struct node_entry *file, uint64_t offset, void *out,
                  size_t len, size_t *got, struct error *e);
/* Every hole and slice of a file in order, lists resolved. */
typedef enum rc tree_piece_visit(void *ctx, const struct node_piece *piece, struct error *e);
enum rc tree_pieces(struct tree_reader *r, const struct node_entry *file, tree_piece_visit *visit,
                    void *ctx, struct error *e);
/* The bytes of one NODE_DATA piece, borrowed until the next use of `r`. */
enum rc tree_slice(struct tree_reader *r, const struct node_piece *piece, struct span *out,
                   struct error *e);

#endif
