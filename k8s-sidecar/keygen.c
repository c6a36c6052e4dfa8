/*
 * mcp-tenant keygen: a new API key, or the hash of an existing one, with the
 * lines for tenants.yaml.  The key passes through memory that is wiped and
 * through no stdio buffer, file or argument list.
 */

#include "commands.h"
#include "output.h"

#include "../ngx_mcp_tenant_module/core/mcp_key.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>


#define KEYGEN_OK      0
#define KEYGEN_FAILED  1
#define KEYGEN_USAGE   2

#define KEYGEN_TEXT_MAX_BYTES  1024


typedef struct {
    const char  *tenant;
    const char  *name;
    const char  *expires_at;
    bool         hash_stdin;
} keygen_options_t;


static int keygen_parse(int argc, char **argv, keygen_options_t *ret_options);
static int keygen_usage(void);
static int keygen_check(const keygen_options_t *options);
static bool keygen_is_tenant(const char *text);
static bool keygen_is_name(const char *text);
static bool keygen_is_alphanumeric(char c);
static int keygen_check_time(const char *text);
static int keygen_new(const keygen_options_t *options);
static int keygen_from_stdin(const keygen_options_t *options);
static int keygen_read(char *buffer, size_t size, size_t *ret_len);
static int keygen_print(const keygen_options_t *options, const char *key,
    size_t len);
static int keygen_hash(const char *key, size_t len,
    char ret_hash[MCP_KEY_HASH_LEN + 1]);
static int keygen_format(char *text, size_t size,
    const keygen_options_t *options, const char *key, const char *hash);
static const char *keygen_quote(const char *name);


int
mcp_cmd_keygen(int argc, char **argv)
{
    int               rc;
    keygen_options_t  options;

    rc = keygen_parse(argc, argv, &options);
    if (rc != KEYGEN_OK) {
        return rc;
    }

    rc = keygen_check(&options);
    if (rc != KEYGEN_OK) {
        return rc;
    }

    return options.hash_stdin ? keygen_from_stdin(&options)
                              : keygen_new(&options);
}


static int
keygen_parse(int argc, char **argv, keygen_options_t *ret_options)
{
    int  option;

    static const struct option  names[] = {
        { "name",       required_argument, NULL, 'n' },
        { "expires-at", required_argument, NULL, 'e' },
        { "hash-stdin", no_argument,       NULL, 's' },
        { NULL,         0,                 NULL, 0 }
    };

    memset(ret_options, 0, sizeof(keygen_options_t));

    /* zero, not one: getopt may have parsed options before the subcommand */

    optind = 0;
    opterr = 0;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {

        switch (option) {

        case 'n':
            ret_options->name = optarg;
            break;

        case 'e':
            ret_options->expires_at = optarg;
            break;

        case 's':
            ret_options->hash_stdin = true;
            break;

        default:

            /* the argument is not repeated: it may be a key */

            fprintf(stderr, "mcp-tenant keygen: unknown option, or an option "
                    "without its value\n");
            return keygen_usage();
        }
    }

    if (optind + 1 != argc) {
        fprintf(stderr, "mcp-tenant keygen: %s\n",
                optind == argc ? "the tenant is missing"
                               : "one tenant is expected, and no key");
        return keygen_usage();
    }

    ret_options->tenant = argv[optind];

    if (ret_options->name == NULL) {
        fprintf(stderr, "mcp-tenant keygen: --name is missing\n");
        return keygen_usage();
    }

    return KEYGEN_OK;
}


static int
keygen_usage(void)
{
    fprintf(stderr,
            "usage: mcp-tenant keygen TENANT --name NAME "
            "[--expires-at TIME] [--hash-stdin]\n"
            "  --name NAME        what logs and metrics call the key\n"
            "  --expires-at TIME  in UTC, as 2027-01-31T00:00:00Z\n"
            "  --hash-stdin       read an existing key from standard input "
            "and\n"
            "                     print only the lines for tenants.yaml\n");

    return KEYGEN_USAGE;
}


static int
keygen_check(const keygen_options_t *options)
{
    if (!keygen_is_tenant(options->tenant)) {
        fprintf(stderr, "mcp-tenant keygen: the tenant must be 1 to 63 of "
                "a-z, 0-9 and \"-\", with no \"-\" at either end\n");
        return KEYGEN_USAGE;
    }

    if (!keygen_is_name(options->name)) {
        fprintf(stderr, "mcp-tenant keygen: the name must be 1 to 63 of "
                "A-Z, a-z, 0-9, \".\", \"_\" and \"-\"\n");
        return KEYGEN_USAGE;
    }

    if (options->expires_at) {
        return keygen_check_time(options->expires_at);
    }

    return KEYGEN_OK;
}


static bool
keygen_is_tenant(const char *text)
{
    size_t  i, len;

    len = strlen(text);

    if (len == 0 || len > MCP_TENANT_ID_MAX_LEN || text[0] == '-'
        || text[len - 1] == '-')
    {
        return false;
    }

    for (i = 0; i < len; i++) {
        if (text[i] != '-' && !(text[i] >= '0' && text[i] <= '9')
            && !(text[i] >= 'a' && text[i] <= 'z'))
        {
            return false;
        }
    }

    return true;
}


static bool
keygen_is_name(const char *text)
{
    size_t  i, len;

    len = strlen(text);

    if (len == 0 || len > MCP_KEY_NAME_MAX_LEN) {
        return false;
    }

    for (i = 0; i < len; i++) {
        if (!keygen_is_alphanumeric(text[i])
            && strchr("._-", text[i]) == NULL)
        {
            return false;
        }
    }

    return true;
}


static bool
keygen_is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


static int
keygen_check_time(const char *text)
{
    char       again[sizeof("2027-01-31T00:00:00Z")];
    time_t     expires_at;
    struct tm  tm;

    memset(&tm, 0, sizeof(tm));
    again[0] = '\0';
    expires_at = 0;

    /* strptime() takes "1-2-3" and 31 February; what it read must be text */

    if (strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        expires_at = timegm(&tm);
        (void) strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }

    if (strcmp(text, again) != 0) {
        fprintf(stderr, "mcp-tenant keygen: --expires-at must be a time in "
                "UTC, as 2027-01-31T00:00:00Z\n");
        return KEYGEN_USAGE;
    }

    if (expires_at <= time(NULL)) {
        fprintf(stderr, "mcp-tenant keygen: --expires-at is in the past\n");
        return KEYGEN_USAGE;
    }

    return KEYGEN_OK;
}


static int
keygen_new(const keygen_options_t *options)
{
    int   rc;
    char  key[MCP_KEY_LEN + 1];

    if (mcp_key_generate(key) != MCP_OK) {
        fprintf(stderr, "mcp-tenant keygen: the system gives no random "
                "bytes\n");
        return KEYGEN_FAILED;
    }

    rc = keygen_print(options, key, MCP_KEY_LEN);

    OPENSSL_cleanse(key, sizeof(key));

    return rc;
}


static int
keygen_from_stdin(const keygen_options_t *options)
{
    int     rc;
    char    key[MCP_KEY_TOKEN_MAX_LEN + 2];
    size_t  len;

    rc = keygen_read(key, sizeof(key), &len);

    if (rc == KEYGEN_OK) {
        rc = keygen_print(options, key, len);
    }

    OPENSSL_cleanse(key, sizeof(key));

    return rc;
}


/* One line; its newline is not part of the key. */

static int
keygen_read(char *buffer, size_t size, size_t *ret_len)
{
    size_t   len, i;
    ssize_t  n;

    len = 0;

    while (len < size) {
        n = read(STDIN_FILENO, buffer + len, size - len);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0) {
            fprintf(stderr, "mcp-tenant keygen: standard input: %s\n",
                    strerror(errno));
            return KEYGEN_FAILED;
        }

        len += (size_t) n;

        if (n == 0 || (buffer[len - 1] == '\n' && isatty(STDIN_FILENO))) {
            break;
        }
    }

    if (len && buffer[len - 1] == '\n') {
        len--;
    }

    if (len == 0) {
        fprintf(stderr, "mcp-tenant keygen: standard input holds no key\n");
        return KEYGEN_USAGE;
    }

    for (i = 0; i < len; i++) {
        if (buffer[i] < 0x21 || buffer[i] > 0x7e) {
            fprintf(stderr, "mcp-tenant keygen: the key on standard input "
                    "must be one line of visible ASCII without spaces; byte "
                    "%zu is something else\n", i + 1);
            return KEYGEN_USAGE;
        }
    }

    if (len > MCP_KEY_TOKEN_MAX_LEN) {
        fprintf(stderr, "mcp-tenant keygen: the key on standard input is "
                "longer than %d bytes\n", MCP_KEY_TOKEN_MAX_LEN);
        return KEYGEN_USAGE;
    }

    *ret_len = len;

    return KEYGEN_OK;
}


static int
keygen_print(const keygen_options_t *options, const char *key, size_t len)
{
    int   n, rc;
    char  hash[MCP_KEY_HASH_LEN + 1], text[KEYGEN_TEXT_MAX_BYTES];

    if (keygen_hash(key, len, hash) != MCP_OK) {
        fprintf(stderr, "mcp-tenant keygen: SHA-256 is not available\n");
        return KEYGEN_FAILED;
    }

    n = keygen_format(text, sizeof(text), options,
                      options->hash_stdin ? NULL : key, hash);

    rc = output_write("keygen", text, (size_t) n);

    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}


static int
keygen_hash(const char *key, size_t len, char ret_hash[MCP_KEY_HASH_LEN + 1])
{
    int                rc;
    unsigned char      digest[MCP_KEY_DIGEST_LEN];
    mcp_key_hasher_t  *hasher;

    hasher = mcp_key_hasher_new();
    if (hasher == NULL) {
        return MCP_ERROR;
    }

    rc = mcp_key_digest(hasher, key, len, digest);

    if (rc == MCP_OK) {
        mcp_key_hash_text(digest, ret_hash);
    }

    mcp_key_hasher_free(hasher);

    return rc;
}


static int
keygen_format(char *text, size_t size, const keygen_options_t *options,
    const char *key, const char *hash)
{
    int          n;
    const char  *quote;

    n = 0;

    if (key) {
        n = snprintf(text, size,
                     "API key of tenant %s, shown only this once:\n\n"
                     "    %s\n\n"
                     "Paste under tenants -> %s -> api_keys in tenants.yaml:"
                     "\n\n", options->tenant, key, options->tenant);
    }

    quote = keygen_quote(options->name);

    n += snprintf(text + n, size - (size_t) n,
                  "      - key_hash: \"%s\"\n"
                  "        name: %s%s%s\n", hash, quote, options->name, quote);

    if (options->expires_at) {
        n += snprintf(text + n, size - (size_t) n,
                      "        expires_at: \"%s\"\n", options->expires_at);
    }

    return n;
}


/* A name that YAML would take for a number, a truth value or a marker. */

static const char *
keygen_quote(const char *name)
{
    size_t  i;

    static const char *const  words[] = {
        "true", "false", "null", "yes", "no", "on", "off", "y", "n"
    };

    if (!keygen_is_alphanumeric(name[0])
        || (name[0] >= '0' && name[0] <= '9'))
    {
        return "\"";
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(name, words[i]) == 0) {
            return "\"";
        }
    }

    return "";
}
