/*
 * Lines of a watch: what each one is, and lines that are cut or made up.
 */

#include "kube_event.h"
#include "tap.h"

#include <stdlib.h>


typedef struct {
    const char    *name;
    const char    *line;
    kube_event_e   kind;
    const char    *resource_version;
    const char    *text;
} event_case_t;


static void kinds(void);
static void every_cut(void);


static const event_case_t  cases[] = {
    { "ADDED", "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\","
      "\"resourceVersion\":\"5\"}}}", KUBE_EVENT_OBJECT, "5", "" },
    { "a deletion without a version", "{\"type\":\"DELETED\",\"object\":"
      "{\"metadata\":{\"name\":\"a\"}}}", KUBE_EVENT_GONE, NULL, "" },
    { "a version that is a number", "{\"type\":\"MODIFIED\",\"object\":"
      "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":5}}}",
      KUBE_EVENT_OBJECT, NULL, "" },
    { "a bookmark", "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":"
      "{\"resourceVersion\":\"x\"}}}", KUBE_EVENT_BOOKMARK, "x", "" },
    { "a name that is empty", "{\"type\":\"ADDED\",\"object\":{\"metadata\":"
      "{\"name\":\"\",\"resourceVersion\":\"5\"}}}", KUBE_EVENT_ODD, "5",
      "found an object without metadata.name in an event, expected one" },
    { "410", "{\"type\":\"ERROR\",\"object\":{\"code\":410}}",
      KUBE_EVENT_EXPIRED, NULL, "the API server answered 410" },
    { "the reason Expired without a code", "{\"type\":\"ERROR\",\"object\":"
      "{\"reason\":\"Expired\",\"message\":\"too old\"}}",
      KUBE_EVENT_EXPIRED, NULL, "too old" },
    { "another error", "{\"type\":\"ERROR\",\"object\":{\"code\":500,"
      "\"message\":\"a\\tb\"}}", KUBE_EVENT_ERROR, NULL, "a?b" },
    { "an error that is no Status", "{\"type\":\"ERROR\",\"object\":"
      "{\"metadata\":{\"name\":\"a\"}}}", KUBE_EVENT_ERROR, NULL,
      "the API server answered 0" },
    { "no object", "{\"type\":\"ADDED\"}", KUBE_EVENT_BROKEN, NULL,
      "an event has no type or no object" },
    { "an object that is a list", "{\"type\":\"ADDED\",\"object\":[]}",
      KUBE_EVENT_BROKEN, NULL, "an event has no type or no object" },
    { "no type", "{\"object\":{}}", KUBE_EVENT_BROKEN, NULL,
      "an event has no type or no object" },
    { "a number", "5", KUBE_EVENT_BROKEN, NULL,
      "an event of 1 bytes has broken JSON at byte 1" },
    { "HTML", "<html>", KUBE_EVENT_BROKEN, NULL,
      "an event of 6 bytes has broken JSON at byte 1" },
    { NULL, NULL, KUBE_EVENT_ODD, NULL, NULL }
};


int
main(void)
{
    kinds();
    every_cut();

    return done();
}


static void
kinds(void)
{
    kube_event_t         event;
    const event_case_t  *one;

    for (one = cases; one->name; one++) {
        kube_event_read(one->line, strlen(one->line), &event);

        is_int(event.kind, one->kind, one->name);
        is_str(event.text, one->text, "  and what is said of it");
        is_str(event.resource_version ? event.resource_version : "none",
               one->resource_version ? one->resource_version : "none",
               "  and its version");
        kube_event_free(&event);
    }
}


/* In memory of its own, so that a byte too far is noticed. */
static void
every_cut(void)
{
    char          *line;
    size_t         len;
    unsigned       wrong;
    kube_event_t   event;

    wrong = 0;

    for (len = 0; len < strlen(cases[0].line); len++) {
        line = malloc(len ? len : 1);
        memcpy(line, cases[0].line, len);

        kube_event_read(line, len, &event);
        wrong += (event.kind != KUBE_EVENT_BROKEN);

        kube_event_free(&event);
        free(line);
    }

    is_int(wrong, 0, "half an event is none, wherever it is cut");
}
