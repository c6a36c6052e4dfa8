/*
 * Reads a kubeconfig: one context with its cluster and its user.  Keys that
 * are not known are passed over, as newer clients may know them; what would
 * change who we are or whom we trust is taken or refused, never passed over.
 */

#include "kube_config_file.h"
#include "mcp_field.h"
#include "mcp_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define KUBE_CONFIG_MAX_BYTES  (16u * 1024 * 1024)

#define KUBE_CONFIG_NO_AS                                                     \
    "no other identity: give mcp-tenant a user of its own"
#define KUBE_CONFIG_NO_PASSWORD                                               \
    "a token, a tokenFile or a client certificate: API servers take no "      \
    "passwords any more"


typedef struct {
    const char     *path;
    size_t          folder_len;         /* of path, with its "/" */
    size_t          errors;             /* of the report before */
    mcp_report_t   *report;
    kube_config_t  *config;
} kube_config_reading_t;


typedef struct {
    const char  *name;
    const char  *expected;
} kube_config_refused_t;


static void kube_config_read(kube_config_reading_t *reading,
    const mcp_yaml_node_t *root, const char *context);
static void kube_config_context(kube_config_reading_t *reading,
    const mcp_yaml_node_t *root, const mcp_yaml_node_t *current,
    const char *name);
static void kube_config_cluster(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node);
static void kube_config_user(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node);
static bool kube_config_refuse(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const kube_config_refused_t *refused);
static void kube_config_pair(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node);
static const mcp_yaml_node_t *kube_config_entry(
    kube_config_reading_t *reading, const mcp_yaml_node_t *root,
    const char *list, const char *inner, const char *name,
    const mcp_yaml_node_t *where);
static const mcp_yaml_node_t *kube_config_scalar(
    kube_config_reading_t *reading, const mcp_yaml_node_t *node,
    const char *name);
static void kube_config_lacks(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *name, const char *expected);
static char *kube_config_text(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *name);
static char *kube_config_file(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *name);
static char *kube_config_pem(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *name);
static char *kube_config_copy(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *text, size_t len);
static void kube_config_error(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


static const kube_config_refused_t  kube_config_user_refused[] = {
    { "exec", "a token, a tokenFile or a client certificate: no program is "
              "run for a login, so give mcp-tenant a service account" },
    { "auth-provider", "a token, a tokenFile or a client certificate: give "
                       "mcp-tenant a service account" },
    { "username", KUBE_CONFIG_NO_PASSWORD },
    { "password", KUBE_CONFIG_NO_PASSWORD },
    { "as", KUBE_CONFIG_NO_AS },
    { "as-uid", KUBE_CONFIG_NO_AS },
    { "as-groups", KUBE_CONFIG_NO_AS },
    { "as-user-extra", KUBE_CONFIG_NO_AS },
    { NULL, NULL }
};

static const kube_config_refused_t  kube_config_cluster_refused[] = {
    { "proxy-url", "a server that is reached without a proxy" },
    { NULL, NULL }
};


int
kube_config_load_file(const char *path, const char *context,
    mcp_report_t *report, kube_config_t **ret_config)
{
    mcp_file_t              file;
    mcp_mark_t              mark = { path, 1, 1 };
    const char             *slash;
    mcp_arena_t            *arena;
    mcp_yaml_node_t        *root;
    kube_config_reading_t   reading;

    *ret_config = NULL;
    slash = strrchr(path, '/');

    memset(&file, 0, sizeof(mcp_file_t));

    reading.path = path;
    reading.folder_len = slash ? (size_t) (slash + 1 - path) : 0;
    reading.errors = mcp_report_errors(report);
    reading.report = report;
    reading.config = calloc(1, sizeof(kube_config_t));
    arena = mcp_arena_new();

    if (reading.config == NULL || arena == NULL) {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark, "found no memory");

    } else if (mcp_file_read(&file, path, KUBE_CONFIG_MAX_BYTES, NULL)
               != MCP_OK)
    {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark, "the file %s",
                       file.why);

    } else if (mcp_yaml_parse(arena, path, file.data, file.len, report,
                              &root)
               == MCP_OK)
    {
        reading.config->source = kube_config_copy(&reading, NULL, path,
                                                  strlen(path));
        kube_config_read(&reading, root, context);
    }

    kube_config_wipe(&file);
    mcp_arena_free(arena);

    if (mcp_report_errors(report) != reading.errors
        || mcp_report_out_of_memory(report))
    {
        kube_config_free(reading.config);
        return MCP_ERROR;
    }

    *ret_config = reading.config;

    return MCP_OK;
}


static void
kube_config_read(kube_config_reading_t *reading, const mcp_yaml_node_t *root,
    const char *context)
{
    const mcp_yaml_node_t  *current;

    if (root == NULL || root->kind != MCP_YAML_MAPPING) {
        kube_config_error(reading, root, "found no mapping in this file, "
                          "expected a kubeconfig");
        return;
    }

    current = root;

    if (context == NULL) {
        current = kube_config_scalar(reading, root, "current-context");

        if (current == NULL || current->value.len == 0) {
            kube_config_error(reading, current ? current : root,
                              "found no current-context, expected the name "
                              "of a context there or on the command line");
            return;
        }

        context = current->value.data;
    }

    kube_config_context(reading, root, current, context);
}


static void
kube_config_context(kube_config_reading_t *reading,
    const mcp_yaml_node_t *root, const mcp_yaml_node_t *current,
    const char *name)
{
    const mcp_yaml_node_t  *node, *entry, *child;

    node = kube_config_entry(reading, root, "contexts", "context", name,
                             current);
    if (node == NULL) {
        return;
    }

    child = kube_config_scalar(reading, node, "namespace");

    if (child && child->value.len) {
        if (mcp_text_is_label(&child->value)) {
            reading->config->namespace = kube_config_copy(reading, child,
                                                          child->value.data,
                                                          child->value.len);
        } else {
            kube_config_error(reading, child, "found no name of a namespace, "
                              "expected 1 to 63 of a-z, 0-9 and \"-\"");
        }
    }

    child = kube_config_scalar(reading, node, "cluster");

    if (child) {
        entry = kube_config_entry(reading, root, "clusters", "cluster",
                                  child->value.data, child);
        if (entry) {
            kube_config_cluster(reading, entry);
        }

    } else {
        kube_config_lacks(reading, node, "cluster", "the name of one");
    }

    child = kube_config_scalar(reading, node, "user");

    if (child) {
        entry = kube_config_entry(reading, root, "users", "user",
                                  child->value.data, child);
        if (entry) {
            kube_config_user(reading, entry);
        }

    } else {
        kube_config_lacks(reading, node, "user", "the name of one");
    }
}


static void
kube_config_cluster(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node)
{
    const char             *why;
    kube_config_t          *config;
    const mcp_yaml_node_t  *child;

    config = reading->config;

    (void) kube_config_refuse(reading, node, kube_config_cluster_refused);

    child = kube_config_scalar(reading, node, "insecure-skip-tls-verify");

    if (child && !mcp_text_equals(&child->value, "false")) {
        kube_config_error(reading, child, "found insecure-skip-tls-verify, "
                          "expected a verified server: name its CA in "
                          "certificate-authority or "
                          "certificate-authority-data");
    }

    child = kube_config_scalar(reading, node, "server");

    if (child == NULL) {
        kube_config_lacks(reading, node, "server", "https://HOST[:PORT]");

    } else {
        why = kube_config_server(child->value.data, child->value.len,
                                 &config->server);
        if (why) {
            kube_config_error(reading, child, "%s", why);
        }
    }

    child = kube_config_scalar(reading, node, "tls-server-name");

    if (child && child->value.len) {
        if (!mcp_text_is_word(&child->value, "-_.", 253)) {
            kube_config_error(reading, child, "found no DNS name as "
                              "tls-server-name, expected the name in the "
                              "server's certificate");
        } else {
            config->tls_server_name = kube_config_copy(reading, child,
                                                       child->value.data,
                                                       child->value.len);
        }
    }

    config->ca_pem = kube_config_pem(reading, node,
                                     "certificate-authority-data");

    if (config->ca_pem == NULL) {
        config->ca_file = kube_config_file(reading, node,
                                           "certificate-authority");
    }
}


static void
kube_config_user(kube_config_reading_t *reading, const mcp_yaml_node_t *node)
{
    size_t          errors;
    kube_config_t  *config;

    config = reading->config;
    errors = mcp_report_errors(reading->report);

    if (kube_config_refuse(reading, node, kube_config_user_refused)) {
        return;
    }

    config->token_file = kube_config_file(reading, node, "tokenFile");

    if (config->token_file == NULL) {
        config->token = kube_config_text(reading, node, "token");
    }

    config->client_certificate_pem = kube_config_pem(reading, node,
                                                 "client-certificate-data");
    config->client_key_pem = kube_config_pem(reading, node,
                                             "client-key-data");

    if (config->client_certificate_pem == NULL) {
        config->client_certificate_file = kube_config_file(reading, node,
                                                       "client-certificate");
    }

    if (config->client_key_pem == NULL) {
        config->client_key_file = kube_config_file(reading, node,
                                                   "client-key");
    }

    /* what was wrong is not missing */

    if (mcp_report_errors(reading->report) == errors) {
        kube_config_pair(reading, node);
    }
}


/* Tells every one; returns whether there was one. */
static bool
kube_config_refuse(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const kube_config_refused_t *refused)
{
    bool                    found;
    const mcp_yaml_node_t  *child;

    found = false;

    for ( /* void */ ; refused->name; refused++) {
        child = mcp_field_find(node, refused->name);

        if (child == NULL || mcp_yaml_is_null(child)
            || (child->kind == MCP_YAML_SCALAR && child->value.len == 0)
            || (child->kind == MCP_YAML_SEQUENCE && child->nchildren == 0))
        {
            continue;
        }

        kube_config_error(reading, child, "found \"%s\", expected %s",
                          refused->name, refused->expected);
        found = true;
    }

    return found;
}


/* There is someone to be, and no half of a certificate. */
static void
kube_config_pair(kube_config_reading_t *reading, const mcp_yaml_node_t *node)
{
    bool            has_certificate, has_key;
    kube_config_t  *config;

    config = reading->config;

    has_certificate = (config->client_certificate_pem
                       || config->client_certificate_file);
    has_key = config->client_key_pem || config->client_key_file;

    if (has_certificate != has_key) {
        kube_config_error(reading, node, "found a client %s without its %s, "
                          "expected both",
                          has_key ? "key" : "certificate",
                          has_key ? "certificate" : "key");

    } else if (!has_certificate && !config->token && !config->token_file) {
        kube_config_error(reading, node, "found no credential of the user, "
                          "expected a token, a tokenFile or a client "
                          "certificate with its key");
    }
}


/* The mapping below inner of the entry with that name in a list of root. */
static const mcp_yaml_node_t *
kube_config_entry(kube_config_reading_t *reading,
    const mcp_yaml_node_t *root, const char *list, const char *inner,
    const char *name, const mcp_yaml_node_t *where)
{
    char                    quoted[MCP_TEXT_QUOTE_LEN];
    mcp_str_t               wanted;
    const mcp_yaml_node_t  *entries, *entry, *child;

    wanted.data = name;
    wanted.len = strlen(name);

    entries = mcp_field_find(root, list);
    entry = NULL;

    if (entries && entries->kind == MCP_YAML_SEQUENCE) {
        for (entry = entries->children; entry; entry = entry->next) {

            child = entry->kind == MCP_YAML_MAPPING
                    ? mcp_field_find(entry, "name") : NULL;

            if (child && child->kind == MCP_YAML_SCALAR
                && mcp_text_equals(&child->value, name))
            {
                break;
            }
        }
    }

    if (entry == NULL) {
        kube_config_error(reading, where, "found no %s with the name %s in "
                          "\"%s:\", expected one", inner,
                          mcp_text_quote(&wanted, quoted), list);
        return NULL;
    }

    child = mcp_field_find(entry, inner);

    if (child == NULL || child->kind != MCP_YAML_MAPPING) {
        kube_config_error(reading, child ? child : entry, "found no mapping "
                          "as \"%s:\", expected one", inner);
        return NULL;
    }

    return child;
}


/* NULL when it is not there, is null, or was reported. */
static const mcp_yaml_node_t *
kube_config_scalar(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *name)
{
    const mcp_yaml_node_t  *child;

    child = mcp_field_find(node, name);

    if (child == NULL || mcp_yaml_is_null(child)) {
        return NULL;
    }

    if (child->kind != MCP_YAML_SCALAR
        || memchr(child->value.data, '\0', child->value.len))
    {
        kube_config_error(reading, child, "found no text as %s, expected one",
                          name);
        return NULL;
    }

    return child;
}


/* Unless it is there, and was reported. */
static void
kube_config_lacks(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *name, const char *expected)
{
    const mcp_yaml_node_t  *child;

    child = mcp_field_find(node, name);

    if (child == NULL || mcp_yaml_is_null(child)) {
        kube_config_error(reading, node, "found no \"%s:\", expected %s",
                          name, expected);
    }
}


/* One line; absent when it is empty, as clients of Kubernetes write it. */
static char *
kube_config_text(kube_config_reading_t *reading, const mcp_yaml_node_t *node,
    const char *name)
{
    const mcp_yaml_node_t  *child;

    child = kube_config_scalar(reading, node, name);

    if (child == NULL || child->value.len == 0) {
        return NULL;
    }

    if (!mcp_text_is_visible(&child->value)) {
        kube_config_error(reading, child, "found a space, a control "
                          "character or a letter outside ASCII in %s, "
                          "expected none", name);
        return NULL;
    }

    return kube_config_copy(reading, child, child->value.data,
                            child->value.len);
}


static char *
kube_config_file(kube_config_reading_t *reading, const mcp_yaml_node_t *node,
    const char *name)
{
    char                   *path;
    size_t                  folder_len;
    const mcp_yaml_node_t  *child;

    child = kube_config_scalar(reading, node, name);

    if (child == NULL || child->value.len == 0) {
        return NULL;
    }

    folder_len = child->value.data[0] == '/' ? 0 : reading->folder_len;

    if (asprintf(&path, "%.*s%s", (int) folder_len, reading->path,
                 child->value.data)
        < 0)
    {
        kube_config_error(reading, child, "found no memory");
        return NULL;
    }

    return path;
}


static char *
kube_config_pem(kube_config_reading_t *reading, const mcp_yaml_node_t *node,
    const char *name)
{
    char                   *pem;
    size_t                  len;
    const mcp_yaml_node_t  *child;

    child = kube_config_scalar(reading, node, name);

    if (child == NULL || child->value.len == 0) {
        return NULL;
    }

    pem = malloc(child->value.len + 1);
    if (pem == NULL) {
        kube_config_error(reading, child, "found no memory");
        return NULL;
    }

    len = kube_config_base64(&child->value, pem);

    if (len == 0 || strlen(pem) != len || !strstr(pem, "-----BEGIN ")) {
        kube_config_error(reading, child, "found no PEM in base64 as %s, "
                          "expected \"-----BEGIN ...\", encoded", name);
        explicit_bzero(pem, child->value.len + 1);
        free(pem);
        return NULL;
    }

    return pem;
}


static char *
kube_config_copy(kube_config_reading_t *reading, const mcp_yaml_node_t *node,
    const char *text, size_t len)
{
    char  *copy;

    copy = strndup(text, len);
    if (copy == NULL) {
        kube_config_error(reading, node, "found no memory");
    }

    return copy;
}


/* node: NULL for the file as a whole */
static void
kube_config_error(kube_config_reading_t *reading,
    const mcp_yaml_node_t *node, const char *fmt, ...)
{
    int          len;
    char        *text;
    va_list      args;
    mcp_mark_t   mark = { reading->path, 1, 1 };

    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);

    if (node) {
        mark.line = node->line;
        mark.column = node->column;
    }

    mcp_report_add(reading->report, MCP_REPORT_ERROR, &mark, "%s",
                   len < 0 ? "found no memory" : text);

    if (len >= 0) {
        free(text);
    }
}
