/*
 * The steps of a watch.  Here are functions of kube_http.h that only note what
 * is sent; the linker takes them instead of those of the library.  The test
 * answers, and is the clock.
 */

#include "kube_watch.h"
#include "tap.h"

#include <stdlib.h>


#define SAID_MAX    8192
#define RESYNC_MS   300000

#define LIST  "/api/v1/namespaces/n/configmaps?limit=500&labelSelector=a%3Db"

#define page(version, more, items)                                            \
    "{\"metadata\": {\"resourceVersion\": \"" version "\", \"continue\": \""  \
    more "\"}, \"items\": [" items "]}"
#define item(name)  "{\"metadata\": {\"name\": \"" name "\"}}"
#define event(type, name, version)                                            \
    "{\"type\": \"" type "\", \"object\": {\"metadata\": {\"name\": \"" name  \
    "\", \"resourceVersion\": \"" version "\"}}}\n"
#define status_event(code, reason)                                            \
    "{\"type\": \"ERROR\", \"object\": {\"kind\": \"Status\", \"code\": "     \
    code ", \"reason\": \"" reason "\", \"message\": \"it says no\"}}\n"


/* The one call there may be. */
static struct {
    bool                 is_open;
    char                 path[512];
    unsigned             timeout_ms;
    unsigned             idle_timeout_ms;
    kube_http_piece_pt   piece;
    kube_http_reply_pt   reply;
    void                *data;
    unsigned             sent;
    unsigned             cancelled;
    bool                 fails;
} call;

static char          said[SAID_MAX];
static uint64_t      now_ms;
static uint64_t      random_number;
static uint64_t      counted;
static kube_watch_t  *watch;


static void note(const char *what, const char *name);
static void on_begin(void *data);
static void on_object(void *data, json_t *object);
static void on_gone(void *data, json_t *object);
static void on_whole(void *data);
static void on_failed(void *data, const char *error);
static void on_odd(void *data, const char *what);
static uint64_t clock_now(void *data);
static uint64_t clock_random(void *data);
static void start(unsigned resync_ms);
static void end(void);
static void answer(int status, const char *body, const char *error,
    unsigned retry_after);
static bool stream(const char *text);
static void listed(void);
static void watching(void);
static void is_said(const char *expected, const char *name);
static void is_path(const char *expected, const char *name);
static unsigned wait_of(void);
static void pages(void);
static void expired_pages(void);
static void broken_lists(void);
static void events(void);
static void odd_ones(void);
static void ends(void);
static void expired(void);
static void refusals(void);
static void waits(void);
static void resync(void);
static void unsent(void);


static const kube_watch_handler_t  handler = {
    on_begin, on_object, on_gone, on_whole, on_failed, on_odd
};

static const kube_clock_t  test_clock = { clock_now, clock_random, NULL };

static kube_versions_t  versions;


int
main(void)
{
    kube_versions_newest(&versions);

    pages();
    expired_pages();
    broken_lists();
    events();
    odd_ones();
    ends();
    expired();
    refusals();
    waits();
    resync();
    unsent();

    return done();
}


kube_call_t *
kube_http_send(kube_http_t *http, const kube_http_request_t *request,
    kube_http_piece_pt piece, kube_http_reply_pt reply, void *data)
{
    (void) http;

    if (call.fails) {
        return NULL;
    }

    if (call.is_open) {
        ok(false, "there is one call at a time");
    }

    (void) snprintf(call.path, sizeof(call.path), "%s", request->path);
    call.timeout_ms = request->timeout_ms;
    call.idle_timeout_ms = request->idle_timeout_ms;
    call.piece = piece;
    call.reply = reply;
    call.data = data;
    call.is_open = true;
    call.sent++;

    return (kube_call_t *) &call;
}


void
kube_http_cancel(kube_http_t *http, kube_call_t *cancelled)
{
    (void) http;
    (void) cancelled;

    call.is_open = false;
    call.cancelled++;
}


const char *
kube_http_error(const kube_http_t *http)
{
    (void) http;

    return "no credential";
}


static void
note(const char *what, const char *name)
{
    size_t  len;

    len = strlen(said);
    (void) snprintf(said + len, SAID_MAX - len, "%s%s%s;", what,
                    name ? " " : "", name ? name : "");
}


static void
on_begin(void *data)
{
    (void) data;
    note("begin", NULL);
}


static void
on_object(void *data, json_t *object)
{
    (void) data;
    note("object", json_string_value(json_object_get(
                       json_object_get(object, "metadata"), "name")));
}


static void
on_gone(void *data, json_t *object)
{
    (void) data;
    note("gone", json_string_value(json_object_get(
                     json_object_get(object, "metadata"), "name")));
}


static void
on_whole(void *data)
{
    (void) data;
    note("whole", NULL);
}


static void
on_failed(void *data, const char *error)
{
    (void) data;
    note(error ? "failed" : "works", error);
}


static void
on_odd(void *data, const char *what)
{
    (void) data;
    note("odd", what);
}


static uint64_t
clock_now(void *data)
{
    (void) data;

    return now_ms;
}


static uint64_t
clock_random(void *data)
{
    (void) data;

    return random_number;
}


static void
start(unsigned resync_ms)
{
    kube_watch_options_t  options;

    memset(&options, 0, sizeof(kube_watch_options_t));
    memset(&call, 0, sizeof(call));

    options.kind = KUBE_CONFIG_MAP;
    options.namespace = "n";
    options.label_selector = "a=b";
    options.resync_ms = resync_ms;
    options.handler = &handler;
    options.calls = &counted;

    counted = 0;
    now_ms = 1000000;
    random_number = 0;
    said[0] = '\0';

    watch = kube_watch_new(NULL, &versions, &test_clock, &options);
    is_int(call.sent, 0, "nothing is sent before the first turn");
    (void) kube_watch_turn(watch);
}


static void
end(void)
{
    kube_watch_free(watch);
}


/* And the turn that follows. */
static void
answer(int status, const char *body, const char *error, unsigned retry_after)
{
    kube_reply_t  reply;

    memset(&reply, 0, sizeof(kube_reply_t));
    reply.status = status;
    reply.error = error;
    reply.reason = "";
    reply.retry_after = retry_after;
    reply.body = body ? json_loads(body, 0, NULL) : NULL;

    call.is_open = false;
    call.reply(call.data, &reply);
    json_decref(reply.body);

    (void) kube_watch_turn(watch);
}


static bool
stream(const char *text)
{
    return call.piece(call.data, text, strlen(text));
}


/* A list of one object, and the watch is sent. */
static void
listed(void)
{
    answer(200, page("7", "", item("x")), NULL, 0);
}


/* As it was told, to be compared from here on; and it works. */
static void
watching(void)
{
    (void) stream("");
    now_ms += 1000;
    (void) kube_watch_turn(watch);
    said[0] = '\0';
}


static void
is_said(const char *expected, const char *name)
{
    is_str(said, expected, name);
    said[0] = '\0';
}


static void
is_path(const char *expected, const char *name)
{
    is_str(call.is_open ? call.path : "nothing", expected, name);
}


/* The milliseconds until something is sent. */
static unsigned
wait_of(void)
{
    uint64_t  from;

    from = now_ms;

    while (!call.is_open && now_ms - from < 1000000) {
        now_ms += 10;
        (void) kube_watch_turn(watch);
    }

    return (unsigned) (now_ms - from);
}


static void
pages(void)
{
    start(0);
    is_path(LIST, "the first page");
    is_said("begin;", "a list begins");
    ok(call.timeout_ms > 0 && call.idle_timeout_ms > 0, "its time is bound");

    answer(200, page("7", "t+/=", item("a") "," item("b")), NULL, 0);
    is_path("/api/v1/namespaces/n/configmaps?limit=500&continue=t%2B%2F%3D"
            "&labelSelector=a%3Db", "the next page");
    is_said("object a;object b;", "which is no new list");
    ok(!kube_watch_is_current(watch), "half a list is not current");
    is_int((long long) kube_watch_listed_ms(watch), 0, "nor is it listed");

    random_number = 60;
    answer(200, page("8", "", item("c")), NULL, 0);
    is_said("object c;whole;", "the last page");
    ok(kube_watch_is_current(watch), "a whole list is current");
    is_int((long long) kube_watch_listed_ms(watch), (long long) now_ms,
           "and has its time");
    is_path("/api/v1/namespaces/n/configmaps?watch=true"
            "&allowWatchBookmarks=true&timeoutSeconds=120&resourceVersion=8"
            "&labelSelector=a%3Db", "then the watch, from there");
    is_int(call.timeout_ms, 0, "which has no end");
    is_int(call.idle_timeout_ms, 140000, "but must not be silent for ever");
    is_int((long long) counted, 3, "three requests were counted");
    end();
    is_int(call.cancelled, 1, "it goes with its call");
}


static void
expired_pages(void)
{
    start(0);
    answer(200, page("7", "t", item("a")), NULL, 0);
    answer(410, NULL, "expired", 0);
    is_path(LIST, "a page that expired: from the first");
    is_said("begin;object a;begin;", "which is a new list, no failure");

    answer(200, page("8", "u", item("a")), NULL, 0);
    answer(410, NULL, "expired", 0);
    is_path("/api/v1/namespaces/n/configmaps?limit=0&labelSelector=a%3Db",
            "once more: without a limit");

    random_number = 9;
    answer(410, NULL, "expired", 0);
    is_said("object a;begin;failed expired;", "410 of no page is a failure");
    end();
}


static void
broken_lists(void)
{
    size_t  i;

    static const char *const  bodies[] = {
        "{}", "[]", "{\"metadata\": {\"resourceVersion\": \"1\"}}",
        "{\"metadata\": {\"resourceVersion\": \"\"}, \"items\": []}",
        "{\"metadata\": {\"resourceVersion\": 1}, \"items\": []}",
        "{\"metadata\": {\"resourceVersion\": \"1\"}, \"items\": {}}"
    };

    start(0);
    said[0] = '\0';

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        answer(200, bodies[i], NULL, 0);
        (void) wait_of();
    }

    is_said("failed the answer is no list with a resourceVersion;"
            "begin;begin;begin;begin;begin;begin;",
            "what is no list is said once, and asked for again");
    ok(!kube_watch_is_current(watch), "and is never whole");

    answer(200, page("1", "", ""), NULL, 0);
    is_said("whole;works;", "until there is one");
    end();

    start(0);
    answer(200, "{\"metadata\": {\"resourceVersion\": \"1\"}, "
           "\"items\": null}", NULL, 0);
    is_said("begin;whole;", "null is a list of nothing");
    end();
}


static void
events(void)
{
    start(0);
    listed();
    watching();

    ok(stream(event("ADDED", "a", "8") "{\"type\": \"MODI")
       && stream("FIED\", \"object\": {\"metadata\": {\"name\": \"b\", "
                 "\"resourceVersion\": \"9\"}}}\n\n")
       && stream(event("DELETED", "a", "ten")), "events");
    is_said("object a;object b;gone a;", "are told one by one");

    answer(200, NULL, NULL, 0);
    ok(strstr(call.path, "&resourceVersion=ten&") != NULL,
       "the next watch begins behind the last event");
    is_said("", "its end is no failure");

    (void) stream("");
    ok(stream("{\"type\": \"BOOKMARK\", \"object\": {\"kind\": \"ConfigMap\","
              " \"metadata\": {\"resourceVersion\": \"b/1\"}}}\n"),
       "a bookmark");
    answer(200, NULL, NULL, 0);
    is_int(wait_of(), 1000, "watches begin a second apart");
    ok(strstr(call.path, "&resourceVersion=b%2F1&") != NULL,
       "from the bookmark, which has no form");
    is_said("", "and tells nothing");
    end();
}


static void
odd_ones(void)
{
    start(0);
    answer(200, page("7", "", "null," item("a") ",{},{\"metadata\": {}}"),
           NULL, 0);
    is_said("begin;odd found an object without metadata.name in a list, "
            "expected one;object a;whole;", "what is no object is said once");
    watching();

    ok(stream(event("NEW\\n", "a", "8")), "an unknown type goes on");
    is_said("odd found an event of the type \"NEW?\", expected ADDED, "
            "MODIFIED, DELETED, BOOKMARK or ERROR;", "and is said");
    ok(stream("{\"type\": \"ADDED\", \"object\": {}}\n"), "no name, neither");
    is_said("", "once is enough");
    end();
}


static void
ends(void)
{
    static char  line[8 * 1024 * 1024 + 2];

    start(0);
    listed();
    watching();

    answer(0, NULL, "it broke", 0);
    ok(!kube_watch_is_current(watch), "a watch that broke is not current");
    (void) wait_of();
    ok(strstr(call.path, "&resourceVersion=7&") != NULL, "it goes on");
    (void) stream("");
    now_ms += 999;
    is_int(kube_watch_turn(watch), 1, "it is looked at after a second");
    ok(!kube_watch_is_current(watch), "until then nothing is known");
    now_ms += 1;
    (void) kube_watch_turn(watch);
    ok(kube_watch_is_current(watch), "then it works");
    is_said("failed it broke;works;", "as is said");

    ok(!stream("{\"type\": \n"), "broken JSON ends it");
    answer(0, NULL, "given up", 0);
    (void) wait_of();
    is_said("failed an event of 9 bytes has broken JSON at byte 9;",
            "with its reason");

    (void) stream("");
    memset(line, 'x', sizeof(line) - 1);
    ok(!stream(line), "so does a line over 8 MiB");
    answer(0, NULL, "given up", 0);
    (void) wait_of();
    ok(strstr(call.path, "watch=true") != NULL, "two are not enough");
    (void) stream("");
    ok(!stream("[]\n"), "what is no event is the third");
    answer(0, NULL, "given up", 0);
    (void) wait_of();
    is_path(LIST, "then it begins with a list");
    end();
}


static void
expired(void)
{
    unsigned  i, sent;

    start(0);
    listed();
    watching();
    now_ms += 5000;

    ok(!stream(status_event("410", "Expired")), "an ERROR event ends it");
    answer(0, NULL, "given up", 0);
    is_path(LIST, "410: a list, at once");
    is_said("begin;", "which is no failure");
    ok(!kube_watch_is_current(watch), "but nothing is current until then");

    /* a server that answers so each time */

    random_number = UINT64_MAX;
    sent = call.sent;

    for (i = 0; i < 10; i++) {
        listed();
        (void) wait_of();
        (void) stream("");
        (void) stream(status_event("410", "Gone"));
        answer(0, NULL, "given up", 0);
        (void) wait_of();
    }

    is_int(call.sent - sent, 20, "it lists each time");
    ok(now_ms - 1006000 > 60000, "but more and more seldom");

    listed();
    (void) wait_of();
    said[0] = '\0';
    answer(410, NULL, "gone", 0);
    (void) wait_of();
    is_path(LIST, "410 before the first event is the same");
    is_said("begin;", "and no failure");
    end();
}


static void
refusals(void)
{
    start(0);
    listed();
    (void) wait_of();
    said[0] = '\0';

    answer(403, NULL, "forbidden", 0);
    (void) wait_of();
    is_path(LIST, "a watch that is refused begins with a list");
    is_said("failed forbidden;begin;", "and is said");

    listed();
    (void) wait_of();
    answer(500, NULL, "broken", 0);
    (void) wait_of();
    answer(500, NULL, "broken", 0);
    (void) wait_of();
    ok(strstr(call.path, "watch=true") != NULL, "500 is tried again");
    answer(500, NULL, "broken", 0);
    (void) wait_of();
    is_path(LIST, "but not for ever");

    listed();
    (void) wait_of();
    answer(0, NULL, "unreachable", 0);
    (void) wait_of();
    answer(0, NULL, "unreachable", 0);
    (void) wait_of();
    answer(0, NULL, "unreachable", 0);
    (void) wait_of();
    answer(0, NULL, "unreachable", 0);
    (void) wait_of();
    ok(strstr(call.path, "&resourceVersion=7&") != NULL,
       "a server that is away is waited for");

    (void) stream("");
    ok(!stream(status_event("500", "InternalError")), "another ERROR event");
    said[0] = '\0';
    answer(0, NULL, "given up", 0);
    (void) wait_of();
    ok(strstr(call.path, "&resourceVersion=7&") != NULL, "is tried again");

    (void) stream("");
    answer(200, NULL, NULL, 0);
    now_ms += 1000;
    ok(!kube_watch_is_current(watch), "one that ends at once does not work");
    end();
}


static void
waits(void)
{
    unsigned  wait;

    start(0);
    answer(429, NULL, "too many", 10);
    wait = wait_of();
    ok(wait >= 10000 && wait <= 11010, "429: as long as is asked (%u)", wait);

    answer(429, NULL, "too many", 3600);
    wait = wait_of();
    ok(wait >= 300000 && wait <= 302010, "but at most 5 minutes (%u)", wait);

    listed();
    said[0] = '\0';
    (void) wait_of();
    answer(429, NULL, "too many", 20);
    wait = wait_of();
    ok(wait >= 20000 && wait <= 21010, "of a watch, too (%u)", wait);
    ok(strstr(call.path, "watch=true") != NULL, "which goes on then");
    is_said("failed too many;", "it is said");
    end();

    start(0);
    random_number = 60000;
    answer(0, NULL, "away", 0);
    wait = wait_of();
    ok(wait <= 1010, "the first wait is short (%u)", wait);

    for (wait = 0; wait < 10; wait++) {
        answer(0, NULL, "away", 0);
        (void) wait_of();
    }

    answer(0, NULL, "away", 0);
    wait = wait_of();
    is_int(wait, 60000, "the last are a minute at most");
    end();
}


static void
resync(void)
{
    start(RESYNC_MS);
    random_number = 0;
    listed();
    watching();
    is_int(kube_watch_turn(watch), 120000, "it is looked at now and then");

    now_ms = (uint64_t) kube_watch_listed_ms(watch) + RESYNC_MS * 9 / 10 - 1;
    is_int(kube_watch_turn(watch), 1, "until it is time");
    is_int(call.cancelled, 0, "the watch goes on");
    now_ms++;
    (void) kube_watch_turn(watch);
    is_int(call.cancelled, 1, "then it ends");
    is_path(LIST, "for a list");
    ok(kube_watch_is_current(watch), "nothing has failed");
    is_said("begin;", "nor is that said");
    listed();
    is_said("object x;whole;", "it is whole");
    ok(strstr(call.path, "watch=true") != NULL, "and watched again");
    end();
}


static void
unsent(void)
{
    start(0);
    listed();
    said[0] = '\0';
    call.fails = true;
    answer(0, NULL, "broke", 0);
    now_ms += 70000;
    (void) kube_watch_turn(watch);
    now_ms += 70000;
    (void) kube_watch_turn(watch);
    is_said("failed broke;", "what cannot be sent is a failure");
    call.fails = false;
    ok(wait_of() <= 60000, "and is tried again");
    end();

    start(0);
    is_said("begin;", "a list begins");
    call.fails = true;
    answer(0, NULL, "broke", 0);
    now_ms += 70000;
    (void) kube_watch_turn(watch);
    call.fails = false;
    (void) wait_of();
    is_path(LIST, "the same for a list");
    end();
}
