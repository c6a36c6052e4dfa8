/*
 * What the files about endpoints.json share: private to
 * mcp_endpoints*.c.
 */

#ifndef _MCP_ENDPOINTS_PARTS_H_INCLUDED_
#define _MCP_ENDPOINTS_PARTS_H_INCLUDED_


#include "mcp_endpoints.h"
#include "mcp_json_scan.h"
#include "mcp_set.h"


/* "tenant/server" */
#define MCP_ENDPOINTS_NAME_LEN                                                \
    (MCP_TENANT_ID_MAX_LEN + 1 + MCP_SERVER_ID_MAX_LEN)

/* for the place of a value in the structure */
#define MCP_ENDPOINTS_WHERE_LEN  (MCP_ENDPOINTS_NAME_LEN + 64)

/* "[...]:65535" and a NUL */
#define MCP_ENDPOINTS_TEXT_LEN   64


/* servers: by name, to the mcp_endpoints_server_t; hash: of the bytes, or 0 */
struct mcp_endpoints_s {
    mcp_arena_t  *arena;
    uint64_t      sequence;
    uint64_t      hash;
    mcp_set_t     servers;
};


/* Returns its length, 0 when an id is too long to be one. */
size_t mcp_endpoints_name(char name[MCP_ENDPOINTS_NAME_LEN],
    const mcp_str_t *tenant, const mcp_str_t *server);

/* The rest is of the reader alone. */

/* what is entered, from the outside in */
typedef enum {
    LEVEL_TEXT,
    LEVEL_FILE,
    LEVEL_TENANTS,
    LEVEL_TENANT,
    LEVEL_SERVERS,
    LEVEL_SERVER,
    LEVEL_LIST
} mcp_endpoints_level_e;


typedef enum {
    KEY_UNKNOWN,
    KEY_VERSION,
    KEY_SEQUENCE,
    KEY_TENANTS,
    KEY_SERVERS,
    KEY_STATE,
    KEY_REASON,
    KEY_ENDPOINTS,
    KEY_DRAINING,
    KEY_ID                              /* of a tenant or server */
} mcp_endpoints_key_e;


/*
 * key: of the member whose value comes next; seen: bits of the keys that an
 * object of each level had; text: what a string is captured in.
 */
typedef struct {
    mcp_json_scan_t        json;
    mcp_endpoints_t       *endpoints;
    mcp_report_t          *report;
    const char            *name;
    const char            *data;
    mcp_set_t              tenants;
    mcp_endpoints_level_e  level;
    mcp_endpoints_key_e    key;
    uint32_t               seen[LEVEL_LIST + 1];
    bool                   told;

    char                   tenant[MCP_TENANT_ID_MAX_LEN + 1];
    size_t                 tenant_len;
    char                   server[MCP_SERVER_ID_MAX_LEN + 1];
    size_t                 server_len;

    mcp_pods_state_e       state;
    char                   reason[MCP_ENDPOINTS_REASON_MAX_LEN + 1];
    size_t                 reason_len;
    bool                   is_draining;
    uint32_t               nactive;
    uint32_t               ndraining;
    mcp_address_t          active[MCP_ENDPOINTS_SERVER_MAX];
    mcp_address_t          draining[MCP_ENDPOINTS_SERVER_MAX];

    char                   text[MCP_ENDPOINTS_REASON_MAX_LEN + 1];
} mcp_endpoints_read_t;


/*
 * The values of keys; MCP_ERROR was told.  A reason may be anything: what a
 * pod said at its end may be in it, which must not keep the file from being
 * taken.
 */
int mcp_endpoints_version(mcp_endpoints_read_t *read, const mcp_str_t *text);
int mcp_endpoints_number(mcp_endpoints_read_t *read, const mcp_str_t *text);
int mcp_endpoints_state(mcp_endpoints_read_t *read, const mcp_str_t *text);
void mcp_endpoints_reason(mcp_endpoints_read_t *read, const mcp_str_t *text);
int mcp_endpoints_address(mcp_endpoints_read_t *read, const mcp_str_t *text);

/* Tells of what is wrong at the offset; returns MCP_ERROR. */
int mcp_endpoints_fail(mcp_endpoints_read_t *read, size_t offset,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The place of the value of word; an id that is none is not shown. */
const char *mcp_endpoints_where(mcp_endpoints_read_t *read, const char *word,
    char where[MCP_ENDPOINTS_WHERE_LEN]);


#endif /* _MCP_ENDPOINTS_PARTS_H_INCLUDED_ */
