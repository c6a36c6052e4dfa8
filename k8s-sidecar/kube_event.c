/*
 * Events of a watch.
 */

#include "kube_event.h"

#include <stdio.h>
#include <string.h>


#define KUBE_EVENT_GONE_CODE  410


static void kube_event_error(kube_event_t *event);


void
kube_event_read(const char *line, size_t len, kube_event_t *ret_event)
{
    char           words[KUBE_STATUS_ERROR_LEN];
    const char    *type;
    json_error_t   broken;

    memset(ret_event, 0, sizeof(kube_event_t));
    ret_event->kind = KUBE_EVENT_BROKEN;

    ret_event->root = json_loadb(line, len, JSON_ALLOW_NUL, &broken);

    if (ret_event->root == NULL) {
        (void) snprintf(ret_event->text, KUBE_STATUS_ERROR_LEN,
                        "an event of %zu bytes has broken JSON at byte %d",
                        len, broken.position);
        return;
    }

    type = json_string_value(json_object_get(ret_event->root, "type"));
    ret_event->object = json_object_get(ret_event->root, "object");

    if (type == NULL || !json_is_object(ret_event->object)) {
        (void) snprintf(ret_event->text, KUBE_STATUS_ERROR_LEN,
                        "an event has no type or no object");
        return;
    }

    if (strcmp(type, "ERROR") == 0) {
        kube_event_error(ret_event);
        return;
    }

    ret_event->resource_version =
                              kube_event_resource_version(ret_event->object);

    if (strcmp(type, "BOOKMARK") == 0) {
        ret_event->kind = KUBE_EVENT_BOOKMARK;
        return;
    }

    if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0) {
        ret_event->kind = KUBE_EVENT_OBJECT;

    } else if (strcmp(type, "DELETED") == 0) {
        ret_event->kind = KUBE_EVENT_GONE;

    } else {
        ret_event->kind = KUBE_EVENT_ODD;
        (void) snprintf(words, sizeof(words), "found an event of the type "
                        "\"%.64s\", expected ADDED, MODIFIED, DELETED, "
                        "BOOKMARK or ERROR", type);
        kube_status_print(ret_event->text, words, NULL);
        return;
    }

    if (!kube_event_is_object(ret_event->object)) {
        ret_event->kind = KUBE_EVENT_ODD;
        (void) snprintf(ret_event->text, KUBE_STATUS_ERROR_LEN, "found an "
                        "object without metadata.name in an event, expected "
                        "one");
    }
}


static void
kube_event_error(kube_event_t *event)
{
    int          code;
    const char  *reason;

    code = (int) json_integer_value(json_object_get(event->object, "code"));
    reason = kube_status_tell(event->text, event->object, code, NULL);

    event->retry_after = kube_status_retry_after(event->object);
    event->kind = (code == KUBE_EVENT_GONE_CODE
                   || strcmp(reason, "Expired") == 0
                   || strcmp(reason, "Gone") == 0)
                  ? KUBE_EVENT_EXPIRED : KUBE_EVENT_ERROR;
}


void
kube_event_free(kube_event_t *event)
{
    json_decref(event->root);
    event->root = NULL;
    event->object = NULL;
}


bool
kube_event_is_object(const json_t *object)
{
    const char  *name;

    name = json_string_value(json_object_get(json_object_get(object,
                                                             "metadata"),
                                             "name"));

    return name && *name;
}


const char *
kube_event_resource_version(const json_t *object)
{
    const char  *version;

    version = json_string_value(json_object_get(json_object_get(object,
                                                                "metadata"),
                                                "resourceVersion"));

    return version && *version ? version : NULL;
}
