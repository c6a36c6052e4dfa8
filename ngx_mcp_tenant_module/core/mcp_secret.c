/*
 * Values with ${NAME} and ${file:PATH} in them.
 *
 * A catalog may be written by a tenant, so that a reference is worth nothing
 * until tenants.yaml grants it.  No value is ever told.
 */

#include "mcp_secret.h"
#include "mcp_field.h"
#include "mcp_text.h"

#include <string.h>


#define MCP_SECRET_FILE      "file:"
#define MCP_SECRET_FILE_LEN  (sizeof(MCP_SECRET_FILE) - 1)


/* One value being put together; overflow: it does not fit. */
typedef struct {
    mcp_load_t               *load;
    const mcp_tenant_t       *tenant;
    const mcp_load_tenant_t  *work;
    const mcp_yaml_node_t    *node;
    const char               *what;
    size_t                    len;
    bool                      overflow;
    char                      text[MCP_SECRET_VALUE_MAX];
} mcp_secret_t;


static bool mcp_secret_replace(mcp_secret_t *secret, const mcp_str_t *text);
static bool mcp_secret_reference(mcp_secret_t *secret,
    const mcp_str_t *reference);
static bool mcp_secret_is_granted(const mcp_tenant_t *tenant,
    const mcp_str_t *reference);
static bool mcp_secret_variable(mcp_secret_t *secret,
    const mcp_str_t *reference);
static bool mcp_secret_file(mcp_secret_t *secret,
    const mcp_str_t *reference);
static bool mcp_secret_take(mcp_secret_t *secret, const mcp_str_t *reference,
    const char *data, size_t len);
static void mcp_secret_append(mcp_secret_t *secret, const char *data,
    size_t len);
static bool mcp_secret_is_field_value(const char *data, size_t len);


bool
mcp_secret_expand(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    const char *what, mcp_str_t *ret_value)
{
    bool          fine;
    mcp_str_t     text;
    mcp_secret_t  secret;

    if (!mcp_field_scalar(load, node, what, &text)) {
        return false;
    }

    secret.load = load;
    secret.tenant = tenant;
    secret.work = work;
    secret.node = node;
    secret.what = what;
    secret.len = 0;
    secret.overflow = false;

    if (!mcp_secret_is_field_value(text.data, text.len)) {
        mcp_field_error(load, node, "found a value of %s that is empty, has a "
                        "space at an end or holds control characters or "
                        "letters outside ASCII, expected printable ASCII",
                        what);
        return false;
    }

    fine = mcp_secret_replace(&secret, &text);

    if (secret.overflow && fine) {
        mcp_field_error(load, node, "found more than %d bytes as the value of "
                        "%s, expected fewer", MCP_SECRET_VALUE_MAX, what);
        return false;
    }

    if (fine && load->options->env) {
        text.data = secret.text;
        text.len = secret.len;
        *ret_value = mcp_load_copy(load, &text);
    }

    return fine;
}


/* Goes on after a mistake, to find them all. */
static bool
mcp_secret_replace(mcp_secret_t *secret, const mcp_str_t *text)
{
    bool         fine;
    mcp_str_t    reference;
    const char  *p, *end, *next;

    fine = true;
    end = text->data + text->len;

    for (p = text->data; p != end; p = next) {

        if (*p != '$' || p + 1 == end || (p[1] != '$' && p[1] != '{')) {
            next = p + 1;
            mcp_secret_append(secret, p, 1);
            continue;
        }

        if (p[1] == '$') {
            next = p + 2;
            mcp_secret_append(secret, p, 1);
            continue;
        }

        reference.data = p + 2;
        next = memchr(p, '}', (size_t) (end - p));

        if (next == NULL) {
            mcp_field_error(secret->load, secret->node, "found \"${\" without "
                            "\"}\" in %s, expected ${NAME} or ${file:PATH}, "
                            "or \"$${\" for the characters themselves",
                            secret->what);
            return false;
        }

        reference.len = (size_t) (next - reference.data);
        next++;

        if (!mcp_secret_reference(secret, &reference)) {
            fine = false;
        }
    }

    return fine;
}


bool
mcp_secret_is_grant(const mcp_str_t *text)
{
    if (text->len > MCP_SECRET_FILE_LEN
        && memcmp(text->data, MCP_SECRET_FILE, MCP_SECRET_FILE_LEN) == 0)
    {
        return text->len < 1024 && mcp_text_is_printable(text, false)
               && memchr(text->data, '}', text->len) == NULL
               && memchr(text->data, '\0', text->len) == NULL;
    }

    return mcp_text_is_variable(text);
}


static bool
mcp_secret_reference(mcp_secret_t *secret, const mcp_str_t *reference)
{
    mcp_load_t  *load;

    load = secret->load;

    if (!mcp_secret_is_grant(reference)) {
        mcp_field_error(load, secret->node, "found a \"${...}\" in %s that "
                        "names nothing, expected ${NAME} or ${file:PATH}, or "
                        "\"$${\" for the characters themselves",
                        secret->what);
        return false;
    }

    if (!mcp_secret_is_granted(secret->tenant, reference)) {

        if (secret->work->grants_whole) {
            mcp_field_error(load, secret->node, "found ${%.*s} in %s, "
                            "expected a secret that this tenant was granted: "
                            "add \"- %.*s\" to its \"secrets:\" in %s",
                            (int) reference->len, reference->data,
                            secret->what, (int) reference->len,
                            reference->data, load->path);
        }

        return false;
    }

    if (load->options->env == NULL) {
        return true;
    }

    return reference->len > MCP_SECRET_FILE_LEN
           && memchr(reference->data, ':', reference->len)
           ? mcp_secret_file(secret, reference)
           : mcp_secret_variable(secret, reference);
}


static bool
mcp_secret_is_granted(const mcp_tenant_t *tenant, const mcp_str_t *reference)
{
    size_t            i;
    const mcp_str_t  *grant;

    for (i = 0; i < tenant->nsecrets; i++) {
        grant = &tenant->secrets[i];

        if (grant->len == reference->len
            && memcmp(grant->data, reference->data, grant->len) == 0)
        {
            return true;
        }
    }

    return false;
}


static bool
mcp_secret_variable(mcp_secret_t *secret, const mcp_str_t *reference)
{
    mcp_str_t    name;
    mcp_load_t  *load;
    const char  *value;

    load = secret->load;

    /* the reference is a part of a longer text, and env() wants a string */

    name = mcp_load_copy(load, reference);
    if (name.data == NULL) {
        return false;
    }

    value = load->options->env(load->options->env_data, name.data);

    if (value == NULL) {
        mcp_field_error(load, secret->node, "found ${%s} in %s, which is not "
                        "set, expected the variable in NGINX's environment: "
                        "set it where NGINX is started, and add \"env %s;\" "
                        "to the top of nginx.conf", name.data, secret->what,
                        name.data);
        return false;
    }

    return mcp_secret_take(secret, &name, value, strlen(value));
}


static bool
mcp_secret_file(mcp_secret_t *secret, const mcp_str_t *reference)
{
    size_t       len;
    mcp_str_t    name;
    mcp_load_t  *load;
    mcp_file_t  *file;
    const char  *path;

    load = secret->load;
    file = &load->secret;

    name.data = reference->data + MCP_SECRET_FILE_LEN;
    name.len = reference->len - MCP_SECRET_FILE_LEN;

    path = mcp_load_path(load, &name);
    if (path == NULL) {
        return false;
    }

    if (mcp_load_read(load, file, path, MCP_SECRET_VALUE_MAX + 1, NULL)
        != MCP_OK)
    {
        mcp_field_error(load, secret->node, "found ${%.*s} in %s, but the "
                        "file %s %s, expected a readable file with one value "
                        "of at most %d bytes", (int) reference->len,
                        reference->data, secret->what, path, file->why,
                        MCP_SECRET_VALUE_MAX);
        return false;
    }

    len = file->len;

    if (len && file->data[len - 1] == '\n') {
        len--;
    }

    return mcp_secret_take(secret, reference, file->data, len);
}


static bool
mcp_secret_take(mcp_secret_t *secret, const mcp_str_t *reference,
    const char *data, size_t len)
{
    mcp_load_add_bytes(secret->load, data, len);

    if (!mcp_secret_is_field_value(data, len)) {
        mcp_field_error(secret->load, secret->node, "found ${%.*s} in %s, "
                        "whose value is empty, has a space at an end or holds "
                        "control characters or letters outside ASCII, "
                        "expected printable ASCII", (int) reference->len,
                        reference->data, secret->what);
        return false;
    }

    mcp_secret_append(secret, data, len);

    return true;
}


static void
mcp_secret_append(mcp_secret_t *secret, const char *data, size_t len)
{
    if (len > MCP_SECRET_VALUE_MAX - secret->len) {
        secret->overflow = true;
        return;
    }

    memcpy(secret->text + secret->len, data, len);
    secret->len += len;
}


/* RFC 9110 field-value without obs-text */
static bool
mcp_secret_is_field_value(const char *data, size_t len)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < len; i++) {
        c = (unsigned char) data[i];

        if (c == ' ' || c == '\t') {
            if (i == 0 || i == len - 1) {
                return false;
            }

        } else if (c < ' ' || c >= 0x7f) {
            return false;
        }
    }

    return len > 0;
}
