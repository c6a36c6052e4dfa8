/*
 * Patterns.  Tenants write them and clients choose the names, so no pair of
 * both may take long.
 */

#include "mcp_glob.h"

#include <string.h>


/*
 * Each piece between two stars is taken where it first occurs: a later place
 * would only leave less for the rest.  So nothing is tried twice, and the
 * time is at most that of one search for each piece in what is left.
 */
bool
mcp_glob(const mcp_str_t *pattern, const mcp_str_t *name)
{
    size_t       piece, len;
    const char  *p, *end, *star, *found, *text;

    p = pattern->data;
    end = p + pattern->len;
    text = name->data;
    len = name->len;

    star = memchr(p, '*', pattern->len);
    if (star == NULL) {
        return len == pattern->len && memcmp(p, text, len) == 0;
    }

    piece = (size_t) (star - p);

    if (len < piece || memcmp(p, text, piece) != 0) {
        return false;
    }

    for ( ;; ) {

        text += piece;
        len -= piece;
        p = star + 1;

        star = memchr(p, '*', (size_t) (end - p));
        if (star == NULL) {
            break;
        }

        piece = (size_t) (star - p);

        found = memmem(text, len, p, piece);
        if (found == NULL) {
            return false;
        }

        len -= (size_t) (found - text);
        text = found;
    }

    piece = (size_t) (end - p);

    return len >= piece && memcmp(p, text + (len - piece), piece) == 0;
}
