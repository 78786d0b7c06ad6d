/*
 * cli_key.h -- recovery keys, at the operator's own machine: they are made, typed and used here, and never travel.
 *
 *     TRY(cli_key_load(cli, &list, e));                       // the recipients, as the controller knows them
 *     TRY(cli_key_find(cli, list, "safe in Bern", &key, e));  // by label, or by the beginning of a fingerprint
 *     TRY(cli_key_ask(cli, &private, e));                     // --key FILE or -
 *
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_KEY_H
#define CONTROLLER_CLI_CLI_KEY_H

#include "common/crypto/keys.h"
#include "controller/cli/cli.h"

/* For tables of options. */
#define CLI_KEY_OPTION                                                                             \
    {                                                                                              \
        .name = "key", .argument = "FILE|-",                                                       \
        .help = "File with the key of a recovery sheet (only you may read it), or - for the "      \
                "standard input: a terminal is asked, without echo."                               \
    }

enum { CLI_KEY_PREFIX_MIN = 8 /* digits of a fingerprint */ };

/* *out is the reply, to be freed by message_free. */
enum rc cli_key_load(struct cli *cli, ProtobufCMessage **out, struct error *e);
enum rc cli_key_find(struct cli *cli, const Koffer__KeyList *list, const char *what,
                     const Koffer__Key **out, struct error *e);
/* The key of --key: a file, or "-": the standard input, where a terminal is asked without echo.  NULL when not given. */
enum rc cli_key_ask(struct cli *cli, struct keys_private **out, struct error *e);

/* 32 bytes in a message; RC_PROTOCOL otherwise. */
enum rc cli_key_take(ProtobufCBinaryData from, struct id *out, struct error *e);

/* cli_key_add.c: koffer key add, rotate */
enum rc cli_key_add(struct cli *cli, struct error *e);
enum rc cli_key_rotate(struct cli *cli, struct error *e);

/* cli_key_rewrap.c */
struct cli_key_rewrap_counts {
    uint64_t fulls, envelopes, closed; /* closed: archives that the key does not open */
};
/* The roots of every full to one more recipient, opened with `key` here. */
enum rc cli_key_rewrap_to(struct cli *cli, const struct keys_private *key, const Koffer__Key *to,
                          struct cli_key_rewrap_counts *counts, struct error *e);
/* By the controller, with its own key, as a job. */
enum rc
cli_key_rewrap_there(struct cli *cli, const Koffer__Key *const *to, size_t count, struct error *e);
/* koffer key rewrap */
enum rc cli_key_rewrap(struct cli *cli, struct error *e);

#endif
