/*
 * Mistakes in the runtime of a server, its headers and pods.
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
      "an unknown type",
      RUNTIME("type: process, x: y"),
      "a.yaml:3:21: found \"process\" as type, expected remote, kubernetes, "
      "upstream or k8s-service\n"
    },
    {
      "local-process",
      RUNTIME("type: local-process, command: x"),
      "a.yaml:3:21: found the type local-process, which a gateway does not "
      "run, expected a server with a URL: start it yourself and use type "
      "remote, or put it into an image and use type kubernetes\n"
    },
    {
      "docker",
      RUNTIME("type: docker, image: x"),
      "a.yaml:3:21: found the type docker, which a gateway does not run, "
      "expected the image with type kubernetes, or start the container "
      "yourself and use type remote with its URL\n"
    },
    {
      "remote without url",
      RUNTIME("type: remote"),
      "a.yaml:3:14: found a runtime of type remote without \"url:\", "
      "expected one such as \"url: https://mcp.example.com/mcp\"\n"
    },
    {
      "headers that the gateway owns",
      RUNTIME("type: remote, url: \"http://a\", headers: {Host: x, "
              "mcp-session-id: x, Proxy-X: x, X-Ok: x, TE: x}"),
      "a.yaml:3:56: found the header Host, expected one that the gateway "
      "does not set or strip itself\n"
      "a.yaml:3:65: found the header mcp-session-id, expected one that the "
      "gateway does not set or strip itself\n"
      "a.yaml:3:84: found the header Proxy-X, expected one that the gateway "
      "does not set or strip itself\n"
      "a.yaml:3:105: found the header TE, expected one that the gateway "
      "does not set or strip itself\n"
    },
    {
      "a header that is no token",
      RUNTIME("type: remote, url: \"http://a\", headers: {\"X Y\": x}"),
      "a.yaml:3:56: found no name of a header, expected one such as X-Team\n"
    },
    {
      "a header twice",
      RUNTIME("type: remote, url: \"http://a\", headers: {X-A: x, x-a: y}"),
      "a.yaml:3:64: found the header x-a again, expected it once: it stands "
      "in line 3 already\n"
    },
    {
      "header values",
      RUNTIME("type: remote, url: \"http://a\", headers: {A: \"\", B: \" "
              "x\", C: \"a\\nb\", D: [x], E: ~, F: \"\303\251\"}"),
      "a.yaml:3:59: found a value of header A that is empty, has a space at "
      "an end or holds control characters or letters outside ASCII, "
      "expected printable ASCII\n"
      "a.yaml:3:66: found a value of header B that is empty, has a space at "
      "an end or holds control characters or letters outside ASCII, "
      "expected printable ASCII\n"
      "a.yaml:3:75: found a value of header C that is empty, has a space at "
      "an end or holds control characters or letters outside ASCII, "
      "expected printable ASCII\n"
      "a.yaml:3:86: found a list as header D, expected a text\n"
      "a.yaml:3:94: found nothing as header E, expected a text\n"
      "a.yaml:3:100: found a value of header F that is empty, has a space "
      "at an end or holds control characters or letters outside ASCII, "
      "expected printable ASCII\n"
    },
    {
      "headers a list",
      RUNTIME("type: remote, url: \"http://a\", headers: [x]"),
      "a.yaml:3:55: found a list as headers, expected a mapping (key: "
      "value)\n"
    },
    {
      "a secret not granted",
      RUNTIME("type: remote, url: \"http://a\", headers: {A: "
              "\"${NOT_GRANTED}\", B: \"${file:nope}\"}"),
      "a.yaml:3:59: found ${NOT_GRANTED} in header A, expected a secret "
      "that this tenant was granted: add \"- NOT_GRANTED\" to its "
      "\"secrets:\" in tenants.yaml\n"
      "a.yaml:3:80: found ${file:nope} in header B, expected a secret that "
      "this tenant was granted: add \"- file:nope\" to its \"secrets:\" in "
      "tenants.yaml\n"
    },
    {
      "references that are none",
      RUNTIME("type: remote, url: \"http://a\", headers: {A: \"${OPEN\", "
              "B: \"${}\", C: \"${a b}\", D: \"$$ $x ${GRANTED} $\"}"),
      "a.yaml:3:59: found \"${\" without \"}\" in header A, expected "
      "${NAME} or ${file:PATH}, or \"$${\" for the characters themselves\n"
      "a.yaml:3:72: found a \"${...}\" in header B that names nothing, "
      "expected ${NAME} or ${file:PATH}, or \"$${\" for the characters "
      "themselves\n"
      "a.yaml:3:82: found a \"${...}\" in header C that names nothing, "
      "expected ${NAME} or ${file:PATH}, or \"$${\" for the characters "
      "themselves\n"
    },
    {
      "kubernetes without image and port",
      RUNTIME("type: kubernetes"),
      "a.yaml:3:14: found a runtime of type kubernetes without \"image:\", "
      "expected a container image such as \"image: "
      "registry.example.com/search-mcp:1.4\"\n"
      "a.yaml:3:14: found a runtime of type kubernetes without \"port:\", "
      "expected the port it listens on, such as \"port: 8080\"\n"
    },
    {
      "a bad image",
      RUNTIME("type: kubernetes, image: \"docker://x\", port: 1"),
      "a.yaml:3:40: found \"docker://x\" as image, expected an image "
      "reference such as registry.example.com/search-mcp:1.4\n"
    },
    {
      "a port of kubernetes",
      RUNTIME("type: kubernetes, image: x, port: 65536"),
      "a.yaml:3:49: found \"65536\" as port, expected a whole number from 1 "
      "to 65535\n"
    },
    {
      "replicas",
      RUNTIME("type: kubernetes, image: x, port: 1, replicas: 101"),
      "a.yaml:3:62: found \"101\" as replicas, expected a whole number from "
      "1 to 100\n"
    },
    {
      "a path without a slash",
      RUNTIME("type: kubernetes, image: x, port: 1, path: mcp"),
      "a.yaml:3:58: found a text that is no path as path, expected \"/\" "
      "and at most 2048 bytes, such as /mcp\n"
    },
    {
      "a path with a space",
      RUNTIME("type: kubernetes, image: x, port: 1, path: \"/a b\""),
      "a.yaml:3:58: found a space, a control character or a letter outside "
      "ASCII in the path, expected none: write it as %XX\n"
    },
    {
      "env",
      RUNTIME("type: kubernetes, image: x, port: 1, env: {A: \"$x\", B: "
              "1, \"C D\": x, E: ~, F: [x], 1G: x}, secret_env: {A: s/k, "
              "H: x, I: s/k, J: S/k}"),
      "a.yaml:3:73: found no name of an environment variable, expected "
      "letters, digits and \"_\", not a digit first\n"
      "a.yaml:3:86: found nothing as a value of env, expected a text\n"
      "a.yaml:3:92: found a list as a value of env, expected a text\n"
      "a.yaml:3:97: found no name of an environment variable, expected "
      "letters, digits and \"_\", not a digit first\n"
      "a.yaml:3:118: found a variable of env again, expected it once: it "
      "stands in line 3 already\n"
      "a.yaml:3:129: found no reference to a Secret in secret_env, expected "
      "its name, \"/\" and a key, such as search-mcp/api-key\n"
      "a.yaml:3:143: found no reference to a Secret in secret_env, expected "
      "its name, \"/\" and a key, such as search-mcp/api-key\n"
    },
    {
      "resources",
      RUNTIME("type: kubernetes, image: x, port: 1, resources: {requests: "
              "{cpu: 0.5, memory: 1Gi}, limits: {cpu: lots, memory: 1GiB, "
              "gpu: 1}, x: y}"),
      "a.yaml:3:113: found \"lots\" as cpu, expected an amount of "
      "Kubernetes such as 500m\n"
      "a.yaml:3:127: found \"1GiB\" as memory, expected an amount of "
      "Kubernetes such as 256Mi\n"
      "a.yaml:3:133: found the unknown key \"gpu\" in limits, expected one "
      "of: cpu, memory (did you mean \"cpu\"?)\n"
      "a.yaml:3:142: found the unknown key \"x\" in resources, expected one "
      "of: requests, limits\n"
    },
    {
      "activation",
      RUNTIME("type: kubernetes, image: x, port: 1, activation: "
              "sometimes, idle_timeout: 10m"),
      "a.yaml:3:64: found \"sometimes\" as activation, expected always or "
      "on_demand\n"
    },
    {
      "idle_timeout alone",
      RUNTIME("type: kubernetes, image: x, port: 1, idle_timeout: 10m"),
      "a.yaml:3:52: found idle_timeout for a server that is always on, "
      "expected it with \"activation: on_demand\"\n"
    },
    {
      "egress",
      RUNTIME("type: kubernetes, image: x, port: 1, egress: [{cidr: 10.0.0.1},"
              " {cidr: x/8}, {ports: [1]}, {cidr: 10.0.0.0/8, ports: []}, "
              "{cidr: 10.0.0.0/8, ports: [0]}]"),
      "a.yaml:3:68: found \"10.0.0.1\" as cidr, expected a range of "
      "addresses such as 203.0.113.0/24 or 2001:db8::/32\n"
      "a.yaml:3:86: found \"x/8\" as cidr, expected a range of addresses "
      "such as 203.0.113.0/24 or 2001:db8::/32\n"
      "a.yaml:3:92: found a range of egress without \"cidr:\", expected a"
      " range of addresses such as \"cidr: 203.0.113.0/24\"\n"
      "a.yaml:3:132: found 0 ports, expected 1 to 16, or no \"ports\" for"
      " all\n"
      "a.yaml:3:164: found \"0\" as a port, expected a whole number from "
      "1 to 65535\n"
    },
    {
      "probe_path",
      RUNTIME("type: kubernetes, image: x, port: 1, probe_path: healthz"),
      "a.yaml:3:64: found \"healthz\" as probe_path, expected a path such"
      " as /healthz\n"
    },
    {
      "idle_timeout",
      RUNTIME("type: kubernetes, image: x, port: 1, activation: "
              "on_demand, idle_timeout: 10"),
      "a.yaml:3:89: found \"10\" as idle_timeout, expected a time such as "
      "90s, 10m or 1h, at most 720h\n"
    },
    {
      "activation_timeout alone",
      RUNTIME("type: kubernetes, image: x, port: 1, activation_timeout: 10s"),
      "a.yaml:3:52: found activation_timeout for a server that is always on, "
      "expected it with \"activation: on_demand\"\n"
    },
    {
      "activation_timeout",
      RUNTIME("type: kubernetes, image: x, port: 1, activation: "
              "on_demand, activation_timeout: 11m"),
      "a.yaml:3:95: found \"11m\" as activation_timeout, expected a time such "
      "as 90s or 2m, at most 10m\n"
    },
    {
      "a namespace of kubernetes",
      RUNTIME("type: kubernetes, image: x, port: 1, namespace: default"),
      "a.yaml:3:52: found a namespace, expected none: the server runs in "
      "the namespace of its tenant\n"
    },
    {
      "upstream without name",
      RUNTIME("type: upstream"),
      "a.yaml:3:14: found a runtime of type upstream without \"name:\", "
      "expected the name of an upstream{} block of nginx.conf\n"
    },
    {
      "an upstream with headers",
      RUNTIME("type: upstream, name: u, headers: {A: b}"),
      "a.yaml:3:40: found headers with type upstream, expected none: only "
      "servers of the other types can have them\n"
    },
    {
      "an upstream that is not open",
      RUNTIME("type: upstream, name: other"),
      "a.yaml:3:37: found the upstream \"other\", expected one that "
      "nginx.conf opens: add \"other\" to mcp_tenant_upstream_names\n"
    },
    {
      "an upstream that is no name",
      RUNTIME("type: upstream, name: \"a b\""),
      "a.yaml:3:37: found \"a b\" as name, expected the name of an "
      "upstream{} block: 1 to 64 of letters, digits and \"._-\"\n"
    },
    {
      "k8s-service without name and port",
      RUNTIME("type: k8s-service"),
      "a.yaml:3:14: found a runtime of type k8s-service without "
      "\"service_name:\", expected the name of a Service in the namespace "
      "of the tenant\n"
      "a.yaml:3:14: found a runtime of type k8s-service without \"port:\", "
      "expected the port it listens on, such as \"port: 8080\"\n"
    },
    {
      "k8s-service elsewhere",
      RUNTIME("type: k8s-service, service_name: x, port: 80, namespace: "
              "kube-system"),
      "a.yaml:3:61: found a namespace, expected none: a k8s-service is in "
      "the namespace of its tenant\n"
    },
    {
      "k8s-service that climbs",
      RUNTIME("type: k8s-service, service_name: x.kube-system, port: 80"),
      "a.yaml:3:48: found \"x.kube-system\" as service_name, expected 1 to "
      "63 of a-z, 0-9 and \"-\", with no \"-\" at either end\n"
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
