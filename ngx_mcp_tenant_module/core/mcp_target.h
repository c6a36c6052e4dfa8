/*
 * Where URLs lead to: their addresses, without those that a catalog may not
 * reach.
 */

#ifndef _MCP_TARGET_H_INCLUDED_
#define _MCP_TARGET_H_INCLUDED_


#include "mcp_image.h"


typedef struct mcp_targets_s  mcp_targets_t;


/* text: the address for logs, made once although the compiler walks twice */
typedef struct {
    mcp_address_t  address;
    uint32_t       url;
    uint32_t       text_len;
    char           text[MCP_ADDRESS_TEXT_LEN];
} mcp_target_t;


/*
 * options, addresses and data are borrowed; addresses may be NULL, then names
 * lead nowhere.  free accepts NULL.
 */
mcp_targets_t *mcp_targets_new(const mcp_config_options_t *options,
    mcp_image_addresses_pt addresses, void *data);
void mcp_targets_free(mcp_targets_t *targets);

/*
 * Remembers the addresses of URL number n, which is above those of earlier
 * calls, with its port.  MCP_ERROR is lack of memory.
 */
int mcp_targets_find(mcp_targets_t *targets, uint32_t n,
    const mcp_url_t *url);

/* The same for one address. */
int mcp_targets_add(mcp_targets_t *targets, uint32_t n,
    const mcp_address_t *address, uint16_t port);

/* The next one of URL number n, in order of the numbers; NULL: no more. */
const mcp_target_t *mcp_targets_next(mcp_targets_t *targets, uint32_t n);
void mcp_targets_rewind(mcp_targets_t *targets);

/* Why the address is not one of a server's, NULL when it may be. */
const char *mcp_target_refused(const mcp_address_t *address,
    const mcp_config_options_t *options);

/* Sorts n addresses, without their ports, and returns how many differ. */
size_t mcp_target_sort(mcp_address_t *addresses, size_t n);

/* As qsort() wants it: family, address and scope, not the port. */
int mcp_target_compare(const void *one, const void *two);


#endif /* _MCP_TARGET_H_INCLUDED_ */
