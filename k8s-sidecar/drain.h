/*
 * Whether a pod that is to end may end: pure decisions, no I/O.
 *
 * kubelet asks before it ends a pod (preStop), without saying which.  So the
 * answer is for all pods of the server that end just then: every gateway must
 * have taken up a file that sends them nothing new, and what each of them was
 * sent must be answered.  A gateway says so of pods by their uid, which unlike
 * an address never comes back for another pod.  What a gateway does not know
 * of, it has not said: not to know of a pod yet is no consent.
 */

#ifndef _DRAIN_H_INCLUDED_
#define _DRAIN_H_INCLUDED_


#include "endpoints.h"


/* kubelet may ask before the watch has told that the pod ends. */
#define DRAIN_SETTLE_MS   2000

/* Of the 60 s that a pod has, the rest is its own. */
#define DRAIN_BOUND_MS    45000

#define DRAIN_UIDS_MAX    10000
#define DRAIN_UID_LEN     64
#define DRAIN_ERROR_LEN   256


/*
 * What NGINX says on /status.  sequence: of the file that all workers go by, 0
 * for none; busy: the draining addresses with requests in flight, owned.
 */
typedef struct {
    uint64_t    sequence;
    char      (*busy)[ENDPOINTS_ADDRESS_LEN];
    size_t      nbusy;
} drain_status_t;

/* What one gateway says: the pods that it needs no more, sorted and owned. */
typedef struct {
    char      (*drained)[DRAIN_UID_LEN];
    size_t      ndrained;
} drain_gateway_t;

typedef enum {
    DRAIN_WAITS,
    DRAIN_IS_OVER,
    DRAIN_TIMED_OUT             /* DRAIN_BOUND_MS have passed */
} drain_verdict_e;


/*
 * Reads the JSON of /status.  MCP_ERROR leaves *ret_status alone and sets the
 * error: "found ..., expected ...".
 */
int drain_status_read(const json_t *json, drain_status_t *ret_status,
    char reterr_text[DRAIN_ERROR_LEN]);
void drain_status_clear(drain_status_t *status);

/*
 * The pods that this gateway needs no more.  MCP_ERROR without memory; clear
 * accepts zeroes.
 */
int drain_gateway_take(endpoints_t *endpoints, const drain_status_t *status,
    drain_gateway_t *ret_gateway);
void drain_gateway_clear(drain_gateway_t *gateway);
bool drain_gateway_same(const drain_gateway_t *one,
    const drain_gateway_t *two);

/*
 * "data" of the ConfigMap in which a gateway says it: one key, "drained", with
 * a uid a line.  The ConfigMap should be owned by the gateway's pod, so that
 * it goes with it: a gateway that is there counts, however old what it says.
 * encode returns a new object, NULL without memory.  decode takes the whole
 * ConfigMap; MCP_ERROR leaves *ret_gateway alone and sets the error.
 */
json_t *drain_encode(const drain_gateway_t *gateway);
int drain_decode(const json_t *config_map, drain_gateway_t *ret_gateway,
    char reterr_text[DRAIN_ERROR_LEN]);

/*
 * gateways: all there are, this one included; what one said that could not be
 * decoded is a gateway of zeroes.  waited_ms: since kubelet asked.
 */
drain_verdict_e drain_may_end(const endpoints_t *endpoints,
    const char *namespace, const char *server,
    const drain_gateway_t *gateways, size_t ngateways, uint64_t waited_ms);


#endif /* _DRAIN_H_INCLUDED_ */
