/*
 * Where the pods of "kubernetes" servers are: what two watches tell, and the
 * file endpoints.json for NGINX.  Neither knows of HTTP or of time.
 *
 * People of a tenant may write EndpointSlices and pods in their namespace,
 * with any label.  So a namespace is its tenant's, whatever labels say; and
 * an address counts only when a pod of that namespace has it in its status,
 * which only kubelet writes, is not on the network of its node, and runs.  An
 * address that two such pods have counts for neither.
 */

#ifndef _ENDPOINTS_H_INCLUDED_
#define _ENDPOINTS_H_INCLUDED_


#include "kube_watch.h"
#include "mcp_config.h"


#define ENDPOINTS_REASON_LEN       256
#define ENDPOINTS_ERROR_LEN        256
#define ENDPOINTS_ADDRESS_LEN      sizeof("[ffff:ffff:ffff:ffff:ffff:ffff:"   \
                                          "255.255.255.255]:65535")

/* What the reader of the file takes of one server, and as many that drain. */
#define ENDPOINTS_SERVER_MAX       100

/* More of one namespace are left out: they are of its own people. */
#define ENDPOINTS_SLICES_MAX       1000
#define ENDPOINTS_ADDRESSES_MAX    10000
#define ENDPOINTS_PODS_MAX         5000

#define ENDPOINTS_POD_IPS_MAX      4

#define ENDPOINTS_SEQUENCE_MAX     ((UINT64_C(1) << 53) - 1)


typedef struct endpoints_s  endpoints_t;

typedef enum {
    ENDPOINTS_RUNNING,
    ENDPOINTS_STARTING,
    ENDPOINTS_STOPPED,
    ENDPOINTS_FAILED,
    ENDPOINTS_QUOTA_EXCEEDED,
    ENDPOINTS_STATES
} endpoints_state_e;

/* reason: for people, "" for none; what is not printable ASCII becomes "?" */
typedef struct {
    endpoints_state_e  state;
    char               reason[ENDPOINTS_REASON_LEN];
} endpoints_server_t;

/*
 * Says the state of a server, of which ready pods are in the file.  server
 * holds what is known without asking: running with pods, failed when none of
 * its pods can run, else stopped when it is on demand or its tenant is
 * disabled, else starting.
 */
typedef void (*endpoints_state_pt)(void *data, const mcp_tenant_t *tenant,
    size_t index, size_t ready, endpoints_server_t *server);

/*
 * A pod that ends, as long as one of its containers runs.  sequence: of the
 * first file that has it as draining, 0 for none yet.  addresses: as the file
 * has them, none while sequence is 0.  Borrowed for the call.
 */
typedef struct {
    const char  *namespace;
    const char  *server;
    const char  *uid;
    uint64_t     sequence;
    size_t       naddresses;
    char         addresses[ENDPOINTS_POD_IPS_MAX][ENDPOINTS_ADDRESS_LEN];
} endpoints_leaving_t;

typedef void (*endpoints_leaving_pt)(void *data,
    const endpoints_leaving_t *pod);

/* kind: KUBE_ENDPOINT_SLICE or KUBE_POD; error: as of kube_watch_handler_t */
typedef void (*endpoints_failed_pt)(void *data, kube_kind_e kind,
    const char *error);


/* Of watches of all namespaces; their data is the endpoints_t. */
extern const kube_watch_handler_t  endpoints_slice_handler;
extern const kube_watch_handler_t  endpoints_pod_handler;


/*
 * random: any number that differs from one start to the next.  failed: may be
 * NULL.  NULL without memory; free accepts NULL.
 */
endpoints_t *endpoints_new(uint64_t random, endpoints_failed_pt failed,
    void *data);
void endpoints_free(endpoints_t *endpoints);

/* Whether both watches have named all there is, and all of it was kept. */
bool endpoints_is_whole(const endpoints_t *endpoints);

/* Another number after each change of what the file may say. */
uint64_t endpoints_version(const endpoints_t *endpoints);

/* Addresses, slices and pods that were over a limit, since the start. */
uint64_t endpoints_left_out(const endpoints_t *endpoints);

/*
 * The text of the file with that sequence, of the servers that
 * objects_server_is_active(); the same for the same state.  state may be NULL.
 * Returns malloc()ed text, NULL without memory.
 */
char *endpoints_text(endpoints_t *endpoints, const mcp_config_t *config,
    endpoints_state_pt state, void *data, uint64_t sequence);

/*
 * Writes the file when what it says, its sequence aside, is not what is there;
 * leaves it alone while endpoints_is_whole() is false.  MCP_ERROR sets the
 * error ("cannot be written: No space left on device").  One endpoints_t
 * writes one path.
 *
 * The sequence goes on from that of the file that is there.  Where there is
 * none that can be read, NGINX may still have an older one, of a number that
 * is not known, and what it says of that must not count for a new one: then
 * it begins at random, and endpoints_enforced() tells a number that was never
 * written here from one that was.
 */
int endpoints_write(endpoints_t *endpoints, const char *path,
    const mcp_config_t *config, endpoints_state_pt state, void *data,
    char reterr_text[ENDPOINTS_ERROR_LEN]);

/*
 * Why none of the pods of a server can run ("ImagePullBackOff"); NULL when one
 * can, or there are none.  Borrowed until the next change.
 */
const char *endpoints_trouble(const endpoints_t *endpoints,
    const char *namespace, const char *tenant, const char *server);

/* Of the newest file written or found; 0: none yet. */
uint64_t endpoints_sequence(const endpoints_t *endpoints);

/*
 * Whether a file of that sequence, which NGINX has, was written or found by
 * this process.  A higher number makes the next file go on above it: the
 * sequence grows over the life of NGINX, too.
 */
bool endpoints_enforced(endpoints_t *endpoints, uint64_t sequence);

/* Calls for every pod that ends. */
void endpoints_leaving(const endpoints_t *endpoints,
    endpoints_leaving_pt leaving, void *data);


#endif /* _ENDPOINTS_H_INCLUDED_ */
