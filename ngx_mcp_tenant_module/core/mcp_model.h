/*
 * The tenant model: what tenants.yaml and the catalogs say, checked, before
 * it is compiled into an image.  Plain data; the configuration's arena owns
 * all of it.
 */

#ifndef _MCP_MODEL_H_INCLUDED_
#define _MCP_MODEL_H_INCLUDED_


#include "mcp_base.h"


#define MCP_TENANT_ID_MAX_LEN    63
#define MCP_SERVER_ID_MAX_LEN    63
#define MCP_KEY_NAME_MAX_LEN     63
#define MCP_KEY_DIGEST_LEN       32
#define MCP_SERVER_URLS_MAX      16

#define MCP_EGRESS_PORTS_MAX     16

#define MCP_RULES_NAME_MAX_LEN   128
#define MCP_RULES_URI_MAX_LEN    1024


/* Zero means that the file sets no such limit. */
typedef struct {
    uint32_t     max_servers;               /* of a tenant only */
    uint32_t     max_concurrent_requests;
    uint32_t     max_streams;
    uint32_t     burst;
    uint32_t     requests_per_second_milli; /* thousandths */
} mcp_quotas_t;


/* What rules are about. */
typedef enum {
    MCP_KIND_TOOLS,
    MCP_KIND_RESOURCES,
    MCP_KIND_PROMPTS,
    MCP_KINDS
} mcp_kind_e;


/* Patterns of names or URIs (mcp_glob.h).  has_allow: only those of allow. */
typedef struct {
    bool           has_allow;
    mcp_str_t     *allow;
    size_t         nallow;
    mcp_str_t     *deny;
    size_t         ndeny;
} mcp_rules_t;


/* quotas: rate, burst and max_concurrent_requests only, not all zero */
typedef struct {
    mcp_mark_t     mark;
    mcp_str_t      match;
    mcp_quotas_t   quotas;
} mcp_tool_limit_t;


/* rules: narrow those of the servers */
typedef struct {
    mcp_mark_t     mark;
    mcp_str_t      name;
    unsigned char  digest[MCP_KEY_DIGEST_LEN];
    int64_t        not_before;              /* Unix seconds, 0: none */
    int64_t        expires_at;              /* Unix seconds, 0: none */
    bool           enabled;
    bool           narrowed;                /* "servers" was given */
    mcp_str_t     *servers;
    size_t         nservers;
    mcp_rules_t    rules[MCP_KINDS];
    mcp_quotas_t   quotas;
} mcp_key_t;


typedef enum {
    MCP_RUNTIME_REMOTE,
    MCP_RUNTIME_KUBERNETES,
    MCP_RUNTIME_UPSTREAM,
    MCP_RUNTIME_K8S_SERVICE
} mcp_runtime_e;


typedef struct {
    mcp_mark_t   mark;
    bool         tls;
    uint16_t     port;
    mcp_str_t    host;          /* lower case; IPv6 without brackets */
    mcp_str_t    authority;     /* as in Host: port left out if default */
    mcp_str_t    path;          /* with its query, never empty */
} mcp_url_t;


/* value: after ${...} was replaced; NULL data when values were not read */
typedef struct {
    mcp_mark_t   mark;
    mcp_str_t    name;
    mcp_str_t    value;
} mcp_header_t;


typedef struct {
    mcp_mark_t   mark;
    mcp_str_t    name;
    mcp_str_t    value;
} mcp_pair_t;


/* nports 0: every port */
typedef struct {
    mcp_str_t    cidr;
    size_t       nports;
    uint16_t     ports[MCP_EGRESS_PORTS_MAX];
} mcp_egress_t;


/* People of a tenant, as a RoleBinding names them. */
typedef enum {
    MCP_SUBJECT_USER,
    MCP_SUBJECT_GROUP,
    MCP_SUBJECT_SERVICE_ACCOUNT
} mcp_subject_e;


typedef struct {
    mcp_subject_e  kind;
    mcp_str_t      name;
    mcp_str_t      namespace;           /* of a ServiceAccount */
} mcp_subject_t;


typedef enum {
    MCP_ACTIVATION_ALWAYS,
    MCP_ACTIVATION_ON_DEMAND
} mcp_activation_e;


typedef struct {
    mcp_str_t         image;
    uint32_t          replicas;
    mcp_pair_t       *env;
    size_t            nenv;
    mcp_pair_t       *secret_env;       /* value: "secret/key" */
    size_t            nsecret_env;
    mcp_pair_t       *requests;         /* resources.requests */
    size_t            nrequests;
    mcp_pair_t       *limits;           /* resources.limits */
    size_t            nlimits;
    mcp_egress_t     *egress;
    size_t            negress;
    mcp_str_t         probe_path;       /* empty: the port is tried */
    mcp_activation_e  activation;
    uint32_t          idle_timeout;     /* seconds, 0: default */
    uint32_t          activation_timeout;   /* seconds, 0: always on */
} mcp_kubernetes_t;


/*
 * urls: of every runtime but "upstream"; for kubernetes and k8s-service one
 * URL with the cluster DNS name.  All URLs of a server have one scheme and
 * one path.
 */
typedef struct {
    mcp_mark_t         mark;
    mcp_str_t          id;
    mcp_str_t          display_name;
    mcp_str_t          description;
    mcp_str_t         *tags;
    size_t             ntags;
    mcp_runtime_e      runtime;
    mcp_url_t         *urls;
    size_t             nurls;
    mcp_header_t      *headers;
    size_t             nheaders;
    mcp_str_t          upstream_name;
    mcp_str_t          upstream_path;
    mcp_kubernetes_t  *kubernetes;
    mcp_rules_t        rules[MCP_KINDS];
    mcp_tool_limit_t  *tool_limits;
    size_t             ntool_limits;
    mcp_quotas_t       quotas;
} mcp_server_t;


typedef struct {
    mcp_mark_t     mark;
    mcp_str_t      id;
    mcp_str_t      display_name;
    mcp_str_t      namespace;
    mcp_str_t      catalog_file;        /* as written; empty: none */
    bool           enabled;
    mcp_key_t     *keys;
    size_t         nkeys;
    mcp_str_t     *allowed_origins;
    size_t         nallowed_origins;
    mcp_str_t     *secrets;             /* "NAME" or "file:PATH" */
    size_t         nsecrets;
    mcp_subject_t *subjects;
    size_t         nsubjects;
    mcp_quotas_t   quotas;
    mcp_str_t      cpu;                 /* of all pods, as Kubernetes */
    mcp_str_t      memory;              /* writes it; empty: not given */
    mcp_server_t  *servers;
    size_t         nservers;
} mcp_tenant_t;


#endif /* _MCP_MODEL_H_INCLUDED_ */
