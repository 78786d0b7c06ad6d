"""Keys, nonces, names that are hashes, signatures and chains (docs/planted-bugs.md)."""

BUGS = [
    ("constant-nonce", "every blob is sealed with the same nonce", "common/crypto/aead.c",
     "    int n;\n    return EVP_CipherInit_ex2(a->ctx, a->gcm, key->bytes, key->bytes + AEAD_KEY_SIZE, encrypt,\n",
     "    int n;\n    static const uint8_t nonce[16];\n    return EVP_CipherInit_ex2(a->ctx, a->gcm, key->bytes, nonce, encrypt,\n",
     "unit.common.crypto.aead"),
    ("header-not-authenticated", "a blob's clear header is not bound to its body", "common/crypto/aead.c",
     "           (header.len == 0 ||\n", "           (true || header.len == 0 ||\n", "unit.common.crypto.aead"),
    ("tag-not-checked", "a body whose tag does not fit is believed", "common/crypto/aead.c",
     "    if (EVP_CipherFinal_ex(a->ctx, none, &n) != 1) {\n", "    if (EVP_CipherFinal_ex(a->ctx, none, &n) == 7) {\n",
     "unit.common.crypto.aead"),
    ("key-of-the-plaintext", "a blob's key is derived from its plain text, not from what is encrypted", "common/blob/blob_seal.c",
     "    TRY(encrypt(s, body, out, &sealed.key, e));\n",
     "    struct aead_key derived;\n"
     "    TRY(digest_hmac(&s->secret, buffer_span(out), plain, &sealed.key, e));\n"
     "    TRY(blob_open_derive(&sealed.key, &derived, e));\n"
     "    TRY(buffer_reserve(out, body.len + BLOB_TAG_SIZE, e));\n"
     "    TRY(aead_seal(s->aead, &derived, buffer_span(out), body, out->data + out->len, e));\n"
     "    out->len += body.len + BLOB_TAG_SIZE;\n", "unit.common.blob.blob"),
    ("id-not-checked-on-put", "the vault stores bytes under an id that is not theirs", "controller/vault/vault_session.c",
     "    TRY(blob_check(blob, id, e));\n", "", "unit.controller.vault.vault"),
    ("id-not-checked-on-get", "the vault hands out bytes that are not what was asked for", "controller/vault/pack_reader.c",
     "    TRY_IN(blob_check(buffer_span(out), &place->id, e), e, \"offset %u\", place->offset);\n", "", "unit.controller.vault.pack_reader"),
    ("pack-hash-not-checked", "a pack whose bytes are not its name is called good", "controller/vault/pack_reader.c",
     "    if (!id_equal(&hash, name))\n", "    if (false)\n", "unit.controller.vault.verify"),
    ("signature-not-checked", "a record is believed whoever signed it", "common/record/record.c",
     "    TRY_IN(keys_check(key, context, span_of(bytes.data, len), bytes.data + len, e), e, \"record\");\n", "    (void)key; (void)context; (void)len;\n",
     "unit.common.record.record"),
    ("full-chain-not-checked", "a full need not follow the last one", "controller/vault/vault_full.c",
     "    if (!id_equal(&record->previous, &last.name))\n", "    if (false)\n", "unit.controller.vault.vault"),
    ("host-chain-not-checked", "a host's archive that was taken out is not missed", "controller/vault/verify_chain.c",
     "        if (!fits(last, a))\n", "        if (false && !fits(last, a))\n", "unit.controller.vault.verify"),
    ("record-of-another-vault", "a full of another vault is taken in", "controller/vault/vault_full.c",
     "    if (memcmp(record->vault.bytes, v->id.bytes, sizeof v->id.bytes) != 0)\n", "    if (false)\n", "unit.controller.vault.vault"),
    ("vault-set-back", "an agent seals a record older than the one it knows to be committed", "agent/job/job_step.c",
     "    if (job->order.sequence > committed)\n", "    if (true)\n", "unit.agent.job.job"),
    ("memory-of-another-epoch", "what an agent remembers of a lost vault makes it send nothing", "agent/capture/memory.c",
     " || epoch != key->epoch ||\n", " ||\n", "unit.agent.capture.capture"),
    ("private-file-open-to-all", "a key file that others can read is used", "common/sys/file.c",
     "    if ((about->st_mode & (S_IRWXG | S_IRWXO)) != 0) {\n", "    if (false) {\n", "unit.common.crypto.keys"),
]
