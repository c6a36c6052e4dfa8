/*
 * URIs of resources against patterns.
 */

#include "mcp_uri.h"
#include "mcp_glob.h"
#include "mcp_model.h"

#include <string.h>


static bool mcp_uri_plain(const char *uri, size_t len, char *ret_plain,
    mcp_str_t *ret_str);
static size_t mcp_uri_scheme(const char *uri, size_t len);
static bool mcp_uri_take(const char *uri, size_t len, size_t *i, char *ret_c);
static int mcp_uri_hex(char c);
static bool mcp_uri_has_dots(const mcp_str_t *plain);
static size_t mcp_uri_cut(const mcp_str_t *plain);
static mcp_str_t mcp_uri_fold(const mcp_str_t *text, char *ret_folded);


bool
mcp_uri_init(mcp_uri_t *ret_uri, const char *data, size_t len)
{
    if (len > MCP_URI_MAX_LEN
        || !mcp_uri_plain(data, len, ret_uri->buffers[0], &ret_uri->plain))
    {
        return false;
    }

    ret_uri->given.data = data;
    ret_uri->given.len = len;

    ret_uri->folded = mcp_uri_fold(&ret_uri->given, ret_uri->buffers[1]);
    ret_uri->folded_plain = mcp_uri_fold(&ret_uri->plain,
                                         ret_uri->buffers[2]);
    ret_uri->folded_cut.data = ret_uri->folded_plain.data;
    ret_uri->folded_cut.len = mcp_uri_cut(&ret_uri->plain);

    return true;
}


bool
mcp_uri_is(const mcp_uri_t *uri, const mcp_str_t *pattern)
{
    char       buffer[MCP_RULES_URI_MAX_LEN];
    mcp_str_t  plain;

    return pattern->len <= sizeof(buffer)
           && mcp_uri_plain(pattern->data, pattern->len, buffer, &plain)
           && mcp_glob(pattern, &uri->given)
           && mcp_glob(&plain, &uri->plain);
}


bool
mcp_uri_may_be(const mcp_uri_t *uri, const mcp_str_t *pattern)
{
    char       buffers[2][MCP_RULES_URI_MAX_LEN];
    mcp_str_t  folded, plain;

    /* no such pattern comes through the check of the files */

    if (pattern->len > sizeof(buffers[0])
        || !mcp_uri_plain(pattern->data, pattern->len, buffers[1], &plain))
    {
        return true;
    }

    folded = mcp_uri_fold(pattern, buffers[0]);

    if (mcp_glob(&folded, &uri->folded)) {
        return true;
    }

    plain = mcp_uri_fold(&plain, buffers[1]);

    return mcp_glob(&plain, &uri->folded_plain)
           || mcp_glob(&plain, &uri->folded_cut);
}


bool
mcp_uri_is_pattern(const mcp_str_t *pattern)
{
    char       buffer[MCP_RULES_URI_MAX_LEN];
    mcp_str_t  plain;

    return pattern->len <= sizeof(buffer)
           && mcp_uri_plain(pattern->data, pattern->len, buffer, &plain);
}


/* ret_plain has room for len bytes. */
static bool
mcp_uri_plain(const char *uri, size_t len, char *ret_plain,
    mcp_str_t *ret_str)
{
    char    c;
    size_t  i, n, scheme;

    n = 0;
    i = 0;
    scheme = mcp_uri_scheme(uri, len);

    while (i < len) {

        if (!mcp_uri_take(uri, len, &i, &c)) {
            return false;
        }

        /* up to three may follow a scheme: its "//", and a path */

        if (c == '/' && n && ret_plain[n - 1] == '/'
            && (scheme == 0 || n > scheme + 2 || ret_plain[scheme] != '/'))
        {
            continue;
        }

        ret_plain[n++] = c;

        if (n > 2 && ret_plain[n - 3] == '%'
            && mcp_uri_hex(ret_plain[n - 2]) >= 0
            && mcp_uri_hex(ret_plain[n - 1]) >= 0)
        {
            return false;
        }
    }

    ret_str->data = ret_plain;
    ret_str->len = n;

    return !mcp_uri_has_dots(ret_str);
}


/* The length of "scheme:", 0 when there is none. */
static size_t
mcp_uri_scheme(const char *uri, size_t len)
{
    char    c;
    size_t  i;

    for (i = 0; i < len; i++) {
        c = uri[i];

        if (c == ':') {
            return i ? i + 1 : 0;
        }

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
        {
            break;
        }
    }

    return 0;
}


/* The character at *i, behind which *i is then. */
static bool
mcp_uri_take(const char *uri, size_t len, size_t *i, char *ret_c)
{
    unsigned char  c;

    c = (unsigned char) uri[(*i)++];

    if (c == ' ') {
        return false;
    }

    if (c == '%' && len - *i >= 2 && mcp_uri_hex(uri[*i]) >= 0
        && mcp_uri_hex(uri[*i + 1]) >= 0)
    {
        c = (unsigned char) (mcp_uri_hex(uri[*i]) << 4
                             | mcp_uri_hex(uri[*i + 1]));
        *i += 2;
    }

    *ret_c = (char) c;

    return c >= ' ' && c != 0x7f && c != '\\';
}


static int
mcp_uri_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* In what may be a query too: some readers take all of it for a path. */
static bool
mcp_uri_has_dots(const mcp_str_t *plain)
{
    size_t       i, n;
    const char  *p;

    static const char  before[] = "/?#&=;:", behind[] = "/?#&;";

    p = plain->data;

    for (i = 0; i < plain->len; i += n ? n : 1) {

        for (n = 0; i + n < plain->len && p[i + n] == '.'; n++) { /* void */ }

        if ((n == 1 || n == 2)
            && (i == 0 || strchr(before, p[i - 1]))
            && (i + n == plain->len || strchr(behind, p[i + n])))
        {
            return true;
        }
    }

    return false;
}


/* Where query or fragment begin; "{?" and "{#" belong to a template. */
static size_t
mcp_uri_cut(const mcp_str_t *plain)
{
    size_t  i;

    for (i = 0; i < plain->len; i++) {
        if ((plain->data[i] == '?' || plain->data[i] == '#')
            && (i == 0 || plain->data[i - 1] != '{'))
        {
            break;
        }
    }

    return i;
}


static mcp_str_t
mcp_uri_fold(const mcp_str_t *text, char *ret_folded)
{
    char       c;
    size_t     i;
    mcp_str_t  folded = { text->len, ret_folded };

    for (i = 0; i < text->len; i++) {
        c = text->data[i];
        ret_folded[i] = c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
    }

    return folded;
}
