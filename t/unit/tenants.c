/*
 * Mistakes in tenants.yaml: each is found, at its place, and nothing else.
 */

#include "config_case.h"


/* one tenant with the id a, and lines behind it */
#define TENANT(lines)  "tenants:\n  - id: a\n    " lines "\n"


static const char  catalog[] =
    "servers:\n"
    "  - {id: s, runtime: {type: upstream, name: u}}\n";

static const config_case_t  cases[] = {
    {
      "a top-level list",
      "- id: a\n",
      "tenants.yaml:1:1: found a list as the file of tenants, expected a "
      "mapping (key: value)\n"
    },
    {
      "a text as the file",
      "hello\n",
      "tenants.yaml:1:1: found a text as the file of tenants, expected a "
      "mapping (key: value)\n"
    },
    {
      "an empty file",
      "",
      "tenants.yaml:1:1: found nothing, expected \"tenants:\" and a list\n"
    },
    {
      "only a comment",
      "# nothing\n",
      "tenants.yaml:1:1: found nothing, expected \"tenants:\" and a list\n"
    },
    {
      "tenants left out",
      "{}\n",
      "tenants.yaml:1:1: found the file of tenants without \"tenants:\", "
      "expected a list of tenants behind \"tenants:\"\n"
    },
    {
      "tenants null",
      "tenants:\n",
      "tenants.yaml:1:1: found nothing behind \"tenants:\", expected a list "
      "of tenants behind \"tenants:\"\n"
    },
    {
      "tenants a mapping",
      "tenants: {a: 1}\n",
      "tenants.yaml:1:10: found a mapping as tenants, expected a list (- "
      "item)\n"
    },
    {
      "an unknown top key",
      "tenants: []\n"
      "servers: []\n",
      "tenants.yaml:2:1: found the unknown key \"servers\" in the file of "
      "tenants, expected one of: tenants, allow_shrink_to\n"
    },
    {
      "a smaller number of tenants is announced",
      "allow_shrink_to: 2\n"
      "tenants: []\n",
      ""
    },
    {
      "without a number",
      "tenants: []\n"
      "allow_shrink_to: yes\n",
      "tenants.yaml:2:18: found \"yes\" as allow_shrink_to, expected a whole "
      "number from 1 to 1000000\n"
    },
    {
      "nothing is not announced",
      "tenants: []\n"
      "allow_shrink_to: 0\n",
      "tenants.yaml:2:18: found \"0\" as allow_shrink_to, expected a whole "
      "number from 1 to 1000000\n"
    },
    {
      "no tenants on purpose",
      "tenants: []\n",
      ""
    },
    {
      "a tenant that is a text",
      "tenants: [team-a]\n",
      "tenants.yaml:1:11: found a text as a tenant, expected a mapping "
      "(key: value)\n"
    },
    {
      "a null tenant",
      "tenants:\n"
      "  -\n",
      "tenants.yaml:2:4: found nothing as a tenant, expected a mapping "
      "(key: value)\n"
    },
    {
      "a tenant without id",
      "tenants:\n"
      "  - display_name: A\n",
      "tenants.yaml:2:5: found a tenant without \"id:\", expected one such "
      "as \"id: team-a\"\n"
    },
    {
      "an id with control characters",
      "tenants:\n"
      "  - id: \"a\\e\\x9b\\x7f\\xe9\"\n",
      "tenants.yaml:2:9: found \"a\\x1b\\xc2\\x9b\\x7f\xc3\xa9\" as id, "
      "expected 1 to 63 of a-z, 0-9 and \"-\", with no \"-\" at either end\n"
    },
    {
      "an id in upper case",
      "tenants:\n"
      "  - id: Team-A\n",
      "tenants.yaml:2:9: found \"Team-A\" as id, expected 1 to 63 of a-z, "
      "0-9 and \"-\", with no \"-\" at either end\n"
    },
    {
      "an id with a dash at its end",
      "tenants:\n"
      "  - id: a-\n",
      "tenants.yaml:2:9: found \"a-\" as id, expected 1 to 63 of a-z, 0-9 "
      "and \"-\", with no \"-\" at either end\n"
    },
    {
      "an empty id",
      "tenants:\n"
      "  - id: \"\"\n",
      "tenants.yaml:2:9: found \"\" as id, expected 1 to 63 of a-z, 0-9 and "
      "\"-\", with no \"-\" at either end\n"
    },
    {
      "an id that is a list",
      "tenants:\n"
      "  - id: [a]\n",
      "tenants.yaml:2:9: found a list as id, expected a text\n"
    },
    {
      "an id of 64",
      "tenants:\n"
      "  - id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaa\n",
      "tenants.yaml:2:9: found \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaaaaaa\" as id, expected 1 to 63 of a-z, 0-9 and "
      "\"-\", with no \"-\" at either end\n"
    },
    {
      "an id too long for the namespace",
      "tenants:\n"
      "  - id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "\n",
      "tenants.yaml:2:9: found an id of 60 characters, too long for the "
      "namespace mcp-<id>, expected at most 59, or \"namespace:\" too\n"
    },
    {
      "an id of 63 with a namespace",
      "tenants:\n"
      "  - {id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaa, namespace: x}\n",
      ""
    },
    {
      "an id that looks like a key",
      "tenants:\n"
      "  - id: mcpt_0123456789abcdefghijklmnopqrst\n",
      "tenants.yaml:2:9: found a text of 35 characters as id, expected 1 to "
      "63 of a-z, 0-9 and \"-\", with no \"-\" at either end\n"
    },
    {
      "a duplicate id",
      "tenants:\n"
      "  - id: a\n"
      "  - id: b\n"
      "  - id: a\n",
      "tenants.yaml:4:9: found the id \"a\" again, expected every tenant "
      "once: it stands in line 2 already\n"
    },
    {
      "a misspelled key",
      TENANT("diplay_name: A"),
      "tenants.yaml:3:5: found the unknown key \"diplay_name\" in a tenant, "
      "expected one of: id, display_name, namespace, catalog_file, enabled, "
      "api_keys, quotas, allowed_origins, secrets, rbac_subjects (did you mean "
      "\"display_name\"?)\n"
    },
    {
      "an unknown key",
      TENANT("color: red"),
      "tenants.yaml:3:5: found the unknown key \"color\" in a tenant, "
      "expected one of: id, display_name, namespace, catalog_file, enabled, "
      "api_keys, quotas, allowed_origins, secrets, rbac_subjects\n"
    },
    {
      "an unknown key with digits, which may be a secret, too",
      TENANT("hunter2: x"),
      "tenants.yaml:3:5: found the unknown key of 7 characters in a "
      "tenant, expected one of: id, display_name, namespace, catalog_file, "
      "enabled, api_keys, quotas, allowed_origins, secrets, "
      "rbac_subjects\n"
    },
    {
      "an unknown key that may be a secret",
      TENANT("mcpt_0123456789abcdefghijklmnopqrst: x"),
      "tenants.yaml:3:5: found the unknown key of 35 characters in a "
      "tenant, expected one of: id, display_name, namespace, catalog_file, "
      "enabled, api_keys, quotas, allowed_origins, secrets, "
      "rbac_subjects\n"
    },
    {
      "a duplicate key",
      TENANT("display_name: A\n"
             "    display_name: B"),
      "tenants.yaml:4:5: found \"display_name\" again, expected it once: it "
      "stands in line 3 already\n"
    },
    {
      "an empty display_name",
      TENANT("display_name: \"\""),
      "tenants.yaml:3:19: found 0 bytes as display_name, expected 1 to 256\n"
    },
    {
      "a display_name of 257",
      TENANT("display_name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
      "tenants.yaml:3:19: found 257 bytes as display_name, expected 1 to "
      "256\n"
    },
    {
      "a control character in display_name",
      TENANT("display_name: \"a\\tb\""),
      "tenants.yaml:3:19: found a control character in display_name, "
      "expected none\n"
    },
    {
      "a C1 control in display_name",
      TENANT("display_name: \"a\\x85b\""),
      "tenants.yaml:3:19: found a control character in display_name, "
      "expected none\n"
    },
    {
      "a number as display_name",
      TENANT("display_name: 7"),
      ""
    },
    {
      "display_name null",
      TENANT("display_name: ~"),
      "tenants.yaml:3:5: found nothing behind \"display_name:\", expected a "
      "value, or no such line\n"
    },
    {
      "namespace default",
      TENANT("namespace: default"),
      "tenants.yaml:3:16: found \"default\" as namespace, expected one that "
      "is the tenant's alone: default and kube-* belong to the cluster\n"
    },
    {
      "namespace kube-system",
      TENANT("namespace: kube-system"),
      "tenants.yaml:3:16: found \"kube-system\" as namespace, expected one "
      "that is the tenant's alone: default and kube-* belong to the "
      "cluster\n"
    },
    {
      "namespace kubernetes",
      TENANT("namespace: kubernetes"),
      ""
    },
    {
      "a namespace with a dot",
      TENANT("namespace: a.b"),
      "tenants.yaml:3:16: found \"a.b\" as namespace, expected 1 to 63 of "
      "a-z, 0-9 and \"-\", with no \"-\" at either end\n"
    },
    {
      "one namespace for two",
      "tenants:\n"
      "  - {id: a, namespace: x}\n"
      "  - {id: b, namespace: x}\n",
      "tenants.yaml:3:24: found the namespace \"x\" again, expected one for "
      "every tenant: the tenant in line 2 has it\n"
    },
    {
      "a default namespace taken",
      "tenants:\n"
      "  - {id: a, namespace: mcp-b}\n"
      "  - {id: b}\n",
      "tenants.yaml:3:10: found the namespace \"mcp-b\" again, expected one "
      "for every tenant: the tenant in line 2 has it\n"
    },
    {
      "enabled yes",
      TENANT("enabled: yes"),
      "tenants.yaml:3:14: found \"yes\" as enabled, expected true or false\n"
    },
    {
      "enabled quoted",
      TENANT("enabled: \"true\""),
      "tenants.yaml:3:14: found the quoted text \"true\" as enabled, "
      "expected true or false\n"
    },
    {
      "enabled True",
      TENANT("enabled: True"),
      "tenants.yaml:3:14: found \"True\" as enabled, expected true or "
      "false\n"
    },
    {
      "enabled a list",
      TENANT("enabled: [true]"),
      "tenants.yaml:3:14: found a list as enabled, expected true or false\n"
    },
    {
      "an absolute catalog_file",
      TENANT("catalog_file: /etc/passwd"),
      "tenants.yaml:3:19: found an absolute path as catalog_file, expected "
      "one relative to ./\n"
    },
    {
      "a catalog_file that climbs",
      TENANT("catalog_file: x/../../a.yaml"),
      "tenants.yaml:3:19: found \"..\" in catalog_file, expected a path "
      "that stays in ./\n"
    },
    {
      "a catalog_file that is only dots",
      TENANT("catalog_file: .."),
      "tenants.yaml:3:19: found \"..\" in catalog_file, expected a path "
      "that stays in ./\n"
    },
    {
      "a catalog_file with dots in a name",
      TENANT("catalog_file: a..yaml"),
      "tenants.yaml:3:19: found a catalog_file that cannot be opened: No "
      "such file or directory, expected a readable file in ./\n"
    },
    {
      "a catalog_file that is missing",
      TENANT("catalog_file: none.yaml"),
      "tenants.yaml:3:19: found a catalog_file that cannot be opened: No "
      "such file or directory, expected a readable file in ./\n"
    },
    {
      "origins",
      TENANT("allowed_origins: [https://a.example, "
             "\"http://localhost:3000\", \"vscode-webview://x\", "
             "\"http://[::1]:80800\", \"https://a.example:443\", "
             "\"HTTPS://a\", \"https://a/\", \"*\", \"null\", "
             "\"http://a:80\", \"https://[::1]\"]"),
      "tenants.yaml:3:89: found \"http://[::1]:80800\" as an origin, "
      "expected scheme://host or scheme://host:port in lower case, without "
      "a default port, as browsers send it\n"
      "tenants.yaml:3:111: found \"https://a.example:443\" as an origin, "
      "expected scheme://host or scheme://host:port in lower case, without "
      "a default port, as browsers send it\n"
      "tenants.yaml:3:136: found \"HTTPS://a\" as an origin, expected "
      "scheme://host or scheme://host:port in lower case, without a default "
      "port, as browsers send it\n"
      "tenants.yaml:3:149: found \"https://a/\" as an origin, expected "
      "scheme://host or scheme://host:port in lower case, without a default "
      "port, as browsers send it\n"
      "tenants.yaml:3:163: found \"*\" as an origin, expected scheme://host "
      "or scheme://host:port in lower case, without a default port, as "
      "browsers send it\n"
      "tenants.yaml:3:168: found \"null\" as an origin, expected "
      "scheme://host or scheme://host:port in lower case, without a default "
      "port, as browsers send it\n"
      "tenants.yaml:3:176: found \"http://a:80\" as an origin, expected "
      "scheme://host or scheme://host:port in lower case, without a default "
      "port, as browsers send it\n"
    },
    {
      "a duplicate origin",
      TENANT("allowed_origins: [https://a.example, https://a.example]"),
      "tenants.yaml:3:42: found \"https://a.example\" again, expected an "
      "origin once: it stands in line 3 already\n"
    },
    {
      "secrets",
      TENANT("secrets: [OK, 1BAD, \"file:x\", \"file:\", OK, \"${X}\"]"),
      "tenants.yaml:3:19: found a text of 4 characters as a secret, "
      "expected the NAME of a variable, or file:PATH\n"
      "tenants.yaml:3:35: found a text of 5 characters as a secret, "
      "expected the NAME of a variable, or file:PATH\n"
      "tenants.yaml:3:44: found \"OK\" again, expected a secret once: it "
      "stands in line 3 already\n"
      "tenants.yaml:3:48: found a text of 4 characters as a secret, "
      "expected the NAME of a variable, or file:PATH\n"
    },
    {
      "secrets a text",
      TENANT("secrets: TOKEN"),
      "tenants.yaml:3:14: found a text as secrets, expected a list (- "
      "item)\n"
    },
    {
      "subjects",
      TENANT("rbac_subjects: [{kind: User, name: \"system:admin\"}, "
             "{kind: Robot, name: x}, {kind: Group, name: g, namespace: n}, "
             "{kind: ServiceAccount, name: a}, {kind: User}, "
             "{kind: ServiceAccount, name: A, namespace: n}]"),
      "tenants.yaml:3:40: found \"system:admin\" as a subject of "
      "rbac_subjects, expected a user or group of people: those of "
      "\"system:\" belong to the cluster\n"
      "tenants.yaml:3:64: found \"Robot\" as kind, expected User, Group "
      "or ServiceAccount\n"
      "tenants.yaml:3:104: found a namespace for a Group, expected it "
      "with kind ServiceAccount only\n"
      "tenants.yaml:3:119: found a ServiceAccount without namespace, "
      "expected the one it lives in, such as \"namespace: ci\"\n"
      "tenants.yaml:3:152: found a subject of rbac_subjects without "
      "\"name:\", expected a name such as \"name: team-a\"\n"
      "tenants.yaml:3:195: found \"A\" as name, expected that of a "
      "ServiceAccount: a-z, 0-9, \"-\" and \".\"\n"
    },
    {
      "amounts of a tenant",
      TENANT("quotas: {cpu: much, memory: -1Gi}"),
      "tenants.yaml:3:19: found \"much\" as cpu, expected an amount of "
      "Kubernetes such as \"8\"\n"
      "tenants.yaml:3:33: found \"-1Gi\" as memory, expected an amount of"
      " Kubernetes such as 16Gi\n"
    },
    {
      "an anchor",
      TENANT("display_name: &x A"),
      "tenants.yaml:3:19: found an anchor (&), expected the value alone\n"
    },
    {
      "an alias",
      TENANT("display_name: *x"),
      "tenants.yaml:3:19: found an alias (*), expected the value itself\n"
    },
    {
      "an alias as a key",
      TENANT("*x : A"),
      "tenants.yaml:3:5: found an alias (*) as a key, expected a word\n"
    },
    {
      "a merge key",
      TENANT("<<: {display_name: A}"),
      "tenants.yaml:3:5: found a merge key (<<), expected the keys "
      "themselves\n"
    },
    {
      "a tag",
      TENANT("display_name: !!str A"),
      "tenants.yaml:3:19: found a tag (!), expected the value alone\n"
    },
    {
      "a list as a key",
      TENANT("? [a, b]\n"
             "    : c"),
      "tenants.yaml:3:7: found a list as a key, expected a word\n"
    },
    {
      "a second document",
      "tenants: []\n"
      "---\n"
      "tenants: []\n",
      "tenants.yaml:2:1: found a second document, expected one in a file\n"
    },
    {
      "a tab",
      "tenants:\n"
      "\t- id: a\n",
      "tenants.yaml:2:1: found a tab, expected spaces before the text of a "
      "line\n"
    },
    {
      "a bracket left open",
      "tenants: [{id: a}\n",
      "tenants.yaml:2:1: found broken YAML (did not find expected ',' or "
      "']', while parsing a flow sequence that began in line 1), expected "
      "the file to be valid to its end\n"
    },
    {
      "a colon too many",
      "tenants:\n"
      "  - id: A\n"
      "  - id: b: c\n",
      "tenants.yaml:2:9: found \"A\" as id, expected 1 to 63 of a-z, 0-9 "
      "and \"-\", with no \"-\" at either end\n"
      "tenants.yaml:3:10: found broken YAML (mapping values are not allowed "
      "in this context), expected the file to be valid to its end\n"
    },
    { NULL, NULL, NULL }
};


int
main(void)
{
    config_folder_make();
    config_put_text("a.yaml", catalog);

    config_cases(cases, "tenants.yaml");

    return done();
}
