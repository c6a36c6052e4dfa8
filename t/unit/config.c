/*
 * A whole configuration: what a good one gives, a file of many mistakes, the
 * files behind it, and memory that runs out.
 */

#include "config_case.h"

#include <fcntl.h>


#define HASH(c)  "sha256:" c c c c c c c c "0123456789abcdef0123456789abcdef"  \
                 "0123456789abcdef01234567"


static const char  good_tenants[] =
    "tenants:\n"
    "  - id: team-a\n"
    "    display_name: Team Alpha\n"
    "    catalog_file: catalogs/a.yaml\n"
    "    api_keys:\n"
    "      - key_hash: \"" HASH("a") "\"\n"
    "        name: production\n"
    "      - key_hash: \"" HASH("B") "\"\n"
    "        name: ci\n"
    "        not_before: 2026-01-01\n"
    "        expires_at: 2027-01-31T00:00:00+02:00\n"
    "        enabled: false\n"
    "        servers: [search]\n"
    "        quotas: {requests_per_second: 0.5, burst: 3}\n"
    "    allowed_origins: [\"https://app.example.com\"]\n"
    "    secrets: [TOKEN, \"file:secrets/token\"]\n"
    "    quotas:\n"
    "      max_servers: 5\n"
    "      max_concurrent_requests: 100\n"
    "  - id: team-b\n"
    "    namespace: b\n"
    "    enabled: false\n";

static const char  good_catalog[] =
    "servers:\n"
    "  - id: search\n"
    "    description: >\n"
    "      Finds\n"
    "      things.\n"
    "    tags: [web, \"team:a\"]\n"
    "    runtime:\n"
    "      type: remote-sse\n"
    "      url: HTTPS://MCP.Example.com.:443/mcp?x=1\n"
    "      headers: {Authorization: \"Bearer ${TOKEN}\", X-T: "
    "\"${file:secrets/token}$$$\"}\n"
    "    tools: {allow: [\"read_*\"], deny: [read_secret]}\n"
    "  - id: pg\n"
    "    runtime: {type: kubernetes, image: \"r.example.com/pg:1\", port: 80,\n"
    "              env: {A: \"x${y}\", B: 1}, secret_env: {PW: pg/password},\n"
    "              resources: {limits: {memory: 1Gi}},\n"
    "              activation: on_demand, idle_timeout: 10m}\n"
    "  - id: legacy\n"
    "    runtime: {type: upstream, name: u, path: /x}\n"
    "  - id: shared\n"
    "    runtime: {type: k8s-service, service_name: shared-mcp, port: 8080}\n"
    "  - id: pair\n"
    "    runtime: {type: remote, urls: [\"http://[2001:DB8::1]:81\", "
    "\"http://10.0.0.1\"]}\n";


static const char  bad_tenants[] =
    "tenants:\n"
    "  - id: Team\n"
    "    display_name: \"\"\n"
    "    namespace: kube-system\n"
    "    catalog_file: ../a.yaml\n"
    "    enabled: yes\n"
    "    colour: red\n"
    "    quotas: {max_servers: -1, max_concurrent_requests: 1e3,\n"
    "             requests_per_second: .inf, burst: \"5\"}\n"
    "    allowed_origins: [\"https://a/\"]\n"
    "    secrets: [1X]\n"
    "    api_keys:\n"
    "      - key_hash: mcpt_0123456789abcdefghijklmnopqrst\n"
    "        name: a b\n"
    "        expires_at: never\n"
    "        not_before: 2027-13-01\n"
    "      - key_hash: \"" HASH("a") "\"\n"
    "        name: k\n"
    "        quotas: {max_servers: 1}\n"
    "        enabled: 1\n"
    "      - key_hash: \"" HASH("A") "\"\n"
    "        name: k\n"
    "        servers: [x, x]\n"
    "      - name: l\n"
    "  - id: b\n"
    "    catalog_file: b.yaml\n"
    "    display_name: *x\n"
    "    namespace: &y c\n"
    "    api_keys: [{key_hash: \"sha256:<64 hex digits>\", name: k,\n"
    "                servers: [none]}]\n"
    "  - id: b\n"
    "    namespace: c\n"
    "    namespace: d\n"
    "  - text\n"
    "  -\n"
    "  - catalog_file: none.yaml\n"
    "extra: 1\n";

static const char  bad_catalog[] =
    "servers:\n"
    "  - id: s\n"
    "    runtime: {type: docker, image: x}\n"
    "    tags: [\"a b\"]\n"
    "  - id: s\n"
    "    runtime: {type: remote, url: \"http://u:hunter2@h/\",\n"
    "              headers: {Host: x, A: \"${NO}\", B: \"${\", b: \"$\"}}\n"
    "  - id: k\n"
    "    runtime: {type: kubernetes, image: \"a b\", port: 0, replicas: 1.5,\n"
    "              path: x, idle_timeout: 5m, env: {\"1\": x}}\n"
    "  - id: r\n"
    "    runtime: {type: remote, url: \"http://169.254.169.254/\"}\n"
    "    tool: {}\n"
    "  - runtime: {type: upstream}\n";

/* place and first words; all findings there are */
static const char *const  bad_findings[] = {
    "tenants.yaml:2:9: found \"Team\" as id,",
    "tenants.yaml:3:19: found 0 bytes as display_name,",
    "tenants.yaml:4:16: found \"kube-system\" as namespace,",
    "tenants.yaml:5:19: found \"..\" in catalog_file,",
    "tenants.yaml:6:14: found \"yes\" as enabled,",
    "tenants.yaml:7:5: found the unknown key \"colour\" in a tenant,",
    "tenants.yaml:8:27: found \"-1\" as max_servers,",
    "tenants.yaml:8:56: found \"1e3\" as max_concurrent_requests,",
    "tenants.yaml:9:35: found \".inf\" as requests_per_second,",
    "tenants.yaml:9:48: found the quoted text \"5\" as burst,",
    "tenants.yaml:10:23: found \"https://a/\" as an origin,",
    "tenants.yaml:11:15: found a text of 2 characters as a secret,",
    "tenants.yaml:13:19: found a value that is not a hash (35 characters)",
    "tenants.yaml:14:15: found \"a b\" as name,",
    "tenants.yaml:15:21: found \"never\" as expires_at,",
    "tenants.yaml:16:21: found \"2027-13-01\" as not_before,",
    "tenants.yaml:19:18: found max_servers here,",
    "tenants.yaml:20:18: found \"1\" as enabled,",
    "tenants.yaml:21:19: found a key_hash again,",
    "tenants.yaml:22:15: found \"k\" again,",
    "tenants.yaml:23:22: found \"x\" again,",
    "tenants.yaml:24:9: found an API key without \"key_hash:\",",
    "tenants.yaml:27:19: found an alias (*),",
    "tenants.yaml:28:16: found an anchor (&),",
    "tenants.yaml:29:27: found the placeholder of an example as key_hash,",
    "tenants.yaml:31:9: found the id \"b\" again,",
    "tenants.yaml:32:16: found the namespace \"c\" again,",
    "tenants.yaml:33:5: found \"namespace\" again,",
    "tenants.yaml:34:5: found a text as a tenant,",
    "tenants.yaml:35:4: found nothing as a tenant,",
    "tenants.yaml:36:5: found a tenant without \"id:\",",
    "tenants.yaml:36:19: found a catalog_file that cannot be opened: No such",
    "tenants.yaml:37:1: found the unknown key \"extra\" in the file of",
    "b.yaml:3:21: found the type docker,",
    "b.yaml:4:12: found \"a b\" as a tag,",
    "b.yaml:5:9: found the id \"s\" again,",
    "b.yaml:6:34: found a user name or password in the URL,",
    "b.yaml:7:25: found the header Host,",
    "b.yaml:7:37: found ${NO} in header A,",
    "b.yaml:7:49: found \"${\" without \"}\" in header B,",
    "b.yaml:7:55: found the header b again,",
    "b.yaml:9:40: found \"a b\" as image,",
    "b.yaml:9:53: found \"0\" as port,",
    "b.yaml:9:66: found \"1.5\" as replicas,",
    "b.yaml:10:21: found a text that is no path as path,",
    "b.yaml:10:24: found idle_timeout for a server that is always on,",
    "b.yaml:10:48: found no name of an environment variable,",
    "b.yaml:12:34: found a cloud metadata address (169.254.169.254) as url,",
    "b.yaml:13:5: found the unknown key \"tool\" in a server,",
    "b.yaml:14:5: found a server without \"id:\",",
    "b.yaml:14:14: found a runtime of type upstream without \"name:\",",
    NULL
};


static void good(void);
static void good_keys(const mcp_tenant_t *tenant);
static void good_servers(const mcp_tenant_t *tenant);
static void good_pods(const mcp_server_t *server);
static void planted(void);
static void files(void);
static void refused_file(const char *name, const char *expected);
static void values(void);
static void value_case(const char *name, const char *expected);
static void digests(void);
static void findings(void);
static void truncated(void);
static void out_of_memory(void);
static const char *environment(void *data, const char *name);
static void put_good(void);


static const mcp_config_options_t  plain;
static const char                 *token = "s3cret";


int
main(void)
{
    config_folder_make();

    (void) mkdir("catalogs", 0700);
    (void) mkdir("secrets", 0700);
    put_good();

    good();
    values();
    digests();
    files();
    findings();
    truncated();
    out_of_memory();
    planted();

    return done();
}


static void
put_good(void)
{
    config_put_text("tenants.yaml", good_tenants);
    config_put_text("catalogs/a.yaml", good_catalog);
    config_put_text("secrets/token", "from-file\n");
}


static const char *
environment(void *data, const char *name)
{
    (void) data;

    return strcmp(name, "TOKEN") == 0 ? token : NULL;
}


static void
good(void)
{
    char                  *text;
    mcp_config_t          *config;
    mcp_config_options_t   options;

    options = plain;
    options.env = environment;

    text = config_load(&options, &config);
    is_str(text, "", "a good configuration has no findings");
    free(text);

    if (!ok(config != NULL, "and is taken")) {
        return;
    }

    is_int((long long) config->ntenants, 2, "its tenants");
    is_str(config->tenants[0].id.data, "team-a", "an id");
    is_str(config->tenants[0].display_name.data, "Team Alpha", "a name");
    is_str(config->tenants[0].namespace.data, "mcp-team-a", "a default");
    is_str(config->tenants[0].catalog_file.data, "catalogs/a.yaml", "a file");
    is_int(config->tenants[0].quotas.max_servers, 5, "max_servers");
    is_int((long long) config->tenants[0].nsecrets, 2, "secrets");
    is_int((long long) config->tenants[0].nallowed_origins, 1, "origins");
    ok(config->tenants[0].enabled, "a tenant is enabled");
    is_str(config->tenants[1].display_name.data, "team-b", "another default");
    is_str(config->tenants[1].namespace.data, "b", "another namespace");
    ok(!config->tenants[1].enabled, "a tenant can be disabled");

    is_int((long long) config->nfiles, 3, "the files that were read");
    is_str(config->files[0], "tenants.yaml", "tenants.yaml first");
    is_str(config->files[1], "catalogs/a.yaml", "the catalog");
    is_str(config->files[2], "secrets/token", "a secret");

    good_keys(&config->tenants[0]);
    good_servers(&config->tenants[0]);

    mcp_config_free(config);
}


static void
good_keys(const mcp_tenant_t *tenant)
{
    const mcp_key_t  *key;

    is_int((long long) tenant->nkeys, 2, "keys");

    key = &tenant->keys[0];
    is_int(key->digest[0], 0xaa, "a digest");
    is_int(key->mark.line, 6, "the line of a key");
    ok(key->enabled && !key->narrowed && key->expires_at == 0, "defaults");

    key = &tenant->keys[1];
    is_int(key->digest[0], 0xbb, "a digest in upper case");
    is_int(key->not_before, 1767225600, "not_before");
    is_int(key->expires_at, 1801346400, "expires_at, with its offset");
    ok(!key->enabled && key->narrowed, "disabled and narrowed");
    is_str(key->servers[0].data, "search", "to one server");
    is_int(key->quotas.requests_per_second_milli, 500, "half a request");
    is_int(key->quotas.burst, 3, "and its burst");
}


static void
good_servers(const mcp_tenant_t *tenant)
{
    const mcp_server_t  *server;

    is_int((long long) tenant->nservers, 5, "servers");

    server = &tenant->servers[0];
    is_int(server->runtime, MCP_RUNTIME_REMOTE, "remote-sse is remote");
    is_str(server->description.data, "Finds things.", "a description");
    is_int((long long) server->ntags, 2, "tags");
    is_str(server->urls[0].host.data, "mcp.example.com", "a host");
    is_str(server->urls[0].authority.data, "mcp.example.com", "its Host");
    is_str(server->urls[0].path.data, "/mcp?x=1", "a path");
    is_int(server->urls[0].port, 443, "a port");
    ok(server->urls[0].tls, "over TLS");
    is_str(server->headers[0].value.data, "Bearer s3cret", "a variable");
    is_str(server->headers[1].value.data, "from-file$$", "a file");
    ok(server->rules[MCP_KIND_TOOLS].has_allow
       && server->rules[MCP_KIND_TOOLS].nallow == 1
       && server->rules[MCP_KIND_TOOLS].ndeny == 1, "tools");

    good_pods(&tenant->servers[1]);

    server = &tenant->servers[2];
    is_int(server->runtime, MCP_RUNTIME_UPSTREAM, "upstream");
    is_str(server->upstream_name.data, "u", "its name");
    is_str(server->upstream_path.data, "/x", "its path");
    is_int((long long) server->nurls, 0, "and no url");

    server = &tenant->servers[3];
    is_int(server->runtime, MCP_RUNTIME_K8S_SERVICE, "k8s-service");
    is_str(server->urls[0].authority.data,
           "shared-mcp.mcp-team-a.svc.cluster.local:8080", "its authority");
    is_str(server->urls[0].path.data, "/mcp", "the default path");

    server = &tenant->servers[4];
    is_int((long long) server->nurls, 2, "urls");
    is_str(server->urls[0].host.data, "2001:db8::1", "an IPv6 host");
    is_str(server->urls[0].authority.data, "[2001:db8::1]:81", "its Host");
    is_str(server->urls[1].path.data, "/", "a path left out");
}


static void
good_pods(const mcp_server_t *server)
{
    const mcp_kubernetes_t  *kubernetes;

    is_int(server->runtime, MCP_RUNTIME_KUBERNETES, "kubernetes");
    is_str(server->urls[0].authority.data,
           "pg.mcp-team-a.svc.cluster.local", "its authority");

    kubernetes = server->kubernetes;
    is_str(kubernetes->image.data, "r.example.com/pg:1", "an image");
    is_int(kubernetes->replicas, 1, "replicas by default");
    is_str(kubernetes->env[0].value.data, "x${y}", "env is taken as it is");
    is_str(kubernetes->env[1].value.data, "1", "a number too");
    is_str(kubernetes->secret_env[0].value.data, "pg/password", "a Secret");
    is_str(kubernetes->limits[0].value.data, "1Gi", "a limit");
    is_int(kubernetes->activation, MCP_ACTIVATION_ON_DEMAND, "on demand");
    is_int(kubernetes->idle_timeout, 600, "idle_timeout");
    is_int(kubernetes->activation_timeout, 60, "activation_timeout");
}


/* Every planted mistake at its place, and nothing else. */
static void
planted(void)
{
    char               *text, *line, *rest;
    mcp_config_t       *config;
    const char *const  *one;

    config_put_text("tenants.yaml", bad_tenants);
    config_put_text("b.yaml", bad_catalog);

    text = config_load(&plain, &config);
    ok(config == NULL, "a file with mistakes is refused");
    ok(strstr(text, "mcpt_") == NULL && strstr(text, "hunter2") == NULL,
       "and no finding repeats a secret");

    rest = text;

    for (one = bad_findings; *one; one++) {
        line = strsep(&rest, "\n");

        if (!ok(line && strncmp(line, *one, strlen(*one)) == 0, "%s", *one)) {
            printf("# got '%s'\n", line ? line : "(nothing)");
        }
    }

    is_str(rest, "", "and nothing else");
    free(text);
}


/* Values of headers, which no finding repeats. */
static void
values(void)
{
    char           big[8194];
    char          *text;
    mcp_config_t  *config;

    text = config_load(&plain, &config);
    is_str(text, "", "without an environment values are not read");
    ok(config && config->tenants[0].servers[0].headers[0].value.data == NULL
       && config->nfiles == 2, "nor kept");
    free(text);
    mcp_config_free(config);

    config_put_text("tenants.yaml", "tenants:\n  - id: team-a\n"
                    "    catalog_file: catalogs/a.yaml\n"
                    "    secrets: [1X]\n");
    value_case("a reference whose grant is broken is told once",
               "tenants.yaml:4:15: found a text of 2 characters as a secret, "
               "expected the NAME of a variable, or file:PATH\n");
    put_good();

    token = NULL;
    value_case("a variable that is not set",
               "catalogs/a.yaml:10:32: found ${TOKEN} in header Authorization,"
               " which is not set, expected the variable in NGINX's "
               "environment: set it where NGINX is started, and add \"env "
               "TOKEN;\" to the top of nginx.conf\n");

    token = "s3cret\n";
    value_case("a variable with a line feed",
               "catalogs/a.yaml:10:32: found ${TOKEN} in header Authorization,"
               " whose value is empty, has a space at an end or holds control "
               "characters or letters outside ASCII, expected printable "
               "ASCII\n");

    token = "s3cret";
    config_put_text("secrets/token", "\n");
    value_case("an empty secret",
               "catalogs/a.yaml:10:56: found ${file:secrets/token} in header "
               "X-T, whose value is empty, has a space at an end or holds "
               "control characters or letters outside ASCII, expected "
               "printable ASCII\n");

    memset(big, 'x', sizeof(big));
    config_put("secrets/token", big, sizeof(big));
    value_case("a secret too large",
               "catalogs/a.yaml:10:56: found ${file:secrets/token} in header "
               "X-T, but the file secrets/token is larger than 8 KiB, "
               "expected a readable file with one value of at most 8192 "
               "bytes\n");

    config_put("secrets/token", big, 8191);
    value_case("a value too long",
               "catalogs/a.yaml:10:56: found more than 8192 bytes as the value "
               "of header X-T, expected fewer\n");

    (void) unlink("secrets/token");
    (void) mkfifo("secrets/token", 0600);
    value_case("a FIFO as a secret",
               "catalogs/a.yaml:10:56: found ${file:secrets/token} in header "
               "X-T, but the file secrets/token is no regular file, expected "
               "a readable file with one value of at most 8192 bytes\n");

    (void) unlink("secrets/token");
    value_case("a secret that is missing",
               "catalogs/a.yaml:10:56: found ${file:secrets/token} in header "
               "X-T, but the file secrets/token cannot be opened: No such "
               "file or directory, expected a readable file with one value of "
               "at most 8192 bytes\n");
    put_good();
}


static void
value_case(const char *name, const char *expected)
{
    char                  *text;
    mcp_config_t          *config;
    mcp_config_options_t   options;

    options = plain;
    options.env = environment;

    text = config_load(&options, &config);
    is_str(text, expected, name);

    free(text);
    mcp_config_free(config);
}


static void
digests(void)
{
    char                  *text;
    unsigned char          first[32];
    mcp_config_t          *config;
    mcp_config_options_t   options;

    options = plain;
    options.env = environment;

    text = config_load(&options, &config);
    memcpy(first, config->digest, 32);
    mcp_config_free(config);
    free(text);

    text = config_load(&options, &config);
    ok(memcmp(first, config->digest, 32) == 0, "the same files, one digest");
    mcp_config_free(config);
    free(text);

    token = "other";
    text = config_load(&options, &config);
    ok(memcmp(first, config->digest, 32) != 0, "another value, another one");
    mcp_config_free(config);
    free(text);

    token = "s3cret";
    config_put_text("secrets/token", "from-filf\n");
    text = config_load(&options, &config);
    ok(memcmp(first, config->digest, 32) != 0, "another secret too");
    mcp_config_free(config);
    free(text);

    put_good();
}


/* A catalog of two tenants, and one with more mistakes than are told. */
static void
findings(void)
{
    int            i;
    char          *text;
    FILE          *f;
    mcp_config_t  *config;
    mcp_report_t  *report;

    config_put_text("tenants.yaml",
                    "tenants:\n"
                    "  - {id: a, catalog_file: c.yaml}\n"
                    "  - {id: b, catalog_file: ./c.yaml}\n"
                    "  - {id: c, catalog_file: c.yaml}\n");
    config_put_text("c.yaml", "servers: [x]\n");

    text = config_load(&plain, &config);
    is_str(text, "c.yaml:1:11: found a text as a server, expected a mapping "
           "(key: value)\n"
           "./c.yaml:1:11: found a text as a server, expected a mapping (key: "
           "value)\n", "a mistake in a file that tenants share is told once");
    free(text);

    f = fopen("c.yaml", "w");
    fprintf(f, "servers:\n");

    for (i = 0; i < 10050; i++) {
        fprintf(f, "- x\n");
    }

    (void) fclose(f);

    report = mcp_report_new();
    (void) mcp_config_load("tenants.yaml", &plain, report, &config);

    is_int((long long) mcp_report_lines(report), 20002, "lines are bounded");
    is_int((long long) mcp_report_files(report), 2, "files are counted");
    is_str(mcp_report_line(report, 10000, NULL),
           "c.yaml:10002:3: found more than 10000 mistakes in this file, "
           "expected fewer: the rest is not told", "and the last one says so");

    mcp_report_free(report);
    put_good();
}


/* What stands in the place of the catalog. */
static void
files(void)
{
    char           other[] = "/tmp/mcp-unit-XXXXXX";
    char           path[sizeof(other) + 16];
    char          *text;
    mcp_config_t  *config;

    (void) unlink("catalogs/a.yaml");
    (void) mkfifo("catalogs/a.yaml", 0600);
    refused_file("a FIFO", "is no regular file");

    (void) unlink("catalogs/a.yaml");
    (void) mkdir("catalogs/a.yaml", 0700);
    refused_file("a folder", "is a folder");

    (void) rmdir("catalogs/a.yaml");
    (void) symlink("/dev/zero", "catalogs/a.yaml");
    refused_file("a device", "is no regular file");

    (void) unlink("catalogs/a.yaml");
    (void) symlink("/etc/passwd", "catalogs/a.yaml");
    refused_file("a link out of the folder",
                 "is a link that leads out of the folder");

    /* a folder beside this one, with a name of the same length */

    (void) mkdtemp(other);
    (void) sprintf(path, "%s/a.yaml", other);
    config_put_text(path, good_catalog);

    (void) unlink("catalogs/a.yaml");
    (void) symlink(path, "catalogs/a.yaml");
    refused_file("a link into the folder beside",
                 "is a link that leads out of the folder");

    (void) unlink(path);
    (void) rmdir(other);

    (void) unlink("catalogs/a.yaml");
    (void) symlink("a.yaml", "catalogs/a.yaml");
    refused_file("a link to itself",
                 "cannot be opened: Too many levels of symbolic links");

    /* as Kubernetes mounts a ConfigMap */

    (void) unlink("catalogs/a.yaml");
    (void) mkdir("..2026_01", 0700);
    (void) symlink("..2026_01", "..data");
    (void) symlink("../..data/a.yaml", "catalogs/a.yaml");
    config_put_text("..2026_01/a.yaml", good_catalog);

    text = config_load(&plain, &config);
    is_str(text, "", "links inside the folder");
    mcp_config_free(config);
    free(text);

    (void) unlink("catalogs/a.yaml");
    (void) unlink("tenants.yaml");
    text = config_load(&plain, &config);
    is_str(text, "tenants.yaml:1:1: the file cannot be opened: No such file or "
           "directory, expected a readable file\n", "no tenants.yaml");
    free(text);

    (void) mkfifo("tenants.yaml", 0600);
    text = config_load(&plain, &config);
    is_str(text, "tenants.yaml:1:1: the file is no regular file, expected a "
           "readable file\n", "a FIFO as tenants.yaml");
    free(text);

    (void) unlink("tenants.yaml");
    put_good();
}


static void
refused_file(const char *name, const char *expected)
{
    char          *text, *line;
    mcp_config_t  *config;

    (void) asprintf(&line, "tenants.yaml:4:19: found a catalog_file that %s, "
                    "expected a readable file in ./\n", expected);

    text = config_load(&plain, &config);
    is_str(text, line, name);

    free(text);
    free(line);
}


/* Cut off at any byte, a file is refused or loads; nothing else happens. */
static void
truncated(void)
{
    bool           fine;
    char          *text;
    size_t         len;
    mcp_config_t  *config;

    fine = true;

    for (len = 0; len < sizeof(good_tenants) - 1; len++) {
        config_put("tenants.yaml", good_tenants, len);
        text = config_load(&plain, &config);
        fine = fine && (config != NULL) == (*text == '\0');
        mcp_config_free(config);
        free(text);
    }

    put_good();

    for (len = 0; len < sizeof(good_catalog) - 1; len++) {
        config_put("catalogs/a.yaml", good_catalog, len);
        text = config_load(&plain, &config);
        fine = fine && (config != NULL) == (*text == '\0');
        mcp_config_free(config);
        free(text);
    }

    put_good();

    ok(fine, "a file cut off at any byte");
}


static void
out_of_memory(void)
{
    int                    rc;
    bool                   fine;
    long                   count;
    mcp_config_t          *config;
    mcp_report_t          *report;
    mcp_config_options_t   options;

    options = plain;
    options.env = environment;
    fine = true;

    for (count = 0; count < 100000; count++) {

        config = NULL;
        report = mcp_report_new();

        mcp_alloc_fail_at(count);
        rc = mcp_config_load("tenants.yaml", &options, report, &config);
        mcp_alloc_fail_at(-1);

        fine = fine && (rc == MCP_OK) == (config != NULL)
               && (rc == MCP_OK || mcp_report_errors(report) > 0);

        mcp_report_free(report);

        if (rc == MCP_OK) {
            break;
        }
    }

    ok(fine, "each allocation that fails fails the load");
    ok(config != NULL && count > 10, "until none does");

    mcp_config_free(config);
}
