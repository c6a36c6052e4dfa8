#!/usr/bin/perl
#
# Messages that are one thing to the gateway and another to a server, byte by
# byte: what is refused reaches no server, and what comes back shows nothing
# that the rules hide.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

my $page = '"nextCursor":"c"';
my $read = '{"name":"read_a"}';
my $drop = '{"name":"drop_all"}';

sub result { return qq({"jsonrpc":"2.0","id":7,"result":{$_[0]}}) }

sub answer {
    my ($body, $type, @headers) = @_;

    return ["HTTP/1.1 200 OK\r\nContent-Type: $type\r\n"
            . join('', map { "$_\r\n" } @headers)
            . 'Content-Length: ' . length($body) . "\r\n\r\n$body", 'keep'];
}

# The same, a byte in each chunk.
sub bytes {
    my ($body, $type) = @_;

    return ["HTTP/1.1 200 OK\r\nContent-Type: $type\r\n"
            . "Transfer-Encoding: chunked\r\n\r\n"
            . join('', map { "1\r\n$_\r\n" } split //, $body) . "0\r\n\r\n",
            'keep'];
}

my ($json, $sse) = ('application/json', 'text/event-stream');
my $list = result(qq("tools":[$drop,$read],$page));
my $event = "event: message\r\nid: 1\r\ndata: " . $list =~ s/,/,\r\ndata: /gr
            . "\r\n\r\n";

# Lists, in which a client must not find what is hidden.
our %shown = (
    'CR' => answer($event =~ s/\r\n/\r/gr, $sse),
    'CR in bytes' => bytes($event =~ s/\r\n/\r/gr, $sse),
    'CRLF in bytes' => bytes($event, $sse),
    'a BOM before events' => answer("\xef\xbb\xbf$event", $sse),
    'events without an end' => answer("data: $list\n\ndata: $list\n\n", $sse),
    'a field without a blank' => answer("data:$list\n\n", $sse),
    'another id' => answer($list =~ s/7/8/r, $json),
    'an id of another type' => answer($list =~ s/7/"7"/r, $json),
    'no id' => answer($list =~ s/"id":7,//r, $json),
    'the result first' => answer(qq({"result":{"tools":[$drop,$read]},)
                                 . '"id":7,"jsonrpc":"2.0"}', $json),
    'escaped keys' => answer($list =~ s/tools/t\\u006fols/r
                                   =~ s/result/r\\u0065sult/r
                                   =~ s/name/n\\u0061me/gr, $json),
    'an escaped name' => answer($list =~ s/drop/\\u0064rop/r, $json),
    'a type with parameters' => answer($list, "$json; charset=utf-8"),
    'a type in capitals' => answer($list, 'Application/JSON'),
    'two lists' => answer(result(qq("tools":[$read],"tools":[$drop])), $json),
    'two results' => answer($list =~ s/\}\z/,"result":{"tools":[$drop]}}/r,
                            $json),
    'two names' => answer(result(qq("tools":[$read,{"name":"read_b",)
                                 . '"name":"drop_all"},{"name":"drop_all",'
                                 . '"name":"read_b"}]'), $json),
    'a batch' => answer("[$list,$list]", $json),
);

# Those that rules cannot be applied to.
our %cut = (
    'a BOM before JSON' => answer("\xef\xbb\xbf$list", $json),
    'events in gzip' => answer($event, $sse, 'Content-Encoding: gzip'),
    'plain text' => answer($list, 'text/plain'),
    'a list and more' => answer("$list$list", $json),
);

my %all = (%shown, %cut);
my @names = sort keys %all;

$ENV{TEST_NGINX_HTTP2} = free_port();
master_on();        # or there is no loader
mock_start(map { $_ => $all{$names[$_]} } 0 .. $#names);

$McpUpstream::prepare = sub {
    my ($block) = @_;
    my $rules = '    tools: {allow: ["read_*", echo]}' . "\n";
    my $catalog = servers_with(ruled => '/echo', held => '/held/h',
                               map { server($names[$_]) => "/raw/$_" }
                                   0 .. $#names) =~ s/(runtime.*\n)/$1$rules/gr;

    $block->set_value('tenants', tenants_with(catalog_b => 1));
    $block->set_value('catalog_a', $catalog
                      . servers_with(free => '/echo') =~ s/^servers:\n//r);
    $block->set_value('catalog_b', servers_with(ruled => '/echo',
                                                free => '/echo'));
};


# The id of the server that answers so.
sub server {
    my ($name) = @_;

    return lc $name =~ s/[^A-Za-z0-9]+/-/gr;
}


sub tool {
    my ($name, $more) = @_;

    return qq({"jsonrpc":"2.0","id":7,"method":"tools/call","params":)
           . qq({"name":"$name") . ($more // '') . '}}';
}


# A POST as its bytes.
sub post {
    my ($server, $body, @headers) = @_;
    my $tenant = $server =~ s/^b:// ? 'b' : 'a';

    push @headers, 'Content-Length: ' . length($body)
        if !grep { /^Transfer-Encoding/ } @headers;

    return join("\r\n", "POST /tenant/$tenant/servers/$server/mcp HTTP/1.1",
                'Host: localhost', 'Authorization: Bearer ' . key($tenant),
                'Content-Type: application/json', @headers, '', $body);
}


sub chunks {
    return join('', map { sprintf("%x\r\n%s\r\n", length, $_) } @_)
           . "0\r\n\r\n";
}


# Sends the bytes on a connection of their own, each piece by itself: what
# answers them, what they are audited as, and that no server saw them.
sub refused {
    my ($name, $pieces, $expected, $reason) = @_;
    my $before = () = audit();
    my $asked = @{mock('seen')->{requests}};
    my $socket = connect_to($Test::Nginx::Util::ServerPort);

    for my $piece (ref $pieces ? @$pieces : $pieces) {
        McpUpstream::send_bytes($socket, $piece);
    }

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is_rpc(read_answer($socket), $expected, $name);
    wait_until(sub { (() = audit()) > $before }, "$name: audited");

    my @lines = audit();

    is(join(' ', map { "$_->{decision} $_->{reason}" }
                     @lines[$before .. $#lines]),
       "deny $reason", "$name: with its reason, once");
    is(scalar(@{mock('seen')->{requests}}), $asked, "$name: no server");
}

# The answer to a request over HTTP/2, and its status behind it.  At times,
# curl 7.88 loses an answer that comes before it has sent the body.
sub over_http2 {
    my ($server, $body, @headers) = @_;
    my $text;

    wait_until(sub {
        $text = curl($server, $body, @headers);
        return $text !~ / 0 000$/;
    }, 'there is an answer');

    return $text;
}

sub curl {
    my ($server, $body, @headers) = @_;

    return command_output('curl', '-s', '--http2-prior-knowledge',
        (map { ('-H', $_) } 'Authorization: Bearer ' . key('a'),
                            'Content-Type: application/json', @headers),
        '--data-binary', $body, '-w', ' %{http_version} %{http_code}',
        "http://127.0.0.1:$ENV{TEST_NGINX_HTTP2}/tenant/a/servers/$server/mcp");
}

no_long_string();
run_tests();

__DATA__

=== a name does not hide in pieces of a body
--- dialog
    my $drop = tool('drop_all') =~ s/drop/dr\\u006f\\u0070/r
                                =~ s/name/n\\u0061m\\u0065/r;
    my @te = ('Transfer-Encoding: chunked');

    refused('a byte in each chunk', post('ruled', chunks(split //, $drop), @te),
            '200 unknown_tool id 7', 'tool_not_allowed');
    refused('a byte in each write', [split //, post('ruled', $drop)],
            '200 unknown_tool id 7', 'tool_not_allowed');
    refused('extensions of chunks, and a trailer',
            post('ruled', chunks(unpack '(a9)*', $drop) =~ s/^9\r/9;n=echo\r/r
                 =~ s/\r\n\z/Mcp-Name: echo\r\n\r\n/r, @te),
            '200 unknown_tool id 7', 'tool_not_allowed');
    refused('behind 100-continue', post('ruled', $drop, 'Expect: 100-continue'),
            '200 unknown_tool id 7', 'tool_not_allowed');
    refused('bad UTF-8 over two chunks',
            post('ruled', chunks(split /(?<=\xc3)/, tool("read_\xc3(")), @te),
            '400 not_json id 7', 'not_json');
    refused('a surrogate over two chunks, that is alone',
            post('ruled', chunks(split /(?<=\\ud83)/, tool('read_\ud83d')),
                 @te),
            '400 not_json id 7', 'not_json');
--- no_error_log
[alert]
[crit]



=== of two requests on a connection, each is judged alone
--- dialog
    my $socket = connect_to($Test::Nginx::Util::ServerPort);
    my $got = '';

    McpUpstream::send_bytes($socket,
        post('ruled', tool('echo')) . post('ruled', tool('drop_all'))
        . post('b:ruled', tool('drop_all')) . post('ruled', tool('wipe')));
    read_until($socket, \$got, qr/Unknown tool: wipe/);

    my @status = $got =~ m{HTTP/1\.1 (\d{3}) }g;
    my @seen = @{mock('seen')->{requests}};

    is("@status", '200 200 200 200', 'four answers');
    is(scalar(@seen), 2, 'two requests reach a server');
    like($seen[0]{body}, qr/"echo"/, 'what a may call');
    like($seen[1]{body}, qr/"drop_all"/, 'what b may');
    wait_until(sub { (() = audit()) >= 4 + 1 }, 'four lines');
    is(join(' ', map { "$_->{tenant} $_->{decision}" }
                     grep { $_->{method} } audit()),
       'a allow a deny b allow a deny', 'each is audited as what it was');
--- no_error_log
[error]
[alert]
[crit]



=== over HTTP/2 the same holds
--- server
listen 127.0.0.1:$TEST_NGINX_HTTP2 http2;
--- dialog
    my ($echo, $drop) = (tool('echo'), tool('drop_all'));

    like(over_http2('ruled', $echo), qr/ 2 200$/, 'what may pass does');

    wait_until(sub { (() = audit()) >= 2 }, 'and is audited');

    my $n = @{mock('seen')->{requests}};
    my $bad = '"code":-32600,.*"duplicate_header".* 2 400$';

    for (['"unknown_tool".* 2 200$', 'tool_not_allowed', $drop],
         [$bad, 'duplicate_header', $echo, 'mcp-method: tools/call',
          'mcp-method: tools/call'],
         [$bad, 'duplicate_header', $echo, 'mcp-name: echo', 'Mcp-Name: x'],
         [$bad, 'duplicate_header', $echo, 'mcp-session-id: a',
          'mcp-session-id: a'],
         [$bad, 'duplicate_header', $echo, 'mcp-protocol-version: 2025-11-25',
          'mcp-protocol-version: 2026-07-28'],
         ['"code":-32020.* 2 400$', 'header_mismatch', $echo,
          'mcp-name: =?base64?ZWNobx==?='],
         ['"host_not_allowed".* 2 403$', 'host_not_allowed',
          $echo, 'Host: evil.example'],
         [' 2 403$', 'origin_not_allowed', $echo, 'Origin: null'],
         [' 2 415$', 'unsupported_encoding', $echo, 'Content-Encoding: gzip'],
         [' 2 404$', 'unknown_session', $echo, 'mcp-session-id: a'])
    {
        my ($expected, $reason, $body, @headers) = @$_;
        my $before = () = audit();
        my $name = $headers[0] // 'a tool that is denied';

        like(over_http2('ruled', $body, @headers), qr/$expected/s, $name);
        wait_until(sub {
            my @lines = audit();
            return @lines > $before && $lines[-1]{reason} eq $reason;
        }, "$name: audited with its reason");
    }

    is(scalar(@{mock('seen')->{requests}}), $n, 'no server saw any of these');
--- no_error_log
[alert]
[crit]



=== headers that stand twice, fold, or say it in bad base64
--- dialog
    my $echo = tool('echo');

    for (["Mcp-Method: tools/call", "Mcp-Method: tools/call\t"],
         ['MCP-PROTOCOL-VERSION: 2026-07-28', 'mcp-protocol-version:'],
         ['Mcp-Name: echo', 'Mcp-name: =?base64?ZWNobw==?='],
         ['Mcp-Session-Id: a', 'Content-Language: x', 'mcp-session-ID: a'])
    {
        refused("twice: $_->[0]", post('ruled', $echo, @$_),
                '400 duplicate_header id null', 'duplicate_header');
    }

    for my $name ('ZWNobx==', 'ZWNobw==ZHJvcA==', 'ZWNobw=', 'ZWNobw===',
                  'ZWNo-w==', ' ZWNobw==', 'ZWNobwA=')
    {
        refused("base64: $name", post('ruled', $echo,
                                      "Mcp-Name: =?base64?$name?="),
                '400 header_mismatch id 7', 'header_mismatch');
    }

    my $socket = connect_to($Test::Nginx::Util::ServerPort);

    McpUpstream::send_bytes($socket, post('ruled', $echo, 'Mcp-Name: echo',
                                          ' drop'));
    is(read_answer($socket)->{status}, 400, 'a folded header');
    is(scalar(@{mock('seen')->{requests}}), 0, 'it reaches no server');
--- no_error_log
[alert]
[crit]



=== one in a batch, notes, and methods of nobody
--- dialog
    my $drop = tool('drop_all');
    my $version = 'io.modelcontextprotocol/protocolVersion';
    my $meta = qq(,"_meta":{"$version":"2026-07-28"});
    my $note = $drop =~ s/"id":7,//r;

    refused('a batch of one', post('ruled', "[$drop]"),
            '200 unknown_tool id null', 'tool_not_allowed');
    refused('a batch of one, modern', post('ruled', '[' . tool('echo', $meta)
                                                    . ']'),
            '400 invalid_message id null', 'invalid_message');
    refused('a batch in a batch', post('ruled', '[[' . tool('echo') . ']]'),
            '400 invalid_message id null', 'invalid_message');
    refused('a call as a notification', post('ruled', $note),
            '200 unknown_tool id null', 'tool_not_allowed');
    refused('a method of nobody as one',
            post('ruled', '{"jsonrpc":"2.0","method":"tools/Call"}'),
            '200 unknown_method id null', 'rpc_method_not_allowed');
    refused('a method with a NUL',
            post('ruled', $drop =~ s{/call}{/call\\u0000}r),
            '400 invalid_message id 7', 'invalid_message');
    refused('a version of tomorrow',
            post('ruled', $drop, 'MCP-Protocol-Version: 9999-01-01'),
            '200 unknown_tool id 7', 'tool_not_allowed');
    refused('an id of 257 bytes',
            post('ruled', tool('echo') =~ s/7/'"' . 'i' x 255 . '"'/er),
            '400 invalid_message id null', 'invalid_message');
    refused('a key that some read in any case',
            post('ruled', tool('echo', ',"NAM\u0045":"drop_all"')),
            '400 invalid_message id 7', 'invalid_message');
--- no_error_log
[alert]
[crit]



=== a session of others opens nothing, whatever the method
--- dialog
    my ($token) = open_session('ruled');
    my ($other) = open_session('b:ruled' =~ s/b://r, tenant => 'b');
    my @bad = ($other, "$token ,$token", substr($token, 0, -1), "${token}A",
               $token =~ s/^(.)/$1 eq 'A' ? 'B' : 'A'/er,
               $token =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/er, 'x' x 10_000);
    my $n = @{mock('seen')->{requests}};

    for my $method ('POST', 'GET', 'DELETE') {
        for my $i (0 .. $#bad) {
            my $answer = call('ruled', method => $method, headers => [
                "Mcp-Session-Id: $bad[$i]", 'Last-Event-ID: 1']);

            like($answer->{status}, qr/^4\d\d$/, "$method, $i: refused");
        }
    }

    is(call('free', method => $_, headers => ["Mcp-Session-Id: $token"])
       ->{status}, 404, "$_: on another server") for 'POST', 'GET', 'DELETE';
    is(scalar(@{mock('seen')->{requests}}), $n, 'no server saw any');

    my $modern = echoed(call('ruled', headers => [
        'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: ping',
        "Mcp-Session-Id: $other"]));

    unlike($modern->{head}, qr/session/i, 'a modern request has none');
    is(call('ruled', headers => ["Mcp-Session-Id: $token"])->{status}, 200,
       'the session is still there');
--- no_error_log
[alert]
[crit]



=== what is hidden is hidden in every framing
--- dialog
    my $list = '{"jsonrpc":"2.0","id":7,"method":"tools/list"}';

    for my $name (sort keys %main::shown) {
        my $answer = call(server($name), body => $list);

        is($answer->{status}, 200, "$name: passes");
        ok($answer->{complete}, "$name: to its end");
        unlike($answer->{body}, qr/drop|\\u0064rop/, "$name: without the tool");
        like($answer->{body}, qr/read_a/, "$name: with the other one");
        is($answer->{headers}{'content-length'}, undef, "$name: no length");
    }

    my $answer = call(server('CRLF in bytes'), method => 'GET');

    unlike($answer->{body}, qr/drop/, 'nor is it on a GET stream');
    like($answer->{body}, qr/read_a/, 'which goes on');
--- no_error_log
[error]
[alert]
[crit]



=== what rules cannot be applied to does not pass, in any framing
--- dialog
    my $list = '{"jsonrpc":"2.0","id":7,"method":"tools/list"}';

    for my $name (sort keys %main::cut) {
        my $answer = call(server($name), body => $list);

        ok($answer->{status} == 502 || !$answer->{complete},
           "$name: cut or refused");
        unlike($answer->{body}, qr/drop/, "$name: nothing hidden");
        is((audit())[-1]{reason}, 'upstream_failed', "$name: audited");
    }
--- no_error_log
[alert]
[crit]
