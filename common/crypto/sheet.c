/* sheet.c -- see sheet.h. */
#include "common/crypto/sheet.h"

enum rc
sheet_print(const struct sheet *s, const struct keys_private *key, FILE *out, struct error *e)
{
    char paper[KEYS_PAPER_SIZE], fingerprint[ID_TEXT_SIZE], when[CLOCK_TEXT_SIZE];
    struct keys_public public;
    struct id name;
    TRY(keys_public_of(key, &public, e));
    TRY(keys_fingerprint(&public, &name, e));
    TRY(keys_to_paper(key, paper, e));
    (void)fprintf(out,
                  "\n"
                  "------------------------------------------------------------------------\n"
                  "  KOFFER RECOVERY SHEET                print it, lock it away, tell nobody\n"
                  "------------------------------------------------------------------------\n"
                  "  cluster        %s\n"
                  "  sheet          %s\n"
                  "  made           %s\n"
                  "  vault          %s\n"
                  "  vault id       %s\n"
                  "  controller key %s\n"
                  "  fingerprint    %s\n"
                  "\n"
                  "  recovery key   %s\n"
                  "\n"
                  "  Whoever holds this key can read every full that is sealed to it. With it\n"
                  "  and the vault directory everything can be restored, without the\n"
                  "  controller, by\n"
                  "      koffer-recover VAULT restore latest --to DIR\n"
                  "  It is stored nowhere: it is shown this once. Type it back once, so that it\n"
                  "  is known to be readable: koffer key verify\n"
                  "------------------------------------------------------------------------\n\n",
                  s->cluster, s->label, clock_text(s->made, when), s->vault, s->vault_id,
                  s->controller_key, id_text(&name, fingerprint), paper);
    keys_wipe(paper, sizeof paper);
    if (fflush(out) != 0 || ferror(out))
        return error_errno(e, "print the recovery sheet");
    return RC_OK;
}
