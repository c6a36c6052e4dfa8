/*
 * Which servers on demand run: pure decisions, no I/O.
 *
 * Each gateway says which of them it needs: those that requests wait for, and
 * those that were used within their idle_timeout.  It names them and no more,
 * so that what it says changes as seldom as that does, and no clock of one
 * host is held against another's.  What somebody waits for is started as far
 * as max_servers allows; what no gateway has needed for a while is stopped.
 */

#ifndef _DEMAND_H_INCLUDED_
#define _DEMAND_H_INCLUDED_


#include "endpoints.h"


#define DEMAND_USES_MAX      10000
#define DEMAND_ERROR_LEN     256

/* What a server on demand may be idle that says nothing else. */
#define DEMAND_IDLE_SECONDS  600

/* How long a gateway may not notice that a server which runs is used. */
#define DEMAND_NEXT_SECONDS  2

/* So nothing stops before each gateway had the time to object. */
#define DEMAND_LINGER_MS     5000


/* is_waited_for: by requests, just now; else it was used. */
typedef struct {
    char           tenant[MCP_TENANT_ID_MAX_LEN + 1];
    char           server[MCP_SERVER_ID_MAX_LEN + 1];
    bool           is_waited_for;
} demand_use_t;

/* What one gateway needs, sorted by tenant and server; owned. */
typedef struct {
    demand_use_t  *uses;
    size_t         count;
} demand_gateway_t;

/* When this gateway used servers last; all zeroes at first. */
typedef struct {
    void          *seen;
    size_t         count;
} demand_memory_t;

/*
 * counter: of the answer, for the next question; next_seconds: when something
 * becomes idle if nothing comes, at most DEMAND_NEXT_SECONDS.
 */
typedef struct {
    uint64_t       counter;
    unsigned       next_seconds;
} demand_answer_t;

/*
 * By tenant, then by server, of one configuration: yes or no, as desired_t has
 * it; and when a gateway needed it last.
 */
typedef bool      **demand_flags_t;
typedef uint64_t  **demand_times_t;


/* All false, or all now; one block for free().  NULL without memory. */
demand_flags_t demand_flags_new(const mcp_config_t *config);
demand_times_t demand_times_new(const mcp_config_t *config, uint64_t now_ms);

/* Whether any server is on demand. */
bool demand_is_used(const mcp_config_t *config);

/*
 * Reads the JSON of /demand.  NGINX counts from its start: a use from before
 * it is known from the memory; and of what neither knows, this gateway is new,
 * and others may have used it until now, so that counts as a use.
 * MCP_ERROR leaves the results and the memory alone and sets the error:
 * "found ..., expected ...".
 */
int demand_take(demand_memory_t *memory, const mcp_config_t *config,
    const json_t *json, uint64_t now_ms, demand_gateway_t *ret_gateway,
    demand_answer_t *ret_answer, char reterr_text[DEMAND_ERROR_LEN]);
void demand_memory_clear(demand_memory_t *memory);

void demand_gateway_clear(demand_gateway_t *gateway);
bool demand_gateway_same(const demand_gateway_t *one,
    const demand_gateway_t *two);

/* NULL when the gateway does not need the server. */
const demand_use_t *demand_gateway_find(const demand_gateway_t *gateway,
    const mcp_tenant_t *tenant, const mcp_server_t *server);

/*
 * "data" of the ConfigMap in which a gateway says it: one key, "demand", with
 * "TENANT SERVER waiting" or "... used" a line.  encode returns a new object,
 * NULL without memory.  decode takes the whole ConfigMap; without the key
 * nothing is needed.  MCP_ERROR leaves *ret_gateway alone and sets the error.
 */
json_t *demand_encode(const demand_gateway_t *gateway);
int demand_decode(const json_t *config_map, demand_gateway_t *ret_gateway,
    char reterr_text[DEMAND_ERROR_LEN]);

/*
 * Which servers on demand are to run.  active: which have pods, or are to have
 * them; times: kept from call to call, of active ones only.  Those that run and
 * are needed come first, then those that are waited for, both in the order of
 * the catalog; max_servers counts the servers that always run before them.
 * Returns the milliseconds until it wants to be called again, if nothing
 * changes; UINT_MAX for never.
 */
unsigned demand_decide(const mcp_config_t *config,
    const demand_gateway_t *const *gateways, size_t ngateways,
    uint64_t now_ms, const demand_flags_t active, demand_times_t times,
    demand_flags_t running);

/*
 * What to tell NGINX of a server on demand without a ready pod; active as
 * above.  One that does not run while all of max_servers do is
 * quota_exceeded.
 */
endpoints_state_e demand_state(const mcp_tenant_t *tenant, size_t server,
    const bool *active);


#endif /* _DEMAND_H_INCLUDED_ */
