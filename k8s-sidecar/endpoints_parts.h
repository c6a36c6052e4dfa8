/*
 * What the files about endpoints share: private to endpoints*.c.
 */

#ifndef _ENDPOINTS_PARTS_H_INCLUDED_
#define _ENDPOINTS_PARTS_H_INCLUDED_


#include "endpoints.h"
#include "mcp_file.h"


#define ENDPOINTS_UID_LEN      64
#define ENDPOINTS_TROUBLE_LEN  32


/* family: AF_INET, AF_INET6; unused bytes are 0 */
typedef struct {
    unsigned char      bytes[16];
    uint8_t            family;
} endpoints_ip_t;

typedef struct {
    endpoints_ip_t     ip;
    bool               is_ready;
    bool               is_terminating;
} endpoints_address_t;

/* list: the list that named it last; addresses: owned, as name is */
typedef struct {
    char                 *name;
    uint64_t              list;
    char                  service[MCP_SERVER_ID_MAX_LEN + 1];
    endpoints_address_t  *addresses;
    size_t                naddresses;
} endpoints_slice_t;

/*
 * is_ready: may get new requests; is_terminating: and runs.  One that is
 * neither has no say about its addresses.  sequence, port: of the first file
 * that had it as draining; is_listed: the text made last has it so.  trouble:
 * why it cannot run ("ImagePullBackOff"), or "".
 */
typedef struct {
    char                 *name;
    uint64_t              list;
    char                  tenant[MCP_TENANT_ID_MAX_LEN + 1];
    char                  server[MCP_SERVER_ID_MAX_LEN + 1];
    char                  uid[ENDPOINTS_UID_LEN];
    endpoints_ip_t        ips[ENDPOINTS_POD_IPS_MAX];
    uint8_t               nips;
    bool                  is_ready;
    bool                  is_terminating;
    bool                  is_listed;
    uint16_t              port;
    uint16_t              listed_port;
    uint64_t              sequence;
    char                  trouble[ENDPOINTS_TROUBLE_LEN];
} endpoints_pod_t;

typedef struct {
    char                  name[64];
    endpoints_slice_t    *slices;
    size_t                nslices;
    size_t                slices_capacity;
    endpoints_pod_t      *pods;
    size_t                npods;
    size_t                pods_capacity;
    size_t                naddresses;   /* of all slices */
} endpoints_namespace_t;

/* list: counts those begun; whole: one was complete; failed: lost something */
typedef struct {
    uint64_t              list;
    bool                  whole;
    bool                  failed;
} endpoints_view_t;

/*
 * namespaces: sorted by name.  first: the lowest sequence that this process
 * wrote or found, 0 for none; floor: the next one is higher.  body: what the
 * file says behind its sequence; stamp: of that file.
 */
struct endpoints_s {
    endpoints_namespace_t  *namespaces;
    size_t                  nnamespaces;
    size_t                  capacity;
    endpoints_view_t        slices;
    endpoints_view_t        pods;
    uint64_t                version;
    uint64_t                left_out;

    endpoints_failed_pt     failed;
    void                   *data;

    bool                    was_read;
    uint64_t                random;
    uint64_t                first;
    uint64_t                sequence;
    uint64_t                floor;
    uint64_t                stamp;
    char                   *body;
};


/*
 * Both return false when the object is none to keep, and without memory, which
 * *ret_failed tells; the caller owns what *ret_... has.
 */
bool endpoints_slice_read(json_t *object, endpoints_slice_t *ret_slice,
    size_t room, uint64_t *left_out, bool *ret_failed);
bool endpoints_pod_read(json_t *object, endpoints_pod_t *ret_pod,
    bool *ret_failed);

/* NULL when it has none that can be a name. */
const char *endpoints_object_name(json_t *object);
const char *endpoints_object_namespace(json_t *object);

/*
 * find returns NULL when there is
 * none; get makes it, and returns NULL without memory; add returns one of
 * zeroes, and NULL over the limit, which is counted, and without memory, which
 * is kept in the view.  Adding and removing moves the others.  name: a label.
 */
endpoints_namespace_t *endpoints_namespace_find(const endpoints_t *endpoints,
    const char *name);
endpoints_namespace_t *endpoints_namespace_get(endpoints_t *endpoints,
    const char *name);
void endpoints_namespace_clear(endpoints_namespace_t *namespace);

/* See endpoints_trouble(). */
const char *endpoints_namespace_trouble(
    const endpoints_namespace_t *namespace, const char *tenant,
    const char *server);

/* Takes out those without records. */
void endpoints_namespaces_clean(endpoints_t *endpoints);

endpoints_slice_t *endpoints_slice_find(
    const endpoints_namespace_t *namespace, const char *name);
endpoints_slice_t *endpoints_slice_add(endpoints_t *endpoints,
    endpoints_namespace_t *namespace);
void endpoints_slice_remove(endpoints_namespace_t *namespace, size_t index);

endpoints_pod_t *endpoints_pod_find(const endpoints_namespace_t *namespace,
    const char *name);
endpoints_pod_t *endpoints_pod_add(endpoints_t *endpoints,
    endpoints_namespace_t *namespace);
void endpoints_pod_remove(endpoints_namespace_t *namespace, size_t index);

/* Behind the sequence; malloc()ed, NULL without memory.  Sets is_listed. */
char *endpoints_body(endpoints_t *endpoints, const mcp_config_t *config,
    endpoints_state_pt state, void *data);

int endpoints_ip_compare(const endpoints_ip_t *one,
    const endpoints_ip_t *two);
void endpoints_ip_text(const endpoints_ip_t *ip, uint16_t port,
    char text[ENDPOINTS_ADDRESS_LEN]);


#endif /* _ENDPOINTS_PARTS_H_INCLUDED_ */
