/*
 * Mistakes in the URLs of a catalog, and hosts that it may not name.
 */

#include "config_case.h"


/* one server with the id s and these keys in its runtime */
#define RUNTIME(keys)  "servers:\n  - id: s\n    runtime: {" keys "}\n"


static const char  tenants[] =
    "tenants:\n"
    "  - id: a\n"
    "    catalog_file: a.yaml\n"
    "    secrets: [GRANTED]\n"
    "  - id: b\n";

static const config_case_t  cases[] = {
    {
      "a runtime without type",
      RUNTIME("url: \"http://a\""),
      "a.yaml:3:14: found a runtime without \"type:\", expected remote, "
      "kubernetes, upstream or k8s-service\n"
    },
    {
      "remote with url and urls",
      RUNTIME("type: remote, url: \"http://a\", urls: [\"http://a\"]"),
      "a.yaml:3:46: found url and urls, expected one of them\n"
    },
    {
      "remote with an image",
      RUNTIME("type: remote, url: \"http://a\", image: x"),
      "a.yaml:3:46: found the unknown key \"image\" in a runtime of type "
      "remote, expected one of: type, url, urls, headers\n"
    },
    {
      "remote-sse",
      RUNTIME("type: remote-sse, url: \"http://a\""),
      ""
    },
    {
      "no urls",
      RUNTIME("type: remote, urls: []"),
      "a.yaml:3:35: found 0 urls, expected 1 to 16\n"
    },
    {
      "urls that differ in scheme, path, or not at all",
      RUNTIME("type: remote, urls: [\"http://a/x\", \"https://a/x\", "
              "\"http://b/y\", \"http://A:80/x\", \"http://b/x\"]"),
      "a.yaml:3:50: found another scheme or path than in line 3, expected "
      "the same in all urls of a server\n"
      "a.yaml:3:65: found another scheme or path than in line 3, expected "
      "the same in all urls of a server\n"
      "a.yaml:3:79: found the same url again, expected it once: it stands "
      "in line 3 already\n"
    },
    {
      "17 urls",
      RUNTIME("type: remote, urls: [\"http://h0\", \"http://h1\", "
              "\"http://h2\", \"http://h3\", \"http://h4\", "
              "\"http://h5\", \"http://h6\", \"http://h7\", "
              "\"http://h8\", \"http://h9\", \"http://h10\", "
              "\"http://h11\", \"http://h12\", \"http://h13\", "
              "\"http://h14\", \"http://h15\", \"http://h16\"]"),
      "a.yaml:3:35: found 17 urls, expected 1 to 16\n"
    },
    {
      "an empty url",
      RUNTIME("type: remote, url: \"\""),
      "a.yaml:3:34: found a URL that is empty or too long, expected 1 to "
      "2048 bytes\n"
    },
    {
      "a url without a scheme",
      RUNTIME("type: remote, url: mcp.example.com"),
      "a.yaml:3:34: found a text that is no URL, expected http:// or "
      "https:// and a host\n"
    },
    {
      "a url of another scheme",
      RUNTIME("type: remote, url: \"ftp://a\""),
      "a.yaml:3:34: found a text that is no URL, expected http:// or "
      "https:// and a host\n"
    },
    {
      "a unix socket",
      RUNTIME("type: remote, url: \"unix:/run/x.sock\""),
      "a.yaml:3:34: found a unix: socket, expected http:// or https:// and "
      "a host\n"
    },
    {
      "a unix socket with a scheme",
      RUNTIME("type: remote, url: \"http://unix:/run/x.sock\""),
      "a.yaml:3:34: found a unix: socket, expected http:// or https:// and "
      "a host\n"
    },
    {
      "a password in a url",
      RUNTIME("type: remote, url: \"http://u:hunter2@a/\""),
      "a.yaml:3:34: found a user name or password in the URL, expected "
      "none: send credentials with \"headers:\"\n"
    },
    {
      "a url without a host",
      RUNTIME("type: remote, url: \"http:///x\""),
      "a.yaml:3:34: found no host in the URL, expected one behind \"//\"\n"
    },
    {
      "a url with a space",
      RUNTIME("type: remote, url: \"http://a/b c\""),
      "a.yaml:3:34: found a space, a control character or a letter outside "
      "ASCII in the URL, expected none: write it as %XX\n"
    },
    {
      "a url with a line feed",
      RUNTIME("type: remote, url: \"http://a/b\\nc\""),
      "a.yaml:3:34: found a space, a control character or a letter outside "
      "ASCII in the URL, expected none: write it as %XX\n"
    },
    {
      "a url outside ASCII",
      RUNTIME("type: remote, url: \"http://a/\303\251\""),
      "a.yaml:3:34: found a space, a control character or a letter outside "
      "ASCII in the URL, expected none: write it as %XX\n"
    },
    {
      "a fragment",
      RUNTIME("type: remote, url: \"http://a/#x\""),
      "a.yaml:3:34: found a fragment (#) in the URL, expected none\n"
    },
    {
      "a bad escape",
      RUNTIME("type: remote, url: \"http://a/%4\""),
      "a.yaml:3:34: found \"%\" without two hex digits in the path, "
      "expected %XX\n"
    },
    {
      "a brace in a url",
      RUNTIME("type: remote, url: \"http://a/${TOKEN}\""),
      "a.yaml:3:34: found a character in the path that no URL may hold, "
      "expected letters, digits and -._~!$&'()*+,;=:@/? only: write others "
      "as %XX\n"
    },
    {
      "a backslash",
      RUNTIME("type: remote, url: \"http://a\\\\@b/\""),
      "a.yaml:3:34: found a character in the path that no URL may hold, "
      "expected letters, digits and -._~!$&'()*+,;=:@/? only: write others "
      "as %XX\n"
    },
    {
      "port 0",
      RUNTIME("type: remote, url: \"http://a:0/\""),
      "a.yaml:3:34: found no proper port in the URL, expected \":\" and 1 "
      "to 65535\n"
    },
    {
      "port 65536",
      RUNTIME("type: remote, url: \"http://a:65536/\""),
      "a.yaml:3:34: found no proper port in the URL, expected \":\" and 1 "
      "to 65535\n"
    },
    {
      "an empty port",
      RUNTIME("type: remote, url: \"http://a:/\""),
      "a.yaml:3:34: found no proper port in the URL, expected \":\" and 1 "
      "to 65535\n"
    },
    {
      "a port that is a word",
      RUNTIME("type: remote, url: \"http://a:b/\""),
      "a.yaml:3:34: found no proper port in the URL, expected \":\" and 1 "
      "to 65535\n"
    },
    {
      "an empty label",
      RUNTIME("type: remote, url: \"http://a..b/\""),
      "a.yaml:3:34: found a host that is no DNS name, expected labels of "
      "letters, digits, \"-\" and \"_\" with \".\" between them\n"
    },
    {
      "a label that starts with a dash",
      RUNTIME("type: remote, url: \"http://-a/\""),
      "a.yaml:3:34: found a host that is no DNS name, expected labels of "
      "letters, digits, \"-\" and \"_\" with \".\" between them\n"
    },
    {
      "an address left open",
      RUNTIME("type: remote, url: \"http://[::1/\""),
      "a.yaml:3:34: found \"[\" without \"]\" in the URL, expected an IPv6 "
      "address such as [2001:db8::1]\n"
    },
    {
      "an address with a zone",
      RUNTIME("type: remote, url: \"http://[fe80::1%25eth0]/\""),
      "a.yaml:3:34: found no IPv6 address between \"[\" and \"]\", expected "
      "one such as [2001:db8::1], without a zone\n"
    },
    {
      "a number for 127.0.0.1",
      RUNTIME("type: remote, url: \"http://2130706433/\""),
      "a.yaml:3:34: found a number in the place of a host, expected a name, "
      "or an IPv4 address of four decimal numbers such as 192.0.2.1\n"
    },
    {
      "a hex number for 127.0.0.1",
      RUNTIME("type: remote, url: \"http://0x7f.1/\""),
      "a.yaml:3:34: found a number in the place of a host, expected a name, "
      "or an IPv4 address of four decimal numbers such as 192.0.2.1\n"
    },
    {
      "a short address",
      RUNTIME("type: remote, url: \"http://127.1/\""),
      "a.yaml:3:34: found a number in the place of a host, expected a name, "
      "or an IPv4 address of four decimal numbers such as 192.0.2.1\n"
    },
    {
      "an octal address",
      RUNTIME("type: remote, url: \"http://0177.0.0.1/\""),
      "a.yaml:3:34: found a number in the place of a host, expected a name, "
      "or an IPv4 address of four decimal numbers such as 192.0.2.1\n"
    },
    {
      "a loopback address",
      RUNTIME("type: remote, url: \"http://127.0.0.1:9000/mcp\""),
      "a.yaml:3:34: found a loopback address (127.0.0.1) as url, expected "
      "an address outside the gateway, or one opened by "
      "\"mcp_tenant_upstream_allow 127.0.0.1;\" in nginx.conf "
      "(\"--upstream-allow 127.0.0.1\" of mcp-tenant check)\n"
    },
    {
      "a mapped loopback address",
      RUNTIME("type: remote, url: \"http://[::ffff:127.0.0.1]/\""),
      "a.yaml:3:34: found a loopback address (::ffff:127.0.0.1) as url, "
      "expected an address outside the gateway, or one opened by "
      "\"mcp_tenant_upstream_allow ::ffff:127.0.0.1;\" in nginx.conf "
      "(\"--upstream-allow ::ffff:127.0.0.1\" of mcp-tenant check)\n"
    },
    {
      "a metadata address",
      RUNTIME("type: remote, url: \"http://169.254.169.254/\""),
      "a.yaml:3:34: found a cloud metadata address (169.254.169.254) as "
      "url, expected an address outside the gateway, or one opened by "
      "\"mcp_tenant_upstream_allow 169.254.169.254;\" in nginx.conf "
      "(\"--upstream-allow 169.254.169.254\" of mcp-tenant check)\n"
    },
    {
      "an unspecified address",
      RUNTIME("type: remote, url: \"http://0.0.0.0/\""),
      "a.yaml:3:34: found an unspecified address (0.0.0.0) as url, expected "
      "an address outside the gateway, or one opened by "
      "\"mcp_tenant_upstream_allow 0.0.0.0;\" in nginx.conf "
      "(\"--upstream-allow 0.0.0.0\" of mcp-tenant check)\n"
    },
    {
      "a private address",
      RUNTIME("type: remote, url: \"http://10.1.2.3/\""),
      ""
    },
    {
      "localhost",
      RUNTIME("type: remote, url: \"http://localhost:1/\""),
      "a.yaml:3:34: found a loopback name (localhost) as url, expected a "
      "host outside the gateway, or \"mcp_tenant_upstream_allow "
      "127.0.0.0/8;\" in nginx.conf (\"--upstream-allow 127.0.0.0/8\" of "
      "mcp-tenant check)\n"
    },
    {
      "localhost with a dot",
      RUNTIME("type: remote, url: \"http://LOCALHOST./\""),
      "a.yaml:3:34: found a loopback name (localhost) as url, expected a "
      "host outside the gateway, or \"mcp_tenant_upstream_allow "
      "127.0.0.0/8;\" in nginx.conf (\"--upstream-allow 127.0.0.0/8\" of "
      "mcp-tenant check)\n"
    },
    {
      "a name below localhost",
      RUNTIME("type: remote, url: \"http://x.localhost/\""),
      "a.yaml:3:34: found a loopback name (localhost) as url, expected a "
      "host outside the gateway, or \"mcp_tenant_upstream_allow "
      "127.0.0.0/8;\" in nginx.conf (\"--upstream-allow 127.0.0.0/8\" of "
      "mcp-tenant check)\n"
    },
    {
      "the metadata name",
      RUNTIME("type: remote, url: \"http://metadata.google.internal/\""),
      "a.yaml:3:34: found a cloud metadata name "
      "(\"metadata.google.internal\") as url, expected an MCP server\n"
    },
    {
      "the Kubernetes API",
      RUNTIME("type: remote, url: \"https://kubernetes.default.svc\""),
      "a.yaml:3:34: found the Kubernetes API server as url, expected an MCP "
      "server\n"
    },
    {
      "the Kubernetes API in full",
      RUNTIME("type: remote, url: \"https://kubernetes.default.svc.cluster"
              ".local.:443/\""),
      "a.yaml:3:34: found the Kubernetes API server as url, expected an MCP "
      "server\n"
    },
    {
      "the namespace of another tenant",
      RUNTIME("type: remote, url: \"http://db.mcp-b.svc.cluster.local\""),
      "a.yaml:3:34: found a host in the namespace of another tenant as url, "
      "expected a host outside the cluster, or a server of this tenant's "
      "own namespace\n"
    },
    {
      "the namespace of another tenant in short",
      RUNTIME("type: remote, url: \"http://db.mcp-b\""),
      "a.yaml:3:34: found a host in the namespace of another tenant as url, "
      "expected a host outside the cluster, or a server of this tenant's "
      "own namespace\n"
    },
    {
      "its own namespace",
      RUNTIME("type: remote, url: \"http://db.mcp-a.svc\""),
      ""
    },
    {
      "an upstream with a url",
      RUNTIME("type: upstream, name: u, url: x"),
      "a.yaml:3:40: found the unknown key \"url\" in a runtime of type "
      "upstream, expected one of: type, name, path\n"
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
