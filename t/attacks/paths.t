#!/usr/bin/perl
#
# Request lines and framing that two readers could take differently.  NGINX
# decodes and merges a path before it looks for a location, so that what it
# matched says little about what stood in the request line.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::Nginx::Socket 'no_plan';
use McpTenant;

our $ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
our $head = "Host: localhost\r\nX-API-Key: <key a>\r\n";
our $json = "Content-Type: application/json\r\n";
our $smuggled = "GET /tenant/b/servers/one/mcp HTTP/1.1\r\n"
    . "Host: localhost\r\nX-API-Key: <key b>\r\n\r\n";

our $malformed_path = '{"type":"about:blank","title":"The path is not in its '
    . 'plain form","status":400,"reason":"malformed_path"}' . "\n";
our $malformed = '{"type":"about:blank","title":"The request is malformed",'
    . '"status":400,"reason":"malformed_request"}' . "\n";

# Ways to write the path of b's server below a path of a.
our @crossing = map { "GET $_" } (
    '/tenant/a/../b/servers/one/mcp',
    '/tenant/a/..%2fb/servers/one/mcp',
    '/tenant/a/..%2Fb/servers/one/mcp',
    '/tenant/a/%2e%2e/b/servers/one/mcp',
    '/tenant/a/.%2e/b/servers/one/mcp',
    '/tenant/a%2f..%2fb/servers/one/mcp',
    '/tenant/a/..%252fb/servers/one/mcp',
    '/tenant/a/%252e%252e/b/servers/one/mcp',
    '/tenant/a/..;/b/servers/one/mcp',
    '/tenant/a;/../b/servers/one/mcp',
    '/tenant/a/..\\b/servers/one/mcp',
    '/tenant/a\\..\\b/servers/one/mcp',
    '/tenant/a/..%5cb/servers/one/mcp',
    '/tenant/b%00/servers/one/mcp',
    '/tenant/a/servers/one/mcp%00',
    '/tenant/b%0a/servers/one/mcp',
    '/tenant/b%0d%0a/servers/one/mcp',
    '/tenant/b/servers/one/mcp%0d%0aX-Tenant-ID:%20b',
    '/tenant/a/servers/../../b/servers/one/mcp',
    '/tenant/a/servers/one/../../../b/servers/one/mcp',
    '/servers/../tenant/b/servers/one/mcp',
    '/x/../tenant/b/servers/one/mcp',
    '/x/%2e%2e/tenant/b/servers/one/mcp',
    '/tenant/a/servers/one/mcp/..',
    '/tenant/a/servers/one/mcp/.',
);

# Ways to write a's own server that are not the plain one.
our @unplain = map { "GET $_" } (
    '//tenant/a/servers/one/mcp',
    '/tenant//a/servers/one/mcp',
    '/tenant/a//servers/one/mcp',
    '/tenant/a/servers/one//mcp',
    '/tenant/a/servers/one/mcp//',
    '/./tenant/a/servers/one/mcp',
    '/tenant/./a/servers/one/mcp',
    '/tenant/a/servers/./one/mcp',
    '/tenant/%61/servers/one/mcp',
    '/tenant/a/servers/%6fne/mcp',
    '/tenant/a/servers/one/%6dcp',
    '/tenan%74/a/servers/one/mcp',
    '/%74enant/a/servers/one/mcp',
    '/tenant/a/servers%2fone/mcp',
    '/tenant/a/servers/one;x=1/mcp',
    '/tenant/a/servers/one/mcp;x',
    '/tenant/a/servers/o+ne/mcp',
    "/tenant/a/servers/\xc3\xb6ne/mcp",
    '/tenant/a/servers/one/mcp%20',
    '/tenant/a/servers/"one"/mcp',
    '/tenant/a/servers/<one>/mcp',
);


# Answers of the gateway, of one kind, for as many requests.
sub refused {
    my ($body, $requests) = @_;

    return [map { $body } @$requests];
}


# mcp_tenant.conf with a small limit of the body.
sub small_conf {
    open(my $in, '<', McpTenant::conf_dir() . '/mcp_tenant.conf')
        or die "mcp_tenant.conf: $!\n";
    my $text = join('', <$in>);

    $text =~ s/client_max_body_size\s+4m/client_max_body_size 1k/
        or die "mcp_tenant.conf has no limit of 4m\n";
    $text =~ s/client_body_buffer_size\s+64k/client_body_buffer_size 512/;

    return ">>> small.conf\n$text";
}


run_tests();

__DATA__

=== no way to write a path leads from a to b
--- request eval
\@::crossing
--- more_headers
X-API-Key: <key a>
--- error_code eval
main::refused(400, \@::crossing)
--- response_body_like eval
main::refused(qr/^\Q$::malformed_path\E$|^\Q$::malformed\E$/, \@::crossing)
--- response_headers eval
main::refused("Content-Type: application/problem+json", \@::crossing)



=== a path that leads to b is not taken from b either
--- request eval
\@::crossing
--- more_headers
X-API-Key: <key b>
--- error_code eval
main::refused(400, \@::crossing)
--- response_body_like eval
main::refused(qr/^\Q$::malformed_path\E$|^\Q$::malformed\E$/, \@::crossing)



=== a path that leads to b opens nothing with mcp_tenant_auth off
--- server
    mcp_tenant_auth  off;
--- request eval
\@::crossing
--- error_code eval
main::refused(400, \@::crossing)
--- response_body_like eval
main::refused(qr/^\Q$::malformed_path\E$|^\Q$::malformed\E$/, \@::crossing)



=== a path in another than its plain form gets 400
--- request eval
\@::unplain
--- more_headers
X-API-Key: <key a>
--- error_code eval
main::refused(400, \@::unplain)
--- response_body eval
main::refused($::malformed_path, \@::unplain)
--- audit eval
"tenant= key= decision=deny reason=malformed_path status=400\n" x @::unplain



=== a query is no part of the path, and is not forwarded
--- request eval
["GET /servers/one/mcp?a=/../../tenant/b", "GET /servers/one/mcp?", "GET " .
 "/tenant/a/servers/one/mcp?%2e%2e%2f&tenant=b//./"]
--- more_headers
X-API-Key: <key a>
--- response_body eval
["a GET /one\n", "a GET /one\n", "a GET /one\n"]
--- error_code eval
[200, 200, 200]
--- upstream
a GET /one
a GET /one
a GET /one



=== paths that the gateway does not have get 404
--- request eval
[map { "GET $_" } qw(
 /TENANT/a/servers /tenant/A/servers /Tenant/a/servers /tenant /tenant/
 /tenant/a /tenant/a/ /tenant/a/servers/ /servers/ /servers/one/
 /servers/one/mcp/ /servers/one/mcp/x /servers/one/MCP /servers/ONE
 /servers/one/sse /tenant/a/metrics/ /tenant/a/status /tenants /serversx
 /tenant/a/tenant/a/servers /mcp_tenant_error /)]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[map { 404 } 1 .. 22]
--- response_body_like eval
[map { qr/"title":"There is no such resource","status":404,/ } 1 .. 22]
--- response_headers eval
[map { "Content-Type: application/problem+json" } 1 .. 22]



=== nothing lists the tenants
--- request eval
["GET /tenant", "GET /tenant/", "GET /tenant/a", "GET /tenant/nobody"]
--- error_code eval
[map { 401 } 1 .. 4]
--- response_body_like eval
[map { '"reason":"unauthorized"' } 1 .. 4]



=== an absolute target with the host of the request is as good as a path
--- raw_request eval
"GET http://localhost/servers/one/mcp HTTP/1.1\r\n${main::head}"
. "Connection: close\r\n\r\n"
--- response_body
a GET /one
--- upstream
a GET /one



=== an absolute target with another host gets 400
--- raw_request eval
"GET http://other/servers/one/mcp HTTP/1.1\r\n${main::head}"
. "Connection: close\r\n\r\n"
--- error_code: 400
--- response_body eval
$::malformed
--- audit
tenant= key= decision=deny reason=malformed_request status=400



=== an absolute target with a shorter host gets 400
--- raw_request eval
"GET http://local/servers/one/mcp HTTP/1.1\r\n${main::head}"
. "Connection: close\r\n\r\n"
--- error_code: 400
--- response_body eval
$::malformed



=== an absolute target with a longer host gets 400
--- raw_request eval
"GET http://localhosts/servers/one/mcp HTTP/1.1\r\n${main::head}"
. "Connection: close\r\n\r\n"
--- error_code: 400
--- response_body eval
$::malformed



=== an absolute target of another tenant gets 400
--- raw_request eval
"GET http://localhost/tenant/b/servers HTTP/1.1\r\n${main::head}"
. "X-Tenant-ID: a\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body_like: "reason":"tenant_mismatch"
--- audit
tenant= requested_tenant=b key= decision=deny reason=tenant_mismatch



=== a target with a user, or no target at all, gets 400
--- raw_request eval
"GET http://b\@localhost/servers HTTP/1.1\r\n${main::head}\r\n"
--- error_code: 400
--- response_body eval
$::malformed



=== Content-Length beside Transfer-Encoding gets 400 and ends the connection
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n"
. "0\r\n\r\n$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close
Content-Type: application/json
--- audit
decision=deny reason=malformed_request status=400



=== two Content-Lengths get 400 and end the connection
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Content-Length: 40\r\nContent-Length: 0\r\n\r\n$main::ping$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close
Content-Type: application/json



=== two equal Content-Lengths get 400
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Content-Length: 40\r\nContent-Length: 40\r\n\r\n$main::ping$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close



=== a Content-Length with a sign gets 400
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Content-Length: +40\r\n\r\n$main::ping$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close



=== a Content-Length that is negative, hexadecimal or a list gets 400
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Content-Length: 0x28\r\n\r\n$main::ping$main::smuggled"
--- error_code: 400
--- response_headers
Connection: close
--- response_body_like: "reason":"malformed_request"



=== two codings get 501 and end the connection
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n$main::smuggled"
--- error_code: 501
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close
Content-Type: application/json



=== a coding that is almost chunked gets 501
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n$main::smuggled"
--- error_code: 501
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close



=== two lines of Transfer-Encoding get 400
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
. "0\r\n\r\n$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close



=== a blank before the colon gets 400
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close



=== a folded header gets 400
--- raw_request eval
"GET /servers HTTP/1.1\r\n${main::head}X-Tenant-ID:\r\n b\r\n\r\n"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close



=== HTTP/1.0 with Transfer-Encoding gets 400
--- raw_request eval
"POST /servers/one/mcp HTTP/1.0\r\n${main::head}${main::json}"
. "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
. "28\r\n$main::ping\r\n0\r\n\r\n$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close



=== chunks that are none get 400 and end the connection
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Transfer-Encoding: chunked\r\n\r\n-1\r\n$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close
--- audit
tenant=a key=main decision=deny reason=malformed_request status=400
--- error_log
client sent invalid chunked body
--- no_error_log
[crit]
[alert]



=== a chunk size past 64 bits gets 400
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Transfer-Encoding: chunked\r\n\r\n10000000000000028\r\n$main::ping\r\n"
. "0\r\n\r\n$main::smuggled"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Connection: close
--- error_log
client sent invalid chunked body
--- no_error_log
[crit]
[alert]



=== what a body hides is no request, and the next one is judged alone
--- pipelined_requests eval
["POST /servers/one/mcp\n$main::ping",
 "POST /servers/one/mcp\n$main::ping",
 "GET /servers/one/mcp",
 "GET /tenant/b/servers"]
--- more_headers eval
my $json = "Content-Type: application/json";
["X-API-Key: <key a>\n$json", "X-API-Key: <key b>\n$json", "X-Tenant-ID: a",
 "X-API-Key: <key a>"]
--- error_code eval
[200, 200, 401, 403]
--- response_body_like eval
['^a POST /one$', '^b POST /one$', '"unauthorized"', '"forbidden"']
--- upstream
a POST /one
b POST /one
--- audit
tenant=a key=main decision=allow reason=ok
tenant=b key=main-b decision=allow reason=ok
tenant= requested_tenant=a key= decision=deny reason=missing_key
tenant=a requested_tenant=b key=main decision=deny reason=cross_tenant



=== GET and DELETE with a body are refused, and do not hide a request
--- pipelined_requests eval
my $hidden = "GET /servers HTTP/1.1\nHost: localhost\nX-API-Key: <key b>\n";
["GET /servers/one/mcp\n$hidden", "GET /servers/one/mcp",
 "DELETE /servers/one/mcp\n$hidden", "DELETE /servers/one/mcp",
 "GET /servers/one\n$hidden", "GET /servers/one"]
--- more_headers eval
["X-API-Key: <key a>", "X-API-Key: <key b>", "X-API-Key: <key a>",
 "X-API-Key: <key b>", "X-API-Key: <key a>", "X-API-Key: <key b>"]
--- error_code eval
[400, 200, 400, 200, 200, 200]
--- response_body_like eval
['"reason":"malformed_request"', '^b GET /one$',
 '"reason":"malformed_request"', '^b DELETE /one$', '"First"',
 '"display_name": "one"']
--- upstream
b GET /one
b DELETE /one
--- audit
tenant=a key=main decision=deny reason=malformed_request
tenant=b key=main-b decision=allow reason=ok
tenant=a key=main decision=deny reason=malformed_request
tenant=b key=main-b decision=allow reason=ok
tenant=a key=main decision=allow reason=ok
tenant=b key=main-b decision=allow reason=ok



=== HEAD with a body hides no request
--- raw_request eval
"HEAD /servers HTTP/1.1\r\n${main::head}Content-Length: 9\r\n\r\nGET / HTT"
. "GET /tenant/a/servers HTTP/1.1\r\nHost: localhost\r\n"
. "X-API-Key: <key b>\r\nConnection: close\r\n\r\n"
--- raw_response_headers_like: Content-Type: application/json
--- audit_lines: 2
--- audit
tenant=a key=main http_method=HEAD decision=allow reason=ok
tenant=b key=main-b http_method=GET decision=deny reason=cross_tenant



=== HEAD opens no stream at a server
--- request
HEAD /servers/one/mcp
--- more_headers
X-API-Key: <key a>
--- error_code: 405
--- audit
tenant=a key=main decision=deny reason=method_not_allowed



=== a header that comes too slowly ends the connection
--- server
    client_header_timeout  50ms;
--- raw_request eval
"GET /servers HTTP/1.1\r\nHost: localhost\r\nX-API-Key: <key "
--- ignore_response
--- audit
tenant= key= decision= status=408



=== a body that does not come ends the connection, and is audited
--- server
    client_body_timeout  50ms;
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Content-Length: 40\r\n\r\n{"
--- ignore_response
--- audit
tenant=a key=main decision=deny reason=body_incomplete status=408



=== a client that leaves amid its body is audited
--- raw_request eval
"POST /servers/one/mcp HTTP/1.1\r\n${main::head}${main::json}"
. "Content-Length: 40\r\n\r\n{"
--- shutdown: 1
--- ignore_response
--- audit
tenant=a key=main decision=deny status=400



=== a body over the limit gets 413, whatever it says about its length
--- locations
    include  <root>/html/small.conf;
--- user_files eval
main::small_conf()
--- request eval
my $long = '{"jsonrpc":"2.0","id":1,"method":"ping","x":"' . 'x' x 1000 . '"}';
my $chunks = sprintf("%x", length $long) . "\r\n$long\r\n0\r\n\r\n";
["POST /servers/one/mcp\n$long", "POST /servers/one/mcp\n$chunks",
 "POST /servers/one/mcp\n$main::ping"]
--- more_headers eval
my $head = "X-API-Key: <key a>\nContent-Type: application/json";
[$head, "$head\nTransfer-Encoding: chunked", $head]
--- error_code eval
[413, 413, 200]
--- response_body_like eval
my $body = qr/^\{"jsonrpc":"2.0","id":null,.*"reason":"body_too_large"\}\}\}$/;
[$body, $body, '^a POST /one$']
--- upstream
a POST /one
--- audit
tenant=a key=main decision=deny reason=body_too_large status=413
tenant=a key=main decision=deny reason=body_too_large status=413
tenant=a key=main decision=allow reason=ok status=200
--- no_error_log
[crit]
[alert]
[emerg]



=== a body that ends in a file of its own is judged like any other
--- locations
    include  <root>/html/small.conf;
--- user_files eval
main::small_conf()
--- request eval
my $pad = 'x' x 700;
[map { "POST /servers/one/mcp\n" . qq({"jsonrpc":"2.0","id":1,"x":"$pad",$_}) }
 '"method":"ping"', '"method":"ping"]', '"Method":"ping"']
--- more_headers
X-API-Key: <key a>
Content-Type: application/json
--- error_code eval
[200, 400, 400]
--- response_body_like eval
['^a POST /one$', '"reason":"not_json"', '"reason":"invalid_message"']
--- upstream
a POST /one



=== CONNECT and TRACE get 405
--- raw_request eval
"TRACE /servers/one/mcp HTTP/1.1\r\n${main::head}Connection: close\r\n\r\n"
--- error_code: 405
--- response_body_like: "reason":"method_not_allowed"
--- response_headers
Allow: GET, POST, DELETE



=== CONNECT is not served
--- raw_request eval
"CONNECT localhost:443 HTTP/1.1\r\n${main::head}Connection: close\r\n\r\n"
--- error_code_like: ^(400|405)$
--- response_body_like: "reason":"(malformed_request|method_not_allowed)"



=== HTTP/0.9 is not served
--- raw_request eval
"GET /servers/one/mcp\r\n"
--- http09
--- response_body eval
qr/"reason":"malformed_request"/



=== a version of HTTP that there is not gets 505
--- raw_request eval
"GET /servers HTTP/3.0\r\n${main::head}\r\n"
--- error_code: 505
--- response_body_like: "reason":"malformed_request"
--- audit
decision=deny reason=malformed_request status=505



=== methods that no path has get 405 with the methods that it has
--- request eval
[(map { "$_ /servers/one/mcp" } qw(PUT PATCH OPTIONS PROPFIND)),
 (map { "$_ /servers" } qw(POST PUT DELETE OPTIONS)),
 (map { "$_ /tenant/a/metrics" } qw(POST DELETE))]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[map { 405 } 1 .. 10]
--- response_body_like eval
[map { '"reason":"method_not_allowed"' } 1 .. 10]
--- response_headers eval
[(map { "Allow: GET, POST, DELETE" } 1 .. 4),
 (map { "Allow: GET, HEAD" } 1 .. 6)]



=== a method that there is not gets 405
--- raw_request eval
"MCP /servers/one/mcp HTTP/1.1\r\n${main::head}Connection: close\r\n\r\n"
--- error_code: 405
--- response_body_like: "reason":"method_not_allowed"



=== a method in lower case gets 400
--- raw_request eval
"get /servers HTTP/1.1\r\n${main::head}\r\n"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"



=== 1000 headers are taken, 1001 are not
--- raw_request eval
"GET /servers HTTP/1.1\r\n${main::head}" . "X: y\r\n" x 997
. "Connection: close\r\n\r\n"
--- response_body_like: "tenant": "a"



=== 1001 headers get 400
--- raw_request eval
"GET /servers HTTP/1.1\r\n${main::head}" . "X: y\r\n" x 998
. "Connection: close\r\n\r\n"
--- error_code: 400
--- response_body eval
$::malformed



=== headers of 32 KB get 400
--- request
GET /servers/one/mcp
--- more_headers eval
"X-API-Key: <key a>\nX: " . 'x' x 16000 . "\nY: " . 'y' x 16000 . "\nZ: "
. 'z' x 1000
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- response_headers
Content-Type: application/problem+json



=== a header over the limit of NGINX gets its answer in JSON
--- request
GET /servers/one/mcp
--- more_headers eval
"X-API-Key: <key a>\nX: " . 'x' x 17000
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
--- audit
decision=deny reason=malformed_request



=== a path over the limit of NGINX gets its answer in JSON
--- request eval
"GET /servers?" . 'x' x 17000
--- error_code: 414
--- response_body eval
'{"type":"about:blank","title":"The request is malformed","status":414,'
. '"reason":"malformed_request"}' . "\n"
--- response_headers
Content-Type: application/problem+json
--- audit
decision=deny reason=malformed_request status=414



=== a bare line feed ends a header, and says nothing more
--- raw_request eval
"GET /servers HTTP/1.1\nHost: localhost\nX-API-Key: <key a>\n"
. "X-Tenant-ID: b\nConnection: close\n\n"
--- error_code: 403
--- response_body_like: "reason":"forbidden"
--- audit
tenant=a requested_tenant=b key=main decision=deny reason=cross_tenant



=== a header with a name that is no token is refused or ignored
--- raw_request eval
"GET /servers HTTP/1.1\r\n${main::head}X-Tenant-ID\0: b\r\n\r\n"
--- error_code: 400
--- response_body_like: "reason":"malformed_request"
