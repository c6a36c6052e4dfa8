/*
 * Requests to the API server, many at once, without threads.  Only files named
 * kube_http* know libcurl.
 *
 * TLS is always verified.  Files of the token, the CA and the client
 * certificate are read again when they change (their mtime, size or inode),
 * and after a 401 or a failed handshake; what is new is for new connections.
 * Redirects are not followed; a proxy of the environment is not used.
 *
 * HTTP/2 where the server has it: then all calls share a connection.  Over
 * HTTP/1.1 each call under way has one; there are at most 32, and further
 * calls wait.
 */

#ifndef _KUBE_HTTP_H_INCLUDED_
#define _KUBE_HTTP_H_INCLUDED_


#include "kube_config.h"

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>


#define KUBE_HTTP_BODY_MAX_BYTES  (64u * 1024 * 1024)
#define KUBE_HTTP_FDS_MAX         64


typedef struct kube_http_s  kube_http_t;
typedef struct kube_call_s  kube_call_t;

/* Borrowed until kube_http_send() returns. */
typedef struct {
    const char  *method;
    const char  *path;              /* below the server's root, with query */
    const char  *content_type;      /* of body */
    const char  *body;
    size_t       len;
    unsigned     timeout_ms;        /* for all of it; 0: none */
    unsigned     idle_timeout_ms;   /* without a byte; 0: none */
} kube_http_request_t;

/*
 * status: of HTTP, 0 when there was no whole answer.  error: for a log, NULL
 * for 2xx; the message of a Kubernetes Status, or of libcurl; at most 512
 * printable bytes, no credential in it.  reason: of a Status ("NotFound",
 * "Conflict", "Expired"...), or "".  body: the JSON, NULL when there is none
 * (also for a streamed answer).  All borrowed for the call.
 */
typedef struct {
    int          status;
    const char  *error;
    const char  *reason;
    json_t      *body;
    unsigned     retry_after;       /* seconds; 0: not said */
} kube_reply_t;


typedef void (*kube_http_reply_pt)(void *data, const kube_reply_t *reply);

/*
 * A piece of a 2xx answer; first, once, one of 0 bytes: the answer began.
 * False ends the call with an error (status 0).
 */
typedef bool (*kube_http_piece_pt)(void *data, const char *piece, size_t len);


/*
 * config must outlive it.  Returns NULL without memory.  From then on the
 * process ignores SIGPIPE.
 */
kube_http_t *kube_http_new(const kube_config_t *config);

/*
 * guard is called each time before bytes may be sent, however long the process
 * was stopped before; it may cancel.
 */
void kube_http_guard(kube_http_t *http, void (*guard)(void *data),
    void *data);

/* Ends all calls without calling back; accepts NULL.  Not from a callback. */
void kube_http_free(kube_http_t *http);

/*
 * Starts a call.  reply is called exactly once, from kube_http_turn(), unless
 * the call is cancelled; piece, when not NULL, gets the body of a 2xx answer as
 * it comes.  Returns NULL when it could not be started (no memory, no
 * credential file), as kube_http_error() tells: then reply is not called.
 */
kube_call_t *kube_http_send(kube_http_t *http,
    const kube_http_request_t *request, kube_http_piece_pt piece,
    kube_http_reply_pt reply, void *data);

/* Why the last kube_http_send() returned NULL; until the next one. */
const char *kube_http_error(const kube_http_t *http);

/* Before its reply only.  Neither piece nor reply will be called. */
void kube_http_cancel(kube_http_t *http, kube_call_t *call);

/*
 * Waits for at most timeout_ms until a call goes on or one of fds (at most
 * KUBE_HTTP_FDS_MAX, may be NULL) is ready, as poll() says in revents, and
 * does what there is to do.  Returns sooner after a callback, and after a
 * signal.  Callbacks may send and cancel.  MCP_ERROR: without memory.
 */
int kube_http_turn(kube_http_t *http, struct pollfd *fds, unsigned nfds,
    unsigned timeout_ms);

/* Calls under way. */
unsigned kube_http_active(const kube_http_t *http);


#endif /* _KUBE_HTTP_H_INCLUDED_ */
