/*
 * Golden plans: what the files say and what the cluster has, to what is done.
 * The cluster is played by the objects themselves, as an API server would
 * have them.
 */

#include "plan.h"
#include "tap.h"

#include <stdlib.h>


#define NOW      1000000
#define S(text)  { sizeof(text) - 1, text }


static mcp_kubernetes_t  search_pods = {
    .image = S("registry.example.com/search:1"), .replicas = 2
};

static mcp_kubernetes_t  lazy_pods = {
    .image = S("registry.example.com/lazy:1"), .replicas = 1,
    .activation = MCP_ACTIVATION_ON_DEMAND
};

static mcp_url_t  url = { .port = 8080 };

static mcp_server_t  a_servers[] = {
    { .id = S("remote"), .runtime = MCP_RUNTIME_REMOTE, .urls = &url,
      .nurls = 1 },
    { .id = S("search"), .runtime = MCP_RUNTIME_KUBERNETES, .urls = &url,
      .nurls = 1, .kubernetes = &search_pods },
    { .id = S("lazy"), .runtime = MCP_RUNTIME_KUBERNETES, .urls = &url,
      .nurls = 1, .kubernetes = &lazy_pods }
};

static mcp_tenant_t  tenants[] = {
    { .id = S("a"), .namespace = S("mcp-a"), .enabled = true,
      .servers = a_servers, .nservers = 3 },
    { .id = S("b"), .namespace = S("mcp-b"), .enabled = true }
};

static mcp_config_t  config = { .tenants = tenants, .ntenants = 2 };

static kube_versions_t    versions;
static objects_options_t  options = {
    .instance = "default", .gateway_namespace = "mcp-gateway",
    .versions = &versions
};

static desired_t       desired;
static observed_t      observed = { .instance = "default" };
static plan_options_t  how;


static void test_from_nothing(void);
static void test_nothing_to_do(void);
static void test_drift(void);
static void test_change(void);
static void test_quota(void);
static void test_prune(void);
static void test_share(void);
static void test_dropped_tenant(void);
static void test_foreign(void);
static void test_own_news(void);
static void set_version(json_t *object, const char *version);
static void start(void);
static void play(void);
static void see(json_t *object, const char *version);
static json_t *copy(kube_kind_e kind, const char *namespace,
    const char *name);
static void reload(void);
static void plan_is(const char *expected, const char *name);


int
main(void)
{
    kube_versions_newest(&versions);

    test_from_nothing();
    test_nothing_to_do();
    test_drift();
    test_change();
    test_quota();
    test_prune();
    test_share();
    test_dropped_tenant();
    test_foreign();
    test_own_news();

    desired_clear(&desired);
    observed_clear(&observed);

    return done();
}


static void
test_from_nothing(void)
{
    start();
    observed_clear(&observed);

    plan_is("create Namespace mcp-a\n"
            "apply ResourceQuota mcp-a/mcp-tenant\n"
            "apply LimitRange mcp-a/mcp-tenant\n"
            "apply NetworkPolicy mcp-a/default-deny\n"
            "apply NetworkPolicy mcp-a/allow-dns\n"
            "apply NetworkPolicy mcp-a/allow-gateway\n"
            "apply ServiceAccount mcp-a/mcp-server\n"
            "apply Service mcp-a/search\n"
            "apply PodDisruptionBudget mcp-a/search\n"
            "apply Deployment mcp-a/search\n"
            "apply Service mcp-a/lazy\n"
            "apply Deployment mcp-a/lazy\n"
            "create Namespace mcp-b\n"
            "apply ResourceQuota mcp-b/mcp-tenant\n"
            "apply LimitRange mcp-b/mcp-tenant\n"
            "apply NetworkPolicy mcp-b/default-deny\n"
            "apply NetworkPolicy mcp-b/allow-dns\n"
            "apply NetworkPolicy mcp-b/allow-gateway\n"
            "apply ServiceAccount mcp-b/mcp-server\n",
            "an empty cluster: walls first, servers last");
}


static void
test_nothing_to_do(void)
{
    start();
    plan_is("", "what is as it should be is left alone");
}


static void
test_drift(void)
{
    json_t  *object;

    start();
    object = copy(KUBE_DEPLOYMENT, "mcp-a", "search");
    (void) json_object_set_new(json_object_get(object, "spec"), "replicas",
                               json_integer(7));
    see(object, "2");
    plan_is("apply Deployment mcp-a/search\n", "another number of replicas");

    start();
    object = copy(KUBE_NETWORK_POLICY, "mcp-a", "allow-gateway");
    (void) json_array_append_new(json_object_get(json_object_get(object,
                                                                 "spec"),
                                                 "ingress"), json_object());
    see(object, "2");
    plan_is("apply NetworkPolicy mcp-a/allow-gateway\n",
            "a rule that somebody added");

    start();
    object = copy(KUBE_DEPLOYMENT, "mcp-a", "search");
    (void) json_object_set_new(object, "status",
                               json_pack("{s:i}", "replicas", 2));
    see(object, "2");
    plan_is("", "a status is no drift");

    start();
    observed_forget(&observed, KUBE_SERVICE, "mcp-a", "search");
    plan_is("apply Service mcp-a/search\n", "an object that is gone");
}


static void
test_change(void)
{
    start();
    search_pods.image = (mcp_str_t) S("registry.example.com/search:2");
    reload();
    plan_is("apply Deployment mcp-a/search\n", "another image");
    search_pods.image = (mcp_str_t) S("registry.example.com/search:1");
}


static void
test_quota(void)
{
    tenants[0].quotas.max_servers = 1;
    start();
    plan_is("", "within max_servers; on demand counts when it runs");
    ok(observed_find(&observed, KUBE_DEPLOYMENT, "mcp-a", "search") == NULL,
       "the second that is always on has no pods");
    ok(observed_find(&observed, KUBE_DEPLOYMENT, "mcp-a", "lazy") != NULL,
       "one on demand may have");
    tenants[0].quotas.max_servers = 0;
}


static void
test_prune(void)
{
    start();
    tenants[0].nservers = 2;
    reload();

    plan_is("apply ResourceQuota mcp-a/mcp-tenant\n"
            "keep Deployment mcp-a/lazy: --prune was not given\n"
            "keep Service mcp-a/lazy: --prune was not given\n",
            "without --prune nothing goes");

    how.prune = true;
    plan_is("apply ResourceQuota mcp-a/mcp-tenant\n"
            "delete Deployment mcp-a/lazy\n"
            "delete Service mcp-a/lazy\n",
            "with it, in the opposite order");

    how.is_complete = false;
    plan_is("apply ResourceQuota mcp-a/mcp-tenant\n"
            "keep Deployment mcp-a/lazy: not all was listed yet\n"
            "keep Service mcp-a/lazy: not all was listed yet\n",
            "an incomplete view deletes nothing");

    tenants[0].nservers = 3;
}


static void
test_share(void)
{
    start();
    how.prune = true;
    how.max_share = 20;
    tenants[0].nservers = 0;
    reload();

    plan_is("apply ResourceQuota mcp-a/mcp-tenant\n"
            "keep Deployment mcp-a/lazy: too much would go at once "
            "(--prune-max-share)\n"
            "keep Deployment mcp-a/search: too much would go at once "
            "(--prune-max-share)\n"
            "keep PodDisruptionBudget mcp-a/search: too much would go at "
            "once (--prune-max-share)\n"
            "keep Service mcp-a/lazy: too much would go at once "
            "(--prune-max-share)\n"
            "keep Service mcp-a/search: too much would go at once "
            "(--prune-max-share)\n",
            "5 of 19 are more than 20 percent");

    how.max_share = 30;
    plan_is("apply ResourceQuota mcp-a/mcp-tenant\n"
            "delete Deployment mcp-a/lazy\n"
            "delete Deployment mcp-a/search\n"
            "delete PodDisruptionBudget mcp-a/search\n"
            "delete Service mcp-a/lazy\n"
            "delete Service mcp-a/search\n",
            "and less than 30");

    tenants[0].nservers = 3;
}


static void
test_dropped_tenant(void)
{
    json_t  *object;

    start();
    object = copy(KUBE_NAMESPACE, "", "mcp-b");
    how.prune = true;
    config.ntenants = 1;
    reload();
    plan_is("announce Namespace mcp-b\n",
            "a namespace is announced first, and keeps its walls");

    (void) json_object_set_new(json_object_get(json_object_get(object,
                                                               "metadata"),
                                               "annotations"),
                               OBSERVED_DELETE_AFTER,
                               json_string("1970-01-12T13:46:41Z"));
    json_incref(object);
    see(object, "2");
    plan_is("", "it stays until its time is over");

    how.now = NOW + 1;
    plan_is("delete Namespace mcp-b\n", "then it goes");

    how.now = NOW;
    config.ntenants = 2;
    reload();
    see(object, "3");
    plan_is("recall Namespace mcp-b\n", "a tenant that is back has it back");
}


static void
test_foreign(void)
{
    json_t  *object;

    start();
    how.prune = true;

    object = copy(KUBE_SERVICE, "mcp-a", "search");
    (void) json_object_set_new(json_object_get(object, "metadata"), "name",
                               json_string("copied"));
    (void) json_object_del(json_object_get(json_object_get(object,
                                                           "metadata"),
                                           "annotations"), OBJECTS_OWNER);
    see(object, "2");
    plan_is("keep Service mcp-a/copied: it has the labels but not the "
            "recorded owner\n", "labels alone are no reason to delete");

    start();
    object = copy(KUBE_NAMESPACE, "", "mcp-a");
    (void) json_object_del(json_object_get(json_object_get(object,
                                                           "metadata"),
                                           "annotations"), OBJECTS_OWNER);
    see(object, "2");
    plan_is("create Namespace mcp-a\n",
            "a namespace with the labels alone is asked whose it is");

    start();
    object = copy(KUBE_NAMESPACE, "", "mcp-a");
    (void) json_object_set_new(json_object_get(object, "metadata"),
                               "deletionTimestamp",
                               json_string("2026-01-01T00:00:00Z"));
    see(object, "2");
    observed_forget(&observed, KUBE_SERVICE, "mcp-a", "search");
    plan_is("wait Namespace mcp-a\n",
            "nothing is made in a namespace that ends");
}


/* A watch may still bring what was before our write. */
static void
test_own_news(void)
{
    json_t            *old, *object;
    observed_entry_t  *entry;

    start();
    old = copy(KUBE_DEPLOYMENT, "mcp-a", "search");
    (void) json_object_set_new(json_object_get(old, "spec"), "replicas",
                               json_integer(7));
    set_version(old, "2");

    object = copy(KUBE_DEPLOYMENT, "mcp-a", "search");
    set_version(object, "3");

    (void) observed_see(&observed, &desired, KUBE_DEPLOYMENT, object, true);
    ok(observed_see(&observed, &desired, KUBE_DEPLOYMENT, old, false) == NULL,
       "older news than our write is not taken");
    plan_is("", "and makes no work");

    entry = observed_see(&observed, &desired, KUBE_DEPLOYMENT, object, false);
    ok(entry && entry->matches, "our own write comes by");

    set_version(old, "4");
    (void) observed_see(&observed, &desired, KUBE_DEPLOYMENT, old, false);
    plan_is("apply Deployment mcp-a/search\n", "what comes then counts");

    /* The watch has our write, and what came then, before the answer. */

    set_version(object, "5");
    (void) observed_see(&observed, &desired, KUBE_DEPLOYMENT, object, false);
    set_version(old, "6");
    (void) observed_see(&observed, &desired, KUBE_DEPLOYMENT, old, false);
    (void) observed_see(&observed, &desired, KUBE_DEPLOYMENT, object, true);
    plan_is("apply Deployment mcp-a/search\n",
            "an answer that comes late takes nothing back");
    set_version(object, "7");
    ok(observed_see(&observed, &desired, KUBE_DEPLOYMENT, object, false)
       != NULL, "nor is its news waited for");

    /* An object that was seen when nobody asked for it. */

    entry = observed_find(&observed, KUBE_DEPLOYMENT, "mcp-a", "search");
    entry->matches = false;
    plan_is("apply Deployment mcp-a/search\n", "it may be other");
    entry = observed_see(&observed, &desired, KUBE_DEPLOYMENT, object, true);
    ok(entry && entry->matches, "an answer with the version it had tells");

    /* A list begins after a write whose news never came. */

    set_version(object, "8");
    (void) observed_see(&observed, &desired, KUBE_DEPLOYMENT, object, true);
    observed_list_begin(&observed, KUBE_DEPLOYMENT);
    ok(observed_see(&observed, &desired, KUBE_DEPLOYMENT, old, false) != NULL,
       "a later list is news");
    observed_list_end(&observed, KUBE_DEPLOYMENT);
    ok(observed_find(&observed, KUBE_DEPLOYMENT, "mcp-a", "lazy") == NULL,
       "what a list does not have is gone");

    json_decref(old);
    json_decref(object);
}


static void
set_version(json_t *object, const char *version)
{
    (void) json_object_set_new(json_object_get(object, "metadata"),
                               "resourceVersion", json_string(version));
}


/* A cluster that is as the files say. */
static void
start(void)
{
    memset(&how, 0, sizeof(plan_options_t));
    how.is_complete = true;
    how.max_share = 100;
    how.now = NOW;

    reload();
    observed_clear(&observed);
    play();
}


static void
reload(void)
{
    desired_clear(&desired);

    if (desired_init(&desired, &config, NULL, &options) != MCP_OK) {
        exit(1);
    }
}


static void
play(void)
{
    size_t                  i;
    const desired_entry_t  *entry;

    for (i = 0; i < desired.count; i++) {
        entry = &desired.entries[i];
        see(copy(entry->kind, entry->namespace, entry->name), "1");
    }
}


/* Takes over object. */
static void
see(json_t *object, const char *version)
{
    int          i;
    json_t      *metadata;
    const char  *kind;

    metadata = json_object_get(object, "metadata");
    (void) json_object_set_new(metadata, "resourceVersion",
                               json_string(version));
    (void) json_object_set_new(metadata, "uid", json_string("u"));
    kind = json_string_value(json_object_get(object, "kind"));

    for (i = 0; strcmp(kube_kinds[i].kind, kind) != 0; i++) { /* void */ }

    (void) observed_see(&observed, &desired, (kube_kind_e) i, object, false);
    json_decref(object);
}


static json_t *
copy(kube_kind_e kind, const char *namespace, const char *name)
{
    const desired_entry_t  *entry;

    entry = desired_find(&desired, kind, namespace, name);

    return json_deep_copy(desired_object(&desired, entry));
}


static void
plan_is(const char *expected, const char *name)
{
    char                  text[4096];
    size_t                i, len;
    plan_t                plan;
    const plan_action_t  *action;

    len = 0;
    text[0] = '\0';

    (void) plan_build(&desired, &observed, &how, &plan);

    for (i = 0; i < plan.count; i++) {
        action = &plan.actions[i];

        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "%s %s %s%s%s%s%s\n",
                                 plan_verb(action->verb),
                                 kube_kinds[action->kind].kind,
                                 action->namespace,
                                 action->namespace[0] ? "/" : "",
                                 action->name,
                                 action->verb == PLAN_KEEP ? ": " : "",
                                 action->verb == PLAN_KEEP ? action->why
                                                           : "");
    }

    is_str(text, expected, name);
    plan_clear(&plan);
}
