/*
 * The image: a configuration compiled into one flat block without pointers,
 * which workers read in place.  Records name each other by index and
 * text by offset; hash tables lead from a tenant's id, a key's digest and a
 * tenant's server to the record in a time that does not grow with their number.
 *
 * A mapped file is checked by mcp_image_open() before any use: magic, layout
 * version, size, the bounds of every table and a checksum.
 */

#ifndef _MCP_IMAGE_H_INCLUDED_
#define _MCP_IMAGE_H_INCLUDED_


#include "mcp_address.h"
#include "mcp_config.h"


#define MCP_IMAGE_NONE  UINT32_MAX

/* Addresses of one name that are used. */
#define MCP_IMAGE_NAME_ADDRESSES_MAX  16


typedef struct mcp_image_s      mcp_image_t;
typedef struct mcp_endpoints_s  mcp_endpoints_t;    /* mcp_endpoints.h */


/* offset from the start of the image; there is a NUL behind the text */
typedef struct {
    uint32_t  offset;
    uint32_t  len;
} mcp_image_str_t;


/* a run of records */
typedef struct {
    uint32_t  first;
    uint32_t  count;
} mcp_image_range_t;


/* rows of limits in shared memory; MCP_IMAGE_NONE: not limited */
typedef struct {
    uint32_t  requests;
    uint32_t  streams;
} mcp_image_limits_t;


/*
 * identity: 64-bit hash of the id, the same in every image, never 0.  row: in
 * shared memory, as mcp_image_rows_set() gave it.
 */
typedef struct {
    mcp_image_str_t    id;
    mcp_image_str_t    display_name;
    mcp_image_str_t    namespace;
    mcp_image_range_t  keys;
    mcp_image_range_t  servers;
    mcp_image_range_t  origins;         /* of strings */
    mcp_quotas_t       quotas;
    uint32_t           active_servers;
    uint32_t           enabled;
    uint32_t           row;
    mcp_image_limits_t limits;
    uint64_t           identity;
} mcp_image_tenant_t;


/* ranges of strings: patterns of mcp_glob.h */
typedef struct {
    mcp_image_range_t  allow;
    mcp_image_range_t  deny;
    uint32_t           has_allow;
} mcp_image_rules_t;


typedef struct {
    mcp_image_str_t    match;
    mcp_quotas_t       quotas;
    mcp_image_limits_t limits;
    uint64_t           identity;
} mcp_image_tool_limit_t;


typedef struct {
    unsigned char      digest[MCP_KEY_DIGEST_LEN];
    mcp_image_str_t    name;
    mcp_image_range_t  servers;         /* of references to servers */
    mcp_image_rules_t  rules[MCP_KINDS];
    uint32_t           tenant;
    uint32_t           enabled;
    uint32_t           narrowed;
    mcp_quotas_t       quotas;
    mcp_image_limits_t limits;
    int64_t            not_before;
    int64_t            expires_at;
    uint64_t           identity;
} mcp_image_key_t;


typedef enum {
    MCP_SERVER_READY,           /* has an endpoint, or is an upstream{} */
    MCP_SERVER_UNRESOLVED,      /* its name has no address that may be used */
    MCP_SERVER_PENDING,         /* its pods have no address yet */
    MCP_SERVER_QUOTA_EXCEEDED,  /* past max_servers */
    MCP_SERVER_STARTING,        /* the sidecar says so of its pods */
    MCP_SERVER_STOPPED,
    MCP_SERVER_FAILED,
    MCP_SERVER_STATUS_COUNT
} mcp_server_status_e;


/*
 * headers: the configured ones as "Name: value\r\n" each, ready to send.
 * A server of runtime "upstream" has upstream_name and no endpoints.
 *
 * ndraining: endpoints behind the others that only the sessions which they
 * opened still reach.  pods_state: what the sidecar says (mcp_pods_state_e),
 * MCP_IMAGE_NONE when it says nothing; reason: why, for people.
 * activation_timeout: seconds that requests wait for the first pod, 0 for a
 * server that nobody starts for them; pod: row of those that wait.
 */
typedef struct {
    mcp_image_str_t    id;
    mcp_image_str_t    display_name;
    mcp_image_str_t    description;
    mcp_image_range_t  tags;            /* of strings */
    mcp_image_str_t    path;
    mcp_image_str_t    upstream_name;
    mcp_image_str_t    headers;
    mcp_image_range_t  endpoints;
    mcp_image_str_t    reason;
    mcp_image_rules_t  rules[MCP_KINDS];
    mcp_image_range_t  tool_limits;
    mcp_quotas_t       quotas;
    uint32_t           tenant;
    uint32_t           runtime;         /* mcp_runtime_e */
    uint32_t           status;          /* mcp_server_status_e */
    uint32_t           ndraining;
    uint32_t           pods_state;
    uint32_t           activation_timeout;
    uint32_t           pod;
    uint32_t           tls;
    uint32_t           row;
    mcp_image_limits_t limits;
    uint64_t           identity;
} mcp_image_server_t;


/*
 * One address of one server.  identity is unique to {tenant, server,
 * scheme, name, address, credentials}: a connection kept under it serves
 * nothing else.  text: the address for logs.  pod: row of the requests under
 * way, for servers of runtime "kubernetes" whose pods the sidecar tells.
 */
typedef struct {
    mcp_address_t    address;
    uint32_t         address_len;
    mcp_image_str_t  authority;         /* Host */
    mcp_image_str_t  tls_name;          /* SNI and the name to verify */
    mcp_image_str_t  text;
    uint32_t         server;
    uint32_t         row;
    uint32_t         pod;
    uint64_t         identity;
} mcp_image_endpoint_t;


/*
 * Addresses of a name, as the caller resolved it: writes at most max into
 * ret_addresses (port left 0) and returns their number, 0 when there is none.
 * Never called for literal addresses.
 */
typedef size_t (*mcp_image_addresses_pt)(void *data, const char *name,
    mcp_address_t *ret_addresses, size_t max);


/*
 * Compiles config.  Addresses that mcp_address_refused() names are left out.
 * pods: where those of runtime "kubernetes" are, of which then no name is
 * asked for; NULL when nobody tells.
 * *ret_block is one malloc()ed block of *ret_size bytes that the caller
 * frees; it starts with the image.  Errors, a NULL ret_block, are lack of
 * memory and an image over 4 GiB; *reterr_text, a static text, says which.
 */
int mcp_image_build(const mcp_config_t *config,
    const mcp_config_options_t *options, mcp_image_addresses_pt addresses,
    void *data, const mcp_endpoints_t *pods, uint64_t epoch,
    uint64_t generation, void **ret_block, size_t *ret_size,
    const char **reterr_text);

/*
 * Rows of shared memory that records name by their number.  A new block names
 * none; whoever compiles it gives every identity of a kind its row, then
 * seals the block, and only then it can be opened by others.  Each tenant has
 * a limit, so that its requests under way can be told; keys and servers have
 * those that their quotas set, and servers those of their tools.
 */
typedef enum {
    MCP_IMAGE_ROWS_TENANTS,
    MCP_IMAGE_ROWS_LIMITS,
    MCP_IMAGE_ROWS_ENDPOINTS,
    MCP_IMAGE_ROWS_SERVERS,
    MCP_IMAGE_ROWS_PODS,
    MCP_IMAGE_ROWS_KINDS
} mcp_image_rows_e;

/* How many there are; writes their identities when ret_identities is given. */
size_t mcp_image_rows(void *block, mcp_image_rows_e kind,
    uint64_t *ret_identities);

/* rows: as many, in the same order. */
void mcp_image_rows_set(void *block, mcp_image_rows_e kind,
    const uint32_t *rows);

void mcp_image_seal(void *block, uint64_t epoch, uint64_t generation);

/* The image in block, or NULL with *reterr_text when it is not one. */
const mcp_image_t *mcp_image_open(const void *block, size_t size,
    const char **reterr_text);

/*
 * Maps the file read-only.  On success *ret_size is what munmap() needs.
 * NULL with *reterr_text, and errno when the system refused.
 */
const mcp_image_t *mcp_image_map(const char *path, size_t *ret_size,
    const char **reterr_text);

uint64_t mcp_image_epoch(const mcp_image_t *image);
uint64_t mcp_image_generation(const mcp_image_t *image);
size_t mcp_image_size(const mcp_image_t *image);
const unsigned char *mcp_image_digest(const mcp_image_t *image);  /* 32 */

/* Whether the sidecar tells of pods, and the number of its file, 0 if none. */
bool mcp_image_has_pods(const mcp_image_t *image);
uint64_t mcp_image_sequence(const mcp_image_t *image);

/* Whether the last line of tenants.yaml had no line feed. */
bool mcp_image_cut(const mcp_image_t *image);

uint32_t mcp_image_ntenants(const mcp_image_t *image);
uint32_t mcp_image_nkeys(const mcp_image_t *image);
uint32_t mcp_image_nservers(const mcp_image_t *image);
uint32_t mcp_image_nendpoints(const mcp_image_t *image);
uint32_t mcp_image_ntool_limits(const mcp_image_t *image);

/* By index, which the caller has from the image or below the counts above. */
const mcp_image_tenant_t *mcp_image_tenant(const mcp_image_t *image,
    uint32_t n);
const mcp_image_key_t *mcp_image_key(const mcp_image_t *image, uint32_t n);
const mcp_image_server_t *mcp_image_server(const mcp_image_t *image,
    uint32_t n);
const mcp_image_endpoint_t *mcp_image_endpoint(const mcp_image_t *image,
    uint32_t n);
const mcp_image_tool_limit_t *mcp_image_tool_limit(const mcp_image_t *image,
    uint32_t n);

/* "ready", "unresolved", "pending", "quota_exceeded" and so on */
const char *mcp_server_status_word(uint32_t status);

/* The n-th string of a range of strings. */
mcp_str_t mcp_image_string(const mcp_image_t *image,
    const mcp_image_range_t *range, uint32_t n);
mcp_str_t mcp_image_text(const mcp_image_t *image,
    const mcp_image_str_t *text);

/* MCP_IMAGE_NONE when there is no such record. */
uint32_t mcp_image_tenant_find(const mcp_image_t *image, const char *id,
    size_t len);
uint32_t mcp_image_server_find(const mcp_image_t *image, uint32_t tenant,
    const char *id, size_t len);

/* The digest is compared in constant time. */
uint32_t mcp_image_key_find(const mcp_image_t *image,
    const unsigned char digest[MCP_KEY_DIGEST_LEN]);

/* Whether a key may reach a server of its tenant. */
bool mcp_image_key_reaches(const mcp_image_t *image,
    const mcp_image_key_t *key, uint32_t server);


#endif /* _MCP_IMAGE_H_INCLUDED_ */
