/*
 * Where the API server is: the choice of the source, and what a pod has.
 */

#include "kube_config_file.h"
#include "mcp_base64.h"
#include "mcp_file.h"
#include "mcp_text.h"
#include "mcp_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define KUBE_CONFIG_NAMESPACE_MAX_BYTES  4096

#define KUBE_CONFIG_POD  "in cluster"


static char *kube_config_listed(const char *list);
static void kube_config_pod_server(kube_config_t *config,
    mcp_report_t *report);
static char *kube_config_pod_file(const char *folder, const char *name,
    mcp_report_t *report);
static char *kube_config_pod_namespace(const char *folder,
    mcp_report_t *report);


int
kube_config_load(const char *path, const char *context,
    mcp_report_t *report, kube_config_t **ret_config)
{
    int          rc;
    char        *listed;
    const char  *list;
    mcp_mark_t   mark = { "KUBECONFIG", 1, 1 };

    if (path) {
        return kube_config_load_file(path, context, report, ret_config);
    }

    list = getenv("KUBECONFIG");

    if (list == NULL || *list == '\0') {
        return kube_config_load_pod(KUBE_CONFIG_POD_FOLDER, report,
                                    ret_config);
    }

    *ret_config = NULL;

    listed = kube_config_listed(list);
    if (listed == NULL) {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "found no file of this variable, expected at least "
                       "one that is there");
        return MCP_ERROR;
    }

    rc = kube_config_load_file(listed, context, report, ret_config);
    free(listed);

    return rc;
}


/* The first file that is there. */
static char *
kube_config_listed(const char *list)
{
    char    *path;
    size_t   len;

    for ( ;; ) {
        len = strcspn(list, ":");

        if (len) {
            path = strndup(list, len);

            if (path == NULL || access(path, F_OK) == 0) {
                return path;
            }

            free(path);
        }

        if (list[len] == '\0') {
            return NULL;
        }

        list += len + 1;
    }
}


int
kube_config_load_pod(const char *folder, mcp_report_t *report,
    kube_config_t **ret_config)
{
    size_t          before;
    mcp_mark_t      mark = { KUBE_CONFIG_POD, 1, 1 };
    kube_config_t  *config;

    *ret_config = NULL;
    before = mcp_report_errors(report);

    config = calloc(1, sizeof(kube_config_t));
    if (config == NULL) {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark, "found no memory");
        return MCP_ERROR;
    }

    kube_config_pod_server(config, report);

    /* outside a pod, what its folder lacks would only hide the one cause */

    if (mcp_report_errors(report) == before) {
        config->source = strdup(KUBE_CONFIG_POD);
        config->token_file = kube_config_pod_file(folder, "token", report);
        config->ca_file = kube_config_pod_file(folder, "ca.crt", report);
        config->namespace = kube_config_pod_namespace(folder, report);

        if (config->source == NULL) {
            mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                           "found no memory");
        }
    }

    if (mcp_report_errors(report) != before
        || mcp_report_out_of_memory(report))
    {
        kube_config_free(config);
        return MCP_ERROR;
    }

    *ret_config = config;

    return MCP_OK;
}


static void
kube_config_pod_server(kube_config_t *config, mcp_report_t *report)
{
    char        *text;
    const char  *host, *port, *why;
    mcp_mark_t   mark = { KUBE_CONFIG_POD, 1, 1 };

    host = getenv("KUBERNETES_SERVICE_HOST");
    port = getenv("KUBERNETES_SERVICE_PORT");

    if (host == NULL || *host == '\0' || port == NULL || *port == '\0') {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "found neither KUBECONFIG nor "
                       "KUBERNETES_SERVICE_HOST and _PORT, expected a "
                       "kubeconfig, or to run in a pod");
        return;
    }

    /* an IPv6 address comes without brackets */

    if (asprintf(&text, strchr(host, ':') && *host != '['
                        ? "https://[%s]:%s" : "https://%s:%s", host, port)
        < 0)
    {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark, "found no memory");
        return;
    }

    why = kube_config_server(text, strlen(text), &config->server);
    if (why) {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "KUBERNETES_SERVICE_HOST and _PORT: %s", why);
    }

    free(text);
}


/* The path of a file that can be read now. */
static char *
kube_config_pod_file(const char *folder, const char *name,
    mcp_report_t *report)
{
    char        *path;
    mcp_file_t   file;
    mcp_mark_t   mark = { KUBE_CONFIG_POD, 1, 1 };

    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark, "found no memory");
        return NULL;
    }

    memset(&file, 0, sizeof(mcp_file_t));

    if (mcp_file_read(&file, path, KUBE_CONFIG_CREDENTIAL_MAX_BYTES, NULL)
        != MCP_OK)
    {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "the file %s %s, expected the one of a service "
                       "account (automountServiceAccountToken: true)", path,
                       file.why);
        free(path);
        path = NULL;
    }

    kube_config_wipe(&file);

    return path;
}


/* Without the file, the namespace is not known, which few need. */
static char *
kube_config_pod_namespace(const char *folder, mcp_report_t *report)
{
    char        *path, *namespace;
    mcp_str_t    text;
    mcp_file_t   file;
    mcp_mark_t   mark = { KUBE_CONFIG_POD, 1, 1 };

    if (asprintf(&path, "%s/namespace", folder) < 0) {
        mcp_report_add(report, MCP_REPORT_ERROR, &mark, "found no memory");
        return NULL;
    }

    namespace = NULL;
    memset(&file, 0, sizeof(mcp_file_t));

    if (mcp_file_read(&file, path, KUBE_CONFIG_NAMESPACE_MAX_BYTES, NULL)
        == MCP_OK)
    {
        text.data = file.data;
        text.len = file.len;

        while (text.len && strchr(" \r\n", text.data[text.len - 1])) {
            text.len--;
        }

        if (mcp_text_is_label(&text)) {
            namespace = strndup(text.data, text.len);

        } else {
            mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                           "the file %s holds no name of a namespace, "
                           "expected one", path);
        }
    }

    mcp_file_free(&file);
    free(path);

    return namespace;
}


const char *
kube_config_server(const char *text, size_t len, char **ret_server)
{
    size_t        path_len;
    mcp_url_t     url;
    const char   *why;
    mcp_arena_t  *arena;

    arena = mcp_arena_new();
    if (arena == NULL) {
        return "found no memory for the URL";
    }

    memset(&url, 0, sizeof(mcp_url_t));

    if (memchr(text, '@', len)) {
        why = "found \"@\" in the URL, expected no user name or password "
              "there";

    } else if (memchr(text, '?', len)) {
        why = "found a query (?) in the URL, expected none";

    } else {
        why = mcp_url_parse(arena, text, len, &url);
    }

    if (why == NULL && !url.tls) {
        why = "found plain http, which shows the token to everyone on the "
              "way, expected https://";
    }

    if (why == NULL) {
        path_len = url.path.len;

        while (path_len && url.path.data[path_len - 1] == '/') {
            path_len--;
        }

        if (asprintf(ret_server, "https://%s%.*s", url.authority.data,
                     (int) path_len, url.path.data)
            < 0)
        {
            *ret_server = NULL;
            why = "found no memory for the URL";
        }
    }

    mcp_arena_free(arena);

    return why;
}


size_t
kube_config_base64(const mcp_str_t *text, char *buf)
{
    char    c;
    size_t  i, len, padding;

    len = 0;
    padding = 0;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (strchr(" \t\r\n", c)) {
            continue;
        }

        if (c == '=') {
            padding++;
            continue;
        }

        /* "-" and "_" are of the other alphabet, "=" is last */

        if (padding || c == '-' || c == '_') {
            return 0;
        }

        buf[len++] = (char) (c == '+' ? '-' : c == '/' ? '_' : c);
    }

    /* the bytes are fewer than the characters: decoding in place is safe */

    if (padding > 2 || (padding && (len + padding) % 4)
        || mcp_base64_decode(buf, len, (unsigned char *) buf) != MCP_OK)
    {
        return 0;
    }

    len = mcp_base64_decoded_len(len);
    buf[len] = '\0';

    return len;
}


void
kube_config_wipe(mcp_file_t *file)
{
    if (file->data) {
        explicit_bzero(file->data, file->capacity);
    }

    mcp_file_free(file);
}


void
kube_config_free(kube_config_t *config)
{
    if (config == NULL) {
        return;
    }

    kube_config_drop(config->source);
    kube_config_drop(config->server);
    kube_config_drop(config->tls_server_name);
    kube_config_drop(config->namespace);
    kube_config_drop(config->ca_file);
    kube_config_drop(config->ca_pem);
    kube_config_drop(config->token_file);
    kube_config_drop(config->token);
    kube_config_drop(config->client_certificate_file);
    kube_config_drop(config->client_certificate_pem);
    kube_config_drop(config->client_key_file);
    kube_config_drop(config->client_key_pem);
    free(config);
}


void
kube_config_drop(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}
