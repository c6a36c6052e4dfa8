/*
 * Kubeconfigs: what is taken, what is refused and where, and that no finding
 * tells a credential.
 */

#include "config_case.h"
#include "kube_config.h"


#define SECRET  "c2VjcmV0LXZhbHVl"

/* "-----BEGIN X-----" in base64 */
#define PEM     "LS0tLS1CRUdJTiBYLS0tLS0="

#define CONTEXT                                                               \
    "current-context: a\n"                                                    \
    "contexts: [{name: b, context: {}},\n"                                    \
    "  {name: a, context: {cluster: c, user: u, namespace: n}}]\n"

#define CLUSTER(text)  "clusters: [{name: c, cluster: {" text "}}]\n"
#define USER(text)     "users: [{name: u, user: {" text "}}]\n"

#define SERVER  "server: 'https://k.example'"
#define TOKEN   "token: " SECRET


typedef struct {
    const char  *name;
    const char  *text;
    const char  *findings;
} kubeconfig_case_t;


static char *load(const char *path, const char *context,
    kube_config_t **ret_config);
static char *load_text(const char *text, kube_config_t **ret_config);
static void refused(void);
static void servers(void);
static void server(const char *url, const char *expected);
static void taken(void);
static void credentials(void);
static void contexts(void);
static void variable(void);
static void pod(void);
static void out_of_memory(void);


static const kubeconfig_case_t  cases[] = {
    { "an empty file", "",
      "k:1:1: found no mapping in this file, expected a kubeconfig\n" },
    { "a list", "- a\n",
      "k:1:1: found no mapping in this file, expected a kubeconfig\n" },
    { "broken YAML", "a: [\n", "?" },
    { "no current-context", CLUSTER(SERVER) USER(TOKEN),
      "k:1:1: found no current-context, expected the name of a context there "
      "or on the command line\n" },
    { "an empty current-context", "current-context: ''\n",
      "k:1:18: found no current-context, expected the name of a context there "
      "or on the command line\n" },
    { "a context that is not there", "current-context: a\ncontexts: []\n",
      "k:1:18: found no context with the name \"a\" in \"contexts:\", "
      "expected one\n" },
    { "a context without a mapping",
      "current-context: a\ncontexts: [{name: a}]\n",
      "k:2:12: found no mapping as \"context:\", expected one\n" },
    { "a context without names",
      "current-context: a\ncontexts: [{name: a, context: {}}]\n",
      "k:2:31: found no \"cluster:\", expected the name of one\n"
      "k:2:31: found no \"user:\", expected the name of one\n" },
    { "a namespace that is a path",
      "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u,"
      " namespace: a/b}}]\n" CLUSTER(SERVER) USER(TOKEN),
      "k:2:64: found no name of a namespace, expected 1 to 63 of a-z, 0-9 and "
      "\"-\"\n" },
    { "no cluster, no user", CONTEXT,
      "k:3:32: found no cluster with the name \"c\" in \"clusters:\", "
      "expected one\n"
      "k:3:41: found no user with the name \"u\" in \"users:\", expected "
      "one\n" },
    { "no server", CONTEXT CLUSTER("") USER(TOKEN),
      "k:4:31: found no \"server:\", expected https://HOST[:PORT]\n" },
    { "a server that is a list", CONTEXT CLUSTER("server: []") USER(TOKEN),
      "k:4:40: found no text as server, expected one\n" },
    { "plain http", CONTEXT CLUSTER("server: http://k") USER(TOKEN),
      "k:4:40: found plain http, which shows the token to everyone on the "
      "way, expected https://\n" },
    { "no verification",
      CONTEXT CLUSTER(SERVER ", insecure-skip-tls-verify: true") USER(TOKEN),
      "k:4:87: found insecure-skip-tls-verify, expected a verified server: "
      "name its CA in certificate-authority or certificate-authority-data\n" },
    { "a proxy",
      CONTEXT CLUSTER(SERVER ", proxy-url: 'http://p:" SECRET "@p'")
      USER(TOKEN),
      "k:4:72: found \"proxy-url\", expected a server that is reached "
      "without a proxy\n" },
    { "a wrong tls-server-name",
      CONTEXT CLUSTER(SERVER ", tls-server-name: 'a:b'") USER(TOKEN),
      "k:4:78: found no DNS name as tls-server-name, expected the name in the "
      "server's certificate\n" },
    { "a CA that is no base64",
      CONTEXT CLUSTER(SERVER ", certificate-authority-data: '-_" SECRET "'")
      USER(TOKEN),
      "k:4:89: found no PEM in base64 as certificate-authority-data, expected "
      "\"-----BEGIN ...\", encoded\n" },
    { "exec",
      CONTEXT CLUSTER(SERVER) USER("exec: {command: aws, env: " SECRET "}"),
      "k:5:32: found \"exec\", expected a token, a tokenFile or a client "
      "certificate: no program is run for a login, so give mcp-tenant a "
      "service account\n" },
    { "auth-provider",
      CONTEXT CLUSTER(SERVER) USER("auth-provider: {name: gcp}"),
      "k:5:41: found \"auth-provider\", expected a token, a tokenFile or a "
      "client certificate: give mcp-tenant a service account\n" },
    { "a password",
      CONTEXT CLUSTER(SERVER) USER("username: a, password: " SECRET),
      "k:5:36: found \"username\", expected a token, a tokenFile or a client "
      "certificate: API servers take no passwords any more\n"
      "k:5:49: found \"password\", expected a token, a tokenFile or a client "
      "certificate: API servers take no passwords any more\n" },
    { "another identity",
      CONTEXT CLUSTER(SERVER) USER(TOKEN ", as: root, as-groups: [a]"),
      "k:5:55: found \"as\", expected no other identity: give mcp-tenant a "
      "user of its own\n"
      "k:5:72: found \"as-groups\", expected no other identity: give "
      "mcp-tenant a user of its own\n" },
    { "nobody", CONTEXT CLUSTER(SERVER) USER(""),
      "k:5:25: found no credential of the user, expected a token, a tokenFile "
      "or a client certificate with its key\n" },
    { "a certificate without its key",
      CONTEXT CLUSTER(SERVER) USER("client-certificate-data: " PEM),
      "k:5:25: found a client certificate without its key, expected both\n" },
    { "a key without its certificate",
      CONTEXT CLUSTER(SERVER) USER(TOKEN ", client-key: k.pem"),
      "k:5:25: found a client key without its certificate, expected both\n" },
    { "a key that is no PEM",
      CONTEXT CLUSTER(SERVER)
      USER("client-certificate-data: " PEM ", client-key-data: " SECRET),
      "k:5:94: found no PEM in base64 as client-key-data, expected "
      "\"-----BEGIN ...\", encoded\n" },
    { "a token of two lines",
      CONTEXT CLUSTER(SERVER) USER("token: \"" SECRET "\\n" SECRET "\""),
      "k:5:33: found a space, a control character or a letter outside ASCII "
      "in token, expected none\n" },
    { NULL, NULL, NULL }
};


int
main(void)
{
    config_folder_make();

    refused();
    servers();
    taken();
    credentials();
    contexts();
    variable();
    pod();
    out_of_memory();

    return done();
}


static char *
load(const char *path, const char *context, kube_config_t **ret_config)
{
    int            rc;
    char          *text;
    mcp_report_t  *report;

    report = mcp_report_new();
    rc = kube_config_load(path, context, report, ret_config);
    text = config_report_text(report);
    mcp_report_free(report);

    if ((rc == MCP_OK) != (*text == '\0')
        || (rc == MCP_OK) != (*ret_config != NULL))
    {
        ok(false, "the result fits the findings");
    }

    return text;
}


static char *
load_text(const char *text, kube_config_t **ret_config)
{
    config_put_text("k", text);

    return load("k", NULL, ret_config);
}


static void
refused(void)
{
    char                     *findings;
    unsigned                  told;
    kube_config_t            *config;
    const kubeconfig_case_t  *one;

    told = 0;

    for (one = cases; one->name; one++) {
        findings = load_text(one->text, &config);

        if (*one->findings == '?') {
            ok(*findings, "%s is refused", one->name);

        } else {
            is_str(findings, one->findings, one->name);
        }

        if (strstr(findings, SECRET) || strstr(findings, "secret-value")) {
            told++;
        }

        kube_config_free(config);
        free(findings);
    }

    is_int(told, 0, "no finding tells a credential");

    findings = load("not-there", NULL, &config);
    is_str(findings, "not-there:1:1: the file cannot be opened: No such file "
           "or directory\n", "a file that is not there");
    free(findings);
}


static void
servers(void)
{
    server("https://K.example/", "https://k.example");
    server("https://k:6443", "https://k:6443");
    server("https://k:443", "https://k");
    server("https://[2001:db8::1]:6443", "https://[2001:db8::1]:6443");
    server("https://192.0.2.1/k8s/c-1//", "https://192.0.2.1/k8s/c-1");
    server("k:6443", "k:4:40: found a text that is no URL, expected http:// "
           "or https:// and a host\n");
    server("https://u:" SECRET "@k", "k:4:40: found \"@\" in the URL, "
           "expected no user name or password there\n");
    server("https://k?t=" SECRET, "k:4:40: found a query (?) in the URL, "
           "expected none\n");
}


/* expected: the server as it is taken, or the findings */
static void
server(const char *url, const char *expected)
{
    char           *findings, *text;
    kube_config_t  *config;

    (void) asprintf(&text, CONTEXT CLUSTER("server: '%s'") USER(TOKEN), url);
    findings = load_text(text, &config);

    is_str(config ? config->server : findings, expected, url);

    kube_config_free(config);
    free(findings);
    free(text);
}


static void
taken(void)
{
    char           *findings;
    kube_config_t  *config;

    findings = load_text(
        "# of kubectl\n"
        "apiVersion: v1\nkind: Config\npreferences: {colors: true}\n"
        "extensions: [{name: x, extension: {a: [b]}}]\n" CONTEXT
        CLUSTER(SERVER ", certificate-authority: ca.pem, "
                "tls-server-name: other.example, disable-compression: true, "
                "insecure-skip-tls-verify: false, new-in-2030: [1]")
        USER(TOKEN ", username: '', exec: null, as-groups: [], new: {}"),
        &config);

    is_str(findings, "", "what is not known is passed over");
    free(findings);

    if (config == NULL) {
        return;
    }

    is_str(config->source, "k", "the source is the file");
    is_str(config->server, "https://k.example", "the server");
    is_str(config->tls_server_name, "other.example", "its name");
    is_str(config->namespace, "n", "the namespace of the context");
    is_str(config->token, SECRET, "the token");
    is_str(config->ca_file, "ca.pem", "a file beside the kubeconfig");
    ok(!config->ca_pem && !config->token_file && !config->client_key_pem
       && !config->client_key_file && !config->client_certificate_pem
       && !config->client_certificate_file, "and nothing else");
    kube_config_free(config);

    findings = load_text(
        "{\"current-context\": \"a\", \"contexts\": [{\"name\": \"a\","
        " \"context\": {\"cluster\": \"c\", \"user\": \"u\"}}],"
        " \"clusters\": [{\"name\": \"c\", \"cluster\":"
        " {\"server\": \"https://k\"}}],"
        " \"users\": [{\"name\": \"u\", \"user\": {\"token\": \"t\"}}]}\n",
        &config);
    ok(*findings == '\0' && config && !config->namespace, "JSON is YAML");
    kube_config_free(config);
    free(findings);
}


static void
credentials(void)
{
    char           *findings;
    kube_config_t  *config;

    (void) mkdir("d", 0700);
    config_put_text("d/k", CONTEXT
                    CLUSTER(SERVER ", certificate-authority: x/ca.pem, "
                            "certificate-authority-data: '" PEM "'")
                    USER(TOKEN ", tokenFile: t, client-certificate: /c.pem, "
                         "client-key: ../k.pem"));
    findings = load("d/k", NULL, &config);
    is_str(findings, "", "credentials in files");
    free(findings);

    if (config) {
        is_str(config->ca_pem, "-----BEGIN X-----", "data is decoded");
        ok(!config->ca_file, "and goes before a file");
        is_str(config->token_file, "d/t", "a file of a token");
        ok(!config->token, "goes before a token, as it rotates");
        is_str(config->client_certificate_file, "/c.pem",
               "an absolute path stays");
        is_str(config->client_key_file, "d/../k.pem",
               "another is relative to the kubeconfig");
        kube_config_free(config);
    }

    findings = load_text(CONTEXT CLUSTER(SERVER)
                         "users:\n- name: u\n  user:\n"
                         "    client-certificate-data: |\n"
                         "      LS0tLS1C\n      RUdJTiBYLS0tLS0=\n"
                         "    client-key-data: " PEM "\n", &config);
    is_str(findings, "", "base64 of several lines");
    is_str(config ? config->client_certificate_pem : NULL,
           "-----BEGIN X-----", "is one text");
    kube_config_free(config);
    free(findings);
}


static void
contexts(void)
{
    char           *findings;
    kube_config_t  *config;

    config_put_text("k", "current-context: a\ncontexts:\n"
                    "- {name: z, context: {cluster: c, user: u}}\n"
                    CLUSTER(SERVER) USER(TOKEN));

    findings = load("k", "z", &config);
    is_str(findings, "", "a context by its name");
    kube_config_free(config);
    free(findings);

    findings = load("k", "y", &config);
    is_str(findings, "k:1:1: found no context with the name \"y\" in "
           "\"contexts:\", expected one\n", "that is not there");
    free(findings);
}


static void
variable(void)
{
    char           *findings;
    kube_config_t  *config;

    config_put_text("k", CONTEXT CLUSTER(SERVER) USER(TOKEN));

    (void) setenv("KUBECONFIG", ":not-there:k:also-not", 1);
    findings = load(NULL, NULL, &config);
    is_str(findings, "", "KUBECONFIG is a list");
    is_str(config ? config->source : NULL, "k", "of which one is there");
    kube_config_free(config);
    free(findings);

    (void) setenv("KUBECONFIG", "not-there", 1);
    findings = load(NULL, NULL, &config);
    is_str(findings, "KUBECONFIG:1:1: found no file of this variable, "
           "expected at least one that is there\n", "or none");
    free(findings);

    (void) unsetenv("KUBECONFIG");
}


static void
pod(void)
{
    char           *findings;
    mcp_report_t   *report;
    kube_config_t  *config;

    (void) unsetenv("KUBERNETES_SERVICE_HOST");
    findings = load(NULL, NULL, &config);
    is_str(findings, "in cluster:1:1: found neither KUBECONFIG nor "
           "KUBERNETES_SERVICE_HOST and _PORT, expected a kubeconfig, or to "
           "run in a pod\n", "neither a kubeconfig nor a pod");
    free(findings);

    (void) mkdir("pod", 0700);
    (void) setenv("KUBERNETES_SERVICE_HOST", "2001:db8::1", 1);
    (void) setenv("KUBERNETES_SERVICE_PORT", "6443", 1);

    report = mcp_report_new();
    (void) kube_config_load_pod("pod", report, &config);
    findings = config_report_text(report);
    is_str(findings,
           "in cluster:1:1: the file pod/token cannot be opened: No such file "
           "or directory, expected the one of a service account "
           "(automountServiceAccountToken: true)\n"
           "in cluster:1:1: the file pod/ca.crt cannot be opened: No such "
           "file or directory, expected the one of a service account "
           "(automountServiceAccountToken: true)\n", "a pod without files");
    free(findings);
    mcp_report_clear(report);

    config_put_text("pod/token", "t");
    config_put_text("pod/ca.crt", "-----BEGIN X-----\n");
    config_put_text("pod/namespace", "team-a\n");
    (void) kube_config_load_pod("pod", report, &config);

    if (ok(config != NULL, "a pod")) {
        is_str(config->server, "https://[2001:db8::1]:6443", "its server");
        is_str(config->namespace, "team-a", "its namespace");
        is_str(config->token_file, "pod/token", "the file of its token");
        is_str(config->ca_file, "pod/ca.crt", "and of the CA");
        kube_config_free(config);
    }

    config_put_text("pod/namespace", "not a name");
    (void) kube_config_load_pod("pod", report, &config);
    findings = config_report_text(report);
    is_str(findings, "in cluster:1:1: the file pod/namespace holds no name of "
           "a namespace, expected one\n", "a wrong namespace");
    free(findings);

    mcp_report_free(report);
}


/* Of what core allocates, one after the other is missing. */
static void
out_of_memory(void)
{
    int             rc;
    long            n;
    unsigned        wrong;
    mcp_report_t   *report;
    kube_config_t  *config;

    config_put_text("k", CONTEXT CLUSTER(SERVER) USER(TOKEN));
    wrong = 0;

    for (n = 0; n < 1000; n++) {
        report = mcp_report_new();

        mcp_alloc_fail_at(n);
        rc = kube_config_load("k", NULL, report, &config);
        mcp_alloc_fail_at(-1);

        if ((rc == MCP_OK) != (config != NULL)
            || (rc != MCP_OK && mcp_report_errors(report) == 0
                && !mcp_report_out_of_memory(report)))
        {
            wrong++;
        }

        kube_config_free(config);
        mcp_report_free(report);

        if (rc == MCP_OK) {
            break;
        }
    }

    ok(n > 2 && n < 1000, "memory was missing %ld times", n);
    is_int(wrong, 0, "which was an error each time");
}
