# mcp_tenant_body: whether bodies are looked into; and what is told of answers.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

sub answer {
    my ($body, $type) = @_;

    $type //= 'application/json';

    return ["HTTP/1.1 200 OK\r\nContent-Type: $type\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body", 'keep'];
}

mock_start(
    error => answer('{"jsonrpc":"2.0","id":7,"error":{"code":-32602}}'),
    result => answer('{"jsonrpc":"2.0","id":7,"result":{"content":[]}}'),
    failed => answer('{"result":{"isError":true},"jsonrpc":"2.0","id":7}'),
    events => answer("data: {\"method\":\"x\"}\n\ndata: {\"id\":7,\"result\":"
                     . "{\"isError\":true}}\n\n", 'text/event-stream'),
    broken => answer('{"id":7,"result":{"isError":}}'),
    text => answer('{"id":7,"result":{"isError":true}}', 'text/plain'),
);

no_long_string();
master_on();

our $modern = 'MCP-Protocol-Version: 2026-07-28';

our $catalog = 'servers: [' . join(', ', map {
    "{id: $_, runtime: {type: remote, url: "
    . "\"http://127.0.0.1:\$TEST_NGINX_MOCK/raw/$_\"}}"
} qw(error result failed events broken text)) . ', {id: echo, runtime: {type: '
. 'remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}]';

our $ruled = 'servers: [{id: echo, tools: {deny: [drop]}, runtime: {type: '
. 'remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}]';

sub message {
    my ($method, $name) = @_;

    return qq({"jsonrpc":"2.0","id":7,"method":"$method",)
           . qq("params":{"name":"$name"}});
}

# The last line of the audit log, of some fields.
sub last_audit {
    my @fields = @_;
    my $line = (audit())[-1];

    return join ' ', map { $line->{$_} eq '' ? '-' : $line->{$_} } @fields;
}

run_tests();

__DATA__

=== off: nothing is looked into
--- settings
mcp_tenant_body off;
--- catalog_a eval: $::catalog
--- dialog
    for my $body (message('tools/call', 'x'), 'no JSON', '', '[]') {
        is(call('echo', body => $body)->{status}, 200, "passes: $body");
        is(last_audit('method', 'name', 'decision'), '- - allow',
           'and nothing is known');
    }

    my $big = 'x' x 300_000;

    is(echoed(call('echo', body => $big, chunked => 7000))->{body_length},
       300_000, 'a large one, too');
    is(call('echo', body => 'x', headers => ['Content-Encoding: gzip'])
       ->{status}, 415, 'headers are judged as ever');



=== off, and headers, do not open a way round rules
--- settings
mcp_tenant_body off;
--- catalog_a eval: $::ruled
--- dialog
    is_rpc(call('echo', body => message('tools/call', 'drop')),
           '200 unknown_tool id 7', 'denied');
    is_rpc(call('echo', body => message('tools/call', 'drop'),
                headers => [$::modern, 'Mcp-Method: ping']),
           '400 header_mismatch id 7', 'whatever a header says');
    is(call('echo', body => message('tools/call', 'read'))->{status}, 200,
       'allowed');



=== headers: where the revision obliges the server to check them
--- settings
mcp_tenant_body headers;
--- catalog_a eval: $::catalog
--- dialog
    my @fields = ('method', 'name', 'era');

    call('echo', body => message('ping', 'y'),
         headers => [$::modern, 'Mcp-Method: tools/call', 'Mcp-Name: x']);
    is(last_audit(@fields), 'tools/call x modern', 'they are believed');

    call('echo', body => message('ping', 'y'),
         headers => [$::modern, 'Mcp-Method: prompts/get',
                     'Mcp-Name: =?base64?w6k=?=']);
    is(last_audit(@fields), "prompts/get \x{e9} modern", 'and decoded');

    call('echo', body => message('tools/call', 'y'));
    is(last_audit(@fields), 'tools/call y legacy', 'else the body is read');

    call('echo', body => message('tools/call', 'y'), headers => [$::modern]);
    is(last_audit(@fields), 'tools/call y modern', 'also without Mcp-Method');

    is_rpc(call('echo', body => message('ping', 'y'), headers => [
        'MCP-Protocol-Version: 9999-01-01', 'Mcp-Method: tools/call']),
        '400 header_mismatch id 7', 'an unknown revision obliges nobody');

    is_rpc(call('echo', body => message('ping', 'y'), headers => [
        $::modern, 'Mcp-Method: tools/call', 'Mcp-Name: =?base64?!?=']),
        '400 header_mismatch id 7', 'nor does a name that cannot be decoded');



=== verify, and what the log asks for
--- catalog_a eval: $::catalog
--- dialog
    is_rpc(call('echo', body => 'no JSON'), '400 not_json id null', 'judged');



=== without anything that needs it, no body is read
--- audit_off: 1
--- catalog_a eval: $::catalog
--- dialog
    is(call('echo', body => 'no JSON')->{status}, 200, 'passes');



=== what a JSON-RPC answer said
--- catalog_a eval: $::catalog
--- dialog
    my @fields = ('rpc_error', 'tool_error', 'reason', 'status');
    my %said = (
        error => '-32602 - ok 200', result => '- false ok 200',
        failed => '- true ok 200', events => '- true ok 200',
        broken => '- - ok 200', text => '- - ok 200',
    );

    for my $server (sort keys %said) {
        my $answer = call($server, body => message('tools/call', 'x'));

        is($answer->{status}, 200, "$server passes");
        ok($answer->{headers}{'content-length'}, 'with its length');
        is(last_audit(@fields), $said{$server}, 'and is told');
    }

    my $metrics = McpQuota::get('/metrics');
    my $a = 'nginx_mcp_tenant_server_answers_total{tenant="a",server=';
    my $era = 'nginx_mcp_tenant_server_era_requests_total{tenant="a",server=';

    like($metrics, qr/^\Q$a\E"$_->[0]",answer="$_->[1]"\} 1$/m, "$_->[1]")
        for ['result', 'result'], ['failed', 'tool_error'], ['error', 'error'];
    unlike($metrics, qr/^\Q$a\E"broken"/m, 'no answer');
    like($metrics, qr/^\Q$era\E"result",era="legacy"\} 1$/m, 'the era');

    call('result', body => message('ping', ''));
    is(last_audit(@fields), '- - ok 200', 'only tools fail so');

    call('nowhere', body => message('ping', ''));
    is(last_audit(@fields), '-31001 - unknown_server 404', 'our own errors');
--- no_error_log
[error]
[alert]
[crit]



=== another word is refused
--- settings
mcp_tenant_body on;
--- catalog_a
servers: []
--- must_die
--- error_log
invalid value "on"
