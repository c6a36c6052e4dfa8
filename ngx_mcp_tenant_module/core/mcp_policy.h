/*
 * The policy on messages: what the rules of a server, and those of the key
 * that narrow them, say to a tool, a resource, a prompt, and to the message
 * that is a way to one of them.
 *
 * Rules stand when there is an "allow" or a "deny" of any kind; then methods
 * that are not known are denied, since one of tomorrow could be a new way.
 */

#ifndef _MCP_POLICY_H_INCLUDED_
#define _MCP_POLICY_H_INCLUDED_


#include "mcp_image.h"


/* key: NULL where there is none. */
typedef struct {
    const mcp_image_t         *image;
    const mcp_image_server_t  *server;
    const mcp_image_key_t     *key;
} mcp_policy_t;


/*
 * What a message asks for; data is NULL for what is absent.  label:
 * mcp_rpc_method_label() of a request or notification, never of a response.
 * subscriptions: params.notifications.resourceSubscriptions; no_tasks: that
 * there are none in its taskIds.  What was not looked for is as if it was
 * hidden: with ref, subscriptions or tasks not read, the messages that need
 * them are denied where they could matter.
 */
typedef struct {
    const char       *label;
    mcp_str_t         name;             /* params.name */
    mcp_str_t         uri;              /* params.uri */
    mcp_str_t         ref_type;         /* params.ref.type */
    mcp_str_t         ref_name;
    mcp_str_t         ref_uri;
    const mcp_str_t  *subscriptions;
    size_t            nsubscriptions;
    bool              subscriptions_read;
    bool              no_tasks;
} mcp_policy_request_t;


typedef enum {
    MCP_POLICY_ALLOWED,
    MCP_POLICY_DENIED,              /* as if there was no such thing */
    MCP_POLICY_NO_METHOD            /* as if there was no such method */
} mcp_policy_verdict_e;


/* Of one message; each message of a batch is judged for itself. */
mcp_policy_verdict_e mcp_policy_judge(const mcp_policy_t *policy,
    const mcp_policy_request_t *request);

/*
 * Whether a thing may be seen and used, what mcp_policy_judge() and the
 * filter of lists go by.  name: of a tool or prompt; of a resource its URI or
 * URI template.
 */
bool mcp_policy_allows(const mcp_policy_t *policy, mcp_kind_e kind,
    const char *name, size_t len);

/* Whether there are rules on things of the kind, on anything at all. */
bool mcp_policy_has_rules(const mcp_policy_t *policy, mcp_kind_e kind);
bool mcp_policy_stands(const mcp_policy_t *policy);

/*
 * The first of the server's limits that matches the tool, by its number in
 * the image, or MCP_IMAGE_NONE.
 */
uint32_t mcp_policy_tool_limit(const mcp_policy_t *policy, const char *name,
    size_t len);

/*
 * The key of a session's scope (mcp_session.h): 0 for a key that reaches all
 * that its tenant does, and without a key.
 */
uint64_t mcp_policy_session_key(const mcp_image_key_t *key);


#endif /* _MCP_POLICY_H_INCLUDED_ */
