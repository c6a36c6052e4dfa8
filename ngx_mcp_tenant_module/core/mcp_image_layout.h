/*
 * How an image lies in memory: private to the mcp_image*.c files.
 *
 * A header, then the tables, each at a multiple of 8, the text last.  The
 * slots are open hash tables of record numbers, MCP_IMAGE_NONE where empty;
 * a search goes from the home slot up to the first empty one.
 */

#ifndef _MCP_IMAGE_LAYOUT_H_INCLUDED_
#define _MCP_IMAGE_LAYOUT_H_INCLUDED_


#include "mcp_image.h"


/* Raise it with every change of what a field means. */
#define MCP_IMAGE_LAYOUT      7

#define MCP_IMAGE_MAGIC       "mcpimage"
#define MCP_IMAGE_MAGIC_LEN   8
#define MCP_IMAGE_BYTE_ORDER  0x01020304
#define MCP_IMAGE_ALIGNMENT   8

#define mcp_image_records(image, table)                                       \
    ((const void *) ((const char *) (image)                                   \
                     + (image)->tables[table].offset))


#define mcp_image_writable(image, table)                                      \
    ((void *) ((char *) (image) + (image)->tables[table].offset))


typedef enum {
    MCP_IMAGE_TENANTS,
    MCP_IMAGE_KEYS,
    MCP_IMAGE_SERVERS,
    MCP_IMAGE_ENDPOINTS,
    MCP_IMAGE_STRINGS,          /* mcp_image_str_t */
    MCP_IMAGE_TOOL_LIMITS,
    MCP_IMAGE_REFERENCES,       /* uint32_t, servers; sorted for each key */
    MCP_IMAGE_TENANT_SLOTS,
    MCP_IMAGE_KEY_SLOTS,
    MCP_IMAGE_SERVER_SLOTS,
    MCP_IMAGE_TEXT,             /* the first and the last byte are NUL */
    MCP_IMAGE_TABLES
} mcp_image_table_e;


typedef struct {
    uint32_t  offset;
    uint32_t  count;
    uint32_t  record_size;
    uint32_t  reserved;
} mcp_image_table_t;


/*
 * checksum covers everything behind it; what stands before it has only one
 * right value.  decoy is what a search compares with at an empty key slot.
 * cut: whether the last line of tenants.yaml had no line feed.  sequence: of
 * the sidecar's file, when has_pods says that it tells of pods.
 */
struct mcp_image_s {
    char               magic[MCP_IMAGE_MAGIC_LEN];
    uint32_t           layout;
    uint32_t           byte_order;
    uint64_t           size;
    uint64_t           checksum;
    uint64_t           epoch;
    uint64_t           generation;
    uint64_t           seed[2];
    unsigned char      config_digest[32];
    unsigned char      decoy[MCP_KEY_DIGEST_LEN];
    uint64_t           cut;
    uint64_t           has_pods;
    uint64_t           sequence;
    mcp_image_table_t  tables[MCP_IMAGE_TABLES];
};


uint32_t mcp_image_record_size(mcp_image_table_e table);

uint64_t mcp_image_checksum(const mcp_image_t *image);

/* Where a search for the record begins, before it is cut to the table. */
uint64_t mcp_image_tenant_hash(const mcp_image_t *image, const char *id,
    size_t len);
uint64_t mcp_image_server_hash(const mcp_image_t *image, uint32_t tenant,
    const char *id, size_t len);
uint64_t mcp_image_key_hash(const mcp_image_t *image,
    const unsigned char digest[MCP_KEY_DIGEST_LEN]);


#endif /* _MCP_IMAGE_LAYOUT_H_INCLUDED_ */
