/*
 * The table of names: what they last led to, and in which order to ask.
 *
 * The order keeps dead names of one tenant from using up the time
 * of all: tenants take turns, and a name that gave no address when it was
 * asked for comes after all that did or were not asked for yet.
 */

#include "mcp_resolve.h"
#include "mcp_hash.h"
#include "mcp_resolve_ask.h"
#include "mcp_target.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>


/* errors beside those of getaddrinfo() */
#define MCP_NAME_TIMED_OUT      1001
#define MCP_NAME_NO_ADDRESS     1002
#define MCP_NAME_NO_MEMORY      1003
#define MCP_NAME_NO_CHILD       1004


/*
 * rank: how many names of its tenant stand before it.  round: the last one in
 * which it was asked for.  answer: of this round.  error: of the last one,
 * 0: none.  dead: it gave no address when it was last asked for.
 */
typedef struct {
    const char     *text;
    size_t          len;
    mcp_address_t  *addresses;
    uint32_t        naddresses;
    uint32_t        rank;
    uint32_t        round;
    int32_t         answer;
    int32_t         error;
    bool            answered;
    bool            dead;
} mcp_name_t;


/* text: what the names point into.  slots: open, MCP_IMAGE_NONE if empty. */
struct mcp_names_s {
    mcp_name_t  *names;
    size_t       nnames;
    char        *text;
    uint32_t    *slots;
    size_t       nslots;
    uint32_t    *newly_failed;
    size_t       nnewly_failed;
    uint32_t     round;
    bool         changed;
    uint64_t     seed[2];
};


static void mcp_names_free_table(mcp_names_t *names);
static int mcp_names_collect(mcp_names_t *names, const mcp_config_t *config,
    bool pods);
static int mcp_names_own(mcp_names_t *names);
static void mcp_names_inherit(mcp_names_t *names, const mcp_names_t *old);
static int mcp_name_learn(mcp_name_t *name, const mcp_address_t *address);
static uint32_t *mcp_names_slot(const mcp_names_t *names, const char *text,
    size_t len);
static mcp_name_t *mcp_names_find(const mcp_names_t *names, const char *text,
    size_t len);
static mcp_resolve_job_t *mcp_names_jobs(const mcp_names_t *names);
static int mcp_names_order_compare(const void *one, const void *two);
static void mcp_names_take(void *data, const mcp_resolve_record_t *record);
static int32_t mcp_names_keep(mcp_names_t *names, mcp_name_t *name,
    const mcp_resolve_record_t *record);
static void mcp_names_judge(mcp_names_t *names, mcp_resolve_end_e end);
static const char *mcp_name_error_text(int32_t error);


mcp_names_t *
mcp_names_new(void)
{
    mcp_names_t  *names;

    names = mcp_alloc(sizeof(mcp_names_t));
    if (names == NULL) {
        return NULL;
    }

    memset(names, 0, sizeof(mcp_names_t));

    if (mcp_hash_seed(names->seed) != MCP_OK) {
        free(names);
        return NULL;
    }

    return names;
}


void
mcp_names_free(mcp_names_t *names)
{
    if (names == NULL) {
        return;
    }

    mcp_names_free_table(names);
    free(names);
}


static void
mcp_names_free_table(mcp_names_t *names)
{
    size_t  i;

    for (i = 0; i < names->nnames; i++) {
        free(names->names[i].addresses);
    }

    free(names->names);
    free(names->text);
    free(names->slots);
    free(names->newly_failed);
}


int
mcp_names_set(mcp_names_t *names, const mcp_config_t *config, bool pods)
{
    mcp_names_t  fresh;

    memset(&fresh, 0, sizeof(mcp_names_t));
    memcpy(fresh.seed, names->seed, sizeof(fresh.seed));
    fresh.round = names->round;

    if (mcp_names_collect(&fresh, config, pods) != MCP_OK
        || mcp_names_own(&fresh) != MCP_OK)
    {
        mcp_names_free_table(&fresh);
        return MCP_ERROR;
    }

    mcp_names_inherit(&fresh, names);
    mcp_names_free_table(names);

    *names = fresh;

    return MCP_OK;
}


/* Fills the table; the text is still the configuration's. */
static int
mcp_names_collect(mcp_names_t *names, const mcp_config_t *config, bool pods)
{
    size_t               i, j, k, max;
    uint32_t             rank, *slot;
    mcp_name_t          *name;
    mcp_address_t        address;
    const mcp_url_t     *url;
    const mcp_tenant_t  *tenant;

    max = 0;

    for (i = 0; i < config->ntenants; i++) {
        for (j = 0; j < config->tenants[i].nservers; j++) {
            max += config->tenants[i].servers[j].nurls;
        }
    }

    if (max > INT32_MAX) {
        return MCP_ERROR;
    }

    names->nslots = (size_t) mcp_hash_slots(max);
    names->slots = mcp_alloc(names->nslots * sizeof(uint32_t));
    names->names = mcp_alloc((max + 1) * sizeof(mcp_name_t));

    if (names->slots == NULL || names->names == NULL) {
        return MCP_ERROR;
    }

    memset(names->slots, 0xff, names->nslots * sizeof(uint32_t));

    for (i = 0; i < config->ntenants; i++) {

        tenant = &config->tenants[i];
        rank = 0;

        for (j = 0; j < tenant->nservers; j++) {

            if (!pods
                && tenant->servers[j].runtime == MCP_RUNTIME_KUBERNETES)
            {
                continue;
            }

            for (k = 0; k < tenant->servers[j].nurls; k++) {

                url = &tenant->servers[j].urls[k];
                slot = mcp_names_slot(names, url->host.data, url->host.len);

                if (*slot != MCP_IMAGE_NONE
                    || mcp_address_parse(url->host.data, url->host.len,
                                         url->port, &address)
                       == MCP_OK)
                {
                    continue;
                }

                *slot = (uint32_t) names->nnames;

                name = &names->names[names->nnames++];
                memset(name, 0, sizeof(mcp_name_t));

                name->text = url->host.data;
                name->len = url->host.len;
                name->rank = rank++;
            }
        }
    }

    return MCP_OK;
}


/* Makes the text the table's own. */
static int
mcp_names_own(mcp_names_t *names)
{
    char    *p;
    size_t   i, len;

    len = 1;

    for (i = 0; i < names->nnames; i++) {
        len += names->names[i].len + 1;
    }

    names->text = mcp_alloc(len);
    names->newly_failed = mcp_alloc((names->nnames + 1) * sizeof(uint32_t));

    if (names->text == NULL || names->newly_failed == NULL) {
        return MCP_ERROR;
    }

    p = names->text;

    for (i = 0; i < names->nnames; i++) {
        len = names->names[i].len;

        memcpy(p, names->names[i].text, len);
        p[len] = '\0';

        names->names[i].text = p;
        p += len + 1;
    }

    return MCP_OK;
}


static void
mcp_names_inherit(mcp_names_t *names, const mcp_names_t *old)
{
    size_t       i;
    mcp_name_t  *name, *known;

    for (i = 0; i < names->nnames; i++) {

        name = &names->names[i];

        known = mcp_names_find(old, name->text, name->len);
        if (known == NULL) {
            continue;
        }

        name->addresses = known->addresses;
        name->naddresses = known->naddresses;
        name->round = known->round;
        name->error = known->error;
        name->dead = known->dead;

        known->addresses = NULL;
    }
}


void
mcp_names_learn(mcp_names_t *names, const mcp_image_t *image)
{
    size_t                       len;
    uint32_t                     n;
    mcp_str_t                    authority;
    const char                  *colon;
    mcp_name_t                  *name;
    const mcp_image_endpoint_t  *endpoint;

    for (n = 0; n < mcp_image_nendpoints(image); n++) {

        endpoint = mcp_image_endpoint(image, n);
        authority = mcp_image_text(image, &endpoint->authority);

        colon = memchr(authority.data, ':', authority.len);
        len = colon ? (size_t) (colon - authority.data) : authority.len;

        name = mcp_names_find(names, authority.data, len);

        if (name && mcp_name_learn(name, &endpoint->address) != MCP_OK) {
            return;
        }
    }
}


static int
mcp_name_learn(mcp_name_t *name, const mcp_address_t *address)
{
    mcp_address_t  *addresses;

    if (name->round || name->naddresses == MCP_IMAGE_NAME_ADDRESSES_MAX) {
        return MCP_OK;
    }

    addresses = mcp_alloc((name->naddresses + 1) * sizeof(mcp_address_t));
    if (addresses == NULL) {
        return MCP_ERROR;
    }

    if (name->naddresses) {
        memcpy(addresses, name->addresses,
               name->naddresses * sizeof(mcp_address_t));
        free(name->addresses);
    }

    addresses[name->naddresses] = *address;

    /* several servers may have the name; ports are the URL's */

    name->naddresses = (uint32_t) mcp_target_sort(addresses,
                                                  name->naddresses + 1u);
    name->addresses = addresses;

    return MCP_OK;
}


/* The slot of the name, or the empty one where it belongs. */
static uint32_t *
mcp_names_slot(const mcp_names_t *names, const char *text, size_t len)
{
    uint32_t           *slot;
    uint64_t            hash;
    const mcp_name_t   *name;

    hash = mcp_hash(names->seed, 0, text, len);

    for ( ;; ) {

        slot = &names->slots[hash & (names->nslots - 1)];
        if (*slot == MCP_IMAGE_NONE) {
            return slot;
        }

        name = &names->names[*slot];

        if (name->len == len && memcmp(name->text, text, len) == 0) {
            return slot;
        }

        hash++;
    }
}


static mcp_name_t *
mcp_names_find(const mcp_names_t *names, const char *text, size_t len)
{
    uint32_t  *slot;

    if (names->nnames == 0) {
        return NULL;
    }

    slot = mcp_names_slot(names, text, len);

    return *slot == MCP_IMAGE_NONE ? NULL : &names->names[*slot];
}


int
mcp_names_resolve(mcp_names_t *names, unsigned timeout_ms, int stop_fd,
    bool *ret_changed, bool *ret_stopped)
{
    int                 rc;
    size_t              i;
    mcp_resolve_end_e   end;
    mcp_resolve_job_t  *jobs;

    *ret_changed = false;
    *ret_stopped = false;

    if (names->nnames == 0) {
        return MCP_OK;
    }

    jobs = mcp_names_jobs(names);
    if (jobs == NULL) {
        return MCP_ERROR;
    }

    names->round++;
    names->changed = false;

    for (i = 0; i < names->nnames; i++) {
        names->names[i].answered = false;
    }

    rc = mcp_resolve_ask(jobs, names->nnames, timeout_ms, stop_fd,
                         mcp_names_take, names, &end);

    if (rc == MCP_OK) {
        mcp_names_judge(names, end);
        *ret_changed = names->changed;
        *ret_stopped = end == MCP_RESOLVE_STOPPED;
    }

    free(jobs);

    return rc;
}


/* All names, in the order in which they are asked for. */
static mcp_resolve_job_t *
mcp_names_jobs(const mcp_names_t *names)
{
    size_t              i;
    uint64_t           *order, n;
    const mcp_name_t   *name;
    mcp_resolve_job_t  *jobs;

    order = mcp_alloc(names->nnames * sizeof(uint64_t));
    if (order == NULL) {
        return NULL;
    }

    jobs = mcp_alloc(names->nnames * sizeof(mcp_resolve_job_t));
    if (jobs == NULL) {
        free(order);
        return NULL;
    }

    /* dead ones last, the one that waits longest first among them */

    for (i = 0; i < names->nnames; i++) {
        name = &names->names[i];
        n = name->dead ? name->round : name->rank;
        order[i] = (uint64_t) name->dead << 63 | (n & INT32_MAX) << 32 | i;
    }

    qsort(order, names->nnames, sizeof(uint64_t), mcp_names_order_compare);

    for (i = 0; i < names->nnames; i++) {
        jobs[i].name = (uint32_t) order[i];
        jobs[i].text = names->names[jobs[i].name].text;
    }

    free(order);

    return jobs;
}


static int
mcp_names_order_compare(const void *one, const void *two)
{
    const uint64_t  *a, *b;

    a = one;
    b = two;

    return (*a > *b) - (*a < *b);
}


static void
mcp_names_take(void *data, const mcp_resolve_record_t *record)
{
    mcp_name_t   *name;
    mcp_names_t  *names;

    names = data;

    if (record->name >= names->nnames
        || record->naddresses > MCP_IMAGE_NAME_ADDRESSES_MAX)
    {
        return;
    }

    name = &names->names[record->name];
    name->round = names->round;

    if (!record->is_answer) {
        return;
    }

    name->answered = true;

    if (record->error) {
        name->answer = record->error;

    } else if (record->naddresses == 0) {
        name->answer = MCP_NAME_NO_ADDRESS;

    } else {
        name->answer = mcp_names_keep(names, name, record);
    }
}


/* Returns the name's error. */
static int32_t
mcp_names_keep(mcp_names_t *names, mcp_name_t *name,
    const mcp_resolve_record_t *record)
{
    size_t          i;
    mcp_address_t  *addresses;

    if (name->naddresses == record->naddresses) {

        for (i = 0; i < name->naddresses; i++) {
            if (mcp_target_compare(&name->addresses[i],
                                   &record->addresses[i])
                != 0)
            {
                break;
            }
        }

        if (i == name->naddresses) {
            return 0;
        }
    }

    addresses = mcp_alloc(record->naddresses * sizeof(mcp_address_t));
    if (addresses == NULL) {
        return MCP_NAME_NO_MEMORY;
    }

    memcpy(addresses, record->addresses,
           record->naddresses * sizeof(mcp_address_t));

    free(name->addresses);

    name->addresses = addresses;
    name->naddresses = record->naddresses;
    names->changed = true;

    return 0;
}


/* What the round means for each name. */
static void
mcp_names_judge(mcp_names_t *names, mcp_resolve_end_e end)
{
    size_t       i;
    int32_t      error, missing;
    mcp_name_t  *name;

    missing = end == MCP_RESOLVE_TIMED_OUT ? MCP_NAME_TIMED_OUT
                                           : MCP_NAME_NO_CHILD;
    names->nnewly_failed = 0;

    for (i = 0; i < names->nnames; i++) {

        name = &names->names[i];

        if (!name->answered && end == MCP_RESOLVE_STOPPED) {
            continue;
        }

        error = name->answered ? name->answer : missing;

        if (error && name->error == 0) {
            names->newly_failed[names->nnewly_failed++] = (uint32_t) i;
        }

        if (name->round == names->round) {
            name->dead = error != 0;
        }

        name->error = error;
    }
}


size_t
mcp_names_addresses(void *data, const char *name,
    mcp_address_t *ret_addresses, size_t max)
{
    size_t       n;
    mcp_name_t  *found;

    found = mcp_names_find(data, name, strlen(name));
    if (found == NULL) {
        return 0;
    }

    n = found->naddresses < max ? found->naddresses : max;

    if (n) {
        memcpy(ret_addresses, found->addresses, n * sizeof(mcp_address_t));
    }

    return n;
}


size_t
mcp_names_count(const mcp_names_t *names)
{
    return names->nnames;
}


size_t
mcp_names_unresolved(const mcp_names_t *names)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < names->nnames; i++) {
        n += names->names[i].naddresses == 0;
    }

    return n;
}


const char *
mcp_names_newly_failed(const mcp_names_t *names, size_t n,
    const char **ret_error)
{
    const mcp_name_t  *name;

    if (n >= names->nnewly_failed) {
        return NULL;
    }

    name = &names->names[names->newly_failed[n]];
    *ret_error = mcp_name_error_text(name->error);

    return name->text;
}


static const char *
mcp_name_error_text(int32_t error)
{
    switch (error) {

    case MCP_NAME_TIMED_OUT:
        return "timed out";

    case MCP_NAME_NO_ADDRESS:
        return "it has no address";

    case MCP_NAME_NO_MEMORY:
        return "there was no memory for its addresses";

    case MCP_NAME_NO_CHILD:
        return "the process that asked for it ended early";

    default:
        return gai_strerror(error);
    }
}
