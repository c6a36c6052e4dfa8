/*
 * Mistakes in keys and quotas: each is found, at its place, and nothing else;
 * no finding repeats a key.
 */

#include "config_case.h"


/* one tenant with the id a, and lines behind it */
#define TENANT(lines)  "tenants:\n  - id: a\n    " lines "\n"


static const char  catalog[] =
    "servers:\n"
    "  - {id: s, runtime: {type: upstream, name: u}}\n";

static const config_case_t  cases[] = {
    {
      "api_keys a mapping",
      TENANT("api_keys: {key_hash: x}"),
      "tenants.yaml:3:15: found a mapping as api_keys, expected a list (- "
      "item)\n"
    },
    {
      "a key in plain text",
      TENANT("api_keys:\n"
             "      - mcpt_0123456789abcdefghijklmnopqrst"),
      "tenants.yaml:4:9: found a text as an API key, expected a mapping "
      "(key: value)\n"
    },
    {
      "a key_hash in plain text",
      TENANT("api_keys:\n"
             "      - {key_hash: mcpt_0123456789abcdefghijklmnopqrst, "
             "name: k}"),
      "tenants.yaml:4:20: found a value that is not a hash (35 characters) "
      "as key_hash, expected \"sha256:\" and 64 hex digits, as \"mcp-tenant "
      "keygen\" prints them\n"
    },
    {
      "a key_hash too short",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:abc123\", name: k}"),
      "tenants.yaml:4:20: found 6 hex digits in key_hash, expected "
      "\"sha256:\" and 64 hex digits, as \"mcp-tenant keygen\" prints them\n"
    },
    {
      "the placeholder of an example",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:<64 hex digits>\", name: k}"),
      "tenants.yaml:4:20: found the placeholder of an example as key_hash, "
      "expected \"sha256:\" and 64 hex digits, as \"mcp-tenant keygen\" "
      "prints them\n"
    },
    {
      "another placeholder",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:abc123...\", name: k}"),
      "tenants.yaml:4:20: found the placeholder of an example as key_hash, "
      "expected \"sha256:\" and 64 hex digits, as \"mcp-tenant keygen\" "
      "prints them\n"
    },
    {
      "dots as a placeholder",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:...\", name: k}"),
      "tenants.yaml:4:20: found the placeholder of an example as key_hash, "
      "expected \"sha256:\" and 64 hex digits, as \"mcp-tenant keygen\" "
      "prints them\n"
    },
    {
      "no hex digit",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:gggggggggggggggggggggggggggggggg"
             "gggggggggggggggggggggggggggggggg\", name: k}"),
      "tenants.yaml:4:20: found a character that is no hex digit in "
      "key_hash, expected \"sha256:\" and 64 hex digits, as \"mcp-tenant "
      "keygen\" prints them\n"
    },
    {
      "a hash without its name",
      TENANT("api_keys:\n"
             "      - {key_hash: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaa\", name: k}"),
      "tenants.yaml:4:20: found a value that is not a hash (64 characters) "
      "as key_hash, expected \"sha256:\" and 64 hex digits, as \"mcp-tenant "
      "keygen\" prints them\n"
    },
    {
      "an empty key_hash",
      TENANT("api_keys:\n"
             "      - {key_hash: \"\", name: k}"),
      "tenants.yaml:4:20: found a value that is not a hash (0 characters) "
      "as key_hash, expected \"sha256:\" and 64 hex digits, as \"mcp-tenant "
      "keygen\" prints them\n"
    },
    {
      "a key without key_hash and name",
      TENANT("api_keys:\n"
             "      - {enabled: true}"),
      "tenants.yaml:4:9: found an API key without \"key_hash:\", expected "
      "\"sha256:\" and 64 hex digits, as \"mcp-tenant keygen\" prints them\n"
      "tenants.yaml:4:9: found an API key without \"name:\", expected one "
      "for logs and metrics, such as \"name: production\"\n"
    },
    {
      "a key_hash in upper case",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\", name: k}"),
      ""
    },
    {
      "a duplicate key_hash across tenants and cases",
      "tenants:\n"
      "  - id: a\n"
      "    api_keys: [{key_hash: \"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", name: k}]\n"
      "  - id: b\n"
      "    api_keys: [{key_hash: \"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\", name: k}]\n",
      "tenants.yaml:5:27: found a key_hash again, expected every key once: "
      "it stands in line 3 already\n"
    },
    {
      "a key name with a space",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: a b}"),
      "tenants.yaml:4:101: found \"a b\" as name, expected 1 to 63 of "
      "letters, digits and \"._-\"\n"
    },
    {
      "a key name of 64",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: "
             "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
             "nnnn}"),
      "tenants.yaml:4:101: found \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
      "nnnnnnnnnnnnnnnnnnnnnnn\" as name, expected 1 to 63 of letters, "
      "digits and \"._-\"\n"
    },
    {
      "a duplicate key name",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k}\n"
             "      - {key_hash: \"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
             "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\", name: k}"),
      "tenants.yaml:5:101: found \"k\" again, expected a name of its own "
      "for every key of a tenant: it stands in line 4 already\n"
    },
    {
      "a bad time",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, expires_at: "
             "tomorrow}"),
      "tenants.yaml:4:116: found \"tomorrow\" as expires_at, expected a "
      "time such as 2027-01-31T00:00:00Z, or a day such as 2027-01-31\n"
    },
    {
      "a day that is none",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, expires_at: "
             "2027-02-29}"),
      "tenants.yaml:4:116: found \"2027-02-29\" as expires_at, expected a "
      "time such as 2027-01-31T00:00:00Z, or a day such as 2027-01-31\n"
    },
    {
      "a time without a zone",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, expires_at: "
             "2027-01-31T00:00:00}"),
      "tenants.yaml:4:116: found \"2027-01-31T00:00:00\" as expires_at, "
      "expected a time such as 2027-01-31T00:00:00Z, or a day such as "
      "2027-01-31\n"
    },
    {
      "a time before 1970",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, not_before: "
             "1969-12-31}"),
      "tenants.yaml:4:116: found \"1969-12-31\" as not_before, expected a "
      "time such as 2027-01-31T00:00:00Z, or a day such as 2027-01-31\n"
    },
    {
      "a window the wrong way round",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, not_before: "
             "2027-01-01, expires_at: 2027-01-01T00:00:00Z}"),
      "tenants.yaml:4:140: found an expires_at that is not after "
      "not_before, expected a later time\n"
    },
    {
      "a leap day and an offset",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, not_before: "
             "2028-02-29, expires_at: \"2028-02-29T00:00:01.5-00:30\"}"),
      ""
    },
    {
      "servers that do not exist",
      TENANT("catalog_file: a.yaml\n"
             "    api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, servers: [s, "
             "t]}"),
      "tenants.yaml:5:117: found the server \"t\", expected one of this "
      "tenant's catalog\n"
    },
    {
      "nothing among servers",
      TENANT("catalog_file: a.yaml\n"
             "    api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, servers: [s, "
             "null]}"),
      "tenants.yaml:5:117: found nothing as a server, expected a text\n"
    },
    {
      "servers without a catalog",
      "tenants:\n"
      "  - id: a\n"
      "    api_keys: [{key_hash: \"sha256:0123456789abcdef0123456789abcdef0"
      "123456789abcdef0123456789abcdef\", name: k, servers: [s]}]\n",
      "tenants.yaml:3:121: found the server \"s\", expected one of this "
      "tenant's catalog, and it has no catalog_file\n"
    },
    {
      "a server named twice",
      TENANT("catalog_file: a.yaml\n"
             "    api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, servers: [s, "
             "s]}"),
      "tenants.yaml:5:117: found \"s\" again, expected a server once: it "
      "stands in line 5 already\n"
    },
    {
      "servers that is a text",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, servers: s}"),
      "tenants.yaml:4:113: found a text as servers, expected a list (- "
      "item)\n"
    },
    {
      "no servers on purpose",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, servers: []}"),
      ""
    },
    {
      "max_servers of a key",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, quotas: "
             "{max_servers: 1}}"),
      "tenants.yaml:4:113: found max_servers here, expected it in the "
      "quotas of a tenant only\n"
    },
    {
      "an unknown quota of a key",
      TENANT("api_keys:\n"
             "      - {key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\", name: k, quotas: {rps: "
             "1}}"),
      "tenants.yaml:4:113: found the unknown key \"rps\" in the quotas of a "
      "key, expected one of: max_concurrent_requests, max_streams, "
      "requests_per_second, burst\n"
    },
    {
      "rules of a key",
      TENANT("api_keys:\n"
             "      - key_hash: \"sha256:0123456789abcdef0123456789abcdef"
             "0123456789abcdef0123456789abcdef\"\n"
             "        name: k\n"
             "        tools: {allow: [\"read_*\"], limits: []}\n"
             "        resources: {deny: [a b]}\n"
             "        prompts: []"),
      "tenants.yaml:6:36: found limits here, expected it in the tools of a "
      "server only\n"
      "tenants.yaml:7:28: found \"a b\" as a resource pattern, expected 1 to "
      "1024 visible ASCII characters such as file:///docs/*, without \"\\\" "
      "and \"..\"\n"
      "tenants.yaml:8:18: found a list as prompts, expected a mapping (key: "
      "value)\n"
    },
    {
      "a negative number",
      TENANT("quotas: {max_servers: -1}"),
      "tenants.yaml:3:27: found \"-1\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "zero",
      TENANT("quotas: {max_servers: 0}"),
      "tenants.yaml:3:27: found \"0\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "too many servers",
      TENANT("quotas: {max_servers: 10001}"),
      "tenants.yaml:3:27: found \"10001\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "a huge number",
      TENANT("quotas: {max_concurrent_requests: 99999999999999999999}"),
      "tenants.yaml:3:39: found \"99999999999999999999\" as "
      "max_concurrent_requests, expected a whole number from 1 to 1000000\n"
    },
    {
      "not a number",
      TENANT("quotas: {max_servers: .nan}"),
      "tenants.yaml:3:27: found \".nan\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "infinity",
      TENANT("quotas: {requests_per_second: .inf}"),
      "tenants.yaml:3:35: found \".inf\" as requests_per_second, expected a "
      "number from 0.001 to 1000000 with at most 3 decimals\n"
    },
    {
      "an exponent",
      TENANT("quotas: {max_servers: 1e3}"),
      "tenants.yaml:3:27: found \"1e3\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "a hex number",
      TENANT("quotas: {max_servers: 0x10}"),
      "tenants.yaml:3:27: found \"0x10\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "an octal number",
      TENANT("quotas: {max_servers: 010}"),
      "tenants.yaml:3:27: found \"010\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "a quoted number",
      TENANT("quotas: {max_servers: \"5\"}"),
      "tenants.yaml:3:27: found the quoted text \"5\" as max_servers, "
      "expected a whole number from 1 to 10000\n"
    },
    {
      "a fraction",
      TENANT("quotas: {max_servers: 1.5}"),
      "tenants.yaml:3:27: found \"1.5\" as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "a null number",
      TENANT("quotas: {max_servers: }"),
      "tenants.yaml:3:14: found nothing behind \"max_servers:\", expected a "
      "value, or no such line\n"
    },
    {
      "a list as a number",
      TENANT("quotas: {max_servers: [5]}"),
      "tenants.yaml:3:27: found a list as max_servers, expected a whole "
      "number from 1 to 10000\n"
    },
    {
      "a rate of 0",
      TENANT("quotas: {requests_per_second: 0.000}"),
      "tenants.yaml:3:35: found \"0.000\" as requests_per_second, expected "
      "a number from 0.001 to 1000000 with at most 3 decimals\n"
    },
    {
      "a rate with 4 decimals",
      TENANT("quotas: {requests_per_second: 0.0001}"),
      "tenants.yaml:3:35: found \"0.0001\" as requests_per_second, expected "
      "a number from 0.001 to 1000000 with at most 3 decimals\n"
    },
    {
      "a rate too high",
      TENANT("quotas: {requests_per_second: 1000000.001}"),
      "tenants.yaml:3:35: found \"1000000.001\" as requests_per_second, "
      "expected a number from 0.001 to 1000000 with at most 3 decimals\n"
    },
    {
      "a rate without digits behind the point",
      TENANT("quotas: {requests_per_second: 1.}"),
      "tenants.yaml:3:35: found \"1.\" as requests_per_second, expected a "
      "number from 0.001 to 1000000 with at most 3 decimals\n"
    },
    {
      "a rate that starts with a point",
      TENANT("quotas: {requests_per_second: .5}"),
      "tenants.yaml:3:35: found \".5\" as requests_per_second, expected a "
      "number from 0.001 to 1000000 with at most 3 decimals\n"
    },
    {
      "the highest rate",
      TENANT("quotas: {requests_per_second: 1000000, burst: 1000000}"),
      ""
    },
    {
      "burst alone",
      TENANT("quotas: {burst: 5}"),
      "tenants.yaml:3:14: found burst alone, expected it with "
      "requests_per_second, whose excess it lets through\n"
    },
    {
      "an exact duplicate quota",
      TENANT("quotas: {burst: 5, requests_per_second: 1, burst: 6}"),
      "tenants.yaml:3:48: found \"burst\" again, expected it once: it "
      "stands in line 3 already\n"
    },
    {
      "quotas a list",
      TENANT("quotas: [max_servers]"),
      "tenants.yaml:3:13: found a list as the quotas of a tenant, expected "
      "a mapping (key: value)\n"
    },
    {
      "a broken line hides nothing before it",
      "tenants:\n"
      "  - id: A\n"
      "    quotas: {burst: x}\n"
      "  - display_name: b\n"
      "   id: c\n",
      "tenants.yaml:2:9: found \"A\" as id, expected 1 to 63 of a-z, 0-9 "
      "and \"-\", with no \"-\" at either end\n"
      "tenants.yaml:3:14: found burst alone, expected it with "
      "requests_per_second, whose excess it lets through\n"
      "tenants.yaml:3:21: found \"x\" as burst, expected a whole number "
      "from 1 to 1000000\n"
      "tenants.yaml:5:4: found broken YAML (did not find expected '-' "
      "indicator, while parsing a block collection that began in line 2), "
      "expected the file to be valid to its end\n"
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
