/*
 * tenants.yaml: YAML to tenants.
 */

#include "mcp_tenants.h"
#include "mcp_cluster.h"
#include "mcp_field.h"
#include "mcp_keys.h"
#include "mcp_secret.h"
#include "mcp_text.h"

#include <string.h>


#define MCP_TENANTS_NAME_MAX          256
#define MCP_TENANTS_FILE_MAX          1024
#define MCP_TENANTS_NAMESPACE_MAX     63
#define MCP_TENANTS_NAMESPACE_PREFIX  "mcp-"
#define MCP_TENANTS_SHRINK_MAX        1000000


enum {
    MCP_TENANTS_LIST,
    MCP_TENANTS_ALLOW_SHRINK_TO,
    MCP_TENANTS_TOP
};


enum {
    MCP_TENANTS_ID,
    MCP_TENANTS_DISPLAY_NAME,
    MCP_TENANTS_NAMESPACE,
    MCP_TENANTS_CATALOG_FILE,
    MCP_TENANTS_ENABLED,
    MCP_TENANTS_API_KEYS,
    MCP_TENANTS_QUOTAS,
    MCP_TENANTS_ALLOWED_ORIGINS,
    MCP_TENANTS_SECRETS,
    MCP_TENANTS_RBAC_SUBJECTS,
    MCP_TENANTS_KEYS
};


static void mcp_tenants_one(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *ids, mcp_set_t *digests, mcp_tenant_t *tenant,
    mcp_load_tenant_t *work);
static void mcp_tenants_id(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *ids, mcp_tenant_t *tenant);
static void mcp_tenants_namespace(mcp_load_t *load,
    const mcp_yaml_node_t *node, const mcp_yaml_node_t *id,
    mcp_tenant_t *tenant);
static bool mcp_tenants_default_namespace(mcp_load_t *load,
    const mcp_yaml_node_t *id, mcp_tenant_t *tenant);
static bool mcp_tenants_catalog_file(mcp_load_t *load,
    const mcp_yaml_node_t *node, mcp_tenant_t *tenant);
static bool mcp_tenants_climbs(const mcp_str_t *path);
static bool mcp_tenants_is_origin(const mcp_str_t *text);
static size_t mcp_tenants_origin_scheme(const mcp_str_t *text);
static size_t mcp_tenants_origin_host(const mcp_str_t *text, size_t start);
static bool mcp_tenants_origin_port(const mcp_str_t *text, size_t start,
    size_t scheme);


static const mcp_field_t  mcp_tenants_top[] = {
    { "tenants", "a list of tenants behind \"tenants:\"", NULL },
    { "allow_shrink_to", NULL, NULL }
};

static const mcp_field_t  mcp_tenants_keys[] = {
    { "id", "one such as \"id: team-a\"", NULL },
    { "display_name", NULL, NULL },
    { "namespace", NULL, NULL },
    { "catalog_file", NULL, NULL },
    { "enabled", NULL, NULL },
    { "api_keys", NULL, NULL },
    { "quotas", NULL, NULL },
    { "allowed_origins", NULL, NULL },
    { "secrets", NULL, NULL },
    { "rbac_subjects", NULL, NULL }
};


static const mcp_field_words_t  mcp_tenants_origin_words = {
    "allowed_origins", "an origin", mcp_tenants_is_origin,
    "scheme://host or scheme://host:port in lower case, without a default "
    "port, as browsers send it", false
};

static const mcp_field_words_t  mcp_tenants_secret_words = {
    "secrets", "a secret", mcp_secret_is_grant,
    "the NAME of a variable, or file:PATH", true
};


void
mcp_tenants_read(mcp_load_t *load, const mcp_yaml_node_t *root)
{
    mcp_set_t               ids, digests;
    mcp_config_t           *config;
    const mcp_yaml_node_t  *top[MCP_TENANTS_TOP], *tenants, *node;

    if (!mcp_field_mapping(load, root, "the file of tenants",
                           mcp_tenants_top, MCP_TENANTS_TOP, top))
    {
        return;
    }

    config = load->config;
    tenants = top[MCP_TENANTS_LIST];

    if (top[MCP_TENANTS_ALLOW_SHRINK_TO]) {
        (void) mcp_field_number(load, top[MCP_TENANTS_ALLOW_SHRINK_TO],
                                "allow_shrink_to", MCP_TENANTS_SHRINK_MAX,
                                &config->allow_shrink_to);
    }

    if (tenants == NULL
        || !mcp_field_is(load, tenants, "tenants", MCP_YAML_SEQUENCE))
    {
        return;
    }

    config->list = mcp_load_mark(load, tenants);

    if (tenants->nchildren == 0) {
        return;
    }

    config->tenants = mcp_load_array(load, tenants->nchildren,
                                     sizeof(mcp_tenant_t));
    load->tenants = mcp_arena_alloc(load->tree, tenants->nchildren
                                                * sizeof(mcp_load_tenant_t));

    if (config->tenants == NULL || load->tenants == NULL) {
        load->failed = true;
        return;
    }

    memset(&ids, 0, sizeof(mcp_set_t));
    memset(&digests, 0, sizeof(mcp_set_t));

    for (node = tenants->children; node && !load->failed; node = node->next) {
        mcp_tenants_one(load, node, &ids, &digests,
                        &config->tenants[config->ntenants],
                        &load->tenants[config->ntenants]);
        config->ntenants++;
    }

    mcp_set_free(&ids);
    mcp_set_free(&digests);
}


static void
mcp_tenants_one(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_set_t *ids, mcp_set_t *digests, mcp_tenant_t *tenant,
    mcp_load_tenant_t *work)
{
    const mcp_yaml_node_t  *v[MCP_TENANTS_KEYS];

    tenant->mark = mcp_load_mark(load, node);
    tenant->enabled = true;
    work->partial = node->partial;
    work->grants_whole = true;

    if (!mcp_field_mapping(load, node, "a tenant", mcp_tenants_keys,
                           MCP_TENANTS_KEYS, v))
    {
        return;
    }

    if (v[MCP_TENANTS_ID]) {
        mcp_tenants_id(load, v[MCP_TENANTS_ID], ids, tenant);
    }

    tenant->display_name = tenant->id;

    if (v[MCP_TENANTS_DISPLAY_NAME]) {
        (void) mcp_field_text(load, v[MCP_TENANTS_DISPLAY_NAME],
                              "display_name", MCP_TENANTS_NAME_MAX, false,
                              &tenant->display_name);
    }

    mcp_tenants_namespace(load, v[MCP_TENANTS_NAMESPACE], v[MCP_TENANTS_ID],
                          tenant);

    work->has_catalog = (mcp_field_find(node, "catalog_file") != NULL);

    if (v[MCP_TENANTS_CATALOG_FILE]
        && mcp_tenants_catalog_file(load, v[MCP_TENANTS_CATALOG_FILE],
                                    tenant))
    {
        work->catalog_file = v[MCP_TENANTS_CATALOG_FILE];
    }

    if (v[MCP_TENANTS_ENABLED]) {
        (void) mcp_field_bool(load, v[MCP_TENANTS_ENABLED], "enabled",
                              &tenant->enabled);
    }

    if (v[MCP_TENANTS_API_KEYS]) {
        work->keys = v[MCP_TENANTS_API_KEYS];
        work->narrowed = mcp_keys_read(load, work->keys, digests, tenant);
    }

    if (v[MCP_TENANTS_QUOTAS]) {
        (void) mcp_field_quotas(load, v[MCP_TENANTS_QUOTAS], "a tenant", tenant,
                                &tenant->quotas);
    }

    if (v[MCP_TENANTS_ALLOWED_ORIGINS]) {
        (void) mcp_field_words(load, v[MCP_TENANTS_ALLOWED_ORIGINS],
                               &mcp_tenants_origin_words,
                               &tenant->allowed_origins,
                               &tenant->nallowed_origins);
    }

    if (v[MCP_TENANTS_RBAC_SUBJECTS]) {
        mcp_cluster_subjects(load, v[MCP_TENANTS_RBAC_SUBJECTS], tenant);
    }

    if (v[MCP_TENANTS_SECRETS]) {
        work->grants_whole = mcp_field_words(load, v[MCP_TENANTS_SECRETS],
                                             &mcp_tenants_secret_words,
                                             &tenant->secrets,
                                             &tenant->nsecrets);
    }

    if (node->partial
        || (mcp_field_find(node, "secrets")
            && v[MCP_TENANTS_SECRETS] == NULL))
    {
        work->grants_whole = false;
    }
}


static void
mcp_tenants_id(mcp_load_t *load, const mcp_yaml_node_t *node, mcp_set_t *ids,
    mcp_tenant_t *tenant)
{
    const mcp_yaml_node_t  *first;

    if (!mcp_field_label(load, node, "id", &tenant->id)) {
        return;
    }

    first = mcp_load_set_add(load, ids, &tenant->id, node);

    if (first) {
        mcp_field_error(load, node, "found the id \"%s\" again, expected "
                        "every tenant once: it stands in line %u already",
                        tenant->id.data, first->line);
    }
}


static void
mcp_tenants_namespace(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_yaml_node_t *id, mcp_tenant_t *tenant)
{
    const mcp_tenant_t  *first;

    if (node) {
        if (!mcp_field_label(load, node, "namespace", &tenant->namespace)) {
            return;
        }

        if (mcp_text_equals(&tenant->namespace, "default")
            || strncmp(tenant->namespace.data, "kube-", 5) == 0)
        {
            mcp_field_error(load, node, "found \"%s\" as namespace, expected "
                            "one that is the tenant's alone: default and "
                            "kube-* belong to the cluster",
                            tenant->namespace.data);
            return;
        }

    } else if (!mcp_tenants_default_namespace(load, id, tenant)) {
        return;
    }

    if (tenant->namespace.data == NULL) {
        return;
    }

    first = mcp_load_set_add(load, &load->namespaces, &tenant->namespace,
                             tenant);

    /* tenants of one id, which was reported, have one default too */

    if (first && (node || first->id.len != tenant->id.len
                  || memcmp(first->id.data, tenant->id.data,
                            first->id.len) != 0))
    {
        mcp_field_error(load, node ? node : id, "found the namespace \"%s\" "
                        "again, expected one for every tenant: the tenant in "
                        "line %u has it", tenant->namespace.data,
                        first->mark.line);
    }
}


static bool
mcp_tenants_default_namespace(mcp_load_t *load, const mcp_yaml_node_t *id,
    mcp_tenant_t *tenant)
{
    size_t  len;

    if (tenant->id.len == 0) {
        return false;
    }

    len = sizeof(MCP_TENANTS_NAMESPACE_PREFIX) - 1 + tenant->id.len;

    if (len > MCP_TENANTS_NAMESPACE_MAX) {
        mcp_field_error(load, id, "found an id of %zu characters, too long "
                        "for the namespace " MCP_TENANTS_NAMESPACE_PREFIX
                        "<id>, expected at most %zu, or \"namespace:\" too",
                        tenant->id.len,
                        MCP_TENANTS_NAMESPACE_MAX
                        - sizeof(MCP_TENANTS_NAMESPACE_PREFIX) + 1);
        return false;
    }

    tenant->namespace.data = mcp_arena_printf(load->arena,
                                              MCP_TENANTS_NAMESPACE_PREFIX
                                              "%s", tenant->id.data);
    if (tenant->namespace.data == NULL) {
        load->failed = true;
        return false;
    }

    tenant->namespace.len = len;

    return true;
}


static bool
mcp_tenants_catalog_file(mcp_load_t *load, const mcp_yaml_node_t *node,
    mcp_tenant_t *tenant)
{
    mcp_str_t    text;
    const char  *folder;

    if (!mcp_field_text(load, node, "catalog_file", MCP_TENANTS_FILE_MAX,
                        false, &text))
    {
        return false;
    }

    folder = *load->folder ? load->folder : "./";

    if (text.data[0] == '/') {
        mcp_field_error(load, node, "found an absolute path as catalog_file, "
                        "expected one relative to %s", folder);
        return false;
    }

    if (mcp_tenants_climbs(&text)) {
        mcp_field_error(load, node, "found \"..\" in catalog_file, expected a "
                        "path that stays in %s", folder);
        return false;
    }

    tenant->catalog_file = text;

    return true;
}


static bool
mcp_tenants_climbs(const mcp_str_t *path)
{
    size_t  i, start;

    start = 0;

    for (i = 0; i <= path->len; i++) {

        if (i < path->len && path->data[i] != '/') {
            continue;
        }

        if (i - start == 2 && memcmp(path->data + start, "..", 2) == 0) {
            return true;
        }

        start = i + 1;
    }

    return false;
}


/*
 * An Origin header as browsers write it: a default port is left out, so that
 * an origin that has one never matches.
 */
static bool
mcp_tenants_is_origin(const mcp_str_t *text)
{
    size_t  scheme, end;

    scheme = mcp_tenants_origin_scheme(text);

    if (scheme == 0 || text->len > MCP_TENANTS_NAME_MAX) {
        return false;
    }

    end = mcp_tenants_origin_host(text, scheme + 3);

    if (end == 0) {
        return false;
    }

    return end == text->len || mcp_tenants_origin_port(text, end, scheme);
}


/* The length of the scheme before "://", or 0. */
static size_t
mcp_tenants_origin_scheme(const mcp_str_t *text)
{
    char    c;
    size_t  i;

    for (i = 0; i < text->len && text->data[i] != ':'; i++) {
        c = text->data[i];

        if (!(c >= 'a' && c <= 'z')
            && (i == 0 || c == '\0' || !strchr("0123456789+-.", c)))
        {
            return 0;
        }
    }

    return text->len - i > 3 && memcmp(text->data + i, "://", 3) == 0 ? i : 0;
}


/* The end of the host that starts there, or 0. */
static size_t
mcp_tenants_origin_host(const mcp_str_t *text, size_t start)
{
    char            c;
    size_t          i;
    mcp_str_t       host;
    const char     *close;
    mcp_address_t   address;

    if (text->data[start] == '[') {
        close = memchr(text->data, ']', text->len);

        if (close == NULL) {
            return 0;
        }

        host.data = text->data + start;
        host.len = (size_t) (close + 1 - host.data);

        for (i = 0; i < host.len; i++) {
            if (host.data[i] >= 'A' && host.data[i] <= 'Z') {
                return 0;
            }
        }

        return mcp_address_parse(host.data, host.len, 0, &address) == MCP_OK
               ? start + host.len : 0;
    }

    for (i = start; i < text->len && text->data[i] != ':'; i++) {
        c = text->data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
            && c != '.' && c != '-' && c != '_')
        {
            return 0;
        }
    }

    return i == start ? 0 : i;
}


/* start: of the colon; scheme: the length of the scheme */
static bool
mcp_tenants_origin_port(const mcp_str_t *text, size_t start, size_t scheme)
{
    size_t    i;
    unsigned  port;

    if (text->data[start] != ':' || text->len - start < 2
        || text->len - start > 6 || text->data[start + 1] == '0')
    {
        return false;
    }

    port = 0;

    for (i = start + 1; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return false;
        }

        port = port * 10 + (unsigned) (text->data[i] - '0');
    }

    if (port == 80 && scheme == 4 && memcmp(text->data, "http", 4) == 0) {
        return false;
    }

    if (port == 443 && scheme == 5 && memcmp(text->data, "https", 5) == 0) {
        return false;
    }

    return port <= 65535;
}
