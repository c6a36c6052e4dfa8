#!/usr/bin/perl
#
# What is counted, for whom, and who sees it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Open2;
use Test::More ();
use Test::Nginx::Socket 'no_plan';
use McpTenant;

# counters would go on in the second run
repeat_each(1);

add_response_body_check(\&check_promtool);

run_tests();


# The section "promtool": the last answer is what Prometheus wants to read.
sub check_promtool {
    my ($block, $body, $index) = @_;

    return if !defined $block->promtool || $index != $block->promtool;

    SKIP: {
        if (!grep { -x "$_/promtool" } split /:/, $ENV{PATH}) {
            Test::More::skip("promtool is not installed", 1);
        }

        my $pid = open2(my $out, my $in, 'promtool check metrics 2>&1');

        print $in $body;
        close $in;

        my $findings = join('', <$out>);

        waitpid($pid, 0);

        Test::More::is("$findings$?", '0',
                       $block->name . ' - promtool finds nothing');
    }
}

__DATA__

=== promtool has no finding, and the operator sees all tenants
--- request eval
["GET /servers", "GET /servers", "GET /tenant/b/servers", "GET /servers",
 "GET /metrics"]
--- more_headers eval
["X-API-Key: <key a>", "X-API-Key: <key b>", "X-API-Key: <key a>", "", ""]
--- error_code eval
[200, 200, 403, 401, 200]
--- promtool: 4
--- response_headers eval
["", "", "", "", "Content-Type: text/plain; version=0.0.4"]
--- response_body_like eval
[(map { "" } 1 .. 4),
 CORE::join '.*', map { quotemeta }
 "nginx_mcp_tenant_build_info{version=\"",
 "nginx_mcp_tenant_config_generation 1\n",
 "nginx_mcp_tenant_config_last_failure_timestamp_seconds 0\n",
 "nginx_mcp_tenant_unresolved_names 0\n",
 "nginx_mcp_tenant_tenants 2\n",
 "nginx_mcp_tenant_unidentified_requests_total{reason=\"missing_key\"} 1\n",
 "_requests_total{tenant=\"a\",outcome=\"deny\",reason=\"cross_tenant\"} 1\n",
 "_requests_total{tenant=\"a\",outcome=\"allow\",reason=\"ok\"} 1\n",
 "_requests_total{tenant=\"b\",outcome=\"allow\",reason=\"ok\"} 1\n",
 "nginx_mcp_tenant_request_duration_seconds_count{tenant=\"a\"} 2\n",
 "nginx_mcp_tenant_request_duration_seconds_count{tenant=\"b\"} 1\n",
 "nginx_mcp_tenant_servers{tenant=\"a\",status=\"ready\"} 2\n",
 "nginx_mcp_tenant_servers{tenant=\"b\",status=\"ready\"} 2\n"]
--- audit_lines: 4



=== a tenant sees its own numbers, none of another or of the gateway
--- request eval
["GET /servers", "GET /servers", "GET /servers", "GET /tenant/a/metrics"]
--- more_headers eval
["X-API-Key: <key b>", "", "X-API-Key: <key a>", "X-API-Key: <key a>"]
--- error_code eval
[200, 401, 200, 200]
--- promtool: 3
--- response_body eval
[qr//, qr//, qr//, qr/\A(?!.*(?:"b"|unidentified|build_info|config_|tenants )).*
               requests_total\{tenant="a",outcome="allow",reason="ok"\}\ 1\n/sx]
--- audit
tenant=b reason=ok
tenant= reason=missing_key
tenant=a reason=ok
tenant=a path=/tenant/a/metrics decision=allow reason=ok



=== a narrowed key sees the numbers of its tenant
--- request
GET /tenant/a/metrics
--- more_headers
X-API-Key: <key a-narrow>
--- response_body_like: _total\{tenant="a",outcome="allow",reason="ok"\} 0



=== the numbers of another tenant are closed
--- request eval
["GET /tenant/b/metrics", "GET /tenant/b/metrics", "GET /tenant/nobody/metrics"]
--- more_headers eval
["X-API-Key: <key a>", "", "X-API-Key: <key a>"]
--- error_code eval
[403, 401, 403]
--- response_body_like eval
['"forbidden"', '"unauthorized"', '"forbidden"']



=== a request is counted once, under the reason that its audit line has
--- request eval
["GET /servers/one/mcp", "GET /servers/nowhere/mcp", "GET /servers/nowhere",
 "POST /servers/one/mcp\n{", "POST /servers/one/mcp\n{}",
 "PUT /servers/one/mcp", "GET /tenant/x/servers", "GET /tenant/%61/servers",
 "GET /nothing", "GET /metrics"]
--- more_headers eval
my $key = "X-API-Key: <key a>";
[$key, $key, $key, "$key\nContent-Type: application/json",
 "$key\nContent-Type: application/json", $key, $key, $key, $key, ""]
--- error_code eval
[200, 404, 404, 400, 400, 405, 403, 400, 404, 200]
--- promtool: 9
--- response_body_like eval
[(map { "" } 1 .. 9),
 qr/unidentified_requests_total\{reason="malformed_path"\}\ 1\n
    .*tenant="a",outcome="deny",reason="cross_tenant"\}\ 1\n
    .*reason="unknown_server"\}\ 2\n
    .*reason="method_not_allowed"\}\ 1\n
    .*reason="not_json"\}\ 1\n
    .*reason="invalid_message"\}\ 1\n
    .*tenant="a",outcome="allow",reason="ok"\}\ 1\n
    .*duration_seconds_count\{tenant="a"\}\ [89]\n/sx]
--- upstream
a GET /one
--- audit_lines: 9



=== neither clients nor their tools and tenants make labels
--- request eval
[(map { "GET /tenant/random$_/servers" } 1 .. 5),
 "POST /servers/one/mcp\n" . '{"jsonrpc":"2.0","id":1,"method":"made/up",'
 . '"params":{"name":"made-up-tool"}}', "GET /metrics"]
--- more_headers eval
[(map { "X-API-Key: <key stranger>" } 1 .. 5),
 "X-API-Key: <key a>\nContent-Type: application/json\nMcp-Method: made/up", ""]
--- error_code eval
[(map { 401 } 1 .. 5), 200, 200]
--- response_body eval
[(map { qr// } 1 .. 6), qr/\A(?!.*(?:random|made)).*reason="unknown_key"\}\ 5/s]
--- upstream
a POST /one
--- audit_lines: 6



=== bytes are counted for the tenant
--- request eval
["GET /servers", "GET /metrics"]
--- more_headers eval
["X-API-Key: <key a>", ""]
--- error_code eval
[200, 200]
--- response_body eval
[qr//, qr/received_bytes_total\{tenant="a"\}\ [1-9]\d+\n
          .*received_bytes_total\{tenant="b"\}\ 0\n
          .*sent_bytes_total\{tenant="a"\}\ [1-9]\d\d+\n
          .*sent_bytes_total\{tenant="b"\}\ 0\n/sx]
--- audit_lines: 1



=== servers are counted by status
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
    quotas: {max_servers: 1}
--- request
GET /metrics
--- response_body_like eval
qr/servers\{tenant="a",status="ready"\}\ 1\n
   .*servers\{tenant="a",status="quota_exceeded"\}\ 1\n/sx
--- audit_lines: 0



=== HEAD has no body, another method is 405, a body is not read
--- request eval
["HEAD /metrics", "POST /metrics\nx=1", "DELETE /metrics"]
--- error_code eval
[200, 405, 405]
--- response_headers eval
["Content-Type: text/plain; version=0.0.4", "Allow: GET, HEAD",
 "Allow: GET, HEAD"]
--- response_body_like eval
['^$', '"method_not_allowed"', '"method_not_allowed"']
--- audit_lines: 2
--- audit
tenant= http_method=POST path=/metrics decision=deny reason=method_not_allowed
tenant= http_method=DELETE path=/metrics decision=deny reason=method_not_allowed



=== the operator's numbers are for the host itself
--- server
    set_real_ip_from  127.0.0.1;
    real_ip_header    X-Real-IP;
--- request eval
["GET /metrics", "GET /metrics"]
--- more_headers eval
["X-Real-IP: 192.0.2.1\nX-API-Key: <key a>", ""]
--- error_code eval
[403, 200]
--- response_body_like eval
['"reason":"forbidden"', 'nginx_mcp_tenant_tenants 2']
--- audit_lines: 1
--- audit
client=192.0.2.1 tenant=a path=/metrics decision=deny reason=forbidden
--- no_error_log
[crit]
[alert]
[emerg]



=== promtool has no finding when nothing happened, and no tenant exists
--- tenants
tenants: []
--- request
GET /metrics
--- promtool: 0
--- response_body_like: nginx_mcp_tenant_tenants 0
--- audit_lines: 0



=== 300 tenants arrive whole
--- tenants eval
"tenants:\n" . CORE::join '', map {
    "  - id: t$_\n    api_keys: [{key_hash: \"<hash t$_>\", name: main}]\n"
} 1 .. 300
--- http
    mcp_tenant_zone  mcp 2m;
--- request
GET /metrics
--- promtool: 0
--- response_body_like eval
qr/\{tenant="t1",.*servers\{tenant="t300",status="quota_exceeded"\} 0\n/s
--- audit_lines: 0
