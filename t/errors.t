#!/usr/bin/perl
#
# The form of refusals: JSON-RPC with the id of the request on the mcp path,
# application/problem+json elsewhere, also where NGINX itself refuses.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::Socket 'no_plan';
use McpTenant;

our $head = "X-API-Key: <key a>\nContent-Type: application/json";

# As they stand in the request, and as the answer must have them.
our @ids = (
    ['1', '1'], ['0', '0'], ['-1', '-1'], ['-0', '-0'], ['1.0', '1.0'],
    ['1e2', '1e2'], ['1E+2', '1E+2'], ['0.10', '0.10'],
    ['12345678901234567890123', '12345678901234567890123'],
    ['"x"', '"x"'], ['""', '""'], ['"1"', '"1"'], ['"a b"', '"a b"'],
    ['"\u0041"', '"\u0041"'], ['"\ud83d\ude00"', '"\ud83d\ude00"'],
    ['"\"}]<&\'\\\\"', '"\"}]<&\'\\\\"'], ["\"\xc3\xbc\"", "\"\xc3\xbc\""],
    ['"' . 'x' x 254 . '"', '"' . 'x' x 254 . '"'],
    [' 7 ', '7'],
);

# Those that no answer can have.
our @no_ids = (
    'null', 'true', '[1]', '{"a":1}', '"' . 'x' x 300 . '"', '1' x 300,
);


# A call of a server that does not exist, with each of the ids.
sub calls {
    return [map { "POST /servers/nowhere/mcp\n"
                  . qq({"jsonrpc":"2.0","id":$_,"method":"ping"}) } @_];
}


sub unknown_server {
    return [map { qq({"jsonrpc":"2.0","id":$_,"error":{"code":-31001,)
                  . '"message":"The tenant has no such server",'
                  . '"data":{"reason":"unknown_server"}}}' . "\n" } @_];
}


sub problem {
    my ($title, $status, $reason) = @_;

    return qq({"type":"about:blank","title":"$title","status":$status,)
           . qq("reason":"$reason"}\n);
}


run_tests();

__DATA__

=== the id is echoed as it stood in the request
--- request eval
main::calls(map { $_->[0] } @::ids)
--- more_headers eval
$::head
--- error_code eval
[map { 404 } @::ids]
--- response_body eval
main::unknown_server(map { $_->[1] } @::ids)
--- response_headers eval
[map { "Content-Type: application/json" } @::ids]



=== an id that is none is answered with null
--- request eval
main::calls(@::no_ids)
--- more_headers eval
$::head
--- error_code eval
[map { 404 } @::no_ids]
--- response_body eval
main::unknown_server(map { 'null' } @::no_ids)



=== a notification, a batch, a response and no JSON are answered with null
--- request eval
[map { "POST /servers/nowhere/mcp\n$_" }
 '{"jsonrpc":"2.0","method":"notifications/initialized"}',
 '[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
 '{"id":1', '{"id":1,"id":2,"jsonrpc":"2.0","method":"ping"}']
--- more_headers eval
$::head
--- error_code eval
[map { 404 } 1 .. 4]
--- response_body_like eval
[map { '^\{"jsonrpc":"2.0","id":(null|1),"error":' } 1 .. 4]



=== the id of a response is not taken for that of a request
--- request
POST /servers/one/mcp
{"jsonrpc":"2.0","id":5}
--- more_headers eval
$::head
--- error_code: 400
--- body_json
{"jsonrpc":"2.0","id":5,"error":{"code":-32600,
 "message":"The body is not a JSON-RPC message",
 "data":{"reason":"invalid_message"}}}



=== the id is echoed where it stands behind what is wrong
--- request eval
[map { "POST /servers/one/mcp\n$_" }
 '{"jsonrpc":"2.0","method":7,"id":"late"}',
 '{"method":"ping","id":"late"}',
 '{"jsonrpc":"1.0","method":"ping","params":{},"id":"late"}']
--- more_headers eval
$::head
--- error_code eval
[map { 400 } 1 .. 3]
--- response_body_like eval
[map { '"id":"late","error":\{"code":-32600,' } 1 .. 3]



=== each refusal on the mcp path has its code
--- request eval
my $ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
["POST /servers/nowhere/mcp\n$ping", "POST /servers/one/mcp\n{",
 "POST /servers/one/mcp\n{}", "POST /servers/one/mcp\n$ping",
 "POST /servers/one/mcp\n$ping", "PUT /servers/one/mcp",
 "POST /tenant/b/servers/one/mcp\n$ping", "POST /servers/one/mcp\n$ping"]
--- more_headers eval
[$::head, $::head, $::head, "$::head\nMcp-Method: tools/call",
 "X-API-Key: <key a>\nContent-Type: text/plain", $::head, $::head,
 "$::head\nOrigin: http://evil.example"]
--- error_code eval
[404, 400, 400, 400, 415, 405, 403, 403]
--- response_body_like eval
['"id":1,"error":\{"code":-31001,.*"unknown_server"',
 '"id":null,"error":\{"code":-32700,.*"not_json"',
 '"id":null,"error":\{"code":-32600,.*"invalid_message"',
 '"id":1,"error":\{"code":-32020,.*"header_mismatch"',
 '"id":null,"error":\{"code":-32600,.*"unsupported_media_type"',
 '"id":null,"error":\{"code":-32600,.*"method_not_allowed"',
 '"id":null,"error":\{"code":-31006,.*"forbidden"',
 '"id":1,"error":\{"code":-31006,.*"origin_not_allowed"']
--- response_headers eval
[map { "Content-Type: application/json" } 1 .. 8]



=== elsewhere a refusal is a problem of RFC 9457
--- request eval
["GET /servers/nowhere", "POST /servers", "GET /tenant/b/servers",
 "GET /servers/one/x", "GET /nothing", "GET /servers"]
--- more_headers eval
[$::head, $::head, $::head, $::head, $::head,
 "$::head\nOrigin: http://evil.example"]
--- error_code eval
[404, 405, 403, 404, 404, 403]
--- response_body eval
[main::problem('The tenant has no such server', 404, 'unknown_server'),
 main::problem('The resource does not have this method', 405,
               'method_not_allowed'),
 main::problem('The key does not belong to the tenant that the request names',
               403, 'forbidden'),
 main::problem('There is no such resource', 404, 'not_found'),
 main::problem('There is no such resource', 404, 'not_found'),
 main::problem('The Origin is not allowed', 403, 'origin_not_allowed')]
--- response_headers eval
[map { "Content-Type: application/problem+json" } 1 .. 6]



=== an Origin that the tenant allows may call, no other one
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
    allowed_origins: ["https://app.example.com", "http://localhost:3000"]
  - id: b
    catalog_file: b.yaml
    api_keys: [{key_hash: "<hash b>", name: main}]
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/one"}
--- request eval
[map { "GET /servers/one/mcp" } 1 .. 12]
--- more_headers eval
[(map { "X-API-Key: <key a>\nOrigin: $_" }
  'https://app.example.com', 'http://localhost:3000', 'null', '',
  'https://APP.example.com', 'http://app.example.com',
  'https://app.example.com:443', 'https://app.example.com.evil',
  'http://localhost', 'http://localhost:30000', '*'),
 "X-API-Key: <key b>\nOrigin: https://app.example.com"]
--- error_code eval
[200, 200, map { 403 } 1 .. 10]
--- response_body_like eval
['^a GET /one$', '^a GET /one$', map { '"origin_not_allowed"' } 1 .. 10]
--- upstream
a GET /one
a GET /one



=== two lines of Origin get 400
--- request
GET /servers
--- more_headers
X-API-Key: <key a>
Origin: https://a.example
Origin: https://a.example
--- error_code: 400
--- response_body_like: "reason":"duplicate_header"



=== 401 says how to log in, 405 what there is, and no other answer does
--- request eval
["GET /servers", "PUT /servers", "PUT /servers/one/mcp", "GET /servers/none"]
--- more_headers eval
["", $::head, $::head, $::head]
--- error_code eval
[401, 405, 405, 404]
--- response_headers eval
["WWW-Authenticate: Bearer realm=\"mcp\"\nAllow:",
 "WWW-Authenticate:\nAllow: GET, HEAD",
 "WWW-Authenticate:\nAllow: GET, POST, DELETE",
 "WWW-Authenticate:\nAllow:\nRetry-After:"]



=== what other modules refuse is answered in the same form
--- server eval
CORE::join '', map { "location = /servers/s$_/mcp { return $_; }\n" }
401, 403, 404, 413, 416, 429, 500, 502, 503, 504
--- request eval
[map { "GET /servers/s$_/mcp" }
 401, 403, 404, 413, 416, 429, 500, 502, 503, 504]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[401, 403, 404, 413, 416, 429, 500, 502, 503, 504]
--- response_body_like eval
[map { qr/^\{"jsonrpc":"2.0","id":null,"error":\{"code":-\d+,"message":"[^"]+",
         "data":\{"reason":"$_"\}\}\}$/x }
 qw(unauthorized forbidden not_found body_too_large malformed_request limited
 internal_error upstream_failed overloaded upstream_timeout)]
--- response_headers eval
["Content-Type: application/json\nWWW-Authenticate: Bearer realm=\"mcp\"",
 (map { "Content-Type: application/json\nRetry-After:" } 1 .. 7),
 "Content-Type: application/json\nRetry-After: 5",
 "Content-Type: application/json"]
--- audit
tenant=a key=main server=s401 decision=deny reason=missing_key status=401
tenant=a key=main server=s403 decision=deny reason=forbidden status=403
tenant=a key=main server=s404 decision=deny reason=not_found status=404
tenant=a key=main server=s413 decision=deny reason=body_too_large status=413
tenant=a key=main server=s416 decision=deny reason=malformed_request status=416
tenant=a key=main server=s429 decision=deny reason=limited status=429
tenant=a key=main server=s500 decision=deny reason=internal_error status=500
tenant=a key=main server=s502 decision=deny reason=upstream_failed status=502
tenant=a key=main server=s503 decision=deny reason=overloaded status=503
tenant=a key=main server=s504 decision=deny reason=upstream_timeout status=504



=== limit_req by tenant answers 429 in JSON
--- http
    limit_req_zone  $mcp_tenant_id  zone=by_tenant:64k  rate=1r/m;
--- locations
    location /servers {
        limit_req         zone=by_tenant;
        limit_req_status  429;
        mcp_tenant        on;
        proxy_pass        $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }

    error_page  429  /mcp_tenant_error;

    location = /mcp_tenant_error {
        internal;
        mcp_tenant_endpoint  error;
    }
--- request eval
["GET /servers/one/mcp", "GET /servers/one/mcp", "GET /servers"]
--- more_headers eval
["X-API-Key: <key b>", "X-API-Key: <key b>", "X-API-Key: <key b>"]
--- error_code_like eval
['^(200|429)$', '^429$', '^429$']
--- response_body_like eval
['^b GET /one$|"limited"', '"code":-31002,.*"reason":"limited"',
 '"type":"about:blank",.*"reason":"limited"']
--- upstream_like: ^(b GET /one\n)?$
--- no_error_log
[crit]
[alert]
[emerg]



=== a rule of the operator answers 403 in the same form
--- server
    deny  all;
--- request eval
["GET /servers", "GET /servers/one/mcp", "GET /servers"]
--- more_headers eval
[$::head, $::head, ""]
--- error_code eval
[403, 403, 403]
--- response_body_like eval
my $rule = q("A rule of the gateway's operator refuses the request");
[qr/"title":$rule,.*"reason":"forbidden"/,
 qr/"code":-31006,"message":$rule,/, qr/"title":$rule,/]
--- audit
tenant=a key=main decision=deny reason=forbidden status=403
tenant=a key=main server=one decision=deny reason=forbidden status=403
tenant= key= decision=deny reason=forbidden status=403
--- no_error_log
[crit]
[alert]
[emerg]



=== auth_basic around the gateway answers 401 in the same form
--- server
    auth_basic            people;
    auth_basic_user_file  <root>/html/nobody;
--- user_files
>>> nobody
--- request eval
["GET /servers", "GET /servers/one/mcp"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[401, 401]
--- response_body_like eval
['"title":"A valid API key is required"', '"code":-31006,']



=== a server that cannot be reached is 502 with the id of the request
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 9>/one"}
--- request eval
["POST /servers/one/mcp\n" . '{"jsonrpc":"2.0","id":"q","method":"ping"}',
 "GET /servers/one/mcp"]
--- more_headers eval
$::head
--- error_code eval
[502, 502]
--- body_json eval
my $error = '"error":{"code":-31003,"message":"The server gave no valid '
    . 'answer","data":{"reason":"upstream_failed"}}';
[qq({"jsonrpc":"2.0","id":"q",$error}), qq({"jsonrpc":"2.0","id":null,$error})]
--- audit
tenant=a server=one decision=allow reason=upstream_failed status=502
tenant=a server=one decision=allow reason=upstream_failed status=502
--- no_error_log
[crit]
[alert]
[emerg]



=== a server that does not answer is 504 with the id of the request
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 4>/one"}
--- locations
    location /servers {
        mcp_tenant          on;
        proxy_pass          $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
        proxy_read_timeout  50ms;
    }

    error_page  504  /mcp_tenant_error;

    location = /mcp_tenant_error {
        internal;
        mcp_tenant_endpoint  error;
    }
--- silent_port: 4
--- request
POST /servers/one/mcp
{"jsonrpc":"2.0","id":"q","method":"ping"}
--- more_headers eval
$::head
--- error_code: 504
--- body_json
{"jsonrpc":"2.0","id":"q","error":{"code":-31004,
 "message":"The server did not answer in time",
 "data":{"reason":"upstream_timeout"}}}
--- audit
tenant=a server=one decision=allow reason=upstream_timeout status=504
--- no_error_log
[crit]
[alert]
[emerg]



=== what NGINX refuses before it knows a path is answered in JSON
--- raw_request eval
"NO WAY\r\n\r\n"
--- error_code: 400
--- response_body eval
main::problem('The request is malformed', 400, 'malformed_request')
--- response_headers
Content-Type: application/problem+json
--- audit
tenant= key= server= path= decision=deny reason=malformed_request status=400



=== a request without Host is answered in JSON
--- raw_request eval
"GET /servers/one/mcp HTTP/1.1\r\nX-API-Key: <key a>\r\n\r\n"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- audit
decision=deny reason=malformed_request status=400



=== the page of errors cannot be asked for
--- request eval
["GET /mcp_tenant_error", "POST /mcp_tenant_error\nx"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[404, 404]
--- response_body eval
[map { main::problem('There is no such resource', 404, 'not_found') } 1 .. 2]



=== HEAD is refused without a body
--- request eval
["HEAD /servers", "HEAD /servers/one/mcp", "HEAD /nothing"]
--- more_headers eval
["", "X-API-Key: <key a>", ""]
--- error_code eval
[401, 405, 404]
--- response_body eval
["", "", ""]
