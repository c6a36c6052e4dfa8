/*
 * What an answer of the API server says, in words for a log.
 */

#ifndef _KUBE_STATUS_H_INCLUDED_
#define _KUBE_STATUS_H_INCLUDED_


#include <jansson.h>


#define KUBE_STATUS_ERROR_LEN  513


/*
 * Writes text cut off and with "?" in the place of bytes that do not print.
 * secret: NULL, or what must not be told: text that holds it is not.
 */
void kube_status_print(char buf[KUBE_STATUS_ERROR_LEN], const char *text,
    const char *secret);

/*
 * Of a Status, with code of HTTP: its message for the log; and its reason,
 * which is borrowed, or "".  status: NULL or any JSON.
 */
const char *kube_status_tell(char buf[KUBE_STATUS_ERROR_LEN],
    const json_t *status, int code, const char *secret);

/* Seconds that a Status asks to wait; 0: it does not. */
unsigned kube_status_retry_after(const json_t *status);


#endif /* _KUBE_STATUS_H_INCLUDED_ */
