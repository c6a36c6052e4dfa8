/*
 * Where the pods of "kubernetes" servers are, as the sidecar writes it: the
 * reader of endpoints.json.
 *
 *   { "version": 1, "sequence": 17,
 *     "tenants": { "team-a": { "servers": { "search": {
 *       "state": "running", "reason": "text for people",
 *       "endpoints": ["10.1.2.3:8080", "[fd00::1]:8080"],
 *       "draining": ["10.1.2.4:8080"] } } } } }
 *
 * "state" is required, one of running, starting, stopped, failed and
 * quota_exceeded.  Keys that are not known here are passed over; everything
 * else that is wrong refuses the whole file.
 */

#ifndef _MCP_ENDPOINTS_H_INCLUDED_
#define _MCP_ENDPOINTS_H_INCLUDED_


#include "mcp_config.h"
#include "mcp_image.h"


#define MCP_ENDPOINTS_MAX_BYTES       (64 * 1024 * 1024)

/* of one server: in use, and as many that drain */
#define MCP_ENDPOINTS_SERVER_MAX      100

/* a longer reason, or one that is not printable, is not kept */
#define MCP_ENDPOINTS_REASON_MAX_LEN  255

#define MCP_ENDPOINTS_SEQUENCE_MAX    ((UINT64_C(1) << 53) - 1)


typedef enum {
    MCP_PODS_RUNNING,
    MCP_PODS_STARTING,
    MCP_PODS_STOPPED,
    MCP_PODS_FAILED,
    MCP_PODS_QUOTA_EXCEEDED,
    MCP_PODS_STATES
} mcp_pods_state_e;


/* addresses: those in use, then those that drain; each once */
typedef struct {
    mcp_pods_state_e   state;
    mcp_str_t          reason;
    mcp_address_t     *addresses;
    uint32_t           nactive;
    uint32_t           ndraining;
} mcp_endpoints_server_t;


/*
 * A file that has none of these servers, as long as there was none: its
 * sequence is 0.  NULL without memory; free accepts NULL.
 */
mcp_endpoints_t *mcp_endpoints_new(void);
void mcp_endpoints_free(mcp_endpoints_t *endpoints);

/*
 * Reads path.  MCP_ERROR leaves *ret_endpoints alone, with one finding in
 * report: "path:line:column: found ..., expected ...".
 */
int mcp_endpoints_load(const char *path, mcp_report_t *report,
    mcp_endpoints_t **ret_endpoints);

/* The same for a text, which findings call by name. */
int mcp_endpoints_parse(const char *name, const char *text, size_t len,
    mcp_report_t *report, mcp_endpoints_t **ret_endpoints);

/* What image was compiled with; NULL without memory. */
mcp_endpoints_t *mcp_endpoints_of_image(const mcp_image_t *image);

/* The port of an address, in host order. */
uint16_t mcp_endpoints_port(const mcp_address_t *address);

uint64_t mcp_endpoints_sequence(const mcp_endpoints_t *endpoints);

/* Whether both are of the same bytes. */
bool mcp_endpoints_same(const mcp_endpoints_t *one,
    const mcp_endpoints_t *two);

/* NULL when the file does not have the server. */
const mcp_endpoints_server_t *mcp_endpoints_find(
    const mcp_endpoints_t *endpoints, const mcp_str_t *tenant,
    const mcp_str_t *server);

/*
 * Adds a warning for every address that is not used: one that catalogs may
 * not reach, or of another port than the server's.  name: of the file.
 */
void mcp_endpoints_check(const mcp_endpoints_t *endpoints, const char *name,
    const mcp_config_t *config, const mcp_config_options_t *options,
    mcp_report_t *report);


#endif /* _MCP_ENDPOINTS_H_INCLUDED_ */
