#!/usr/bin/perl
#
# What the audit line says.  That each request leaves exactly one, that it is
# JSON, and that no key stands in any log, McpTenant.pm checks in all blocks.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More ();
use Test::Nginx::Socket 'no_plan';
use McpTenant;

our $head = "X-API-Key: <key a>\nContent-Type: application/json";

add_response_body_check(\&check_fields);

run_tests();


# The section "fields": the names that a line has, all of them.
sub check_fields {
    my ($block) = @_;

    return if !defined $block->fields;

    my $file = Test::Nginx::Util::server_root() . '/logs/access.log';
    my $line = wait_for(sub {
        open(my $in, '<', $file) or return undef;
        return scalar <$in>;
    });

    my $object = eval { decode_json($line) } || {};

    Test::More::is_deeply([sort keys %$object],
                          [sort split ' ', $block->fields],
                          $block->name . ' - the fields of a line');
    Test::More::is(scalar(grep { ref } values %$object), 0,
                   $block->name . ' - all of them are texts');
}

__DATA__

=== a line has all fields, and no other one
--- request
GET /servers
--- more_headers
X-API-Key: <key a>
--- fields
time request_id client tenant requested_tenant key server http_method path
method name era decision reason rpc_error tool_error limit generation status
upstream upstream_status
duration received sent



=== a refused request has them too
--- request
GET /%00
--- error_code: 400
--- fields
time request_id client tenant requested_tenant key server http_method path
method name era decision reason rpc_error tool_error limit generation status
upstream upstream_status
duration received sent



=== a call of a tool
--- request
POST /tenant/a/servers/one/mcp?x=1
{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}
--- more_headers eval
"$::head\nX-Tenant-ID: a"
--- upstream
a POST /one
--- audit eval
"client=127.0.0.1 tenant=a requested_tenant=a key=main server=one "
. "http_method=POST path=/tenant/a/servers/one/mcp method=tools/call name=echo "
. "decision=allow reason=ok generation=1 status=200 "
. "upstream=127.0.0.1:<port 1> upstream_status=200"



=== a resource by its URI, and a prompt by its name
--- request eval
[map { "POST /servers/one/mcp\n" . qq({"jsonrpc":"2.0","id":1,$_}) }
 '"method":"resources/read","params":{"uri":"file:///etc/hosts"}',
 '"method":"prompts/get","params":{"name":"hello"}']
--- more_headers eval
$::head
--- error_code eval
[200, 200]
--- upstream
a POST /one
a POST /one
--- audit
method=resources/read name=file:///etc/hosts decision=allow reason=ok
method=prompts/get name=hello decision=allow reason=ok



=== the stream, the end of a session, and the list have no method
--- request eval
["GET /servers/one/mcp", "DELETE /servers/one/mcp", "GET /servers"]
--- more_headers eval
$::head
--- error_code eval
[200, 200, 200]
--- upstream
a GET /one
a DELETE /one
--- audit
http_method=GET server=one method= name= decision=allow reason=ok
http_method=DELETE server=one method= name= decision=allow reason=ok
http_method=GET server= method= name= decision=allow reason=ok upstream=



=== a method that no revision has is "other", a response "response"
--- request eval
[map { "POST /servers/one/mcp\n" . qq({"jsonrpc":"2.0",$_}) }
 '"id":1,"method":"vendor/made-up"', '"method":"notifications/x"',
 '"id":1,"result":{}', '"id":1,"error":{}']
--- more_headers eval
$::head
--- error_code eval
[map { 200 } 1 .. 4]
--- upstream eval
"a POST /one\n" x 4
--- audit
method=other decision=allow
method=other decision=allow
method=response decision=allow
method=response decision=allow



=== of a batch, the first message
--- request
POST /servers/one/mcp
[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"first"}},
 {"jsonrpc":"2.0","id":2,"method":"ping"}]
--- more_headers eval
$::head
--- upstream
a POST /one
--- audit
method=tools/call name=first decision=allow reason=ok



=== a completion has the name of what its ref names
--- request eval
[map { "POST /servers/one/mcp\n" . '{"jsonrpc":"2.0","id":1,'
        . qq("method":"completion/complete","params":{"name":"x",$_}}) }
 '"ref":{"type":"ref/prompt","name":"hello","uri":"y"}',
 '"ref":{"uri":"file:///a","type":"ref/resource","name":"y"}',
 '"uri":"y"']
--- more_headers eval
$::head
--- error_code eval
[200, 200, 200]
--- upstream eval
"a POST /one\n" x 3
--- audit
method=completion/complete name=hello decision=allow reason=ok
method=completion/complete name=file:///a decision=allow reason=ok
method=completion/complete name= decision=allow reason=ok



=== text of clients cannot break a line, or out of its field
--- request eval
my @names = ('a\"b', 'a\\\\', '\n\r\t', '\u0001\u001f', '","tenant":"b',
             '\u2028\u00e9', '</script>', '\ud83d\ude00', "\x7f");
$names[4] =~ s/"/\\"/g;
[(map { "POST /servers/one/mcp\n" . '{"jsonrpc":"2.0","id":1,'
        . qq("method":"tools/call","params":{"name":"$_"}}) } @names),
 'GET /servers/"},{"x":"', "GET /servers/\\\\", "GET /servers/\x01\x02",
 "GET /servers/\xff\xfe", 'GET /servers/%22%0a']
--- more_headers eval
$::head
--- error_code_like eval
[(map { '^200$' } 1 .. 9), map { '^400$' } 1 .. 5]
--- upstream eval
"a POST /one\n" x 9
--- audit eval
("tenant=a method=tools/call decision=allow\n" x 9)
. ("tenant= decision=deny\n" x 5)



=== a path that is no UTF-8 is escaped, so that the line is JSON
--- request eval
["GET /servers/\xff\xfe", "GET /servers/\xc3\xb6/\x80?\xff", "GET /\xff"]
--- error_code eval
[400, 400, 404]
--- audit
path=/servers/%FF%FE reason=malformed_path
path=/servers/%C3%B6/%80 reason=malformed_path
path=/%FF reason=not_found



=== a client that names no tenant leaves the field empty
--- request eval
["GET /servers", "GET /tenant/A/servers", "GET /nothing", "GET /servers"]
--- more_headers eval
["", "", "", "X-Tenant-ID: A"]
--- error_code eval
[401, 401, 404, 400]
--- audit
tenant= requested_tenant= key= reason=missing_key
tenant= requested_tenant= key= reason=missing_key
tenant= requested_tenant= key= reason=not_found
tenant= requested_tenant= key= reason=invalid_tenant



=== refused by a rung of the ladder, with what was known there
--- request eval
["GET /servers/nowhere/mcp", "PATCH /servers/one/mcp",
 "POST /servers/one/mcp\nno", "POST /servers/one/mcp\n" .
 '{"jsonrpc":"2.0","id":1,"method":"ping"}']
--- more_headers eval
[$::head, $::head, $::head, "$::head\nMcp-Method: initialize"]
--- error_code eval
[404, 405, 400, 400]
--- audit
tenant=a key=main server=nowhere method= reason=unknown_server upstream=
tenant=a key=main server=one method= reason=method_not_allowed upstream=
tenant=a key=main server=one method= reason=not_json upstream=
tenant=a key=main server=one method=ping reason=header_mismatch upstream=



=== a client that leaves before the answer is audited as such
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 4>/one"}
--- silent_port: 4
--- raw_request eval
"GET /servers/one/mcp HTTP/1.1\r\nHost: localhost\r\n"
. "X-API-Key: <key a>\r\n\r\n"
--- shutdown: 1
--- ignore_response
--- audit
tenant=a key=main server=one decision=allow reason=client_closed status=499



=== an error page, an internal redirect and a subrequest leave one line
--- locations
    location /servers {
        mirror      /mirror;
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
        proxy_intercept_errors  on;
        error_page  502  @again;
    }

    location @again {
        return  503;
    }

    location = /mirror {
        internal;
        proxy_pass  http://127.0.0.1:<port 2>/mirrored;
    }
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 9>/one"}
--- request
GET /servers/one/mcp
--- more_headers
X-API-Key: <key a>
--- error_code: 503
--- upstream
b GET /mirrored
--- audit
tenant=a key=main server=one status=503
--- no_error_log
[crit]
[alert]
[emerg]



=== a key in the request line is masked for every log format
--- http
    log_format  all  '$request|$request_uri|$uri|$args|$arg_key|$query_string|'
                     '$document_uri|$mcp_tenant_path';
--- server
    access_log  <root>/logs/combined.log  combined;
    access_log  <root>/logs/all.log       all;
--- request eval
["GET /servers?key=<key a>", "GET /tenant/<key a>/servers?a&key=<key a>&b",
 "GET /<key a>?<key a>", "GET /a/<key b>/../<key a>/servers",
 "GET http://localhost/servers?key=<key a>", "GET /servers?key=<key a>%20x"]
--- more_headers
X-API-Key: <key b>
--- error_code_like eval
['^200$', '^400$', '^404$', '^404$', '^200$', '^200$']
--- no_error_log
[crit]
[alert]
[emerg]



=== most of a key is masked as well, and a short word is not
--- request eval
my $key = McpTenant::key('a');
["GET /" . substr($key, 0, -10), "GET /mcpt_short"]
--- error_code eval
[404, 404]
--- audit eval
"path=/" . '*' x 33 . "\npath=/mcpt_short"



=== a key in a request that NGINX refuses at once is not logged
--- server
    access_log  <root>/logs/combined.log  combined;
--- log_level: notice
--- raw_request eval
"GET /servers?key=<key a> HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n"
--- error_code: 400



=== a key in a request without Host is not logged
--- server
    access_log  <root>/logs/combined.log  combined;
--- log_level: notice
--- raw_request eval
"GET /servers?key=<key a> HTTP/1.1\r\nX-API-Key: <key b>\r\n\r\n"
--- error_code: 400



=== a key in a request line that is too long is not logged
--- server
    access_log  <root>/logs/combined.log  combined;
--- log_level: notice
--- request eval
"GET /servers?key=<key a>&" . 'x' x 17000
--- error_code: 414



=== a key in a request line that is none is not logged
--- server
    access_log  <root>/logs/combined.log  combined;
--- log_level: notice
--- raw_request eval
"GET /servers?key=<key a>\x01 HTTP/9\r\n\r\n"
--- error_code_like: ^4..$



=== no secret of a server is logged, at any level
--- main
    env  TOKEN=upstream-secret-value;
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
      url: "http://127.0.0.1:<port 3>/"
      headers: {X-Token: "Bearer ${TOKEN}"}
--- http
    map $http_x_token $token_arrived {
        "Bearer upstream-secret-value"  yes;
        default                         no;
    }

    # a server of NGINX itself would log what it reads
    server {
        listen      127.0.0.1:<port 3>;
        error_log   /dev/null;
        access_log  off;
        location / { return  200  "$token_arrived\n"; }
    }
--- log_level: debug
--- request
POST /servers/one/mcp
{"jsonrpc":"2.0","id":1,"method":"ping"}
--- more_headers
X-API-Key: <key a>
Content-Type: application/json
--- response_body
yes
--- no_error_log
upstream-secret-value
[error]
[crit]
[alert]
[emerg]



=== at its debug level, only NGINX itself shows a key of a client
--- log_level: debug
--- request eval
["GET /servers", "GET /servers", "GET /servers", "GET /tenant/b/servers"]
--- more_headers eval
["X-API-Key: <key a>", "Authorization: Bearer <key a>",
 "Authorization: Bearer <key stranger>", "Authorization: Bearer <key a>"]
--- error_code eval
[200, 200, 401, 403]
