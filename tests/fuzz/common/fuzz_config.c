/* fuzz_config.c -- any text gives a configuration or a refusal that names the file. */
#include <stdlib.h>
#include <string.h>

#include "common/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const choices[] = {"one", "two", NULL};
static const struct config_key inner[] = {{"c", CONFIG_CHOICE, .choices = choices, .help = ""},
                                          {"l", CONFIG_LIST, .fallback = "{a, b}", .help = ""},
                                          {0}};
static const struct config_key keys[] = {
    {"t", CONFIG_TEXT, .help = ""},
    {"n", CONFIG_NUMBER, .fallback = "3", .max = 9, .help = ""},
    {"z", CONFIG_SIZE, .help = ""},
    {"d", CONFIG_DURATION, .help = ""},
    {"b", CONFIG_BOOL, .help = ""},
    {"p", CONFIG_PATH, .help = ""},
    {"l", CONFIG_LIST, .help = ""},
    {"u", CONFIG_SECTION, .keys = inner, .help = ""},
    {"s", CONFIG_SECTION, .keys = inner, .titled = true, .help = ""},
    {0}};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    CLEANUP(config_freep) struct config *c = NULL;
    CLEANUP(own_freep) char *text = malloc(len + 1);
    if (text == NULL)
        return 0;
    if (len > 0)
        memcpy(text, data, len);
    text[len] = '\0';

    enum rc rc = config_parse(keys, "fuzz", text, &c, &e);
    if (rc != RC_OK && (rc != RC_INVALID || strncmp(e.text, "fuzz:", 5) != 0))
        abort();
    return 0;
}
