/*
 * limits.h -- every bound that an outsider could otherwise choose for us, with its reason.
 *
 * Layer: common/base.  Includes nothing.
 */
#ifndef COMMON_BASE_LIMITS_H
#define COMMON_BASE_LIMITS_H

/* Control messages are lists of a few thousand short fields at most (H8: 256 KiB). */
#define LIMIT_CONTROL_MESSAGE (256u * 1024)
/* protobuf-c amplifies; a message may cost at most this much memory (H8: 16 x the message). */
#define LIMIT_CONTROL_MEMORY (16u * LIMIT_CONTROL_MESSAGE)

/* A blob's plaintext: the longest chunk, with room for a bundle's last file. */
#define LIMIT_BLOB_PLAIN (8u * 1024 * 1024)
/* Children named by one blob: a list or tree node refers to this many others at most. */
#define LIMIT_BLOB_CHILDREN 16384u
/* Header, children, body of incompressible plaintext, tag. */
#define LIMIT_BLOB (48u + 32u * LIMIT_BLOB_CHILDREN + LIMIT_BLOB_PLAIN + 16u)

/* A pack is closed when the next blob would take it past this (DESIGN 6: 16 to 64 MiB). */
#define LIMIT_PACK (32u * 1024 * 1024)

/* Data streams at a time, twice over: captures under way, and captures whose full is not committed yet. */
#define LIMIT_SESSIONS 512u
/* A session with the vault ends when its agent is not heard of for so long (D19). */
#define LIMIT_LEASE_SECONDS 900u

/* Path components and depth in a tree (H4); Linux NAME_MAX, and deep enough for any mail spool. */
#define LIMIT_NAME 255u
#define LIMIT_DEPTH 256u
/* Linux PATH_MAX for symlink targets, XATTR_SIZE_MAX and XATTR_LIST_MAX for attributes. */
#define LIMIT_SYMLINK 4096u
#define LIMIT_XATTR_VALUE 65536u
#define LIMIT_XATTR_COUNT 1024u

/* A record: 1 000 archives of some 500 bytes with room to spare. */
#define LIMIT_RECORD (4u * 1024 * 1024)
#define LIMIT_RECIPIENTS 16u
#define LIMIT_ARCHIVES 4096u

/* A daemon's configuration file. */
#define LIMIT_CONFIG (1024u * 1024)

/* Names of hosts, sources, operators (text_check_name). */
#define LIMIT_LABEL 64u

/* A whole enrolment, from the token to the certificate: some seconds, even over a slow line. */
#define LIMIT_ENROLMENT_SECONDS 120u

/* stderr of a child process that goes into a report (H1: the last 64 KiB). */
#define LIMIT_CHILD_STDERR (64u * 1024)

#endif
