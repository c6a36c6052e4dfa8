/*
 * What core costs alone: the scanner of bodies, a key's digest, look-ups.
 * Times are CPU time of this process, the median of several rounds.
 *
 *     core TENANTS.YAML...
 *
 * Each file is one line of look-ups.
 */

#include "mcp_image.h"
#include "mcp_key.h"
#include "mcp_rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define ROUNDS           15
#define ROUND_NS         10000000
#define LARGE_BYTES      65536
#define LOOKUPS          4096


typedef struct {
    const char  *text;
    size_t       len;
} body_t;


typedef struct {
    const mcp_image_t  *image;
    const uint32_t     *order;              /* of keys, LOOKUPS of them */
    size_t              n;
} lookups_t;


static double time_of(void (*run)(void *data), void *data);
static double now(void);
static int compare(const void *one, const void *two);
static void bench_scanner(void);
static void bench_large(const char *title, const char *unit);
static void scan(void *data);
static int ignore(void *data, const mcp_rpc_message_t *message);
static void bench_digest(void);
static void digest(void *data);
static void bench_lookups(const char *file);
static void look_up(void *data);
static void stop(const char *what);


static const char  small[] =
    "{\"jsonrpc\":\"2.0\",\"id\":17,\"method\":\"tools/call\",\"params\":"
    "{\"name\":\"search\",\"arguments\":{\"query\":\"benchmarks of gateways\","
    "\"limit\":20,\"where\":{\"language\":\"en\",\"since\":\"2025-01-01\","
    "\"tags\":[\"nginx\"]}}}}";

static const char  before[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
    "{\"name\":\"search\",\"arguments\":{\"list\":[";

/* where results go, so that no call is left out as without use */
static volatile uint32_t  sink;


int
main(int argc, char **argv)
{
    int  i;

    bench_scanner();
    bench_digest();

    for (i = 1; i < argc; i++) {
        bench_lookups(argv[i]);
    }

    return 0;
}


/* Nanoseconds of one run. */
static double
time_of(void (*run)(void *data), void *data)
{
    size_t  i, round, count;
    double  start, each[ROUNDS];

    count = 1;

    for ( ;; ) {
        start = now();

        for (i = 0; i < count; i++) {
            run(data);
        }

        if (now() - start >= ROUND_NS) {
            break;
        }

        count *= 2;
    }

    for (round = 0; round < ROUNDS; round++) {
        start = now();

        for (i = 0; i < count; i++) {
            run(data);
        }

        each[round] = (now() - start) / (double) count;
    }

    qsort(each, ROUNDS, sizeof(each[0]), compare);

    return each[ROUNDS / 2];
}


static double
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static int
compare(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    return (a > b) - (a < b);
}


static void
bench_scanner(void)
{
    body_t  body = { small, sizeof(small) - 1 };

    printf("a JSON-RPC body of %zu bytes\t%.2f us\n", body.len,
           time_of(scan, &body) / 1000);

    bench_large("one long string", NULL);
    bench_large("prose", "\"Speed is measured, and not said.\\n\"");
    bench_large("objects", "{\"id\":4711,\"name\":\"a\",\"on\":true}");
    bench_large("numbers", "-12.5e3,7");
    bench_large("short strings", "\"a\",\"bc\"");
    bench_large("escapes", "\"\\u00e9\\n\\\"\"");
    bench_large("UTF-8", "\"\xc3\xa9\xe2\x82\xac\xc3\xa9\xf0\x9f\x98\x80\"");
}


/* unit again and again, as elements of an array; NULL: one of all bytes */
static void
bench_large(const char *title, const char *unit)
{
    char    *text, *p;
    body_t   body;

    text = malloc(LARGE_BYTES + 1);
    if (text == NULL) {
        stop("malloc");
    }

    p = stpcpy(text, before);

    if (unit) {
        while ((size_t) (p - text) + strlen(unit) + 8 < LARGE_BYTES) {
            p = stpcpy(p, unit);
            *p++ = ',';
        }

        p = stpcpy(p - 1, "]}}}");

    } else {
        *p++ = '"';
        memset(p, 'x', LARGE_BYTES - (size_t) (p - text) - 5);
        p = stpcpy(text + LARGE_BYTES - 5, "\"]}}}");
    }

    body.text = text;
    body.len = (size_t) (p - text);

    printf("64 KiB of JSON-RPC, %s\t%.1f us\n", title,
           time_of(scan, &body) / 1000);

    free(text);
}


static void
scan(void *data)
{
    body_t             *body;
    static void        *memory;
    mcp_rpc_scanner_t  *scanner;

    body = data;

    if (memory == NULL) {
        memory = malloc(mcp_rpc_scanner_size());
        if (memory == NULL) {
            stop("malloc");
        }
    }

    scanner = mcp_rpc_init(memory, ignore, NULL);

    if (mcp_rpc_feed(scanner, body->text, body->len) != MCP_RPC_DONE
        || mcp_rpc_finish(scanner) != MCP_RPC_DONE)
    {
        stop(mcp_rpc_error(scanner));
    }
}


static int
ignore(void *data, const mcp_rpc_message_t *message)
{
    (void) data;

    sink = (uint32_t) message->method.len;

    return MCP_OK;
}


static void
bench_digest(void)
{
    mcp_key_hasher_t  *hasher;

    hasher = mcp_key_hasher_new();
    if (hasher == NULL) {
        stop("no SHA-256");
    }

    printf("the SHA-256 of a key\t%.2f us\n", time_of(digest, hasher) / 1000);

    mcp_key_hasher_free(hasher);
}


static void
digest(void *data)
{
    unsigned char      bytes[MCP_KEY_DIGEST_LEN];
    static const char  key[] = "mcpt_01234567890123456789012345678901234567";

    if (mcp_key_digest(data, key, sizeof(key) - 1, bytes) != MCP_OK) {
        stop("no SHA-256");
    }

    sink = bytes[0];
}


static void
bench_lookups(const char *file)
{
    void                  *block;
    size_t                 i, size;
    uint32_t               order[LOOKUPS], nkeys;
    lookups_t              lookups;
    mcp_cidr_t             loopback;
    const char            *error;
    mcp_config_t          *config;
    mcp_report_t          *report;
    mcp_config_options_t   options = { .allow = &loopback, .nallow = 1 };

    report = mcp_report_new();

    if (report == NULL
        || mcp_cidr_parse("127.0.0.0/8", sizeof("127.0.0.0/8") - 1, &loopback)
           != MCP_OK
        || mcp_config_load(file, &options, report, &config) != MCP_OK
        || mcp_image_build(config, &options, NULL, NULL, NULL, 1, 1, &block,
                           &size, &error)
           != MCP_OK)
    {
        stop(file);
    }

    mcp_image_seal(block, 1, 1);

    lookups.image = mcp_image_open(block, size, &error);
    lookups.order = order;
    lookups.n = 0;

    if (lookups.image == NULL) {
        stop(error);
    }

    nkeys = mcp_image_nkeys(lookups.image);
    srand(1);

    for (i = 0; i < LOOKUPS; i++) {
        order[i] = (uint32_t) rand() % nkeys;
    }

    printf("key, tenant and server among %u tenants\t%.2f us\n",
           mcp_image_ntenants(lookups.image),
           time_of(look_up, &lookups) / 1000);

    free(block);
    mcp_config_free(config);
    mcp_report_free(report);
}


static void
look_up(void *data)
{
    uint32_t                n;
    mcp_str_t               id;
    lookups_t              *lookups;
    const mcp_image_t      *image;
    const mcp_image_key_t  *key;

    lookups = data;
    image = lookups->image;

    key = mcp_image_key(image, lookups->order[lookups->n++ % LOOKUPS]);
    id = mcp_image_text(image, &mcp_image_tenant(image, key->tenant)->id);

    n = mcp_image_key_find(image, key->digest);

    if (n == MCP_IMAGE_NONE
        || mcp_image_tenant_find(image, id.data, id.len) != key->tenant
        || mcp_image_server_find(image, key->tenant, "search", 6)
           == MCP_IMAGE_NONE)
    {
        stop("a tenant was not found");
    }

    sink = n;
}


static void
stop(const char *what)
{
    fprintf(stderr, "core: %s\n", what);
    exit(1);
}
