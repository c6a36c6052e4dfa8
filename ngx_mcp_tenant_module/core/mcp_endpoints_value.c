/*
 * The values of endpoints.json that are more than a structure.
 */

#include "mcp_endpoints_parts.h"
#include "mcp_target.h"
#include "mcp_text.h"

#include <string.h>


#define MCP_ENDPOINTS_VERSION  "1"


static bool mcp_endpoints_address_parse(const mcp_str_t *text,
    mcp_address_t *ret_address);
static bool mcp_endpoints_has(const mcp_address_t *addresses, uint32_t n,
    const mcp_address_t *address);


static const char  *mcp_endpoints_states[] = {
    [MCP_PODS_RUNNING] = "running",
    [MCP_PODS_STARTING] = "starting",
    [MCP_PODS_STOPPED] = "stopped",
    [MCP_PODS_FAILED] = "failed",
    [MCP_PODS_QUOTA_EXCEEDED] = "quota_exceeded"
};


int
mcp_endpoints_version(mcp_endpoints_read_t *read, const mcp_str_t *text)
{
    if (mcp_text_equals(text, MCP_ENDPOINTS_VERSION)) {
        return MCP_OK;
    }

    return mcp_endpoints_fail(read, mcp_json_scan_offset(&read->json),
                              "found version %.*s, expected "
                              MCP_ENDPOINTS_VERSION,
                              (int) (text->len < 20 ? text->len : 20),
                              text->data);
}


int
mcp_endpoints_number(mcp_endpoints_read_t *read, const mcp_str_t *text)
{
    size_t    i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < text->len && i < 17; i++) {

        if (text->data[i] < '0' || text->data[i] > '9') {
            break;
        }

        n = n * 10 + (uint64_t) (text->data[i] - '0');
    }

    if (i < text->len || n > MCP_ENDPOINTS_SEQUENCE_MAX) {
        return mcp_endpoints_fail(read, mcp_json_scan_offset(&read->json),
                                  "found another number as sequence, expected "
                                  "a whole one from 0 to 2^53 - 1");
    }

    read->endpoints->sequence = n;

    return MCP_OK;
}


int
mcp_endpoints_state(mcp_endpoints_read_t *read, const mcp_str_t *text)
{
    char    found[MCP_TEXT_QUOTE_LEN];
    char    where[MCP_ENDPOINTS_WHERE_LEN];
    size_t  i;

    for (i = 0; text->data && i < MCP_PODS_STATES; i++) {
        if (mcp_text_equals(text, mcp_endpoints_states[i])) {
            read->state = (mcp_pods_state_e) i;
            return MCP_OK;
        }
    }

    return mcp_endpoints_fail(read, mcp_json_scan_offset(&read->json),
                              "found %s as %s, expected running, starting, "
                              "stopped, failed or quota_exceeded",
                              text->data ? mcp_text_quote(text, found)
                                         : "a long text",
                              mcp_endpoints_where(read, "state", where));
}


void
mcp_endpoints_reason(mcp_endpoints_read_t *read, const mcp_str_t *text)
{
    if (text->data && mcp_text_is_printable(text, false)) {
        memcpy(read->reason, text->data, text->len);
        read->reason_len = text->len;
    }
}


int
mcp_endpoints_address(mcp_endpoints_read_t *read, const mcp_str_t *text)
{
    char            found[MCP_TEXT_QUOTE_LEN];
    char            where[MCP_ENDPOINTS_WHERE_LEN];
    size_t          offset;
    uint32_t       *n;
    const char     *word;
    mcp_address_t   address, *list;

    offset = mcp_json_scan_offset(&read->json);
    word = read->is_draining ? "draining" : "endpoints";
    list = read->is_draining ? read->draining : read->active;
    n = read->is_draining ? &read->ndraining : &read->nactive;

    if (text->data == NULL || !mcp_endpoints_address_parse(text, &address)) {
        return mcp_endpoints_fail(read, offset,
                                  "found %s in %s, expected an address with "
                                  "its port, such as \"10.1.2.3:8080\" or "
                                  "\"[fd00::1]:8080\"",
                                  text->data ? mcp_text_quote(text, found)
                                             : "a long text",
                                  mcp_endpoints_where(read, word, where));
    }

    if (*n == MCP_ENDPOINTS_SERVER_MAX) {
        return mcp_endpoints_fail(read, offset,
                                  "found more addresses in %s, expected at "
                                  "most %d",
                                  mcp_endpoints_where(read, word, where),
                                  MCP_ENDPOINTS_SERVER_MAX);
    }

    if (mcp_endpoints_has(read->active, read->nactive, &address)
        || mcp_endpoints_has(read->draining, read->ndraining, &address))
    {
        return mcp_endpoints_fail(read, offset,
                                  "found %s in %s again, expected it once in "
                                  "endpoints or draining",
                                  mcp_text_quote(text, found),
                                  mcp_endpoints_where(read, word, where));
    }

    list[(*n)++] = address;

    mcp_json_scan_capture(&read->json, read->text, MCP_ENDPOINTS_TEXT_LEN,
                          MCP_JSON_DECODED);

    return MCP_OK;
}


static bool
mcp_endpoints_address_parse(const mcp_str_t *text, mcp_address_t *ret_address)
{
    bool         brackets;
    size_t       len;
    uint32_t     port;
    const char  *p, *colon;

    colon = memrchr(text->data, ':', text->len);
    if (colon == NULL) {
        return false;
    }

    port = 0;

    for (p = colon + 1; p < text->data + text->len; p++) {

        if (*p < '0' || *p > '9' || p - colon > 5
            || (p == colon + 1 && *p == '0'))
        {
            return false;
        }

        port = port * 10 + (uint32_t) (*p - '0');
    }

    if (port == 0 || port > UINT16_MAX) {
        return false;
    }

    len = (size_t) (colon - text->data);
    brackets = len && text->data[0] == '[';

    return brackets == (memchr(text->data, ':', len) != NULL)
           && mcp_address_parse(text->data, len, (uint16_t) port, ret_address)
              == MCP_OK;
}


static bool
mcp_endpoints_has(const mcp_address_t *addresses, uint32_t n,
    const mcp_address_t *address)
{
    while (n--) {
        if (mcp_target_compare(&addresses[n], address) == 0
            && mcp_endpoints_port(&addresses[n])
               == mcp_endpoints_port(address))
        {
            return true;
        }
    }

    return false;
}
