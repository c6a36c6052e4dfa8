# Lists in answers: a client sees what the rules let it use, however the
# answer is framed and split; everything else passes as it came.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use Digest::SHA qw(sha256_hex);
use JSON::PP;

# The answer to a list, with members in an order of their own.
sub listed {
    my ($kind, @names) = @_;
    my $name = $kind eq 'resources' ? 'uri'
             : $kind eq 'resourceTemplates' ? 'uriTemplate' : 'name';

    return '{"result":{"nextCursor":"","' . $kind . '": ['
           . join(',', map { qq({"title":"\\u00e9,]}","$name":"$_"}) } @names)
           . '],"ttlMs":1.50,"cacheScope":"public"},"jsonrpc":"2.0","id":7}';
}

# The same as the filter leaves it.
sub filtered {
    my ($kind, @names) = @_;

    return listed($kind, @names) =~ s/"public"/"private"/r;
}

sub with_length {
    my ($body, @headers) = @_;

    push @headers, 'Content-Type: application/json'
        if !grep { /^Content-Type/ } @headers;

    return "HTTP/1.1 200 OK\r\n" . join('', map { "$_\r\n" } @headers)
           . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

sub chunk { return sprintf("%x\r\n%s\r\n", length $_[0], $_[0]) }

sub chunked {
    my ($body, $size, @headers) = @_;

    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
           . join('', map { "$_\r\n" } @headers) . "\r\n"
           . join('', map { chunk($_) } unpack("(a$size)*", $body))
           . "0\r\n\r\n";
}

our $tools = listed('tools', 'drop_all', 'read_a', 'drop_b', 'read_c');
our $kept = filtered('tools', 'read_a', 'read_c');
our $sse = "id: 1\r\n\r\n: ping\r\nevent: message\r\ndata: $tools\r\n\r\n";

my @json = ('Content-Type: application/json');
my @sse = ('Content-Type: text/event-stream');

mock_start(
    length => [with_length($tools, 'ETag: "x"', 'Accept-Ranges: bytes',
                           'Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT',
                           'X-Own: passes'), 'keep'],
    chunks => [chunked($tools, 7, @json), 'keep'],
    bytes => [chunked($tools, 1, @json), 'keep'],
    'to-the-end' => ["HTTP/1.1 200 OK\r\n$json[0]\r\n\r\n$tools", 'close'],
    buffered => [with_length($tools, 'X-Accel-Buffering: yes'), 'keep'],
    sse => [with_length($sse, @sse), 'keep'],
    'sse-bytes' => [chunked($sse, 1, @sse), 'keep'],
    'sse-lines' => [with_length(join('', map { "data: $_\n" }
                        split /(?<=,)(?=")/, $tools) . "\n", @sse), 'keep'],
    resources => [with_length(listed('resources', 'file:///a', 'file:///b/c',
                                     'http://x/')), 'keep'],
    templates => [with_length(listed('resourceTemplates', 'file:///{x}',
                                     'http://{x}/')), 'keep'],
    prompts => [with_length(listed('prompts', 'hello', 'bye')), 'keep'],
    empty => [with_length(listed('tools', 'drop_a')), 'keep'],
    batch => [with_length("[$tools,"
                  . '{"jsonrpc":"2.0","id":8,"result":{}}]'), 'keep'],
    gzip => [with_length($tools, 'Content-Encoding: gzip'), 'keep'],
    text => [with_length($tools, 'Content-Type: text/plain'), 'keep'],
    untyped => [with_length($tools, 'Content-Type:'), 'keep'],
    page => [with_length('<html>', 'Content-Type: text/html')
             =~ s/200 OK/404 Not Found/r, 'keep'],
    error => [with_length('{"jsonrpc":"2.0","id":7,"error":{"code":-1}}')
              =~ s/200 OK/400 Bad Request/r, 'keep'],
    broken => [with_length(substr($tools, 0, 40) . '}}}'), 'keep'],
    half => ["HTTP/1.1 200 OK\r\n$json[0]\r\nContent-Length: "
             . length($tools) . "\r\n\r\n" . substr($tools, 0, 90), 'close'],
    large => [with_length(listed('tools', map { ("read_$_", "drop_$_") }
                                 1 .. 30_000)), 'keep'],
);

our $large = filtered('tools', map { "read_$_" } 1 .. 30_000);

our $catalog = "servers:\n" . join '', map {
    "  - id: $_\n    runtime: {type: remote, "
    . "url: \"http://127.0.0.1:\$TEST_NGINX_MOCK/raw/$_\"}\n"
    . "    tools: {allow: [\"read_*\"]}\n"
} qw(length chunks bytes to-the-end buffered sse sse-bytes sse-lines empty
     batch gzip text untyped page error broken half large);

our $held = 'servers: [{id: held, tools: {deny: ["drop_*"]}, runtime: '
            . '{type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/h"}'
            . "}]\n";

sub list {
    my ($server, %o) = @_;
    my $method = delete $o{list} // 'tools/list';

    return call($server, %o,
                body => qq({"jsonrpc":"2.0","id":7,"method":"$method"}));
}

# Bytes that the only worker of NGINX has in memory.
sub resident {
    my ($pid) = split ' ', command_output('pgrep', '-P', nginx_pid(), '-f',
                                          'worker process');
    my ($kib) = McpUpstream::read_file("/proc/$pid/status")
                =~ /^VmRSS:\s+(\d+) kB/m;

    return $kib * 1024;
}

no_long_string();
master_on();
run_tests();

__DATA__

=== every framing
--- catalog_a eval: $::catalog
--- dialog
    for my $server (qw(length chunks bytes to-the-end buffered)) {
        my $answer = list($server);

        is($answer->{status}, 200, "$server: status");
        is($answer->{body}, $::kept, "$server: the rest is as it was");
        is($answer->{headers}{'content-length'}, undef,
           "$server: no length that would be wrong");
        ok($answer->{complete}, "$server: complete");
    }

    for my $server ('sse', 'sse-bytes') {
        is(list($server)->{body}, $::sse =~ s/data: .*/data: $::kept\r/r,
           "$server: events are as they were");
    }

    my $data = join '', list('sse-lines')->{body} =~ /^data: (.*)\n/mg;

    is_deeply(decode_json($data), decode_json($::kept),
              'an event of several lines');

    my $headers = list('length')->{headers};

    is($headers->{$_}, undef, "no $_")
        for 'etag', 'accept-ranges', 'last-modified';
    is($headers->{'x-own'}, 'passes', 'other headers pass');
--- no_error_log
[error]
[alert]
[crit]



=== what stays of a page, and of a batch
--- catalog_a eval: $::catalog
--- dialog
    is(list('empty')->{body}, filtered('tools'),
       'a page of which nothing stays is one, with its cursor');

    my $answer = call('batch', body => '[{"jsonrpc":"2.0","id":7,"method":'
        . '"tools/list"},{"jsonrpc":"2.0","id":8,"method":"ping"}]');

    is($answer->{body}, "[$::kept,"
       . '{"jsonrpc":"2.0","id":8,"result":{}}]', 'a batch');
--- no_error_log
[error]
[alert]
[crit]



=== every kind of list
--- catalog_a
servers:
  - id: resources
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/resources"}
    resources: {allow: ["file:///*"], deny: ["file:///b/*"]}
  - id: templates
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/templates"}
    resources: {allow: ["file:///*"]}
  - id: prompts
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/prompts"}
    prompts: {deny: ["bye"]}
--- dialog
    is(list('resources', list => 'resources/list')->{body},
       filtered('resources', 'file:///a'), 'resources');
    is(list('templates', list => 'resources/templates/list')->{body},
       filtered('resourceTemplates', 'file:///{x}'), 'templates');
    is(list('prompts', list => 'prompts/list')->{body},
       filtered('prompts', 'hello'), 'prompts');
--- no_error_log
[error]
[alert]
[crit]



=== each key sees its own
--- tenants eval
"tenants:\n  - id: a\n    catalog_file: catalogs/a.yaml\n    api_keys:\n"
. "      - {name: main, key_hash: \"sha256:" . ::sha256_hex(::key('a'))
. "\"}\n      - {name: less, key_hash: \"sha256:" . ::sha256_hex('mcpk-less')
. "\", tools: {deny: [\"read_c\"]}}\n"
--- catalog_a
servers:
  - id: length
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/length"}
--- dialog
    my $answer = list('length');

    is($answer->{body}, $::tools, 'without rules, the very answer');
    is($answer->{headers}{'content-length'}, length $::tools, 'its length');
    is($answer->{headers}{etag}, '"x"', 'and its ETag');

    is(list('length', key => 'mcpk-less')->{body},
       filtered('tools', 'drop_all', 'read_a', 'drop_b'), 'less for a key');
--- no_error_log
[error]
[alert]
[crit]



=== what rules cannot be applied to does not pass
--- catalog_a eval: $::catalog
--- dialog
    for my $server ('gzip', 'text', 'untyped') {
        is_rpc(list($server), '502 upstream_failed id 7', $server);
    }

    for my $server ('broken', 'half') {
        my $answer = list($server);

        ok(!$answer->{complete}, "$server: cut");
        unlike($answer->{body}, qr/drop_/, "$server: nothing hidden passes");
    }

    ok((grep { $_->{reason} eq 'upstream_failed' && $_->{status} == 200 }
             audit()), 'audited');

    is(list('page')->{status}, 404, 'a page that is no list passes');
    is(list('page')->{body}, '<html>', 'as it is');
    is(list('error')->{status}, 400, 'an error passes');
--- error_log
upstream sent an encoded list
upstream sent a list as "text/plain", expected "application/json" or
 "text/event-stream"
upstream sent an answer that rules cannot be applied to:



=== only the list waits, and only until an entry is whole
--- catalog_a eval: $::held
--- dialog
    my $list = '{"jsonrpc":"2.0","id":7,"method":"tools/list"}';

    for my $method ('POST', 'GET') {
        my @body = $method eq 'POST' ? (body => $list) : ();
        my $socket = send_call('held', method => $method, @body);
        my $got = '';

        mock('open/h');
        mock('send/h', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
                       . "\r\nTransfer-Encoding: chunked\r\n\r\n");
        read_until($socket, \$got, qr/\r\n\r\n/);

        my @steps = (
            [": ping\n\n", qr/: ping\n\n/],
            ["data: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n",
             qr/"method":"x"\}\n\n/],
            ['data: {"result":{"tools":[{"name":"read_1"}', qr/read_1"}/],
            [',{"name":"drop_1","x":"' . 'y' x 20_000, undef],
            ['"},{"name":"read_2"}]}', qr/,\{"name":"read_2"\}\]\}/],
            [",\"id\":7}\n\ndata: {\"a\":1}\n\n", qr/data: \{"a":1\}\n\n/],
        );

        for my $n (1 .. @steps) {
            my ($send, $expected) = @{$steps[$n - 1]};

            mock('send/h', chunk($send));
            read_until($socket, \$got, $expected) if $expected;
            pass("$method: step $n");
        }

        unlike($got, qr/drop_1|yyy/, "$method: the hidden one never came");
        mock('send/h', "0\r\n\r\n");
        read_until($socket, \$got, qr/\r\n0\r\n\r\n$/);
        mock('close/h');
        mock('forget/h');
    }
--- no_error_log
[error]
[alert]
[crit]



=== a large list, and a client that reads slowly
--- catalog_a eval: $::catalog
--- dialog
    is(sha256_hex(list('large')->{body}), sha256_hex($::large), 'whole');

    my $socket = send_call('large', body =>
        '{"jsonrpc":"2.0","id":7,"method":"tools/list"}');

    # what does not fit the buffers of the sockets stays at the server
    mock('seen/2');

    is(sha256_hex(read_answer($socket)->{body}), sha256_hex($::large),
       'whole, read late');
--- no_error_log
[error]
[alert]
[crit]



=== a long stream takes no more memory
--- workers: 1
--- log_level: error
--- catalog_a eval: $::held
--- dialog
    my $socket = send_call('held', method => 'GET');
    my ($got, $before) = ('');
    my $list = '{"id":1,"result":{"tools":[{"name":"drop_1"},'
               . '{"name":"read_1"}]}}';

    mock('open/h');
    mock('send/h', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
                   . "\r\nTransfer-Encoding: chunked\r\n\r\n");

    for my $n (1 .. 1000) {
        mock('send/h', join '', map { chunk("id: $n\ndata: $list\n\n") }
                                    1 .. 20);
        mock('send/h', chunk("data: end-$n\n\n"));
        $got = substr($got, -200);
        read_until($socket, \$got, qr/end-$n\n\n/);
        $before = resident() if $n == 100;
    }

    cmp_ok(resident() - $before, '<', 65536, '18,000 lists later');
    unlike($got, qr/drop_1/, 'which are filtered');
--- no_error_log
[alert]
[crit]
