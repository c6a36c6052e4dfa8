/*
 * Asks the NGINX beside this sidecar, over the loopback: /status, /demand.
 * One question at a time, without threads; an answer may take long.
 */

#ifndef _GATEWAY_H_INCLUDED_
#define _GATEWAY_H_INCLUDED_


#include "kube_watch.h"


#define GATEWAY_BODY_MAX_BYTES  (16u * 1024 * 1024)
#define GATEWAY_ERROR_LEN       256


typedef struct gateway_s  gateway_t;

/*
 * status: of HTTP, 0 when there was no whole answer.  json: the body of a 2xx,
 * borrowed, else NULL.  error: NULL with json.  May ask again.
 */
typedef void (*gateway_reply_pt)(void *data, int status, const json_t *json,
    const char *error);


/*
 * url: "http://ADDRESS:PORT/PATH" with an address of the loopback.  clock must
 * outlive it.  NULL sets the error: "found ..., expected ...".
 */
gateway_t *gateway_new(const char *url, const kube_clock_t *clock,
    char reterr_text[GATEWAY_ERROR_LEN]);

/* Ends a question without calling back; accepts NULL. */
void gateway_free(gateway_t *gateway);

/*
 * query: "after=3&timeout=25", or NULL.  reply is called once, from
 * gateway_turn(), also when nothing could be asked.  MCP_ERROR: one is under
 * way, or the query is too long.
 */
int gateway_ask(gateway_t *gateway, const char *query, unsigned timeout_ms,
    gateway_reply_pt reply, void *data);
bool gateway_is_asking(const gateway_t *gateway);

/* What to wait for before the next turn; fd -1 for nothing. */
void gateway_poll(const gateway_t *gateway, struct pollfd *ret_fd);

/*
 * Does what there is to do, without waiting.  Returns the milliseconds until
 * it wants to be called again, however little happens until then.
 */
unsigned gateway_turn(gateway_t *gateway);


#endif /* _GATEWAY_H_INCLUDED_ */
