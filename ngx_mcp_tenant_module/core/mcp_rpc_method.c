/*
 * The methods that clients call and notify, of MCP's revisions 2025-03-26
 * to 2026-07-28.
 */

#include "mcp_rpc.h"

#include <string.h>


#define MCP_RPC_METHODS  (MCP_RPC_LABELS - 3)

#define MCP_RPC_OTHER    MCP_RPC_METHODS
#define MCP_RPC_NONE     (MCP_RPC_LABELS - 1)


/* Frequent ones first: a lookup goes from the top. */

static const mcp_str_t  mcp_rpc_labels[] = {
    mcp_str("tools/call"),
    mcp_str("tools/list"),
    mcp_str("initialize"),
    mcp_str("notifications/initialized"),
    mcp_str("ping"),
    mcp_str("server/discover"),
    mcp_str("resources/read"),
    mcp_str("resources/list"),
    mcp_str("resources/templates/list"),
    mcp_str("prompts/get"),
    mcp_str("prompts/list"),
    mcp_str("notifications/cancelled"),
    mcp_str("notifications/progress"),
    mcp_str("notifications/roots/list_changed"),
    mcp_str("notifications/tasks/status"),
    mcp_str("completion/complete"),
    mcp_str("logging/setLevel"),
    mcp_str("resources/subscribe"),
    mcp_str("resources/unsubscribe"),
    mcp_str("subscriptions/listen"),
    mcp_str("tasks/get"),
    mcp_str("tasks/result"),
    mcp_str("tasks/list"),
    mcp_str("tasks/update"),
    mcp_str("tasks/cancel"),
    mcp_str("other"),
    mcp_str("response"),
    mcp_str("none")
};

_Static_assert(sizeof(mcp_rpc_labels) / sizeof(mcp_str_t) == MCP_RPC_LABELS,
               "MCP_RPC_LABELS is not the number of labels");


const char *
mcp_rpc_method_label(const char *method, size_t len)
{
    size_t            i;
    const mcp_str_t  *known;

    for (i = 0; i < MCP_RPC_METHODS; i++) {
        known = &mcp_rpc_labels[i];

        if (known->len == len && memcmp(known->data, method, len) == 0) {
            return known->data;
        }
    }

    return mcp_rpc_labels[MCP_RPC_OTHER].data;
}


const char *
mcp_rpc_label(size_t number)
{
    return mcp_rpc_labels[number].data;
}


size_t
mcp_rpc_label_number(const char *label)
{
    size_t  i;

    for (i = 0; label && i < MCP_RPC_NONE; i++) {
        if (strcmp(label, mcp_rpc_labels[i].data) == 0) {
            return i;
        }
    }

    return MCP_RPC_NONE;
}
