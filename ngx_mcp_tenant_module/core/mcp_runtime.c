/*
 * The "runtime" of a server: where it is and how it is started.
 */

#include "mcp_runtime.h"
#include "mcp_field.h"
#include "mcp_header.h"
#include "mcp_pods.h"
#include "mcp_text.h"
#include "mcp_url.h"

#include <string.h>


#define MCP_RUNTIME_PATH           "/mcp"
#define MCP_RUNTIME_PORT_MAX       65535
#define MCP_RUNTIME_UPSTREAM_MAX   64


typedef struct {
    mcp_load_t               *load;
    const mcp_tenant_t       *tenant;
    const mcp_load_tenant_t  *work;
    const mcp_yaml_node_t    *node;
    const mcp_yaml_node_t    *type;
    mcp_server_t             *server;
} mcp_runtime_t;


typedef struct {
    const char  *name;
    void       (*read)(mcp_runtime_t *runtime);
    const char  *refused;
} mcp_runtime_type_t;


static void mcp_runtime_remote(mcp_runtime_t *runtime);
static void mcp_runtime_urls(mcp_runtime_t *runtime,
    const mcp_yaml_node_t *node);
static void mcp_runtime_kubernetes(mcp_runtime_t *runtime);
static void mcp_runtime_upstream(mcp_runtime_t *runtime);
static bool mcp_runtime_upstream_known(const mcp_config_options_t *options,
    const mcp_str_t *name);
static void mcp_runtime_k8s_service(mcp_runtime_t *runtime);
static void mcp_runtime_service(mcp_runtime_t *runtime,
    const mcp_str_t *service, const mcp_yaml_node_t *port,
    const mcp_yaml_node_t *path);
static void mcp_runtime_headers(mcp_runtime_t *runtime,
    const mcp_yaml_node_t *node);


static const mcp_runtime_type_t  mcp_runtime_types[] = {
    { "remote", mcp_runtime_remote, NULL },
    { "remote-sse", mcp_runtime_remote, NULL },
    { "kubernetes", mcp_runtime_kubernetes, NULL },
    { "upstream", mcp_runtime_upstream, NULL },
    { "k8s-service", mcp_runtime_k8s_service, NULL },
    { "local-process", NULL, "found the type local-process, which a gateway "
      "does not run, expected a server with a URL: start it yourself and use "
      "type remote, or put it into an image and use type kubernetes" },
    { "docker", NULL, "found the type docker, which a gateway does not run, "
      "expected the image with type kubernetes, or start the container "
      "yourself and use type remote with its URL" },
    { NULL, NULL, NULL }
};


static const char  mcp_runtime_port_required[] =
    "the port it listens on, such as \"port: 8080\"";


enum {
    MCP_RUNTIME_REMOTE_TYPE,
    MCP_RUNTIME_REMOTE_URL,
    MCP_RUNTIME_REMOTE_URLS,
    MCP_RUNTIME_REMOTE_HEADERS,
    MCP_RUNTIME_REMOTE_KEYS
};

static const mcp_field_t  mcp_runtime_remote_keys[] = {
    { "type", NULL, NULL },
    { "url", NULL, NULL },
    { "urls", NULL, NULL },
    { "headers", NULL, NULL }
};


enum {
    MCP_RUNTIME_K_TYPE,
    MCP_RUNTIME_K_IMAGE,
    MCP_RUNTIME_K_PORT,
    MCP_RUNTIME_K_PATH,
    MCP_RUNTIME_K_REPLICAS,
    MCP_RUNTIME_K_ENV,
    MCP_RUNTIME_K_SECRET_ENV,
    MCP_RUNTIME_K_RESOURCES,
    MCP_RUNTIME_K_ACTIVATION,
    MCP_RUNTIME_K_IDLE_TIMEOUT,
    MCP_RUNTIME_K_ACTIVATION_TIMEOUT,
    MCP_RUNTIME_K_EGRESS,
    MCP_RUNTIME_K_PROBE_PATH,
    MCP_RUNTIME_K_HEADERS,
    MCP_RUNTIME_K_NAMESPACE,
    MCP_RUNTIME_K_KEYS
};

static const mcp_field_t  mcp_runtime_kubernetes_keys[] = {
    { "type", NULL, NULL },
    { "image", "a container image such as \"image: "
               "registry.example.com/search-mcp:1.4\"", NULL },
    { "port", mcp_runtime_port_required, NULL },
    { "path", NULL, NULL },
    { "replicas", NULL, NULL },
    { "env", NULL, NULL },
    { "secret_env", NULL, NULL },
    { "resources", NULL, NULL },
    { "activation", NULL, NULL },
    { "idle_timeout", NULL, NULL },
    { "activation_timeout", NULL, NULL },
    { "egress", NULL, NULL },
    { "probe_path", NULL, NULL },
    { "headers", NULL, NULL },
    { "namespace", NULL, "found a namespace, expected none: the server runs "
                         "in the namespace of its tenant" }
};


enum {
    MCP_RUNTIME_UPSTREAM_TYPE,
    MCP_RUNTIME_UPSTREAM_NAME,
    MCP_RUNTIME_UPSTREAM_PATH,
    MCP_RUNTIME_UPSTREAM_HEADERS,
    MCP_RUNTIME_UPSTREAM_KEYS
};

static const mcp_field_t  mcp_runtime_upstream_keys[] = {
    { "type", NULL, NULL },
    { "name", "the name of an upstream{} block of nginx.conf", NULL },
    { "path", NULL, NULL },
    { "headers", NULL, "found headers with type upstream, expected none: only "
                       "servers of the other types can have them" }
};


enum {
    MCP_RUNTIME_SERVICE_TYPE,
    MCP_RUNTIME_SERVICE_NAME,
    MCP_RUNTIME_SERVICE_PORT,
    MCP_RUNTIME_SERVICE_PATH,
    MCP_RUNTIME_SERVICE_HEADERS,
    MCP_RUNTIME_SERVICE_NAMESPACE,
    MCP_RUNTIME_SERVICE_KEYS
};

static const mcp_field_t  mcp_runtime_service_keys[] = {
    { "type", NULL, NULL },
    { "service_name", "the name of a Service in the namespace of the tenant",
      NULL },
    { "port", mcp_runtime_port_required, NULL },
    { "path", NULL, NULL },
    { "headers", NULL, NULL },
    { "namespace", NULL, "found a namespace, expected none: a k8s-service is "
                         "in the namespace of its tenant" }
};


void
mcp_runtime_read(mcp_load_t *load, const mcp_tenant_t *tenant,
    const mcp_load_tenant_t *work, const mcp_yaml_node_t *node,
    mcp_server_t *server)
{
    char                       found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t                  name;
    mcp_runtime_t              runtime;
    const mcp_runtime_type_t  *type;

    if (!mcp_field_is(load, node, "runtime", MCP_YAML_MAPPING)) {
        return;
    }

    runtime.load = load;
    runtime.tenant = tenant;
    runtime.work = work;
    runtime.node = node;
    runtime.server = server;
    runtime.type = mcp_field_find(node, "type");

    if (runtime.type == NULL) {
        if (!node->partial) {
            mcp_field_error(load, node, "found a runtime without \"type:\", "
                            "expected remote, kubernetes, upstream or "
                            "k8s-service");
        }

        return;
    }

    if (!mcp_field_scalar(load, runtime.type, "type", &name)) {
        return;
    }

    for (type = mcp_runtime_types; type->name; type++) {
        if (mcp_text_equals(&name, type->name)) {
            break;
        }
    }

    if (type->refused) {
        mcp_field_error(load, runtime.type, "%s", type->refused);
        return;
    }

    if (type->name == NULL) {
        mcp_field_error(load, runtime.type, "found %s as type, expected "
                        "remote, kubernetes, upstream or k8s-service",
                        mcp_text_quote(&name, found));
        return;
    }

    type->read(&runtime);
}


static void
mcp_runtime_remote(mcp_runtime_t *runtime)
{
    mcp_load_t             *load;
    mcp_server_t           *server;
    const mcp_yaml_node_t  *v[MCP_RUNTIME_REMOTE_KEYS];
    const mcp_yaml_node_t  *url, *urls;

    load = runtime->load;
    server = runtime->server;
    server->runtime = MCP_RUNTIME_REMOTE;

    (void) mcp_field_mapping(load, runtime->node, "a runtime of type remote",
                             mcp_runtime_remote_keys,
                             MCP_RUNTIME_REMOTE_KEYS, v);

    url = mcp_field_find(runtime->node, "url");
    urls = mcp_field_find(runtime->node, "urls");

    if (url && urls) {
        mcp_field_key_error(load, urls, "found url and urls, expected one of "
                            "them");

    } else if (url == NULL && urls == NULL && !runtime->node->partial) {
        mcp_field_error(load, runtime->node, "found a runtime of type remote "
                        "without \"url:\", expected one such as \"url: "
                        "https://mcp.example.com/mcp\"");
    }

    if (v[MCP_RUNTIME_REMOTE_URL]) {
        server->urls = mcp_load_array(load, 1, sizeof(mcp_url_t));

        if (server->urls
            && mcp_url_read(load, runtime->tenant, v[MCP_RUNTIME_REMOTE_URL],
                            "url", &server->urls[0]))
        {
            server->nurls = 1;
        }
    }

    if (v[MCP_RUNTIME_REMOTE_URLS]) {
        mcp_runtime_urls(runtime, v[MCP_RUNTIME_REMOTE_URLS]);
    }

    mcp_runtime_headers(runtime, v[MCP_RUNTIME_REMOTE_HEADERS]);
}


static void
mcp_runtime_urls(mcp_runtime_t *runtime, const mcp_yaml_node_t *node)
{
    size_t                  i;
    mcp_url_t              *url, *urls;
    mcp_load_t             *load;
    mcp_server_t           *server;
    const mcp_yaml_node_t  *child;

    load = runtime->load;
    server = runtime->server;

    if (!mcp_field_is(load, node, "urls", MCP_YAML_SEQUENCE)) {
        return;
    }

    if ((node->nchildren == 0 && !node->partial)
        || node->nchildren > MCP_SERVER_URLS_MAX)
    {
        mcp_field_error(load, node, "found %u urls, expected 1 to %d",
                        node->nchildren, MCP_SERVER_URLS_MAX);
        return;
    }

    urls = mcp_load_array(load, node->nchildren, sizeof(mcp_url_t));
    if (urls == NULL) {
        return;
    }

    server->urls = urls;
    server->nurls = 0;

    for (child = node->children; child; child = child->next) {

        url = &urls[server->nurls];
        memset(url, 0, sizeof(mcp_url_t));

        if (!mcp_url_read(load, runtime->tenant, child, "one of urls", url)) {
            continue;
        }

        if (server->nurls
            && (url->tls != urls[0].tls || url->path.len != urls[0].path.len
                || memcmp(url->path.data, urls[0].path.data, url->path.len)))
        {
            mcp_field_error(load, child, "found another scheme or path than "
                            "in line %u, expected the same in all urls of a "
                            "server", urls[0].mark.line);
            continue;
        }

        for (i = 0; i < server->nurls; i++) {
            if (urls[i].port == url->port
                && urls[i].host.len == url->host.len
                && memcmp(urls[i].host.data, url->host.data, url->host.len)
                   == 0)
            {
                break;
            }
        }

        if (i < server->nurls) {
            mcp_field_error(load, child, "found the same url again, expected "
                            "it once: it stands in line %u already",
                            urls[i].mark.line);
            continue;
        }

        server->nurls++;
    }
}


static void
mcp_runtime_kubernetes(mcp_runtime_t *runtime)
{
    mcp_load_t             *load;
    mcp_server_t           *server;
    mcp_pods_nodes_t        nodes;
    mcp_kubernetes_t       *kubernetes;
    const mcp_yaml_node_t  *v[MCP_RUNTIME_K_KEYS];

    load = runtime->load;
    server = runtime->server;
    server->runtime = MCP_RUNTIME_KUBERNETES;

    kubernetes = mcp_load_alloc(load, sizeof(mcp_kubernetes_t));
    if (kubernetes == NULL) {
        return;
    }

    server->kubernetes = kubernetes;

    (void) mcp_field_mapping(load, runtime->node,
                             "a runtime of type kubernetes",
                             mcp_runtime_kubernetes_keys,
                             MCP_RUNTIME_K_KEYS, v);

    nodes.image = v[MCP_RUNTIME_K_IMAGE];
    nodes.replicas = v[MCP_RUNTIME_K_REPLICAS];
    nodes.env = v[MCP_RUNTIME_K_ENV];
    nodes.secret_env = v[MCP_RUNTIME_K_SECRET_ENV];
    nodes.resources = v[MCP_RUNTIME_K_RESOURCES];
    nodes.activation = v[MCP_RUNTIME_K_ACTIVATION];
    nodes.idle_timeout = v[MCP_RUNTIME_K_IDLE_TIMEOUT];
    nodes.activation_timeout = v[MCP_RUNTIME_K_ACTIVATION_TIMEOUT];
    nodes.egress = v[MCP_RUNTIME_K_EGRESS];
    nodes.probe_path = v[MCP_RUNTIME_K_PROBE_PATH];
    nodes.partial = runtime->node->partial;

    mcp_pods_read(load, &nodes, kubernetes);

    if (server->id.len && server->id.data[0] >= '0'
        && server->id.data[0] <= '9')
    {
        mcp_field_error(load, runtime->type, "found type kubernetes for the "
                        "id \"%s\", expected an id that starts with a letter, "
                        "because it names a Service", server->id.data);
    }

    mcp_runtime_service(runtime, &server->id, v[MCP_RUNTIME_K_PORT],
                        v[MCP_RUNTIME_K_PATH]);
    mcp_runtime_headers(runtime, v[MCP_RUNTIME_K_HEADERS]);
}


static void
mcp_runtime_upstream(mcp_runtime_t *runtime)
{
    char                    found[MCP_TEXT_QUOTE_LEN];
    mcp_str_t               text;
    mcp_load_t             *load;
    mcp_server_t           *server;
    const mcp_yaml_node_t  *v[MCP_RUNTIME_UPSTREAM_KEYS], *name;

    load = runtime->load;
    server = runtime->server;
    server->runtime = MCP_RUNTIME_UPSTREAM;

    (void) mcp_field_mapping(load, runtime->node,
                             "a runtime of type upstream",
                             mcp_runtime_upstream_keys,
                             MCP_RUNTIME_UPSTREAM_KEYS, v);

    name = v[MCP_RUNTIME_UPSTREAM_NAME];

    if (name && mcp_field_scalar(load, name, "name", &text)) {

        if (!mcp_text_is_word(&text, "._-", MCP_RUNTIME_UPSTREAM_MAX)) {
            mcp_field_error(load, name, "found %s as name, expected the name "
                            "of an upstream{} block: 1 to %d of letters, "
                            "digits and \"._-\"",
                            mcp_text_quote(&text, found),
                            MCP_RUNTIME_UPSTREAM_MAX);

        } else if (!mcp_runtime_upstream_known(load->options, &text)) {
            mcp_field_error(load, name, "found the upstream %s, expected one "
                            "that nginx.conf opens: add \"%s\" to "
                            "mcp_tenant_upstream_names",
                            mcp_text_quote(&text, found), text.data);

        } else {
            server->upstream_name = mcp_load_copy(load, &text);
        }
    }

    if (v[MCP_RUNTIME_UPSTREAM_PATH]) {
        (void) mcp_url_read_path(load, v[MCP_RUNTIME_UPSTREAM_PATH], "path",
                                 &server->upstream_path);

    } else {
        server->upstream_path = mcp_load_text(load, MCP_RUNTIME_PATH);
    }
}


static bool
mcp_runtime_upstream_known(const mcp_config_options_t *options,
    const mcp_str_t *name)
{
    size_t            i;
    const mcp_str_t  *known;

    if (!options->check_upstream_names) {
        return true;
    }

    for (i = 0; i < options->nupstream_names; i++) {
        known = &options->upstream_names[i];

        if (known->len == name->len
            && memcmp(known->data, name->data, name->len) == 0)
        {
            return true;
        }
    }

    return false;
}


static void
mcp_runtime_k8s_service(mcp_runtime_t *runtime)
{
    mcp_str_t               service;
    mcp_load_t             *load;
    const mcp_yaml_node_t  *v[MCP_RUNTIME_SERVICE_KEYS];

    load = runtime->load;
    runtime->server->runtime = MCP_RUNTIME_K8S_SERVICE;

    service.len = 0;

    (void) mcp_field_mapping(load, runtime->node,
                             "a runtime of type k8s-service",
                             mcp_runtime_service_keys,
                             MCP_RUNTIME_SERVICE_KEYS, v);

    if (v[MCP_RUNTIME_SERVICE_NAME]) {
        (void) mcp_field_label(load, v[MCP_RUNTIME_SERVICE_NAME],
                               "service_name", &service);
    }

    mcp_runtime_service(runtime, &service, v[MCP_RUNTIME_SERVICE_PORT],
                        v[MCP_RUNTIME_SERVICE_PATH]);
    mcp_runtime_headers(runtime, v[MCP_RUNTIME_SERVICE_HEADERS]);
}


/* The URL of a Service in the namespace of the tenant. */
static void
mcp_runtime_service(mcp_runtime_t *runtime, const mcp_str_t *service,
    const mcp_yaml_node_t *port, const mcp_yaml_node_t *path)
{
    uint32_t       number;
    mcp_str_t      path_text;
    mcp_load_t    *load;
    mcp_server_t  *server;

    load = runtime->load;
    server = runtime->server;
    number = 0;
    path_text.len = 0;

    if (port) {
        (void) mcp_field_number(load, port, "port", MCP_RUNTIME_PORT_MAX,
                                &number);
    }

    if (path) {
        (void) mcp_url_read_path(load, path, "path", &path_text);

    } else {
        path_text = mcp_load_text(load, MCP_RUNTIME_PATH);
    }

    /* what is missing was reported, and no URL is needed any more */

    if (service->len == 0 || runtime->tenant->namespace.len == 0
        || number == 0 || path_text.len == 0)
    {
        return;
    }

    server->urls = mcp_load_array(load, 1, sizeof(mcp_url_t));
    if (server->urls == NULL) {
        return;
    }

    mcp_url_of_service(load, &server->mark, service,
                       &runtime->tenant->namespace, number, &path_text,
                       &server->urls[0]);
    server->nurls = 1;
}


static void
mcp_runtime_headers(mcp_runtime_t *runtime, const mcp_yaml_node_t *node)
{
    if (node) {
        mcp_header_read(runtime->load, runtime->tenant, runtime->work, node,
                        runtime->server);
    }
}
