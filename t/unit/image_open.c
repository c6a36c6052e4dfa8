/*
 * Damaged and forged images: refused, or at least harmless.
 */

#include "image_fixture.h"
#include "mcp_image_layout.h"
#include "mcp_policy.h"


static void test_damage(void);
static void test_forged(void);
static void use_everything(const mcp_image_t *image);
static size_t use_policy(const mcp_image_t *image,
    const mcp_image_server_t *server);


int
main(void)
{
    test_damage();
    test_forged();

    free(built);

    return done();
}


static void
test_damage(void)
{
    char        *copy;
    size_t       i, opened;
    const char  *error;

    (void) build(&config);

    opened = 0;

    for (i = 0; i < built_size; i++) {
        copy = malloc(i ? i : 1);
        memcpy(copy, built, i);

        error = NULL;
        opened += mcp_image_open(copy, i, &error) != NULL || error == NULL;
        free(copy);
    }

    is_int((long long) opened, 0, "no truncated image opens");

    copy = calloc(1, built_size + MCP_IMAGE_ALIGNMENT);
    memcpy(copy, built, built_size);

    ok(mcp_image_open(copy, built_size, &error) != NULL, "a copy opens");
    ok(mcp_image_open(copy, built_size + MCP_IMAGE_ALIGNMENT, &error)
       == NULL, "a longer one does not");

    opened = 0;

    for (i = 0; i < 8 * built_size; i++) {
        copy[i / 8] ^= 1 << i % 8;
        opened += mcp_image_open(copy, built_size, &error) != NULL;
        copy[i / 8] ^= 1 << i % 8;
    }

    is_int((long long) opened, 0, "no image with a flipped bit opens");

    memmove(copy + 1, copy, built_size);
    ok(mcp_image_open(copy + 1, built_size, &error) == NULL,
       "an image at an odd address does not open");

    memset(copy, 0, built_size);
    ok(mcp_image_open(copy, built_size, &error) == NULL, "nor does nothing");

    free(copy);
}


/* Damage that the checksum does not show must not lead outside either. */
static void
test_forged(void)
{
    char         *copy;
    size_t        i, n, opened, refused;
    uint32_t      word, value;
    const char   *error;
    mcp_image_t  *image;

    static const uint32_t  values[] = {
        0, 1, 2, 7, 0x100, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe,
        0xffffffff
    };

    (void) build(&config);

    copy = malloc(built_size);
    memcpy(copy, built, built_size);
    image = (mcp_image_t *) copy;

    opened = 0;
    refused = 0;

    for (i = offsetof(mcp_image_t, epoch); i < built_size; i += 4) {

        memcpy(&word, copy + i, sizeof(word));

        for (n = 0; n <= sizeof(values) / sizeof(values[0]); n++) {

            value = n < sizeof(values) / sizeof(values[0])
                    ? values[n] : (uint32_t) built_size;
            memcpy(copy + i, &value, sizeof(value));
            image->checksum = mcp_image_checksum(image);

            if (mcp_image_open(copy, built_size, &error)) {
                use_everything(image);
                opened++;

            } else {
                refused++;
            }
        }

        memcpy(copy + i, &word, sizeof(word));
    }

    ok(opened > 0 && refused > 0, "forged images are refused or harmless");

    image->checksum = mcp_image_checksum(image);
    ok(mcp_image_open(copy, built_size, &error) != NULL, "undone, it opens");

    free(copy);
}


static void
use_everything(const mcp_image_t *image)
{
    size_t                       sum;
    uint32_t                     i, j;
    mcp_str_t                    text;
    const mcp_image_key_t       *key;
    const mcp_image_server_t    *server;
    const mcp_image_tenant_t    *tenant;
    const mcp_image_endpoint_t  *endpoint;

    sum = 0;

    for (i = 0; i < mcp_image_ntenants(image); i++) {
        tenant = mcp_image_tenant(image, i);
        text = text_of(image, &tenant->id);
        sum += mcp_image_tenant_find(image, text.data, text.len);
        sum += text_of(image, &tenant->display_name).len;
        sum += text_of(image, &tenant->namespace).len;

        for (j = 0; j < tenant->origins.count; j++) {
            sum += mcp_image_string(image, &tenant->origins, j).data[0];
        }

        for (j = 0; j < tenant->keys.count; j++) {
            key = mcp_image_key(image, tenant->keys.first + j);
            sum += text_of(image, &key->name).len;
            sum += mcp_image_key_find(image, key->digest);
            sum += mcp_image_key_reaches(image, key, i);
        }

        for (j = 0; j < tenant->servers.count; j++) {
            server = mcp_image_server(image, tenant->servers.first + j);
            text = text_of(image, &server->id);
            sum += mcp_image_server_find(image, i, text.data, text.len);
            sum += use_policy(image, server);
            sum += text_of(image, &server->headers).len;
            sum += text_of(image, &server->path).len;
        }
    }

    for (i = 0; i < mcp_image_nendpoints(image); i++) {
        endpoint = mcp_image_endpoint(image, i);
        sum += text_of(image, &endpoint->authority).len;
        sum += text_of(image, &endpoint->tls_name).len;
        sum += text_of(image, &endpoint->text).len;
        sum += mcp_image_server(image, endpoint->server)->status;
    }

    if (sum == 1) {
        printf("# so that nothing is left out\n");
    }
}


/* Each kind, of the server and of every key, whosesoever. */
static size_t
use_policy(const mcp_image_t *image, const mcp_image_server_t *server)
{
    size_t        sum;
    uint32_t      i;
    mcp_kind_e    kind;
    mcp_policy_t  policy = { image, server, NULL };

    sum = 0;

    for (i = 0; i <= mcp_image_nkeys(image); i++) {
        policy.key = i ? mcp_image_key(image, i - 1) : NULL;

        for (kind = 0; kind < MCP_KINDS; kind++) {
            sum += mcp_policy_allows(&policy, kind, "read_x", 6);
        }

        sum += mcp_policy_tool_limit(&policy, "read_x", 6);
    }

    return sum;
}
