#!/usr/bin/perl
#
# Clients that lie about who they are, or say it in more than one way.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::Nginx::Socket 'no_plan';
use McpTenant;

our $unauthorized = '{"type":"about:blank",'
    . '"title":"A valid API key is required","status":401,'
    . '"reason":"unauthorized"}' . "\n";

our $forbidden = '{"type":"about:blank","title":"The key does not belong '
    . 'to the tenant that the request names","status":403,'
    . '"reason":"forbidden"}' . "\n";

our $rpc_unauthorized = '{"jsonrpc":"2.0","id":null,"error":{"code":-31006,'
    . '"message":"A valid API key is required",'
    . '"data":{"reason":"unauthorized"}}}' . "\n";


# A token that is no key of anyone, the same in each run.
sub stranger {
    my ($n) = @_;

    return 'mcpt_' . substr(Digest::SHA::sha256_hex("stranger $n"), 0, 38);
}


sub problem {
    my ($reason) = @_;

    return qr/"status":4\d\d,"reason":"$reason"\}\n\z/;
}


run_tests();

__DATA__

=== without a key every path has the same answer
--- request eval
["GET /servers", "GET /tenant/a/servers", "GET /tenant/nobody/servers",
 "GET /tenant/a/servers/one", "GET /tenant/a/metrics",
 "GET /tenant/nobody/metrics", "DELETE /tenant/a/servers"]
--- error_code eval
[map { 401 } 1 .. 7]
--- response_body eval
[map { $::unauthorized } 1 .. 7]
--- response_headers eval
[map { "WWW-Authenticate: Bearer realm=\"mcp\"\n"
       . "Content-Type: application/problem+json" } 1 .. 7]
--- audit
tenant= requested_tenant= key= reason=missing_key decision=deny status=401
tenant= requested_tenant=a key= reason=missing_key decision=deny status=401
tenant= requested_tenant=nobody key= reason=missing_key decision=deny
tenant= requested_tenant=a key= reason=missing_key server=one decision=deny
tenant= requested_tenant=a key= reason=missing_key decision=deny
tenant= requested_tenant=nobody key= reason=missing_key decision=deny
tenant= requested_tenant=a key= reason=missing_key decision=deny



=== without a key the mcp path says it as JSON-RPC, and reads no body
--- request eval
["GET /tenant/a/servers/one/mcp", "POST /tenant/a/servers/one/mcp
" . '{"jsonrpc":"2.0","id":7,"method":"ping"}',
 "POST /servers/nowhere/mcp\n{"]
--- error_code eval
[401, 401, 401]
--- response_body eval
[map { $::rpc_unauthorized } 1 .. 3]
--- response_headers eval
[map { "WWW-Authenticate: Bearer realm=\"mcp\"\n"
       . "Content-Type: application/json" } 1 .. 3]



=== a wrong key is answered like none, whatever it names
--- request eval
["GET /servers", "GET /tenant/a/servers", "GET /tenant/nobody/servers",
 "GET /servers", "GET /servers", "GET /tenant/nobody/servers/one/mcp"]
--- more_headers eval
my $key = "X-API-Key: <key stranger>";
[$key, $key, $key, "$key\nX-Tenant-ID: a", "$key\nX-Tenant-ID: nobody", $key]
--- error_code eval
[map { 401 } 1 .. 6]
--- response_body eval
[(map { $::unauthorized } 1 .. 5), $::rpc_unauthorized]
--- audit
tenant= requested_tenant= key= reason=unknown_key decision=deny
tenant= requested_tenant=a key= reason=unknown_key decision=deny
tenant= requested_tenant=nobody key= reason=unknown_key decision=deny
tenant= requested_tenant=a key= reason=unknown_key decision=deny
tenant= requested_tenant=nobody key= reason=unknown_key decision=deny
tenant= requested_tenant=nobody key= reason=unknown_key server=one



=== a key of another tenant gets 403, whether that tenant exists or not
--- request eval
["GET /tenant/b/servers", "GET /tenant/nobody/servers", "GET /servers",
 "GET /servers", "GET /tenant/b/metrics", "GET /tenant/b/servers/secret"]
--- more_headers eval
my $key = "Authorization: Bearer <key a>";
[$key, $key, "$key\nX-Tenant-ID: b", "$key\nX-Tenant-ID: nobody", $key, $key]
--- error_code eval
[map { 403 } 1 .. 6]
--- response_body eval
[map { $::forbidden } 1 .. 6]
--- audit
tenant=a requested_tenant=b key=main reason=cross_tenant decision=deny
tenant=a requested_tenant=nobody key=main reason=cross_tenant decision=deny
tenant=a requested_tenant=b key=main reason=cross_tenant decision=deny
tenant=a requested_tenant=nobody key=main reason=cross_tenant decision=deny
tenant=a requested_tenant=b key=main reason=cross_tenant decision=deny
tenant=a requested_tenant=b key=main reason=cross_tenant decision=deny



=== a key of another tenant reaches no server with any method
--- request eval
[map { "$_ /tenant/b/servers/one/mcp" } qw(GET POST DELETE PUT OPTIONS)]
--- more_headers
Authorization: Bearer <key a>
Content-Type: application/json
--- error_code eval
[map { 403 } 1 .. 5]
--- response_body_like eval
[map { qr/"id":null,.*"reason":"forbidden"/ } 1 .. 5]



=== a path and an X-Tenant-ID that differ get 400, whoever has the key
--- request eval
["GET /tenant/a/servers", "GET /tenant/b/servers", "GET /tenant/a/servers",
 "GET /tenant/a/servers"]
--- more_headers eval
["X-API-Key: <key a>\nX-Tenant-ID: b", "X-API-Key: <key a>\nX-Tenant-ID: a",
 "X-API-Key: <key a>\nX-Tenant-ID: nobody", "X-Tenant-ID: b"]
--- error_code eval
[map { 400 } 1 .. 4]
--- response_body_like eval
[map { main::problem('tenant_mismatch') } 1 .. 4]
--- audit
tenant= requested_tenant=a key= reason=tenant_mismatch decision=deny
tenant= requested_tenant=b key= reason=tenant_mismatch decision=deny
tenant= requested_tenant=a key= reason=tenant_mismatch decision=deny
tenant= requested_tenant=a key= reason=tenant_mismatch decision=deny



=== two lines of X-Tenant-ID get 400, equal or not
--- request eval
[map { "GET /servers" } 1 .. 4]
--- more_headers eval
my $key = "X-API-Key: <key a>";
["$key\nX-Tenant-ID: a\nX-Tenant-ID: a", "$key\nX-Tenant-ID: a\nX-Tenant-ID: b",
 "$key\nX-Tenant-ID: b\nx-tenant-id: a", "$key\nX-Tenant-ID: a\nX-Tenant-ID:"]
--- error_code eval
[map { 400 } 1 .. 4]
--- response_body_like eval
[map { main::problem('duplicate_header') } 1 .. 4]



=== an X-Tenant-ID that is no id gets 400
--- request eval
[map { "GET /servers" } 1 .. 15]
--- more_headers eval
[map { "X-API-Key: <key a>\nX-Tenant-ID: $_" }
 ('a, b', 'a,a', 'a b', 'a;b', '', '-', '-a', 'a-', 'A', 'a_b', 'a.b',
  "a\t", "\xd0\xb0", 'a' x 64, "a\x7f")]
--- error_code eval
[map { 400 } 1 .. 15]
--- response_body_like eval
[map { main::problem('invalid_tenant') } 1 .. 15]



=== a tab before an X-Tenant-ID is part of it
--- raw_request eval
"GET /servers HTTP/1.1\r\nHost: localhost\r\nX-API-Key: <key a>\r\n"
. "X-Tenant-ID: \ta\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body_like eval
main::problem('invalid_tenant')
--- audit
tenant= requested_tenant= key= reason=invalid_tenant



=== an id of 63 letters is an id
--- tenants eval
"tenants:
  - id: " . 'a' x 63 . "
    namespace: long
    catalog_file: a.yaml
    api_keys: [{key_hash: \"<hash a>\", name: main}]
"
--- request
GET /servers
--- more_headers eval
"X-API-Key: <key a>\nX-Tenant-ID: " . 'a' x 63
--- response_body_like: "display_name": "a{63}"



=== names that only look like X-Tenant-ID are no identity
--- request eval
[map { "GET /servers" } 1 .. 4]
--- more_headers eval
[map { "X-API-Key: <key a>\n$_: b" }
 ('X_Tenant_ID', 'X-Tenant_ID', 'X-TenantID', 'X-Tenant-ID-')]
--- error_code eval
[map { 200 } 1 .. 4]
--- response_body_like eval
[map { '"tenant": "a"' } 1 .. 4]
--- audit
tenant=a requested_tenant= key=main reason=ok
tenant=a requested_tenant= key=main reason=ok
tenant=a requested_tenant= key=main reason=ok
tenant=a requested_tenant= key=main reason=ok



=== names that only look like the headers of keys are none
--- request eval
[map { "GET /servers" } 1 .. 7]
--- more_headers eval
["X_API_Key: <key a>", "X-ApiKey: <key a>", "Api-Key: <key a>",
 "Proxy-Authorization: Bearer <key a>", "X-Authorization: Bearer <key a>",
 "Cookie: authorization=<key a>; X-API-Key=<key a>",
 "Sec-WebSocket-Protocol: <key a>"]
--- error_code eval
[map { 401 } 1 .. 7]
--- response_body eval
[map { $::unauthorized } 1 .. 7]



=== a trailer is no identity
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\nHost: localhost\r\n"
. "X-API-Key: <key a>\r\nContent-Type: application/json\r\n"
. "Transfer-Encoding: chunked\r\nTrailer: X-Tenant-ID\r\n"
. "Connection: close\r\n\r\n"
. "28\r\n" . '{"jsonrpc":"2.0","id":1,"method":"ping"}' . "\r\n0\r\n"
. "X-Tenant-ID: b\r\nX-API-Key: <key b>\r\n\r\n"
--- response_body
a POST /one
--- upstream
a POST /one
--- audit
tenant=a requested_tenant= key=main reason=ok



=== a key in a trailer opens nothing
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\nHost: localhost\r\n"
. "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
. "Trailer: X-API-Key\r\nConnection: close\r\n\r\n"
. "28\r\n" . '{"jsonrpc":"2.0","id":1,"method":"ping"}' . "\r\n0\r\n"
. "X-API-Key: <key a>\r\n\r\n"
--- error_code: 401
--- response_body eval
$::rpc_unauthorized
--- audit
tenant= key= reason=missing_key



=== no header of identity, and none named like ours, goes on to a server
--- http
    log_format  seen  '$http_authorization|$http_x_api_key|$http_x_tenant_id'
                      '|$http_cookie|$http_x_mcp_tenant|$http_mcp_tenant_id'
                      '|$http_x_mcp_tenant_key_name|$http_x_forwarded_for'
                      '|$http_x_real_ip|$http_proxy_authorization';

    server {
        listen      127.0.0.1:<port 3>;
        access_log  <root>/logs/upstream.log  seen;
        location / { return  204; }
    }
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 3>/"}
--- request
GET /tenant/a/servers/one/mcp
--- more_headers
Authorization: Bearer <key a>
X-API-Key: <key a>
X-Tenant-ID: a
Cookie: session=1
X-Mcp-Tenant: b
Mcp-Tenant-Id: b
X-Mcp-Tenant-Key-Name: b
X-Forwarded-For: 10.0.0.1
X-Real-IP: 10.0.0.1
Proxy-Authorization: Basic YTpi
--- error_code: 204
--- upstream
-|-|-|-|-|-|-|-|-|-



=== a key in the query or the path is not accepted, and not logged
--- server
    access_log  <root>/logs/combined.log  combined;
--- request eval
["GET /servers?api_key=<key a>", "GET /servers?X-API-Key=<key a>&a=<key b>",
 "GET /tenant/a/servers?access_token=<key a>", "GET /tenant/<key a>/servers",
 "GET /servers/<key a>", "GET /<key a>", "GET /servers?<key a><key b>",
 "GET /servers?a%20<key a>", "GET /%2f<key a>"]
--- error_code eval
[401, 401, 401, 400, 400, 404, 401, 401, 404]
--- response_body_like eval
[map { qr/^\{"type":"about:blank"/ } 1 .. 9]
--- audit
tenant= requested_tenant= key= reason=missing_key decision=deny
tenant= requested_tenant= key= reason=missing_key decision=deny
tenant= requested_tenant=a key= reason=missing_key decision=deny
tenant= requested_tenant= key= reason=malformed_path decision=deny
tenant= requested_tenant= key= reason=malformed_path decision=deny
tenant= requested_tenant= key= reason=not_found decision=deny
tenant= requested_tenant= key= reason=missing_key decision=deny
tenant= requested_tenant= key= reason=missing_key decision=deny
tenant= requested_tenant= key= reason=not_found decision=deny



=== a key beside a valid one changes nothing, and is not logged
--- server
    access_log  <root>/logs/combined.log  combined;
--- request eval
["GET /servers?key=<key b>", "GET /servers/one/mcp?key=<key b>"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[200, 200]
--- response_body_like eval
['"tenant": "a"', '^a GET /one$']
--- upstream
a GET /one



=== an Authorization that holds no bearer token gets 401
--- request eval
[map { "GET /servers" } 1 .. 16]
--- more_headers eval
[map { "Authorization: $_" }
 ('X', 'Bearer', 'Bearer ', 'Bearer  ', 'Bearer  <key a>', 'Bearer:<key a>',
  'Bearer<key a>', 'Bearer=<key a>', "Bearer\t<key a>", '<key a>',
  'Basic YTpi', 'Token <key a>', 'Bearer <key a> x',
  'Bearer <key a>, Bearer <key b>', 'Bearer a,<key a>', '')]
--- error_code eval
[map { 401 } 1 .. 16]
--- response_body eval
[map { $::unauthorized } 1 .. 16]
--- audit
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=unknown_key
tenant= reason=invalid_authorization



=== a broken Authorization is not saved by a good X-API-Key
--- request eval
["GET /servers", "GET /servers", "GET /servers"]
--- more_headers eval
["Authorization: Basic YTpi\nX-API-Key: <key a>",
 "Authorization: Bearer <key a>\nX-API-Key:",
 "Authorization: Bearer <key stranger>\nX-API-Key: <key a>"]
--- error_code eval
[401, 400, 400]
--- response_body_like eval
[main::problem('unauthorized'), main::problem('key_mismatch'),
 main::problem('key_mismatch')]



=== a token that is almost a key is none
--- request eval
[map { "GET /servers" } 1 .. 8]
--- more_headers eval
my $key = McpTenant::key('a');
[map { "Authorization: Bearer $_" }
 (substr($key, 0, -1), "${key}0", uc $key, ucfirst $key, substr($key, 1),
  McpTenant::key_hash('a'), substr(McpTenant::key_hash('a'), 7),
  "${key}\xc2\xa0")]
--- error_code eval
[map { 401 } 1 .. 8]
--- response_body eval
[map { $::unauthorized } 1 .. 8]



=== a token of any length is refused, and harms nobody
--- request eval
[map { "GET /servers" } 1 .. 5]
--- more_headers eval
[(map { "Authorization: Bearer " . 'a' x $_ } (512, 513, 8192, 16000)),
 "X-API-Key: " . 'a' x 8192]
--- error_code eval
[map { 401 } 1 .. 5]
--- response_body eval
[map { $::unauthorized } 1 .. 5]
--- audit
tenant= reason=unknown_key
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization
tenant= reason=invalid_authorization



=== a NUL in a token is no token
--- raw_request eval
"GET /servers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Authorization: Bearer abc\0" . "def\r\n\r\n"
--- error_code: 400
--- response_body_like eval
main::problem('malformed_request')
--- audit
tenant= key= reason=malformed_request decision=deny status=400



=== an 8-bit or control character in a token is no token
--- request eval
[map { "GET /servers" } 1 .. 4]
--- more_headers eval
[map { "X-API-Key: abc$_" } ("\x01", "\x7f", "\xff", "\t<key a>")]
--- error_code eval
[map { 401 } 1 .. 4]
--- response_body eval
[map { $::unauthorized } 1 .. 4]



=== two lines of Authorization or X-API-Key get 400, equal or not
# At its level "info", NGINX itself writes the second line to error.log.
--- log_level: notice
--- request eval
[map { "GET /servers" } 1 .. 4]
--- more_headers eval
["Authorization: Bearer <key a>\nAuthorization: Bearer <key a>",
 "Authorization: Bearer <key a>\nauthorization: Bearer <key b>",
 "X-API-Key: <key a>\nX-API-Key: <key a>",
 "X-API-Key: <key b>\nX-API-Key: <key a>"]
--- error_code eval
[map { 400 } 1 .. 4]
--- response_body_like eval
[map { qr/"reason":"(duplicate_header|malformed_request)"/ } 1 .. 4]



=== Authorization and X-API-Key with different keys get 400
--- request eval
[map { "GET /servers" } 1 .. 3]
--- more_headers eval
["Authorization: Bearer <key a>\nX-API-Key: <key b>",
 "Authorization: Bearer <key a>\nX-API-Key: <key a-narrow>",
 "Authorization: Bearer <key stranger>\nX-API-Key: <key other>"]
--- error_code eval
[map { 400 } 1 .. 3]
--- response_body_like eval
[map { main::problem('key_mismatch') } 1 .. 3]
--- audit
tenant= key= reason=key_mismatch decision=deny
tenant= key= reason=key_mismatch decision=deny
tenant= key= reason=key_mismatch decision=deny



=== a burst of random keys gets 401 each, and then a good key still works
--- pipelined_requests eval
[map { "GET /tenant/a/servers/one" } 1 .. 60]
--- more_headers eval
[(map { "X-API-Key: " . main::stranger($_) . "\nHost: localhost" } 1 .. 59),
 "X-API-Key: <key a>"]
--- error_code eval
[(map { 401 } 1 .. 59), 200]
--- response_body_like eval
[(map { qr/"unauthorized"/ } 1 .. 59), qr/"id": "one"/]
--- audit eval
"tenant= key= reason=unknown_key\n" x 59 . "tenant=a key=main reason=ok"
