# Streams: event by event, without waiting for more, until one side ends it.
# Nothing here measures time: the mock sends the next event only when the
# client has the one before.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;

mock_start(
    deleted => ["HTTP/1.1 204 No Content\r\n\r\n", 'keep'],
    'no-delete' => ["HTTP/1.1 405 Method Not Allowed\r\n"
                    . "Content-Length: 0\r\n\r\n", 'keep'],
    accepted => ["HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
                 'keep'],
);

our $chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               . "Transfer-Encoding: chunked\r\n\r\n";
our $plain = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
             . "Connection: close\r\n\r\n";

sub chunk { return sprintf("%x\r\n%s\r\n", length $_[0], $_[0]) }

$ENV{TEST_NGINX_HTTP2} = free_port();

no_long_string();
run_tests();

__DATA__

=== the answer to a POST passes event by event
--- catalog_a
servers:
  - id: sse
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/p"}
--- dialog
    for my $kind ('chunked', 'plain') {
        my $make = $kind eq 'chunked' ? \&chunk : sub { $_[0] };
        my ($socket, $got) = (send_call('sse'), '');

        mock('open/p');
        mock('send/p', $kind eq 'chunked' ? $main::chunked : $main::plain);
        read_until($socket, \$got, qr/\r\n\r\n/);
        like($got, qr{^HTTP/1\.1 200 OK\r\n}, "$kind: header before any event");
        like($got, qr{^Content-Type: text/event-stream\r$}m, "$kind: type");

        for my $n (1 .. 5) {
            mock('send/p', $make->("id: $n\ndata: {}\n\n"));
            read_until($socket, \$got, qr/id: $n\ndata: \{\}\n\n/);
            pass("$kind: event $n");
        }

        mock('send/p', "0\r\n\r\n") if $kind eq 'chunked';
        mock('close/p');
        read_until($socket, \$got, qr/\r\n0\r\n\r\n$/);
        pass("$kind: the end");
        mock('forget/p');
    }
--- no_error_log
[error]
[alert]
[crit]



=== settings of the proxy do not bring buffering back
--- settings
proxy_buffering on;
proxy_buffer_size 64k;
proxy_buffers 8 64k;
--- catalog_a
servers:
  - id: sse
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/b"}
--- dialog
    my ($socket, $got) = (send_call('sse'), '');

    mock('open/b');
    mock('send/b', $main::chunked . chunk("data: 1\n\n"));
    read_until($socket, \$got, qr/data: 1\n\n/);
    mock('send/b', chunk("data: 2\n\n"));
    read_until($socket, \$got, qr/data: 2\n\n/);
    pass('both events came');
    mock('close/b');
--- no_error_log
[alert]
[crit]



=== an upstream block streams in the same way
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: sse
    runtime: {type: upstream, name: legacy, path: /held/u}
--- dialog
    my ($socket, $got) = (send_call('sse'), '');

    mock('open/u');
    mock('send/u', $main::chunked . chunk("data: 1\n\n"));
    read_until($socket, \$got, qr/data: 1\n\n/);
    mock('send/u', chunk("data: 2\n\n"));
    read_until($socket, \$got, qr/data: 2\n\n/);
    pass('both events came');

    close($socket);
    ok(exists mock('gone/u')->{sent}, 'it ends with its client');
--- no_error_log
[error]
[alert]
[crit]



=== a GET stream stays open beside other requests of its session
--- catalog_a
servers:
  - id: sse
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/g"}
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    my ($token, $id) = open_session('sse');
    my $socket = send_call('sse', method => 'GET', headers => [
        'Accept: text/event-stream', "Mcp-Session-Id: $token",
        'Last-Event-ID: 41']);
    my $got = '';
    my $seen = mock('open/g');

    like($seen->{head}, qr{^GET /held/g HTTP/1\.1\r\n}, 'the server sees GET');
    like($seen->{head}, qr/^Mcp-Session-Id: $id\r$/m, 'the session');
    like($seen->{head}, qr/^Last-Event-ID: 41\r$/m, 'where to go on');
    unlike($seen->{head}, qr/^Content-Length/mi, 'and no body');

    mock('send/g', $main::chunked);
    read_until($socket, \$got, qr/\r\n\r\n/);

    for my $n (42 .. 44) {
        is(call('echo')->{status}, 200, 'another request is answered');
        mock('send/g', chunk("id: $n\ndata: {}\n\n"));
        read_until($socket, \$got, qr/id: $n\n/);
        pass("event $n");
    }

    mock('send/g', "0\r\n\r\n");
    read_until($socket, \$got, qr/\r\n0\r\n\r\n$/);
    pass('the end');
--- no_error_log
[error]
[alert]
[crit]



=== DELETE and 202 pass as they are
--- catalog_a
servers:
  - id: deleted
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/deleted"}
  - id: no-delete
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/no-delete"}
  - id: accepted
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/accepted"}
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    my ($token, $id) = open_session('echo');
    my $head = echoed(call('echo', method => 'DELETE', headers => [
        "Mcp-Session-Id: $token"]))->{head};

    like($head, qr{^DELETE /echo HTTP/1\.1\r\n}, 'the server sees DELETE');
    like($head, qr/^Mcp-Session-Id: $id\r$/m, 'and the session');

    is(call('deleted', method => 'DELETE')->{status}, 204, '204 passes');

    my $answer = call('no-delete', method => 'DELETE');

    is($answer->{status}, 405, '405 passes');
    is($answer->{body}, '', 'as the server said it');

    $answer = call('accepted', body => '{"jsonrpc":"2.0","method":'
                                       . '"notifications/initialized"}');

    is($answer->{status}, 202, '202 passes');
    is($answer->{body}, '', 'without a body');
--- no_error_log
[error]
[alert]
[crit]



=== a client that leaves a stream ends it at the server
--- catalog_a
servers:
  - id: sse
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/l"}
--- dialog
    my ($socket, $got) = (send_call('sse', method => 'GET'), '');

    mock('open/l');
    mock('send/l', $main::chunked . chunk("data: 1\n\n"));
    read_until($socket, \$got, qr/data: 1/);

    close($socket);

    ok(exists mock('gone/l')->{sent}, 'the server sees the end');

    my $line = wait_until(sub { (grep { $_->{server} eq 'sse' } audit())[0] },
                          'one line of audit');

    is($line->{status}, '200', 'with the status that was sent');
    is($line->{decision}, 'allow', 'and the decision');
--- no_error_log
[error]
[alert]
[crit]



=== a client that leaves before the answer is audited as client_closed
--- catalog_a
servers:
  - id: slow
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/c"}
--- dialog
    my $socket = send_call('slow');

    mock('open/c');
    close($socket);

    ok(exists mock('gone/c')->{sent}, 'the server sees the end');

    my $line = wait_until(sub { (grep { $_->{server} eq 'slow' }
                                 audit())[0] }, 'one line of audit');

    is($line->{status}, '499', 'status');
    is($line->{reason}, 'client_closed', 'reason');
    is($line->{decision}, 'allow', 'decision');
--- no_error_log
rests for
[error]
[alert]
[crit]



=== a client that leaves is no failure of the server
--- catalog_a
servers:
  - id: slow
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/f"}
--- dialog
    for (1 .. 3) {
        my $socket = send_call('slow', method => 'GET');

        mock('open/f');
        mock('send/f', $main::chunked . chunk("data: 1\n\n")) if $_ == 2;
        close($socket);
        ok(exists mock('gone/f')->{sent}, 'the server sees the end');
        mock('forget/f');
    }
--- no_error_log
failed and rests
[error]
[alert]
[crit]



=== a stream on which nothing happens is ended
--- settings
proxy_read_timeout 700ms;
--- catalog_a
servers:
  - id: sse
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/i"}
--- dialog
    my ($socket, $got) = (send_call('sse', method => 'GET'), '');

    mock('open/i');
    mock('send/i', $main::chunked);
    read_until($socket, \$got, qr/\r\n\r\n/);

    for my $n (1 .. 3) {
        mock('send/i', chunk(": ping $n\n\n"));
        read_until($socket, \$got, qr/ping $n\n/);
    }

    ok(exists mock('gone/i')->{sent}, 'the gateway ends it');

    # the client sees that it is no end that the server chose
    1 while sysread($socket, $got, 65536, length $got);
    unlike($got, qr/\r\n0\r\n\r\n$/, 'visibly');
--- error_log
upstream timed out
--- no_error_log
failed and rests
[alert]
[crit]



=== an endless stream is held back by a client that does not read
--- catalog_a
servers:
  - id: endless
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/endless"}
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    my $socket = send_call('endless', method => 'GET');
    my ($got, $read) = ('', 0);

    mock('open/endless');

    while ($read < 4_000_000) {
        my $n = sysread($socket, $got, 65536);
        last if !$n;
        $read += $n;
    }

    ok($read >= 4_000_000, 'as much passes as the client reads');
    is(call('echo')->{status}, 200, 'others are served meanwhile');
    is_deeply([glob(servroot() . '/proxy_temp/*')], [],
              'nothing is kept in files');

    close($socket);

    my $sent = mock('gone/endless')->{sent};

    ok($sent - $read < 32_000_000,
       'what was on its way is bounded by the sockets') or diag($sent);
    mock('forget/endless');
--- no_error_log
[error]
[alert]
[crit]



=== a stream to a client of HTTP/2 passes event by event
--- server
listen 127.0.0.1:$TEST_NGINX_HTTP2 http2;
--- catalog_a
servers:
  - id: sse
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/h2"}
--- dialog
    my $pid = open(my $curl, '-|', 'curl', '-sN', '--http2-prior-knowledge',
        '-H', 'Authorization: Bearer ' . key('a'),
        '-H', 'Accept: text/event-stream',
        "http://127.0.0.1:$ENV{TEST_NGINX_HTTP2}/tenant/a/servers/sse/mcp");
    my $got = '';

    mock('open/h2');
    mock('send/h2', $main::chunked);

    for my $n (1 .. 3) {
        mock('send/h2', chunk("data: $n\n\n"));
        read_until($curl, \$got, qr/data: $n\n\n/);
        pass("event $n");
    }

    kill 'TERM', $pid;
    close($curl);
    ok(exists mock('gone/h2')->{sent}, 'it ends with its client');
--- no_error_log
[error]
[alert]
[crit]



=== a server that is reset in the middle of a stream ends it visibly
--- catalog_a
servers:
  - id: sse
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/r"}
--- dialog
    my ($socket, $got) = (send_call('sse', method => 'GET'), '');

    mock('open/r');
    mock('send/r', $main::chunked . chunk("data: 1\n\n"));
    read_until($socket, \$got, qr/data: 1\n\n/);
    mock('reset/r');

    1 while sysread($socket, $got, 65536, length $got);
    unlike($got, qr/\r\n0\r\n\r\n$/, 'no end is made up');
--- no_error_log
[alert]
[crit]
