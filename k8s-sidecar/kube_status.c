/*
 * Status objects.
 */

#include "kube_status.h"

#include <stdio.h>
#include <string.h>


#define KUBE_STATUS_RETRY_MAX_SECONDS  3600


void
kube_status_print(char buf[KUBE_STATUS_ERROR_LEN], const char *text,
    const char *secret)
{
    size_t  i;

    if (secret && *secret && strstr(text, secret)) {
        text = "(a text that repeats the credential)";
    }

    for (i = 0; text[i] && i < KUBE_STATUS_ERROR_LEN - 1; i++) {
        buf[i] = (char) (text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
    }

    buf[i] = '\0';
}


const char *
kube_status_tell(char buf[KUBE_STATUS_ERROR_LEN], const json_t *status,
    int code, const char *secret)
{
    char         words[64];
    const char  *message, *reason;

    message = json_string_value(json_object_get(status, "message"));
    reason = json_string_value(json_object_get(status, "reason"));

    if (message == NULL || *message == '\0') {
        message = words;
        (void) snprintf(words, sizeof(words), "the API server answered %d%s",
                        code, code >= 300 && code < 400
                              ? ": redirects are not followed" : "");
    }

    kube_status_print(buf, message, secret);

    return reason ? reason : "";
}


unsigned
kube_status_retry_after(const json_t *status)
{
    json_int_t  seconds;

    seconds = json_integer_value(json_object_get(
                                     json_object_get(status, "details"),
                                     "retryAfterSeconds"));

    return seconds <= 0 ? 0
           : seconds > KUBE_STATUS_RETRY_MAX_SECONDS
             ? KUBE_STATUS_RETRY_MAX_SECONDS : (unsigned) seconds;
}
