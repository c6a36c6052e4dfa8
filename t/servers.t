#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::Socket 'no_plan';
use McpTenant;

our $one = '{"id":"one","display_name":"First",'
    . '"description":"The first server of tenant a","tags":["read","docs"],'
    . '"runtime":"remote","status":"ready","endpoints":1,"quotas":{}}';
our $two = '{"id":"two","display_name":"two","description":"",'
    . '"tags":["write"],"runtime":"remote","status":"ready","endpoints":1,'
    . '"quotas":{}}';

our $key = "X-API-Key: <key a>";


sub list {
    return '{"tenant":"a","display_name":"Tenant A","quotas":'
           . '{"max_servers":5,"max_concurrent_requests":100},'
           . '"use":{"servers":2,"concurrent_requests":0},"servers":['
           . join(',', @_) . ']}';
}


run_tests();

__DATA__

=== the list of a tenant has its servers in the order of the catalog
--- request
GET /tenant/a/servers
--- more_headers
X-API-Key: <key a>
--- body_json eval
main::list($::one, $::two)
--- response_headers
Content-Type: application/json



=== the list is for people too: indented, and a line feed at its end
--- request
GET /servers
--- more_headers
X-API-Key: <key a>
--- response_body_like eval
qr/\A\{\n  "tenant": "a",\n.*\n\}\n\z/s



=== one server is shown as in the list
--- request eval
["GET /tenant/a/servers/one", "GET /servers/two"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[200, 200]
--- body_json eval
[$::one, $::two]
--- audit
tenant=a server=one http_method=GET path=/tenant/a/servers/one reason=ok
tenant=a server=two http_method=GET path=/servers/two reason=ok



=== a narrowed key sees its servers only
--- request
GET /servers
--- more_headers
X-API-Key: <key a-narrow>
--- body_json eval
main::list($::one)



=== a key that is narrowed to nothing sees an empty list
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main, servers: []}]
--- request eval
["GET /servers", "GET /servers/one"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[200, 404]
--- body_json eval
['{"tenant":"a","display_name":"a","quotas":{},'
 . '"use":{"servers":2,"concurrent_requests":0},'
 . '"servers":[]}', undef]



=== a tenant without a catalog has an empty list
--- tenants
tenants:
  - id: a
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request
GET /servers
--- more_headers
X-API-Key: <key a>
--- body_json
{"tenant":"a","display_name":"a","quotas":{},
 "use":{"servers":0,"concurrent_requests":0},"servers":[]}



=== a tag chooses servers
--- request eval
["GET /servers?tag=docs", "GET /servers?tag=write", "GET /servers?tag=none",
 "GET /servers?tag=doc", "GET /servers?tag=docsx", "GET /servers?tag=DOCS"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[map { 200 } 1 .. 6]
--- body_json eval
[main::list($::one), main::list($::two), map { main::list() } 1 .. 4]



=== a tag may be escaped, empty, or beside other arguments
--- catalog_a
servers:
  - id: one
    display_name: First
    description: The first server of tenant a
    tags: [read, docs]
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/one"}
  - id: two
    tags: ["write"]
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/two"}
--- request eval
["GET /servers?tag=d%6fcs", "GET /servers?x=1&tag=write&y", "GET /servers?tag=",
 "GET /servers?xtag=docs", "GET /servers?tag", "GET /servers?tag=docs%00"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[map { 200 } 1 .. 6]
--- body_json eval
[main::list($::one), main::list($::two), main::list(),
 main::list($::one, $::two), main::list($::one, $::two), main::list()]



=== a tag does not widen what a narrowed key sees
--- request
GET /servers?tag=write
--- more_headers
X-API-Key: <key a-narrow>
--- body_json eval
main::list()



=== HEAD has the headers of GET, and no body
--- request eval
["HEAD /servers", "HEAD /servers/one", "HEAD /servers/nowhere"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[200, 200, 404]
--- response_headers eval
["Content-Type: application/json", "Content-Type: application/json",
 "Content-Type: application/problem+json"]
--- response_body eval
["", "", ""]



=== an unknown server is 404, another method 405
--- request eval
["GET /servers/nowhere", "POST /servers", "PUT /servers/one",
 "DELETE /servers/one", "POST /servers/nowhere"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[404, 405, 405, 405, 404]
--- response_body_like eval
['"unknown_server"', '"method_not_allowed"', '"method_not_allowed"',
 '"method_not_allowed"', '"unknown_server"']
--- response_headers eval
["Allow:", "Allow: GET, HEAD", "Allow: GET, HEAD", "Allow: GET, HEAD", ""]



=== servers past max_servers are listed, and answer 429
--- suppress_stderr
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
    quotas: {max_servers: 1}
--- request eval
["GET /servers", "GET /servers/one/mcp", "GET /servers/two/mcp",
 "POST /servers/two/mcp\n" . '{"jsonrpc":"2.0","id":"x","method":"ping"}']
--- more_headers eval
[$::key, $::key, $::key, "$::key\nContent-Type: application/json"]
--- error_code eval
[200, 200, 429, 429]
--- body_json eval
my $over = $::two =~ s/ready","endpoints":1/quota_exceeded","endpoints":0/r;
my $refused = '"error":{"code":-31002,"message":"The server is past the '
    . q(tenant's max_servers","data":{"reason":"server_quota_exceeded"}});
['{"tenant":"a","display_name":"a","quotas":{"max_servers":1},'
 . '"use":{"servers":1,"concurrent_requests":0},"servers":['
 . "$::one,$over]}", undef,
 qq({"jsonrpc":"2.0","id":null,$refused}),
 qq({"jsonrpc":"2.0","id":"x",$refused})]
--- upstream
a GET /one
--- audit
tenant=a reason=ok
tenant=a server=one decision=allow reason=ok status=200
tenant=a server=two decision=deny reason=server_quota_exceeded status=429
tenant=a server=two decision=deny reason=server_quota_exceeded status=429



=== a server that no one runs yet is listed, and answers 503
--- catalog_a
servers:
  - id: one
    runtime: {type: kubernetes, image: "registry.example.com/pod:1", port: 8080}
--- request eval
["GET /servers/one", "GET /servers/one/mcp"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[200, 503]
--- response_headers eval
["", "Retry-After: 5"]
--- response_body_like eval
['"status": "(?!ready)\w+"', '"reason":"server_not_ready"']



=== quotas are shown as the files have them
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
    quotas: {max_servers: 7, requests_per_second: 2.5, burst: 3}
--- catalog_a
servers:
  - id: one
    display_name: First
    description: The first server of tenant a
    tags: [read, docs]
    runtime:
      type: remote
      urls: ["http://127.0.0.1:<port 1>/one", "http://127.0.0.1:<port 2>/one"]
    quotas: {max_concurrent_requests: 10, requests_per_second: 5}
--- request
GET /servers
--- more_headers
X-API-Key: <key a>
--- body_json eval
my $one = $::one;
$one =~ s/"endpoints":1/"endpoints":2/;
$one =~ s/"quotas":\{\}/"quotas":{"max_concurrent_requests":10,
                                  "requests_per_second":5}/;
'{"tenant":"a","display_name":"a","quotas":{"max_servers":7,
 "requests_per_second":2.5,"burst":3},
 "use":{"servers":1,"concurrent_requests":0},"servers":['
. "$one]}"



=== neither addresses nor headers nor secrets of a server are shown
--- main
    env  TOKEN=very-secret-value;
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
    secrets: [TOKEN]
--- catalog_a
servers:
  - id: one
    runtime:
      type: remote
      url: "http://127.0.0.1:<port 1>/hidden-path"
      headers: {X-Hidden: "Bearer ${TOKEN}"}
  - id: two
    runtime: {type: upstream, name: hidden_block, path: /hidden-path}
  - id: three
    runtime: {type: k8s-service, service_name: hidden-service, port: 8080}
  - id: four
    runtime: {type: kubernetes, image: "hidden.example.com/x:1", port: 8080,
              env: {HIDDEN: hidden}, secret_env: {HIDDEN2: hidden-secret/x}}
--- http
    mcp_tenant_upstream_names  hidden_block;
    upstream hidden_block { server 127.0.0.1:<port 1>; }
--- request eval
["GET /servers", "GET /servers/one", "GET /servers/two", "GET /servers/three",
 "GET /servers/four"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[map { 200 } 1 .. 5]
--- response_body_unlike eval
[map { qr/127\.0\.0\.1|hidden|HIDDEN|very-secret|namespace|image|TOKEN/i }
 1 .. 5]



=== text of the files reaches the client as JSON that is right
--- catalog_a
servers:
  - id: one
    display_name: "Quote \" backslash \\ slash / <b>&"
    description: "Zwei\nZeilen: \u00fc \u2028 \U0001F600"
    tags: [a-b_c.d]
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/one"}
--- request
GET /servers/one
--- more_headers
X-API-Key: <key a>
--- body_json eval
'{"id":"one","display_name":"Quote \" backslash \\\\ slash / <b>&",'
. '"description":"Zwei\nZeilen: \u00fc \u2028 \ud83d\ude00",'
. '"tags":["a-b_c.d"],"runtime":"remote","status":"ready","endpoints":1,'
. '"quotas":{}}'



=== a list that is longer than any buffer arrives whole
--- catalog_a eval
"servers:\n" . CORE::join '', map {
    "  - id: s$_\n    description: " . 'd' x 400 . "\n"
    . "    runtime: {type: remote, url: \"http://127.0.0.1:<port 1>/\"}\n"
} 1 .. 500
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- http
    mcp_tenant_zone  mcp 2m;
--- request
GET /servers
--- more_headers
X-API-Key: <key a>
--- response_body_like eval
qr/"id": "s1",.*"id": "s250",.*"id": "s500",.*\n\}\n\z/s



=== mcp_tenant_prefix stands before the paths, and only before
--- locations
    location / {
        mcp_tenant         on;
        mcp_tenant_prefix  /mcp/v1;
        proxy_pass         $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }
--- request eval
["GET /mcp/v1/servers/one", "GET /mcp/v1/tenant/a/servers/one",
 "GET /servers/one", "GET /mcp/v1servers/one", "GET /mcp/v1",
 "GET /mcp/v1/mcp/v1/servers/one", "GET /mcp/servers/one"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[200, 200, map { 404 } 1 .. 5]
--- response_body_like eval
['"one"', '"one"', map { '"not_found"' } 1 .. 5]
