/* Whether what the API server has is what was applied. */

#include "match.h"
#include "tap.h"


typedef struct {
    const char  *name;
    const char  *desired;
    const char  *observed;
    bool         matches;
} match_case_t;


static const match_case_t  cases[] = {
    { "the same", "{\"a\": {\"b\": [1, \"x\", true]}}",
      "{\"a\": {\"b\": [1, \"x\", true]}}", true },
    { "what the server adds", "{\"a\": {\"b\": 1}}",
      "{\"a\": {\"b\": 1, \"c\": 2}, \"status\": {}}", true },
    { "another value", "{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 2}}", false },
    { "another type", "{\"a\": \"1\"}", "{\"a\": 1}", false },
    { "a missing key", "{\"a\": {\"b\": 1}}", "{\"a\": {}}", false },
    { "a longer list", "{\"a\": [{\"b\": 1}]}",
      "{\"a\": [{\"b\": 1}, {\"b\": 2}]}", false },
    { "a shorter list", "{\"a\": [1, 2]}", "{\"a\": [1]}", false },
    { "another order", "{\"a\": [1, 2]}", "{\"a\": [2, 1]}", false },
    { "defaults within a list", "{\"a\": [{\"b\": 1}]}",
      "{\"a\": [{\"b\": 1, \"c\": 2}]}", true },
    { "an empty text that is left out", "{\"a\": {\"value\": \"\"}}",
      "{\"a\": {}}", true },
    { "an empty object that is left out", "{\"a\": {\"podSelector\": {}}}",
      "{\"a\": {}}", true },
    { "false that is left out, which may be true then", "{\"a\": false}",
      "{}", false },
    { "zero that is left out", "{\"replicas\": 0}", "{}", false },
    { "true that is left out", "{\"a\": true}", "{}", false },
    { "cpu written otherwise", "{\"cpu\": \"1000m\"}", "{\"cpu\": \"1\"}",
      true },
    { "cpu with decimals", "{\"cpu\": \"0.5\"}", "{\"cpu\": \"500m\"}",
      true },
    { "memory written otherwise", "{\"limits.memory\": \"1024Mi\"}",
      "{\"limits.memory\": \"1Gi\"}", true },
    { "powers of ten are not powers of two", "{\"memory\": \"1G\"}",
      "{\"memory\": \"1Gi\"}", false },
    { "another amount", "{\"cpu\": \"1\"}", "{\"cpu\": \"2\"}", false },
    { "an amount against none", "{\"cpu\": \"1\"}", "{\"cpu\": \"x\"}",
      false },
    { "a text that looks like an amount", "{\"value\": \"1000m\"}",
      "{\"value\": \"1\"}", false },
    { "kind and apiVersion of the whole",
      "{\"kind\": \"A\", \"apiVersion\": \"v1\", \"a\": 1}", "{\"a\": 1}",
      true },
    { "the kind of a part", "{\"roleRef\": {\"kind\": \"ClusterRole\"}}",
      "{\"roleRef\": {\"kind\": \"Role\"}}", false },
    { "no object", "{\"a\": 1}", "[]", false },
    { "a selector that chooses less", "{\"podSelector\": {}}",
      "{\"podSelector\": {\"matchLabels\": {\"a\": \"b\"}}}", false },
    { "a way in", "{\"spec\": {\"podSelector\": {}}}",
      "{\"spec\": {\"podSelector\": {}, \"ingress\": [{}]}}", false },
    { "the network of the node", "{\"spec\": {\"a\": 1}}",
      "{\"spec\": {\"a\": 1, \"hostNetwork\": true}}", false },
    { "not the network of the node", "{\"spec\": {\"a\": 1}}",
      "{\"spec\": {\"a\": 1, \"hostNetwork\": false}}", true },
    { "a label of such a name", "{\"labels\": {\"a\": \"b\"}}",
      "{\"labels\": {\"a\": \"b\", \"env\": \"prod\"}}", true },
    { "a command in a list", "{\"c\": [{\"name\": \"a\"}]}",
      "{\"c\": [{\"name\": \"a\", \"command\": [\"x\"]}]}", false }
};

static const match_case_t  patches[] = {
    { "what others added goes",
      "{\"spec\": {\"podSelector\": {}, \"c\": [1]}}",
      "{\"spec\": {\"podSelector\": {\"matchLabels\": {}, "
      "\"matchExpressions\": [1]}, \"c\": [1, 2], \"ingress\": [{}]}, "
      "\"labels\": {\"env\": \"x\"}}", true },
    { "without more, it is what is desired", "{\"a\": {\"b\": [1]}}",
      "{\"a\": 1}", true }
};

static const char *const  patched[] = {
    "{\"spec\": {\"podSelector\": {\"matchExpressions\": null}, "
    "\"c\": [1], \"ingress\": null}}",
    "{\"a\": {\"b\": [1]}}"
};


int
main(void)
{
    size_t   i;
    json_t  *desired, *observed, *patch, *expected;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        desired = json_loads(cases[i].desired, 0, NULL);
        observed = json_loads(cases[i].observed, 0, NULL);

        ok(match_object(desired, observed) == cases[i].matches, "%s",
           cases[i].name);

        json_decref(desired);
        json_decref(observed);
    }

    for (i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
        desired = json_loads(patches[i].desired, 0, NULL);
        observed = json_loads(patches[i].observed, 0, NULL);
        expected = json_loads(patched[i], 0, NULL);
        patch = match_patch(desired, observed);

        ok(json_equal(patch, expected), "%s", patches[i].name);

        json_decref(desired);
        json_decref(observed);
        json_decref(expected);
        json_decref(patch);
    }

    return done();
}
