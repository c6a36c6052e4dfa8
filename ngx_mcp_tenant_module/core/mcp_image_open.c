/*
 * Opening an image: a file that is truncated, damaged or foreign is refused
 * here, so that the lookups of each request need no checks.
 */

#include "mcp_image_layout.h"
#include "mcp_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


/* what the checks of all records share; bad becomes true and stays so */
typedef struct {
    const mcp_image_t  *image;
    uint64_t            text_start;
    uint64_t            text_end;
    bool                bad;
} mcp_image_check_t;


static bool mcp_image_tables_fit(const mcp_image_t *image);
static bool mcp_image_records_fit(const mcp_image_t *image);
static void mcp_image_check_tenants(mcp_image_check_t *check);
static void mcp_image_check_keys(mcp_image_check_t *check);
static void mcp_image_check_servers(mcp_image_check_t *check);
static void mcp_image_check_rules(mcp_image_check_t *check,
    const mcp_image_rules_t *rules);
static void mcp_image_check_tool_limits(mcp_image_check_t *check);
static void mcp_image_check_endpoints(mcp_image_check_t *check);
static void mcp_image_check_strings(mcp_image_check_t *check);
static void mcp_image_check_indexes(mcp_image_check_t *check,
    mcp_image_table_e table, mcp_image_table_e target, bool may_be_none);
static void mcp_image_check_text(mcp_image_check_t *check,
    const mcp_image_str_t *text);
static void mcp_image_check_range(mcp_image_check_t *check,
    const mcp_image_range_t *range, mcp_image_table_e table);


uint32_t
mcp_image_record_size(mcp_image_table_e table)
{
    switch (table) {

    case MCP_IMAGE_TENANTS:
        return sizeof(mcp_image_tenant_t);

    case MCP_IMAGE_KEYS:
        return sizeof(mcp_image_key_t);

    case MCP_IMAGE_SERVERS:
        return sizeof(mcp_image_server_t);

    case MCP_IMAGE_ENDPOINTS:
        return sizeof(mcp_image_endpoint_t);

    case MCP_IMAGE_STRINGS:
        return sizeof(mcp_image_str_t);

    case MCP_IMAGE_TOOL_LIMITS:
        return sizeof(mcp_image_tool_limit_t);

    case MCP_IMAGE_TEXT:
        return sizeof(char);

    default:
        return sizeof(uint32_t);
    }
}


uint64_t
mcp_image_checksum(const mcp_image_t *image)
{
    return mcp_hash_checksum(&image->epoch,
                             image->size - offsetof(mcp_image_t, epoch));
}


const mcp_image_t *
mcp_image_open(const void *block, size_t size, const char **reterr_text)
{
    const mcp_image_t  *image;

    image = block;

    if (size < sizeof(mcp_image_t)
        || size > UINT32_MAX
        || size % MCP_IMAGE_ALIGNMENT
        || (uintptr_t) block % MCP_IMAGE_ALIGNMENT)
    {
        *reterr_text = "its size is not that of an image";
        return NULL;
    }

    if (memcmp(image->magic, MCP_IMAGE_MAGIC, MCP_IMAGE_MAGIC_LEN) != 0) {
        *reterr_text = "it is not an image";
        return NULL;
    }

    if (image->layout != MCP_IMAGE_LAYOUT
        || image->byte_order != MCP_IMAGE_BYTE_ORDER)
    {
        *reterr_text = "another version wrote this image";
        return NULL;
    }

    if (image->size != size) {
        *reterr_text = "the image is not whole";
        return NULL;
    }

    if (image->checksum != mcp_image_checksum(image)) {
        *reterr_text = "the image is damaged, its checksum does not match";
        return NULL;
    }

    if (!mcp_image_tables_fit(image) || !mcp_image_records_fit(image)) {
        *reterr_text = "the image is damaged, a record points outside";
        return NULL;
    }

    return image;
}


static bool
mcp_image_tables_fit(const mcp_image_t *image)
{
    uint64_t                  end;
    const char               *text;
    mcp_image_table_e         i;
    const mcp_image_table_t  *table;

    for (i = 0; i < MCP_IMAGE_TABLES; i++) {

        table = &image->tables[i];

        if (table->record_size != mcp_image_record_size(i)) {
            return false;
        }

        end = table->offset + (uint64_t) table->count * table->record_size;

        if (table->offset < sizeof(mcp_image_t)
            || table->offset % MCP_IMAGE_ALIGNMENT
            || end > image->size)
        {
            return false;
        }
    }

    for (i = MCP_IMAGE_TENANT_SLOTS; i <= MCP_IMAGE_SERVER_SLOTS; i++) {

        table = &image->tables[i];

        if (table->count == 0 || (table->count & (table->count - 1))) {
            return false;
        }
    }

    /* so that no text, whatever its length says, runs out of the image */

    table = &image->tables[MCP_IMAGE_TEXT];
    text = mcp_image_records(image, MCP_IMAGE_TEXT);

    return table->count > 0 && text[table->count - 1] == '\0';
}


static bool
mcp_image_records_fit(const mcp_image_t *image)
{
    mcp_image_check_t         check;
    const mcp_image_table_t  *text;

    text = &image->tables[MCP_IMAGE_TEXT];

    check.image = image;
    check.text_start = text->offset;
    check.text_end = (uint64_t) text->offset + text->count;
    check.bad = false;

    mcp_image_check_tenants(&check);
    mcp_image_check_keys(&check);
    mcp_image_check_servers(&check);
    mcp_image_check_tool_limits(&check);
    mcp_image_check_endpoints(&check);
    mcp_image_check_strings(&check);

    mcp_image_check_indexes(&check, MCP_IMAGE_REFERENCES, MCP_IMAGE_SERVERS,
                            false);
    mcp_image_check_indexes(&check, MCP_IMAGE_TENANT_SLOTS,
                            MCP_IMAGE_TENANTS, true);
    mcp_image_check_indexes(&check, MCP_IMAGE_KEY_SLOTS, MCP_IMAGE_KEYS,
                            true);
    mcp_image_check_indexes(&check, MCP_IMAGE_SERVER_SLOTS,
                            MCP_IMAGE_SERVERS, true);

    return !check.bad;
}


static void
mcp_image_check_tenants(mcp_image_check_t *check)
{
    uint32_t                   i;
    const mcp_image_tenant_t  *tenant;

    for (i = 0; i < mcp_image_ntenants(check->image); i++) {
        tenant = mcp_image_tenant(check->image, i);

        mcp_image_check_text(check, &tenant->id);
        mcp_image_check_text(check, &tenant->display_name);
        mcp_image_check_text(check, &tenant->namespace);
        mcp_image_check_range(check, &tenant->keys, MCP_IMAGE_KEYS);
        mcp_image_check_range(check, &tenant->servers, MCP_IMAGE_SERVERS);
        mcp_image_check_range(check, &tenant->origins, MCP_IMAGE_STRINGS);
        check->bad |= tenant->identity == 0;
    }
}


static void
mcp_image_check_keys(mcp_image_check_t *check)
{
    uint32_t                i;
    const mcp_image_key_t  *key;

    for (i = 0; i < mcp_image_nkeys(check->image); i++) {
        key = mcp_image_key(check->image, i);

        mcp_image_check_text(check, &key->name);
        mcp_image_check_range(check, &key->servers, MCP_IMAGE_REFERENCES);
        mcp_image_check_rules(check, key->rules);
        check->bad |= key->tenant >= mcp_image_ntenants(check->image);
        check->bad |= key->identity == 0;
    }
}


static void
mcp_image_check_servers(mcp_image_check_t *check)
{
    uint32_t                   i;
    const mcp_image_server_t  *server;

    for (i = 0; i < mcp_image_nservers(check->image); i++) {
        server = mcp_image_server(check->image, i);

        mcp_image_check_text(check, &server->id);
        mcp_image_check_text(check, &server->display_name);
        mcp_image_check_text(check, &server->description);
        mcp_image_check_text(check, &server->path);
        mcp_image_check_text(check, &server->upstream_name);
        mcp_image_check_text(check, &server->headers);
        mcp_image_check_text(check, &server->reason);
        mcp_image_check_range(check, &server->tags, MCP_IMAGE_STRINGS);
        mcp_image_check_rules(check, server->rules);
        mcp_image_check_range(check, &server->tool_limits,
                              MCP_IMAGE_TOOL_LIMITS);
        mcp_image_check_range(check, &server->endpoints,
                              MCP_IMAGE_ENDPOINTS);
        check->bad |= (uint64_t) server->endpoints.first
                      + server->endpoints.count + server->ndraining
                      > mcp_image_nendpoints(check->image);
        check->bad |= server->tenant >= mcp_image_ntenants(check->image);
        check->bad |= server->runtime > MCP_RUNTIME_K8S_SERVICE;
        check->bad |= server->status >= MCP_SERVER_STATUS_COUNT;
        check->bad |= server->identity == 0;
    }
}


static void
mcp_image_check_rules(mcp_image_check_t *check,
    const mcp_image_rules_t *rules)
{
    size_t  i;

    for (i = 0; i < MCP_KINDS; i++) {
        mcp_image_check_range(check, &rules[i].allow, MCP_IMAGE_STRINGS);
        mcp_image_check_range(check, &rules[i].deny, MCP_IMAGE_STRINGS);
    }
}


static void
mcp_image_check_tool_limits(mcp_image_check_t *check)
{
    uint32_t                       i;
    const mcp_image_tool_limit_t  *limit;

    for (i = 0; i < mcp_image_ntool_limits(check->image); i++) {
        limit = mcp_image_tool_limit(check->image, i);

        mcp_image_check_text(check, &limit->match);
        check->bad |= limit->identity == 0;
    }
}


static void
mcp_image_check_endpoints(mcp_image_check_t *check)
{
    uint32_t                     i;
    const mcp_image_endpoint_t  *endpoint;

    for (i = 0; i < mcp_image_nendpoints(check->image); i++) {
        endpoint = mcp_image_endpoint(check->image, i);

        mcp_image_check_text(check, &endpoint->authority);
        mcp_image_check_text(check, &endpoint->tls_name);
        mcp_image_check_text(check, &endpoint->text);
        check->bad |= endpoint->address_len > sizeof(mcp_address_t);
        check->bad |= endpoint->server >= mcp_image_nservers(check->image);
        check->bad |= endpoint->identity == 0;
    }
}


static void
mcp_image_check_strings(mcp_image_check_t *check)
{
    uint32_t                i, count;
    const mcp_image_str_t  *strings;

    strings = mcp_image_records(check->image, MCP_IMAGE_STRINGS);
    count = check->image->tables[MCP_IMAGE_STRINGS].count;

    for (i = 0; i < count; i++) {
        mcp_image_check_text(check, &strings[i]);
    }
}


static void
mcp_image_check_indexes(mcp_image_check_t *check, mcp_image_table_e table,
    mcp_image_table_e target, bool may_be_none)
{
    uint32_t         i, count, limit;
    const uint32_t  *indexes;

    indexes = mcp_image_records(check->image, table);
    count = check->image->tables[table].count;
    limit = check->image->tables[target].count;

    for (i = 0; i < count; i++) {
        check->bad |= indexes[i] >= limit
                      && !(may_be_none && indexes[i] == MCP_IMAGE_NONE);
    }
}


static void
mcp_image_check_text(mcp_image_check_t *check, const mcp_image_str_t *text)
{
    check->bad |= text->offset < check->text_start;
    check->bad |= (uint64_t) text->offset + text->len >= check->text_end;
}


static void
mcp_image_check_range(mcp_image_check_t *check,
    const mcp_image_range_t *range, mcp_image_table_e table)
{
    check->bad |= (uint64_t) range->first + range->count
                  > check->image->tables[table].count;
}


const mcp_image_t *
mcp_image_map(const char *path, size_t *ret_size, const char **reterr_text)
{
    int                 fd, err;
    void               *block;
    struct stat         st;
    const mcp_image_t  *image;

    *reterr_text = "cannot read the image";

    /* a FIFO in its place must not hold the caller */

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd == -1) {
        return NULL;
    }

    block = MAP_FAILED;

    if (fstat(fd, &st) == -1) {
        err = errno;

    } else if (!S_ISREG(st.st_mode)
               || st.st_size < (off_t) sizeof(mcp_image_t)
               || st.st_size > (off_t) UINT32_MAX)
    {
        *reterr_text = "its size is not that of an image";
        err = 0;

    } else {
        block = mmap(NULL, (size_t) st.st_size, PROT_READ,
                     MAP_SHARED | MAP_POPULATE, fd, 0);
        err = errno;
    }

    (void) close(fd);

    if (block == MAP_FAILED) {
        errno = err;
        return NULL;
    }

    image = mcp_image_open(block, (size_t) st.st_size, reterr_text);

    if (image == NULL) {
        (void) munmap(block, (size_t) st.st_size);
        errno = 0;
        return NULL;
    }

    *ret_size = (size_t) st.st_size;

    return image;
}
