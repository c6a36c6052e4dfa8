/*
 * The methods that clients call and notify, of MCP's revisions 2025-03-26
 * to 2026-07-28.
 */

#include "mcp_rpc.h"

#include <string.h>


#define MCP_RPC_METHODS  (MCP_RPC_LABELS - 3)

#define MCP_RPC_OTHER    MCP_RPC_METHODS
#define MCP_RPC_NONE     (MCP_RPC_LABELS - 1)


static size_t mcp_rpc_method(const char *method, size_t len);


/* The methods by length, and of one length the frequent ones first. */

static const mcp_str_t  mcp_rpc_labels[] = {
    mcp_str("ping"),
    mcp_str("tasks/get"),
    mcp_str("tools/call"),
    mcp_str("tools/list"),
    mcp_str("initialize"),
    mcp_str("tasks/list"),
    mcp_str("prompts/get"),
    mcp_str("prompts/list"),
    mcp_str("tasks/result"),
    mcp_str("tasks/update"),
    mcp_str("tasks/cancel"),
    mcp_str("resources/read"),
    mcp_str("resources/list"),
    mcp_str("server/discover"),
    mcp_str("logging/setLevel"),
    mcp_str("completion/complete"),
    mcp_str("resources/subscribe"),
    mcp_str("subscriptions/listen"),
    mcp_str("resources/unsubscribe"),
    mcp_str("notifications/progress"),
    mcp_str("notifications/cancelled"),
    mcp_str("resources/templates/list"),
    mcp_str("notifications/initialized"),
    mcp_str("notifications/tasks/status"),
    mcp_str("notifications/roots/list_changed"),
    mcp_str("other"),
    mcp_str("response"),
    mcp_str("none")
};

_Static_assert(sizeof(mcp_rpc_labels) / sizeof(mcp_str_t) == MCP_RPC_LABELS,
               "MCP_RPC_LABELS is not the number of labels");


/* Where those of a length begin. */

static const uint8_t  mcp_rpc_by_length[] = {
    [4] = 0, [9] = 1, [10] = 2, [11] = 6, [12] = 7, [14] = 11, [15] = 13,
    [16] = 14, [19] = 15, [20] = 17, [21] = 18, [22] = 19, [23] = 20,
    [24] = 21, [25] = 22, [26] = 23, [32] = 24
};


const char *
mcp_rpc_method_label(const char *method, size_t len)
{
    return mcp_rpc_labels[mcp_rpc_method(method, len)].data;
}


static size_t
mcp_rpc_method(const char *method, size_t len)
{
    size_t  i;

    if (len >= sizeof(mcp_rpc_by_length)) {
        return MCP_RPC_OTHER;
    }

    for (i = mcp_rpc_by_length[len];
         i < MCP_RPC_METHODS && mcp_rpc_labels[i].len == len;
         i++)
    {
        if (memcmp(mcp_rpc_labels[i].data, method, len) == 0) {
            return i;
        }
    }

    return MCP_RPC_OTHER;
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

    if (label == NULL) {
        return MCP_RPC_NONE;
    }

    i = mcp_rpc_method(label, strlen(label));

    if (i == MCP_RPC_OTHER) {
        while (i < MCP_RPC_NONE && strcmp(label, mcp_rpc_labels[i].data) != 0)
        {
            i++;
        }
    }

    return i;
}
