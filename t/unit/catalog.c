/*
 * Mistakes in a catalog: each is found, at its place, and nothing else.
 */

#include "config_case.h"


/* one server with the id s, and lines behind it */
#define SERVER(lines)  "servers:\n  - id: s\n"                                \
                       "    runtime: {type: upstream, name: u}\n    " lines   \
                       "\n"


static const char  tenants[] =
    "tenants:\n"
    "  - id: a\n"
    "    catalog_file: a.yaml\n"
    "    secrets: [GRANTED]\n"
    "  - id: b\n";

static const config_case_t  cases[] = {
    {
      "an empty catalog",
      "",
      "a.yaml:1:1: found nothing, expected \"servers:\" and a list\n"
    },
    {
      "a catalog that is a list",
      "- id: s\n",
      "a.yaml:1:1: found a list as a catalog, expected a mapping (key: "
      "value)\n"
    },
    {
      "servers left out",
      "{}\n",
      "a.yaml:1:1: found a catalog without \"servers:\", expected a list of "
      "servers behind \"servers:\"\n"
    },
    {
      "an unknown key of the catalog",
      "servers: []\n"
      "version: 1\n",
      "a.yaml:2:1: found the unknown key \"version\" in a catalog, expected "
      "one of: servers\n"
    },
    {
      "servers null",
      "servers:\n",
      "a.yaml:1:1: found nothing behind \"servers:\", expected a list of "
      "servers behind \"servers:\"\n"
    },
    {
      "no servers on purpose",
      "servers: []\n",
      ""
    },
    {
      "a server that is a text",
      "servers: [s]\n",
      "a.yaml:1:11: found a text as a server, expected a mapping (key: "
      "value)\n"
    },
    {
      "a server without anything",
      "servers:\n"
      "  - {}\n",
      "a.yaml:2:5: found a server without \"id:\", expected one such as "
      "\"id: search\"\n"
      "a.yaml:2:5: found a server without \"runtime:\", expected where the "
      "server is, such as \"runtime: {type: remote, url: ...}\"\n"
    },
    {
      "a duplicate server",
      "servers:\n"
      "  - {id: s, runtime: {type: upstream, name: u}}\n"
      "  - {id: s, runtime: {type: upstream, name: u}}\n",
      "a.yaml:3:10: found the id \"s\" again, expected every server once: "
      "it stands in line 2 already\n"
    },
    {
      "an unknown key of a server",
      SERVER("runtim: {}"),
      "a.yaml:4:5: found the unknown key \"runtim\" in a server, expected "
      "one of: id, display_name, description, tags, runtime, tools, "
      "resources, prompts, quotas (did you mean \"runtime\"?)\n"
    },
    {
      "a description of some lines",
      SERVER("description: |\n"
             "      a\n"
             "      b"),
      ""
    },
    {
      "a control character in a description",
      SERVER("description: \"a\\x01\""),
      "a.yaml:4:18: found a control character in description, expected "
      "none\n"
    },
    {
      "tags",
      SERVER("tags: [a, \"b c\", a, 1, ~]"),
      "a.yaml:4:15: found \"b c\" as a tag, expected 1 to 64 of letters, "
      "digits and \"._:-\"\n"
      "a.yaml:4:22: found \"a\" again, expected a tag once: it stands in "
      "line 4 already\n"
      "a.yaml:4:28: found nothing as a tag, expected a text\n"
    },
    {
      "tags a text",
      SERVER("tags: a"),
      "a.yaml:4:11: found a text as tags, expected a list (- item)\n"
    },
    {
      "tool patterns",
      SERVER("tools: {allow: [\"read_*\", \"\", \"a b\"], deny: x, other: "
             "[]}"),
      "a.yaml:4:31: found \"\" as a tool pattern, expected 1 to 128 visible "
      "ASCII characters such as read_*\n"
      "a.yaml:4:35: found \"a b\" as a tool pattern, expected 1 to 128 "
      "visible ASCII characters such as read_*\n"
      "a.yaml:4:49: found a text as deny, expected a list (- item)\n"
      "a.yaml:4:52: found the unknown key \"other\" in tools, expected one "
      "of: allow, deny, limits\n"
    },
    {
      "resources and prompts",
      SERVER("resources: {allow: [\"a:\", \"a/../*\"], limits: []}\n"
             "    prompts: {deny: [a, a], allow: []}"),
      "a.yaml:4:31: found \"a/../*\" as a resource pattern, expected 1 to 1024 "
      "visible ASCII characters such as file:///docs/*, without \"\\\" and "
      "\"..\"\n"
      "a.yaml:4:42: found limits here, expected it in the tools of a server "
      "only\n"
      "a.yaml:5:25: found \"a\" again, expected a prompt pattern once: it "
      "stands in line 5 already\n"
    },
    {
      "limits of tools",
      SERVER("tools:\n"
             "      limits:\n"
             "        - {match: \"a*\", requests_per_second: 0.5, burst: 2}\n"
             "        - {match: b, max_concurrent_requests: 1}"),
      ""
    },
    {
      "wrong limits of tools",
      SERVER("tools:\n"
             "      limits:\n"
             "        - {match: a, requests_per_second: 0}\n"
             "        - {match: a, max_concurrent_requests: 1}\n"
             "        - {match: \"b c\", burst: 1}\n"
             "        - {match: d, max_streams: 1}\n"
             "        - {requests_per_second: 1}\n"
             "        - a"),
      "a.yaml:6:43: found \"0\" as requests_per_second, expected a number from "
      "0.001 to 1000000 with at most 3 decimals\n"
      "a.yaml:7:19: found \"a\" again, expected one limit for it: it stands "
      "in line 6 already\n"
      "a.yaml:8:11: found a limit that limits nothing, expected "
      "requests_per_second or max_concurrent_requests\n"
      "a.yaml:8:19: found \"b c\" as match, expected 1 to 128 visible ASCII "
      "characters such as read_*\n"
      "a.yaml:8:26: found burst alone, expected it with requests_per_second, "
      "whose excess it lets through\n"
      "a.yaml:9:11: found a limit that limits nothing, expected "
      "requests_per_second or max_concurrent_requests\n"
      "a.yaml:9:22: found the unknown key \"max_streams\" in a limit, "
      "expected one of: match, requests_per_second, burst, "
      "max_concurrent_requests\n"
      "a.yaml:10:11: found a limit without \"match:\", expected the tools it "
      "is for, such as \"match: search_*\"\n"
      "a.yaml:11:11: found a text as a limit, expected a mapping (key: "
      "value)\n"
    },
    {
      "quotas of a server",
      SERVER("quotas: {max_servers: 1, max_concurrent_requests: 5}"),
      "a.yaml:4:14: found max_servers here, expected it in the quotas of a "
      "tenant only\n"
    },
    {
      "a runtime that is a text",
      "servers:\n"
      "  - {id: s, runtime: remote}\n",
      "a.yaml:2:22: found a text as runtime, expected a mapping (key: "
      "value)\n"
    },
    {
      "an id that is no Service",
      "servers:\n"
      "  - {id: 1s, runtime: {type: kubernetes, image: x, port: 1}}\n",
      "a.yaml:2:30: found type kubernetes for the id \"1s\", expected an id "
      "that starts with a letter, because it names a Service\n"
    },
    {
      "a broken catalog",
      "servers:\n"
      "  - id: s\n"
      "    runtime: {type: upstream\n",
      "a.yaml:4:1: found broken YAML (did not find expected ',' or '}', "
      "while parsing a flow mapping that began in line 3), expected the "
      "file to be valid to its end\n"
    },
    { NULL, NULL, NULL }
};


int
main(void)
{
    config_folder_make();
    config_put_text("tenants.yaml", tenants);

    config_cases(cases, "a.yaml");

    return done();
}
