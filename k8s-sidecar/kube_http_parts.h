/*
 * What the two files that know libcurl share: kube_http.c has the calls,
 * kube_http_set.c what libcurl is told of one.
 */

#ifndef _KUBE_HTTP_PARTS_H_INCLUDED_
#define _KUBE_HTTP_PARTS_H_INCLUDED_


#include "kube_credentials.h"
#include "kube_http.h"

#include <curl/curl.h>


#define KUBE_HTTP_WHY_LEN  256


struct kube_call_s {
    kube_http_t         *http;
    kube_call_t         *next;
    CURL                *easy;
    struct curl_slist   *headers;
    kube_http_piece_pt   piece;
    kube_http_reply_pt   reply;
    void                *data;
    char                *body;
    size_t               len;
    size_t               capacity;
    const char          *failure;       /* why a callback ended it */
    uint64_t             heard_ms;
    unsigned             idle_timeout_ms;
    bool                 began;         /* with a 2xx */
    bool                 added;
    bool                 cancelled;
    char                 error[CURL_ERROR_SIZE];
};


/*
 * root: of all URLs.  connect_to and host_header: when the certificate of the
 * server has another name than the server is reached by.
 */
struct kube_http_s {
    const kube_config_t     *config;
    kube_credentials_t      *credentials;
    kube_credentials_now_t   now;
    CURLM                   *multi;
    char                    *root;
    char                    *host_header;
    struct curl_slist       *connect_to;
    kube_call_t             *calls;
    void                   (*guard)(void *data);
    void                    *guard_data;
    unsigned                 active;
    bool                     called_back;
    char                     why[KUBE_HTTP_WHY_LEN];
};


/* Sets root, host_header and connect_to; false without memory. */
bool kube_http_root(kube_http_t *http);

/* All options but the callbacks and their data; false without memory. */
bool kube_http_set(kube_call_t *call, const kube_http_request_t *request);


#endif /* _KUBE_HTTP_PARTS_H_INCLUDED_ */
