/*
 * What the sidecar answers to others: /healthz, /readyz, /metrics and
 * /drain/NAMESPACE/SERVER, to GET and HEAD.  The one file that knows
 * libmicrohttpd is httpd.c.
 *
 * Without threads: its descriptor is readable when there is something to do.
 * Nobody is authenticated; connections, their memory and their time are
 * bounded, and so is how many wait for an answer.
 */

#ifndef _HTTPD_H_INCLUDED_
#define _HTTPD_H_INCLUDED_


#include "kube_watch.h"


#define HTTPD_CONNECTIONS_MAX  256
#define HTTPD_HELD_MAX         128
#define HTTPD_WHY_LEN          256


typedef struct httpd_s  httpd_t;

/*
 * clock, data and what is pointed to must outlive the httpd_t.
 *
 * is_healthy, is_ready: false says why, in a line.
 * metrics: malloc()ed text, NULL without memory.
 * drain: NULL for none; false holds the answer: it is asked again in each
 * httpd_turn().
 * waited_ms: since the request came.
 */
typedef struct {
    const kube_clock_t  *clock;
    bool               (*is_healthy)(void *data, char why[HTTPD_WHY_LEN]);
    bool               (*is_ready)(void *data, char why[HTTPD_WHY_LEN]);
    char              *(*metrics)(void *data);
    bool               (*drain)(void *data, const char *namespace,
                                const char *server, uint64_t waited_ms);
    void                *data;
} httpd_options_t;


/*
 * listen: "ADDRESS:PORT", such as "0.0.0.0:8082" or "[::]:8082"; port 0 is any
 * that is free.  Copies the options.  NULL sets the error: "found ...,
 * expected ...", or what the system said.
 */
httpd_t *httpd_new(const char *listen, const httpd_options_t *options,
    char reterr_text[HTTPD_WHY_LEN]);

/* Answers those that wait with 503; accepts NULL. */
void httpd_free(httpd_t *httpd);

/* To be polled for POLLIN; owned by the httpd_t. */
int httpd_fd(const httpd_t *httpd);

uint16_t httpd_port(const httpd_t *httpd);

/* Whether an answer is held, or on its way. */
bool httpd_holds(const httpd_t *httpd);

/*
 * Does what there is to do, without waiting.  Returns the milliseconds until
 * it wants to be called again, however little happens until then.
 */
unsigned httpd_turn(httpd_t *httpd);


#endif /* _HTTPD_H_INCLUDED_ */
