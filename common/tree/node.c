/* node.c -- what names may be and how they sort.  See node.h. */
#include "common/tree/node.h"

#include <string.h>

int
node_compare(struct span a, struct span b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool
node_name_is_good(struct span name)
{
    if (name.len == 0 || name.len > LIMIT_NAME)
        return false;
    if (memchr(name.data, '/', name.len) != NULL || memchr(name.data, '\0', name.len) != NULL)
        return false;
    bool dots = name.data[0] == '.' && (name.len == 1 || (name.len == 2 && name.data[1] == '.'));
    return !dots;
}
