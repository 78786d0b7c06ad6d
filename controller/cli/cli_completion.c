/* cli_completion.c -- completion for bash, as a script without a call of this program.  See cli.h. */
#include "controller/cli/cli.h"

static void
print_options(const struct cli_option *options, FILE *out)
{
    for (const struct cli_option *o = options; o != NULL && o->name != NULL; o++)
        (void)fprintf(out, " --%s", o->name);
}

/* The first command of its noun stands for all of them. */
static bool
begins_noun(const struct cli_command *c)
{
    const struct cli_command *other = cli_next_command(NULL);
    while (!text_equal(other->noun, c->noun))
        other = cli_next_command(other);
    return other == c && !c->hidden;
}

static void
print_nouns(FILE *out)
{
    (void)fprintf(out, "    local nouns=\"");
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c))
        if (begins_noun(c))
            (void)fprintf(out, " %s", c->noun);
    (void)fprintf(out, "\"\n    local global=\"");
    print_options(cli_global_options, out);
    (void)fprintf(out, "\"\n");
}

static void
print_verbs(FILE *out)
{
    (void)fprintf(out, "    case $noun in\n");
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c)) {
        if (!begins_noun(c) || c->verb == NULL)
            continue;
        (void)fprintf(out, "    %s) verbs=\"", c->noun);
        for (const struct cli_command *v = c; v != NULL; v = cli_next_command(v))
            if (text_equal(v->noun, c->noun))
                (void)fprintf(out, " %s", v->verb);
        (void)fprintf(out, "\" ;;\n");
    }
    (void)fprintf(out, "    completion) verbs=\"bash\" ;;\n    esac\n");
}

static void
print_own_options(FILE *out)
{
    (void)fprintf(out, "    case \"$noun $verb\" in\n");
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c)) {
        if (c->options == NULL || c->verb == NULL)
            continue;
        (void)fprintf(out, "    \"%s %s\") options=\"", c->noun, c->verb);
        print_options(c->options, out);
        (void)fprintf(out, "\" ;;\n");
    }
    (void)fprintf(out, "    esac\n");
}

void
cli_print_completion(FILE *out)
{
    (void)fprintf(out, "# bash completion for koffer; made by 'koffer completion bash'.\n"
                       "_koffer()\n{\n"
                       "    local word=${COMP_WORDS[COMP_CWORD]} noun= verb= verbs= options= i\n");
    print_nouns(out);
    (void)fprintf(out, "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                       "        case ${COMP_WORDS[i]} in\n"
                       "        --controller) ((i++)) ;;\n"
                       "        -*) ;;\n"
                       "        *) if [[ -z $noun ]]; then noun=${COMP_WORDS[i]}\n"
                       "           elif [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; fi ;;\n"
                       "        esac\n    done\n");
    print_verbs(out);
    print_own_options(out);
    (void)fprintf(out, "    if [[ $word == -* ]]; then\n"
                       "        COMPREPLY=($(compgen -W \"$options $global\" -- \"$word\"))\n"
                       "    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == --to ]]; then\n"
                       "        COMPREPLY=($(compgen -d -- \"$word\"))\n"
                       "    elif [[ -z $noun ]]; then\n"
                       "        COMPREPLY=($(compgen -W \"$nouns\" -- \"$word\"))\n"
                       "    elif [[ -z $verb ]]; then\n"
                       "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n"
                       "    fi\n}\n"
                       "complete -F _koffer koffer\n");
}
