/*
 * Discovery: one list of resources for each version in the table of kinds, all
 * asked for at once.  The lists of groups would not tell whether a version
 * has the resource.
 */

#include "kube_discover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define KUBE_DISCOVER_TIMEOUT_MS  30000

/* One failure of many calls would be a failure of all. */
#define KUBE_DISCOVER_TRIES  4

#define KUBE_DISCOVER_VERSIONS                                                \
    (sizeof(((kube_kind_t *) NULL)->api_versions) / sizeof(char *))
#define KUBE_DISCOVER_CALLS_MAX  (KUBE_KINDS * KUBE_DISCOVER_VERSIONS)


typedef struct {
    kube_discover_t  *discover;
    const char       *api_version;
    kube_call_t      *call;
    unsigned          tries;
} kube_discover_call_t;


struct kube_discover_s {
    kube_http_t            *http;
    kube_discover_done_pt   done;
    void                   *data;
    kube_versions_t         versions;
    kube_discover_call_t    calls[KUBE_DISCOVER_CALLS_MAX];
    size_t                  ncalls;
    size_t                  waiting;
    char                    error[KUBE_DISCOVER_ERROR_LEN];
};


static bool kube_discover_send(kube_discover_t *discover,
    const char *api_version);
static bool kube_discover_try(kube_discover_call_t *one);
static void kube_discover_reply(void *data, const kube_reply_t *reply);
static bool kube_discover_has(const json_t *resources, const char *plural);


kube_discover_t *
kube_discover_new(kube_http_t *http, kube_discover_done_pt done, void *data)
{
    size_t            i, n;
    const char       *version;
    kube_discover_t  *discover;

    discover = calloc(1, sizeof(kube_discover_t));
    if (discover == NULL) {
        return NULL;
    }

    discover->http = http;
    discover->done = done;
    discover->data = data;

    for (i = 0; i < KUBE_KINDS; i++) {
        for (n = 0; n < KUBE_DISCOVER_VERSIONS; n++) {
            version = kube_kinds[i].api_versions[n];

            if (version && !kube_discover_send(discover, version)) {
                kube_discover_free(discover);
                return NULL;
            }
        }
    }

    return discover;
}


/* Once for each version. */
static bool
kube_discover_send(kube_discover_t *discover, const char *api_version)
{
    size_t                 i;
    kube_discover_call_t  *one;

    for (i = 0; i < discover->ncalls; i++) {
        if (strcmp(discover->calls[i].api_version, api_version) == 0) {
            return true;
        }
    }

    one = &discover->calls[discover->ncalls];
    one->discover = discover;
    one->api_version = api_version;

    if (!kube_discover_try(one)) {
        return false;
    }

    discover->ncalls++;

    return true;
}


static bool
kube_discover_try(kube_discover_call_t *one)
{
    char                 path[128];
    kube_http_request_t  request;

    (void) snprintf(path, sizeof(path), "%s%s",
                    strchr(one->api_version, '/') ? "/apis/" : "/api/",
                    one->api_version);

    memset(&request, 0, sizeof(kube_http_request_t));
    request.method = "GET";
    request.path = path;
    request.timeout_ms = KUBE_DISCOVER_TIMEOUT_MS;

    one->call = kube_http_send(one->discover->http, &request, NULL,
                               kube_discover_reply, one);

    if (one->call == NULL) {
        return false;
    }

    one->tries++;
    one->discover->waiting++;

    return true;
}


void
kube_discover_free(kube_discover_t *discover)
{
    size_t  i;

    if (discover == NULL) {
        return;
    }

    for (i = 0; i < discover->ncalls; i++) {
        if (discover->calls[i].call) {
            kube_http_cancel(discover->http, discover->calls[i].call);
        }
    }

    free(discover);
}


static void
kube_discover_reply(void *data, const kube_reply_t *reply)
{
    bool                    is_good;
    kube_discover_t        *discover;
    kube_discover_call_t   *one;

    one = data;
    discover = one->discover;

    one->call = NULL;
    discover->waiting--;

    /* 404: this server has no such version */

    is_good = (reply->status == 404
               || (reply->error == NULL
                   && kube_discover_take(&discover->versions,
                                         one->api_version, reply->body)));

    if (!is_good && (reply->status == 0 || reply->status >= 500)
        && one->tries < KUBE_DISCOVER_TRIES && kube_discover_try(one))
    {
        return;
    }

    if (!is_good && discover->error[0] == '\0') {
        (void) snprintf(discover->error, KUBE_DISCOVER_ERROR_LEN,
                        "cannot learn what %s of the API server has: %s",
                        one->api_version,
                        reply->error ? reply->error
                                     : "its answer is no APIResourceList");
    }

    if (discover->waiting) {
        return;
    }

    if (discover->error[0]) {
        discover->done(discover->data, NULL, discover->error);
        return;
    }

    /* the last use of discover: done may free it */

    discover->done(discover->data, &discover->versions,
                   kube_discover_missing(&discover->versions,
                                         discover->error)
                   ? discover->error : NULL);
}


bool
kube_discover_take(kube_versions_t *versions, const char *api_version,
    const json_t *list)
{
    size_t         i, n;
    const char    *known;
    const json_t  *resources;

    resources = json_object_get(list, "resources");

    if (!json_is_array(resources)) {
        return false;
    }

    for (i = 0; i < KUBE_KINDS; i++) {
        for (n = 0; n < KUBE_DISCOVER_VERSIONS; n++) {
            known = kube_kinds[i].api_versions[n];

            /* one that was taken already and is newer stays */

            if (known == NULL || versions->api_version[i] == known) {
                break;
            }

            if (strcmp(known, api_version) == 0
                && kube_discover_has(resources, kube_kinds[i].plural))
            {
                versions->api_version[i] = known;
                break;
            }
        }
    }

    return true;
}


static bool
kube_discover_has(const json_t *resources, const char *plural)
{
    size_t       i;
    const char  *name;

    for (i = 0; i < json_array_size(resources); i++) {
        name = json_string_value(json_object_get(json_array_get(resources, i),
                                                 "name"));

        if (name && strcmp(name, plural) == 0) {
            return true;
        }
    }

    return false;
}


bool
kube_discover_missing(const kube_versions_t *versions,
    char ret_error[KUBE_DISCOVER_ERROR_LEN])
{
    size_t  i, n, len;

    len = 0;

    for (i = 0; i < KUBE_KINDS; i++) {

        if (versions->api_version[i]) {
            continue;
        }

        for (n = 0; n < KUBE_DISCOVER_VERSIONS; n++) {

            if (kube_kinds[i].api_versions[n] == NULL
                || len >= KUBE_DISCOVER_ERROR_LEN)
            {
                break;
            }

            len += (size_t) snprintf(ret_error + len,
                                     KUBE_DISCOVER_ERROR_LEN - len, "%s%s%s",
                                     n ? " or " : len ? ", "
                                     : "the API server does not serve ",
                                     n ? "" : kube_kinds[i].kind,
                                     n ? "" : " of ");

            if (len < KUBE_DISCOVER_ERROR_LEN) {
                len += (size_t) snprintf(ret_error + len,
                                         KUBE_DISCOVER_ERROR_LEN - len, "%s",
                                         kube_kinds[i].api_versions[n]);
            }
        }
    }

    return len > 0;
}
