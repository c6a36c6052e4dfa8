/*
 * Which version of a kind is taken.
 */

#include "kube_discover.h"
#include "tap.h"


static bool take(kube_versions_t *versions, const char *api_version,
    const char *list);
static void newest(void);
static void broken(void);
static void missing(void);


int
main(void)
{
    newest();
    broken();
    missing();

    return done();
}


static bool
take(kube_versions_t *versions, const char *api_version, const char *text)
{
    bool     taken;
    json_t  *list;

    list = json_loads(text, 0, NULL);
    taken = kube_discover_take(versions, api_version, list);
    json_decref(list);

    return taken;
}


static void
newest(void)
{
    kube_versions_t  versions;

    static const char  budgets[] =
        "{\"resources\": [{\"name\": \"poddisruptionbudgets/status\"},"
        " {\"name\": \"poddisruptionbudgets\"}]}";
    static const char  policies[] =
        "{\"resources\": [{\"name\": \"podsecuritypolicies\"}]}";

    memset(&versions, 0, sizeof(kube_versions_t));

    (void) take(&versions, "policy/v1beta1", budgets);
    is_str(versions.api_version[KUBE_POD_DISRUPTION_BUDGET], "policy/v1beta1",
           "an older version, when there is no other");

    (void) take(&versions, "policy/v1", budgets);
    is_str(versions.api_version[KUBE_POD_DISRUPTION_BUDGET], "policy/v1",
           "the newer one, when it comes later");

    (void) take(&versions, "policy/v1beta1", budgets);
    is_str(versions.api_version[KUBE_POD_DISRUPTION_BUDGET], "policy/v1",
           "and when it came before");

    memset(&versions, 0, sizeof(kube_versions_t));
    (void) take(&versions, "policy/v1", policies);
    ok(versions.api_version[KUBE_POD_DISRUPTION_BUDGET] == NULL,
       "a version without the resource is not taken");

    (void) take(&versions, "v1",
                "{\"resources\": [{\"name\": \"pods\"},"
                " {\"name\": \"events\"}, {\"name\": \"namespaces\"}]}");
    is_str(versions.api_version[KUBE_POD], "v1", "one list has many kinds");
    is_str(versions.api_version[KUBE_NAMESPACE], "v1", "each of them");
    ok(versions.api_version[KUBE_EVENT] == NULL,
       "a resource of that name in another group is another");
}


static void
broken(void)
{
    size_t           i;
    kube_versions_t  versions;

    static const char  *const  texts[] = {
        "{}", "[]", "{\"resources\": null}", "{\"resources\": {}}"
    };

    memset(&versions, 0, sizeof(kube_versions_t));

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ok(!take(&versions, "v1", texts[i]), "%s is no list of resources",
           texts[i]);
    }

    ok(!kube_discover_take(&versions, "v1", NULL), "nor is nothing");
    ok(take(&versions, "v1",
            "{\"resources\": [1, null, {}, {\"name\": 5}]}"),
       "what is no resource in a list is passed over");
}


static void
missing(void)
{
    char             error[KUBE_DISCOVER_ERROR_LEN];
    kube_versions_t  versions;

    kube_versions_newest(&versions);
    ok(!kube_discover_missing(&versions, error), "nothing is missing");

    versions.api_version[KUBE_DEPLOYMENT] = NULL;
    versions.api_version[KUBE_POD_DISRUPTION_BUDGET] = NULL;

    ok(kube_discover_missing(&versions, error), "two kinds are missing");
    is_str(error, "the API server does not serve PodDisruptionBudget of "
           "policy/v1 or policy/v1beta1, Deployment of apps/v1",
           "and are named");

    memset(&versions, 0, sizeof(kube_versions_t));
    ok(kube_discover_missing(&versions, error)
       && strlen(error) < KUBE_DISCOVER_ERROR_LEN, "all of them fit");
}
