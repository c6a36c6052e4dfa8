#!/usr/bin/perl
#
# What must be right about a POST before a server sees it.  The scanner of
# JSON-RPC has unit tests of its own; here is what the gateway does with it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64 qw(encode_base64);
use Test::Nginx::Socket 'no_plan';
use McpTenant;

our $head = "X-API-Key: <key a>\nContent-Type: application/json";
our $ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
our $version = 'io.modelcontextprotocol/protocolVersion';


sub post {
    return [map { "POST /servers/one/mcp\n$_" } @_];
}


# A request of a method, with the JSON of its params.
sub call {
    my ($method, $params) = @_;

    $params //= '{}';

    return qq({"jsonrpc":"2.0","id":1,"method":"$method","params":$params});
}


# As many headers, each one beside those that all have.
sub heads {
    return [map { length ? "$::head\n$_" : $::head } @_];
}


# For lists of requests: $n times the same.
sub each_of {
    my ($n, $value) = @_;

    return [map { $value } 1 .. $n];
}


sub base64 {
    my ($text) = @_;

    return '=?base64?' . encode_base64($text, '') . '?=';
}


our $policy = <<'END';
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/one"}
    tools: {allow: ["read_*", "echo"], deny: ["read_secret*"]}
  - id: two
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/two"}
    tools: {deny: ["drop"]}
END


our $ways = <<'END';
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/json/one"}
    resources: {allow: ["file:///docs/*"]}
    prompts: {deny: [hidden]}
END


# An answer that refuses a tool, as MCP wants it.
sub unknown_tool {
    my ($name) = @_;

    $name = ": $name" if length $name;

    return qq({"jsonrpc":"2.0","id":1,"error":{"code":-32602,)
           . qq("message":"Unknown tool$name",)
           . '"data":{"reason":"unknown_tool"}}}';
}


run_tests();

__DATA__

=== the Content-Type is JSON, in the forms that this is written
--- request eval
main::post(map { $::ping } 1 .. 7)
--- more_headers eval
[map { "X-API-Key: <key a>\nContent-Type: $_" }
 'application/json', 'Application/JSON', 'application/json; charset=utf-8',
 'application/json;charset=UTF-8', 'application/json; charset="utf-8"',
 'application/json;', 'application/json ; charset=utf-8']
--- error_code eval
main::each_of(7, 200)
--- response_body eval
main::each_of(7, "a POST /one\n")
--- upstream eval
"a POST /one\n" x 7



=== another Content-Type gets 415
--- request eval
main::post(map { $::ping } 1 .. 13)
--- more_headers eval
["X-API-Key: <key a>", map { "X-API-Key: <key a>\nContent-Type: $_" }
 '', 'text/plain', 'application/jsonx', 'application/json-rpc', 'text/json',
 'application/json; charset=utf-16', 'application/json; charset=utf-8; x=y',
 'application/json; boundary=x', 'application/json, text/plain',
 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
 'application/json charset=utf-7']
--- error_code eval
main::each_of(13, 415)
--- response_body_like eval
main::each_of(13, qr/"code":-32600,.*"reason":"unsupported_media_type"/)
--- audit eval
"tenant=a server=one method= decision=deny reason=unsupported_media_type\n" x 13



=== two lines of Content-Type get 400
--- request eval
"POST /servers/one/mcp\n$::ping"
--- more_headers
X-API-Key: <key a>
Content-Type: application/json
Content-Type: text/plain
--- error_code: 400
--- response_body_like: "reason":"duplicate_header"



=== an encoded body gets 415, whatever the encoding is called
--- request eval
main::post(map { $::ping } 1 .. 7)
--- more_headers eval
main::heads(map { "Content-Encoding: $_" }
            'gzip', 'deflate', 'br', 'x-gzip', 'identity, gzip', 'GZIP', 'none')
--- error_code eval
main::each_of(7, 415)
--- response_body_like eval
main::each_of(7, qr/"code":-32600,.*"reason":"unsupported_encoding"/)



=== the encoding "identity" is none, and is not passed on
--- http
    server {
        listen      127.0.0.1:<port 3>;
        access_log  off;
        location / { return  200  "[$http_content_encoding]\n"; }
    }
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 3>/one"}
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
"POST /servers/one/mcp\n$::ping"
--- more_headers eval
"$::head\nContent-Encoding: Identity"
--- response_body
[]



=== a body that is not JSON gets 400
--- request eval
main::post('{', '{}}', '{"jsonrpc":"2.0","id":1,"method":"ping"',
           "$::ping$::ping", "$::ping,", 'no', '{"a":1,}', "{'a':1}",
           '{"a":01}', '{"a":1e400}', "\xef\xbb\xbf$::ping", "{\"a\":\"\xff\"}",
           '{"a":"\ud800"}', "{\"a\":\"\x01\"}", "$::ping\0x", '/**/' . $::ping,
           CORE::join("\0", split(//, $::ping)))
--- more_headers eval
$::head
--- error_code eval
main::each_of(17, 400)
--- response_body_like eval
main::each_of(17, qr/"code":-32700,.*"reason":"not_json"/)
--- audit eval
"tenant=a server=one decision=deny reason=not_json\n" x 17



=== a body that is empty gets 400
--- request eval
["POST /servers/one/mcp", "POST /servers/one/mcp",
 "POST /servers/one/mcp\n0\r\n\r\n"]
--- more_headers eval
main::heads('', 'Content-Length: 0', 'Transfer-Encoding: chunked')
--- error_code eval
[400, 400, 400]
--- response_body_like eval
main::each_of(3, qr/"reason":"not_json"/)



=== JSON that is no message gets 400
--- request eval
main::post('1', '"x"', 'null', '{}', '[]', '[1]', '[[]]', '{"jsonrpc":"2.0"}',
           '{"id":1,"method":"ping"}',
           '{"jsonrpc":2.0,"id":1,"method":"ping"}',
           '{"jsonrpc":"2.1","id":1,"method":"ping"}',
           '{"jsonrpc":"2.0","id":1,"method":null}',
           '{"jsonrpc":"2.0","id":null,"method":"ping"}',
           '{"jsonrpc":"2.0","id":[],"method":"ping"}',
           '{"jsonrpc":"2.0","id":1,"method":"ping","params":1}',
           '{"jsonrpc":"2.0","id":1,"method":"ping","result":1}',
           '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}',
           '{"jsonrpc":"2.0","result":1}',
           '{"jsonrpc":"2.0","id":1,"Method":"ping"}',
           '{"jsonrpc":"2.0","id":1,"METHOD":"ping"}')
--- more_headers eval
$::head
--- error_code eval
main::each_of(20, 400)
--- response_body_like eval
main::each_of(20, qr/"code":-32600,.*"reason":"invalid_message"/)



=== a key that stands twice gets 400 at each level that is read
--- request eval
main::post('{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}',
           '{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"ping"}',
           '{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}',
           '{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}',
           '{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}',
           main::call('tools/call', '{"name":"a","name":"b"}'),
           main::call('tools/call', '{"name":"a","n\u0061me":"b"}'),
           main::call('resources/read', '{"uri":"a","uri":"b"}'),
           main::call('ping', '{"_meta":{},"_meta":{}}'),
           main::call('ping',
                      qq({"_meta":{"$::version":"1","$::version":"1"}})),
           main::call('tasks/get', '{"taskId":"a","taskId":"b"}'),
           main::call('completion/complete', '{"ref":{},"ref":{}}'),
           (map { main::call('completion/complete', qq({"ref":{$_}})) }
            '"type":"a","type":"b"', '"name":"a","name":"b"',
            '"uri":"a","u\u0072i":"b"'),
           main::call('subscriptions/listen',
                      '{"notifications":{},"notifications":{}}'),
           main::call('subscriptions/listen', '{"notifications":{'
                      . '"resourceSubscriptions":[],'
                      . '"resourceSubscriptions":["a"]}}'),
           main::call('subscriptions/listen', '{"notifications":{'
                      . '"taskIds":[],"task\u0049ds":["a"]}}'))
--- more_headers eval
$::head
--- error_code eval
main::each_of(18, 400)
--- response_body_like eval
main::each_of(18, qr/"reason":"invalid_message"/)



=== what the gateway does not read may be anything that JSON allows
--- request eval
main::post(main::call('tools/call', '{"name":"x","arguments":{"a":1,"a":2}}'),
           main::call('ping', '{"Names":1,"x":[[[{"y":1e300}]]]}'),
           main::call('ping', '[1,2]'),
           "  \r\n\t$::ping\n ",
           '{"jsonrpc":"2.0","id":1,"\u006dethod":"ping"}',
           main::call('tools/call', '{"arguments":{"name":"y"},"name":"x"}'))
--- more_headers eval
$::head
--- error_code eval
main::each_of(6, 200)
--- upstream eval
"a POST /one\n" x 6



=== bodies that are deep or long are judged, and the gateway lives on
--- request eval
main::post('{"a":' x 100_000, '[' x 100_000,
           main::call('ping', '{"a":' . '[' x 100_000 . ']' x 100_000 . '}'),
           main::call('ping', '{"a":"' . 'x' x 3_000_000 . '"}'),
           main::call('tools/call', '{"name":"' . 'x' x 3_000_000 . '"}'),
           '{"' . 'x' x 3_000_000 . '":1}', '[' . '1,' x 1_000_000 . '1]',
           $::ping)
--- more_headers eval
$::head
--- timeout: 30
--- error_code_like eval
['^400$', '^400$', '^(400|200)$', '^200$', '^400$', '^400$', '^400$', '^200$']
--- upstream_like eval
qr/\A(a POST \/one\n){2,3}\z/



=== a batch is judged message by message
--- catalog_a eval
$::policy =~ s{/one"}{/json/one"}r
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my $echo = main::call('tools/call', '{"name":"echo"}');
my $drop = main::call('tools/call', '{"name":"drop"}');
my $note = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
main::post("[$::ping,$echo,$note]", "[$::ping,$drop]", "[$drop,$::ping]",
           "[$::ping,1]", "[$::ping,{}]",
           '[' . CORE::join(',', map { $::ping } 1 .. 101) . ']')
--- more_headers eval
$::head
--- error_code eval
[200, 200, 200, 400, 400, 400]
--- response_body_like eval
['a POST /json/one"', '"id":null,.*"unknown_tool"',
 '"id":null,.*"unknown_tool"', map { '"invalid_message"' } 1 .. 3]
--- upstream
a POST /json/one
--- audit
method=ping decision=allow reason=ok
method=tools/call decision=deny reason=tool_not_allowed
method=tools/call decision=deny reason=tool_not_allowed
method=ping decision=deny reason=invalid_message
method=ping decision=deny reason=invalid_message
method=ping decision=deny reason=invalid_message



=== where headers mirror the body, there are no batches
--- request eval
main::post("[$::ping]", "[$::ping]",
           '[' . main::call('ping', qq({"_meta":{"$::version":"2026-07-28"}}))
           . ']')
--- more_headers eval
main::heads('', 'Mcp-Method: ping', '')
--- error_code eval
[200, 400, 400]
--- response_body_like eval
['^a POST /one$', '"invalid_message"', '"invalid_message"']
--- upstream
a POST /one



=== an Mcp-Method that contradicts the body gets 400
--- request eval
main::post(map { $::ping } 1 .. 7)
--- more_headers eval
main::heads(map { "Mcp-Method: $_" }
            'ping', 'tools/call', 'PING', 'ping x', 'pin', 'pingx', '')
--- error_code eval
[200, map { 400 } 1 .. 6]
--- response_body_like eval
['^a POST /one$', map { qr/"id":1,.*"code":-32020,.*"header_mismatch"/ } 1 .. 6]
--- upstream
a POST /one
--- audit eval
"method=ping reason=ok\n" . "method=ping reason=header_mismatch\n" x 6



=== an Mcp-Name that contradicts the body gets 400
--- request eval
my $tool = main::call('tools/call', '{"name":"echo"}');
my $prompt = main::call('prompts/get', '{"name":"echo"}');
my $uri = main::call('resources/read', '{"uri":"file:///x"}');
main::post($tool, $tool, $tool, $tool, $prompt, $prompt, $uri, $uri,
           main::call('tools/call', '{}'))
--- more_headers eval
main::heads(map { "Mcp-Name: $_" }
            'echo', 'Echo', 'drop', '', 'echo', 'x', 'file:///x', 'echo', 'x')
--- error_code eval
[200, 400, 400, 400, 200, 400, 200, 400, 400]
--- response_body_like eval
my $no = qr/"id":1,.*"code":-32020,.*"header_mismatch"/;
my $yes = '^a POST /one$';
[$yes, $no, $no, $no, $yes, $no, $yes, $no, $no]
--- upstream eval
"a POST /one\n" x 3



=== an Mcp-Name of a task is that of the task
--- request eval
main::post((map { main::call($_, '{"taskId":"t","name":"n"}') }
            ('tasks/get', 'tasks/update', 'tasks/cancel') x 2,
            'tasks/result'),
           main::call('tasks/get', '{"taskId":7}'),
           main::call('tasks/get', '{"task\u0049d":"gr\u00fcn"}'))
--- more_headers eval
main::heads(map { "Mcp-Name: $_" }
            't', 't', 't', 'T', 'n', '', 'n', '7', main::base64("gr\xc3\xbcn"))
--- error_code eval
[200, 200, 200, 400, 400, 400, 200, 400, 200]
--- response_body_like eval
my $no = qr/"id":1,.*"code":-32020,.*"header_mismatch"/;
my $yes = '^a POST /one$';
[$yes, $yes, $yes, $no, $no, $no, $yes, $no, $yes]
--- upstream eval
"a POST /one\n" x 5



=== an Mcp-Name in base64 is decoded before it is compared
--- request eval
my $tool = main::call('tools/call', '{"name":"gr\u00fc\u00dfe"}');
my $ascii = main::call('tools/call', '{"name":"echo"}');
main::post($tool, $tool, $tool, $ascii, $ascii, $ascii, $ascii, $ascii, $ascii)
--- more_headers eval
my $name = "gr\xc3\xbc\xc3\x9fe";
main::heads(map { "Mcp-Name: $_" }
            main::base64($name), $name, main::base64("$name "),
            main::base64('echo'), main::base64('drop'), '=?base64?!!!!?=',
            '=?base64?ZWNobw?=', '=?base64??=', '=?BASE64?ZWNobw==?=')
--- error_code eval
[200, 200, 400, 200, 400, 400, 200, 400, 400]
--- upstream eval
"a POST /one\n" x 4



=== a tool whose name looks like base64 is called by its base64
--- request eval
my $name = main::base64('drop');
main::post(main::call('tools/call', qq({"name":"$name"})),
           main::call('tools/call', qq({"name":"$name"})))
--- more_headers eval
my $name = main::base64('drop');
main::heads("Mcp-Name: $name", 'Mcp-Name: ' . main::base64($name))
--- error_code eval
[400, 200]
--- upstream
a POST /one



=== a version in the header and another in the body get 400
--- request eval
my $body = main::call('ping', qq({"_meta":{"$::version":"2026-07-28"}}));
main::post($body, $body, $body, $::ping)
--- more_headers eval
main::heads('MCP-Protocol-Version: 2026-07-28',
            'MCP-Protocol-Version: 2025-11-25', 'MCP-Protocol-Version:',
            'MCP-Protocol-Version: 9999-01-01')
--- error_code eval
[200, 400, 400, 200]
--- response_body_like eval
['^a POST /one$', '"code":-32020', '"code":-32020', '^a POST /one$']
--- upstream
a POST /one
a POST /one



=== two lines of a header of MCP get 400, equal or not
--- request eval
main::post(map { $::ping } 1 .. 6)
--- more_headers eval
main::heads("Mcp-Method: ping\nMcp-Method: ping",
            "Mcp-Method: ping\nmcp-method: tools/call",
            "Mcp-Name: x\nMcp-Name: x",
            "MCP-Protocol-Version: 2025-11-25\nMCP-Protocol-Version: x",
            "Mcp-Session-Id: a\nMcp-Session-Id: b",
            "Last-Event-ID: 1\nLast-Event-ID: 1")
--- error_code eval
main::each_of(6, 400)
--- response_body_like eval
main::each_of(6, qr/"code":-32600,.*"reason":"duplicate_header"/)
--- audit eval
"decision=deny reason=duplicate_header\n" x 6



=== names with an underscore are not those of MCP
--- request eval
"POST /servers/one/mcp\n$::ping"
--- more_headers eval
"$::head\nMcp_Method: tools/call\nMcp_Name: x"
--- upstream
a POST /one



=== the policy of a server allows and denies tools
--- catalog_a eval
$::policy
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
main::post(map { main::call('tools/call', qq({"name":"$_"})) }
           'echo', 'read_x', 'read_', 'read_secret', 'read_secrets', 'read',
           'Echo', 'echo ', 'drop', '', '*', 'read_*')
--- more_headers eval
$::head
--- error_code eval
main::each_of(12, 200)
--- body_json eval
[undef, undef, undef,
 (map { main::unknown_tool($_) }
  'read_secret', 'read_secrets', 'read', 'Echo', 'echo ', 'drop', '', '*'),
 undef]
--- upstream eval
"a POST /one\n" x 4
--- audit
method=tools/call name=echo decision=allow reason=ok
method=tools/call name=read_x decision=allow reason=ok
method=tools/call name=read_ decision=allow reason=ok
method=tools/call name=read_secret decision=deny reason=tool_not_allowed
method=tools/call name=read_secrets decision=deny reason=tool_not_allowed
method=tools/call name=read decision=deny reason=tool_not_allowed
method=tools/call name=Echo decision=deny reason=tool_not_allowed
method=tools/call decision=deny reason=tool_not_allowed
method=tools/call name=drop decision=deny reason=tool_not_allowed
method=tools/call name= decision=deny reason=tool_not_allowed
method=tools/call name=* decision=deny reason=tool_not_allowed
method=tools/call name=read_* decision=allow reason=ok



=== a policy is not got round by other writings of a name
--- catalog_a eval
$::policy
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
main::post(main::call('tools/call', '{"name":"dr\u006fp"}'),
           main::call('tools/call', '{"n\u0061me":"drop"}'),
           main::call('tools\/call', '{"name":"drop"}'),
           main::call('\u0074ools/call', '{"name":"drop"}'),
           main::call('tools/call',
                      '{"arguments":{"name":"echo"},"name":"drop"}'),
           '{"params":{"name":"drop"},"jsonrpc":"2.0","id":1,'
           . '"method":"tools/call"}',
           main::call('tools/call',
                      '{"arguments":{"Name":"echo"},"name":"drop"}'))
--- more_headers eval
$::head
--- error_code eval
main::each_of(7, 200)
--- body_json eval
main::each_of(7, main::unknown_tool('drop'))
--- audit eval
"method=tools/call name=drop decision=deny reason=tool_not_allowed\n" x 7



=== a policy is not got round by a server that reads keys in any case
--- catalog_a eval
$::policy
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my $echo = '"method":"tools/call","params":{"name":"echo"}';
main::post((map { main::call('tools/call', $_) }
            '{"name":"echo","Name":"drop"}', '{"NAME":"drop","name":"echo"}',
            '{"name":"echo","nAm\u0065":"drop"}'),
           main::call('completion/complete', '{"Ref":{}}'),
           (map { qq({"jsonrpc":"2.0",$_}) }
            qq("id":1,$echo,"Params":{"name":"drop"}),
            qq("id":1,$echo,"param\xc5\xbf":{"name":"drop"}),
            qq("id":1,$echo,"param\\u017F":{"name":"drop"}),
            qq("id":1,$echo,"Method":"tools/list"),
            qq("id":1,$echo,"ID":2),
            '"id":1,"METHOD":"tools/call","params":{"name":"drop"}',
            qq($echo,"Id":1)),
           main::call('tasks/get', qq({"tas\xe2\x84\xaaId":"t"})))
--- more_headers eval
$::head
--- error_code eval
main::each_of(12, 400)
--- response_body_like eval
main::each_of(12, '"code":-32600,.*"reason":"invalid_message"')
--- upstream
--- audit eval
"decision=deny reason=invalid_message\n" x 12



=== rules of a server and of a key hold for every way to a thing
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/one"}
    tools: {allow: ["read_*"]}
    resources: {allow: ["file:///docs/*"]}
    prompts: {deny: [hidden]}
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys:
      - key_hash: "<hash a>"
        name: main
        tools: {deny: ["read_mail"]}
--- request eval
main::post(main::call('tools/call', '{"name":"read_file"}'),
           main::call('tools/call', '{"name":"read_mail"}'),
           main::call('resources/read', '{"uri":"file:///docs/a"}'),
           main::call('resources/read', '{"uri":"file:///docs/%2e%2e/a"}'),
           main::call('resources/subscribe', '{"uri":"file:///a"}'),
           main::call('prompts/get', '{"name":"shown"}'),
           main::call('prompts/get', '{"name":"hidden"}'),
           main::call('completion/complete',
                      '{"ref":{"type":"ref/prompt","name":"hidden"}}'),
           main::call('subscriptions/listen',
                      '{"notifications":{"resourceSubscriptions":["a:"]}}'),
           main::call('tasks/list'), main::call('tasks/get'))
--- more_headers eval
$::head
--- error_code eval
main::each_of(11, 200)
--- response_body_like eval
my $tool = '"code":-32602,"message":"Unknown tool: .*"unknown_tool"';
my $denied = '"code":-32002,"message":"Resource not found.*unknown_resource';
my $prompt = '"code":-32602,"message":"Unknown prompt: .*unknown_prompt';
my $method = '"code":-32601,.*"unknown_method"';
my $passed = '^a POST /one$';
[$passed, $tool, $passed, $denied, $denied, $passed, ($prompt) x 2, $denied,
 $method, $method]
--- upstream eval
"a POST /one\n" x 3



=== a policy is not got round by completions
--- catalog_a eval
$::ways
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my ($shown, $hidden) = map { qq("type":"ref/prompt","name":"$_") }
                           'shown', 'hidden';
my $docs = '"type":"ref/resource","uri":"file:///docs/{name}"';
my $etc = '"type":"ref/resource","uri":"file:///etc/{name}"';
main::post(map { main::call('completion/complete', qq({$_})) }
           qq("ref":{$shown}), qq("ref":{$docs}),
           qq("ref":{$shown},"argument":{"ref":{$hidden}}),
           qq("ref":{$hidden}), qq("ref":{$etc}),
           qq("ref":{$etc,"name":"shown"}),
           qq("ref":{$hidden,"uri":"file:///docs/a"}),
           qq("argument":{"ref":{$shown}},"ref":{$hidden}),
           qq("name":"shown","ref":{$hidden}),
           '"r\u0065f":{"n\u0061me":"hid\u0064en","type":"ref\/prompt"}',
           '"ref":{"name":"shown","type":"ref/prompts"}',
           '"ref":{"name":"shown","type":["ref/prompt"]}',
           '"ref":{"name":"shown"}', '"ref":{"type":"ref/prompt"}',
           '"ref":{"type":"ref/prompt","name":"shown\u0000"}',
           '"ref":{"type":"ref/prompt","name":"' . 'x' x 1025 . '"}',
           qq("ref":[{$shown}]), '"ref":"shown"', '"ref":null', '',
           qq("refs":{$shown}))
--- more_headers eval
$::head
--- error_code eval
main::each_of(21, 200)
--- response_body_like eval
[main::each_of(3, 'a POST /json/one')->@*,
 main::each_of(18, '"code":-32[06]02,.*"unknown_(?:prompt|resource)"')->@*]
--- upstream eval
"a POST /json/one\n" x 3



=== a completion that is refused says the name, to the client and the audit
--- catalog_a eval
$::ways
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
main::post((map { main::call('completion/complete', qq({$_})) }
            '"ref":{"type":"ref/prompt","name":"hidden","uri":"u"}',
            '"ref":{"type":"ref/resource","uri":"file:///etc/a","name":"n"}',
            '"name":"n","ref":{"type":"ref/prompt"}', '"uri":"u"'),
           '[' . main::call('prompts/get', '{"name":"shown"}') . ','
           . main::call('tools/call', '{"name":"read_mail"}') . ','
           . main::call('prompts/get', '{"name":"hidden"}') . ']')
--- more_headers eval
$::head
--- error_code eval
main::each_of(5, 200)
--- response_body_like eval
['"id":1,.*"message":"Unknown prompt: hidden"',
 '"id":1,.*"message":"Resource not found: file:///etc/a"',
 '"id":1,.*"message":"Unknown prompt"', '"message":"Resource not found"',
 '"id":null,.*"message":"Unknown prompt: hidden"']
--- upstream
--- audit
method=completion/complete name=hidden decision=deny reason=prompt_not_allowed
method=completion/complete name=file:///etc/a decision=deny
method=completion/complete name= decision=deny reason=prompt_not_allowed
method=completion/complete name= decision=deny reason=resource_not_allowed
method=prompts/get name=hidden decision=deny reason=prompt_not_allowed



=== a policy is not got round by subscriptions
--- catalog_a eval
$::ways
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my $docs = '"file:///docs/a"';
my $etc = '"file:///etc/a"';
main::post(main::call('resources/subscribe', qq({"uri":$docs})),
           main::call('resources/unsubscribe', qq({"uri":$docs})),
           (map { main::call('subscriptions/listen', qq({"notifications":$_})) }
            '{"toolsListChanged":true}',
            '{"resourceSubscriptions":[]}',
            qq({"resourceSubscriptions":[$docs,$docs]}),
            '{"resourceSubscriptions":[' . "$docs," x 255 . "$docs]}"),
           main::call('subscriptions/listen'),
           (map { main::call('resources/subscribe', $_) }
            qq({"uri":$etc}), qq({"u\\u0072i":$etc}), '{}', "[$docs]",
            qq({"notifications":{"resourceSubscriptions":[$docs]}})),
           main::call('resources/unsubscribe', qq({"uri":$etc})),
           (map { main::call('subscriptions/listen', $_) }
            (map { qq({"notifications":$_}) }
             qq({"resourceSubscriptions":[$etc]}),
             qq({"resourceSubscriptions":[$docs,$etc]}),
             qq({"resource\\u0053ubscriptions":[$etc]}),
             qq({"resourceSubscriptions":[$docs,[$etc]]}),
             qq({"resourceSubscriptions":[$docs,"file:///docs/\\u0000"]}),
             qq({"resourceSubscriptions":{"a":$etc}}),
             qq({"resourceSubscriptions":$etc}),
             '{"resourceSubscriptions":[' . "$docs," x 256 . "$docs]}",
             '{"resourceSubscriptions":["file:///docs/' . 'x' x 5000 . '"]}',
             qq([{"resourceSubscriptions":[$etc]}]), $etc, 'null'),
            qq([{"notifications":{"resourceSubscriptions":[$etc]}}])))
--- more_headers eval
$::head
--- error_code eval
main::each_of(26, 200)
--- response_body_like eval
[main::each_of(7, 'a POST /json/one')->@*,
 main::each_of(19, '"code":-32002,.*"unknown_resource"')->@*]
--- upstream eval
"a POST /json/one\n" x 7



=== 2026-07-28 has no method to subscribe to a resource that is denied
--- catalog_a eval
$::ways
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my $meta = qq("_meta":{"$::version":"2026-07-28"});
main::post((map { main::call("resources/$_", qq({"uri":"file:///etc",$meta})) }
            'subscribe', 'unsubscribe', 'read'),
           main::call('resources/subscribe', qq({$meta})),
           main::call('resources/subscribe',
                      qq({"uri":"file:///docs/a",$meta})))
--- more_headers eval
$::head
--- error_code eval
[404, 404, 200, 404, 200]
--- response_body_like eval
my $no = '"id":1,.*:-32601,"message":"Method not found",.*"unknown_method"';
[$no, $no, '"code":-32602,"message":"Resource not found', $no,
 'a POST /json/one']
--- upstream
a POST /json/one



=== a policy is not got round by tasks
--- catalog_a eval
$::ways
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys:
      - key_hash: "<hash a>"
        name: main
        tools: {deny: ["read_mail"]}
--- request eval
main::post((map { main::call($_, '{"taskId":"t"}') }
            'tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel',
            'tasks/list', 'tasks\/get', 't\u0061sks/get', 'tasks/got'),
           '[' . main::call('tasks/get', '{"taskId":"t"}') . ']',
           '{"jsonrpc":"2.0","method":"tasks/cancel","params":{"taskId":"t"}}',
           (map { main::call('subscriptions/listen', $_) }
            (map { qq({"notifications":$_}) }
             '{"taskIds":["t"]}', '{"task\u0049ds":["t"]}',
             '{"toolsListChanged":true,"taskIds":["t","u"]}',
             '{"taskIds":"t"}', '{"taskIds":{"t":1}}', '{"taskIds":null}',
             '{"taskIds":[1]}', '[{"taskIds":["t"]}]', 'null'),
            '[{"notifications":{"taskIds":["t"]}}]'),
           '[' . main::call('ping') . ',' . main::call('subscriptions/listen',
                           '{"notifications":{"taskIds":["t"]}}') . ']')
--- more_headers eval
$::head
--- error_code eval
main::each_of(21, 200)
--- response_body_like eval
main::each_of(21, '"code":-32601,.*"unknown_method"')
--- upstream



=== to listen to no tasks, and to tasks by a key without rules on tools, passes
--- catalog_a eval
$::ways
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys:
      - key_hash: "<hash a>"
        name: main
      - key_hash: "<hash a-2>"
        name: narrow
        tools: {deny: ["read_mail"]}
--- request eval
main::post((map { main::call('subscriptions/listen', qq({"notifications":$_})) }
            '{"taskIds":[]}', '{"toolsListChanged":true}',
            '{"toolsListChanged":true,"x":{"taskIds":["t"]}}',
            '{"taskIds":["t"]}'))
--- more_headers eval
[("X-API-Key: <key a-2>\nContent-Type: application/json") x 3,
 $::head]
--- error_code eval
main::each_of(4, 200)
--- upstream eval
"a POST /json/one\n" x 4



=== where no rules stand, all of these pass as they are
--- request eval
main::post(main::call('completion/complete', '{"ref":{"type":7}}'),
           main::call('completion/complete', '{"ref":"main"}'),
           main::call('subscriptions/listen', '{"notifications":true}'),
           main::call('subscriptions/listen',
                      '{"notifications":{"resourceSubscriptions":[1]}}'),
           main::call('tasks/get', '{"taskId":7}'))
--- more_headers eval
$::head
--- error_code eval
main::each_of(5, 200)
--- upstream eval
"a POST /one\n" x 5



=== a call without the name of a tool is denied under a policy
--- catalog_a eval
$::policy
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
main::post(main::call('tools/call', '{}'), main::call('tools/call', '["echo"]'),
           '{"jsonrpc":"2.0","id":1,"method":"tools/call"}',
           '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"drop"}}')
--- more_headers eval
$::head
--- error_code eval
main::each_of(4, 200)
--- response_body_like eval
main::each_of(4, qr/"code":-32602,.*"unknown_tool"/)
--- audit eval
"method=tools/call decision=deny reason=tool_not_allowed\n" x 4



=== a header does not change which tool the policy sees
--- catalog_a eval
$::policy
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my $drop = main::call('tools/call', '{"name":"drop"}');
main::post($drop, $drop, $drop, $drop)
--- more_headers eval
main::heads('Mcp-Name: echo', 'Mcp-Name: drop', 'Mcp-Method: ping',
            "Mcp-Method: tools/call\nMcp-Name: drop\n"
            . 'MCP-Protocol-Version: 2025-03-26')
--- error_code eval
[400, 200, 400, 200]
--- response_body_like eval
['"header_mismatch"', '"unknown_tool"', '"header_mismatch"', '"unknown_tool"']



=== under a policy, an unknown method is denied
--- catalog_a eval
$::policy =~ s{/one"}{/json/one"}r
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my $meta = qq({"_meta":{"$::version":"2026-07-28"}});
main::post((map { main::call($_) } 'tools/run', 'TOOLS/CALL', 'tools/call ',
            'vendor/x', ''), main::call('tools/run', $meta),
           main::call('tools/list'), main::call('ping'),
           '{"jsonrpc":"2.0","method":"notifications/vendor"}',
           '{"jsonrpc":"2.0","id":1,"result":{}}')
--- more_headers eval
$::head
--- error_code eval
[(map { 200 } 1 .. 5), 404, 200, 200, 200, 200]
--- response_body_like eval
my $no = qr/"id":1,.*:-32601,"message":"Method not found",.*"unknown_method"/;
[$no, $no, $no, $no, $no, $no, 'a POST', 'a POST', '"id":null,.*-32601',
 'a POST']
--- upstream eval
"a POST /json/one\n" x 3
--- audit
method=other decision=deny reason=rpc_method_not_allowed status=200
method=other decision=deny reason=rpc_method_not_allowed status=200
method=other decision=deny reason=rpc_method_not_allowed status=200
method=other decision=deny reason=rpc_method_not_allowed status=200
method=other decision=deny reason=rpc_method_not_allowed status=200
method=other decision=deny reason=rpc_method_not_allowed status=404
method=tools/list decision=allow reason=ok
method=ping decision=allow reason=ok
method=other decision=deny reason=rpc_method_not_allowed
method=response decision=allow reason=ok



=== a policy that only denies lets all other tools pass
--- catalog_a eval
$::policy
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
[map { "POST /servers/two/mcp\n" . main::call('tools/call', qq({"name":"$_"})) }
 'drop', 'dropx', 'anything']
--- more_headers eval
$::head
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['"unknown_tool"', '^a POST /two$', '^a POST /two$']
--- upstream
a POST /two
a POST /two



=== a server without a policy gets any method and tool
--- request eval
main::post(main::call('vendor/x'), main::call('tools/call', '{"name":"drop"}'),
           main::call('tools/call'))
--- more_headers eval
$::head
--- error_code eval
[200, 200, 200]
--- upstream
a POST /one
a POST /one
a POST /one



=== the server gets the very bytes that were judged
--- http
    log_format  body  escape=none  '$http_content_length $request_body';

    server {
        listen      127.0.0.1:<port 3>;
        access_log  <root>/logs/upstream.log  body;
        client_body_buffer_size  200k;
        location / { proxy_pass  http://127.0.0.1:<port 4>; }
    }

    server {
        listen      127.0.0.1:<port 4>;
        access_log  off;
        location / { return  204; }
    }
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 3>/one"}
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{key_hash: "<hash a>", name: main}]
--- request eval
my $chunks = CORE::join('', map { "1\r\n$_\r\n" } split //, $::ping);
["POST /servers/one/mcp\n$chunks" . "0\r\n\r\n",
 "POST /servers/one/mcp\n"
 . '{ "\u006dethod":"p\u0069ng","id" : 1.0,"x":"\/","jsonrpc":"2.0" }',
 "POST /servers/one/mcp\n" . main::call('ping', '{"x":"' . 'y' x 99_000 . '"}')]
--- more_headers eval
main::heads('Transfer-Encoding: chunked', '', '')
--- error_code eval
[204, 204, 204]
--- upstream eval
my $long = main::call('ping', '{"x":"' . 'y' x 99_000 . '"}');
"40 $::ping\n"
. '65 { "\u006dethod":"p\u0069ng","id" : 1.0,"x":"\/","jsonrpc":"2.0" }' . "\n"
. length($long) . " $long\n"
