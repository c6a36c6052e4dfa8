# max_concurrent_requests and max_streams: never more than N at once, over all
# workers, and each slot given back exactly once, however a request ends.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start(
    failing => ["HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"],
    garbage => ["\x00\x01\x02 no HTTP\r\n\r\n"],
    cut => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            . "Content-Length: 100\r\n\r\n{"],
    reset => ["HTTP/1.1 200 OK\r\n", 'reset'],
    accepted => ["HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
                 'keep'],
);

$ENV{TEST_NGINX_HTTP2} = free_port();

master_on();
workers(2);
worker_connections(256);
no_long_string();

our $listen = '{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen",'
              . '"params":{}}';

# One more than is allowed, however often, is refused; no other gauge moves.
sub full {
    my ($n, $reason, @call) = @_;

    for (1 .. $n) {
        my $answer = call(@call);

        is_rpc($answer, "429 $reason id 7", "$reason with the id of the call");
        is($answer->{headers}{'retry-after'}, 1, 'and with Retry-After');
    }
}

# Holds calls until n are held.
sub hold {
    my ($n, $name, @call) = @_;
    my @held;

    for my $i (1 .. $n) {
        push @held, send_call(@call);
        mock('open/' . ($i > 1 ? "$name$i" : $name));
    }

    return @held;
}

# Nothing is held, and a whole limit can be held again: nothing was given back
# twice, or two more would pass.
sub drained {
    my ($why) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    wait_gauge('requests_in_flight', 'a', 0, "$why: the slot is back");
    hold_again($why);
}

sub hold_again {
    my ($why) = @_;
    my $held = send_call('last');

    mock('open/last');
    is(statuses(4, 'echo'), '429 429 429 429', "$why: given back once");
    answer_held('last');
    is(read_answer($held)->{status}, 200, "$why: the limit is whole");
    mock('forget/last');
    wait_gauge('requests_in_flight', 'a', 0, "$why: and free");
}

run_tests();

__DATA__

=== a tenant has N requests at once and no more
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 3', catalog_b => 1)
--- catalog_a eval
McpQuota::servers_with(held => '/held/t', echo => '/echo')
--- catalog_b eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is_gauge('concurrent_requests_limit', 'a', 3);
    is_gauge('concurrent_requests_limit', 'b', 0);

    my @held = main::hold(3, 't', 'held');

    is_gauge('requests_in_flight', 'a', 3);
    main::full(8, 'concurrency_limited', 'echo');
    is_gauge('requests_in_flight', 'a', 3);
    is(call('echo', tenant => 'b')->{status}, 200, 'another tenant goes on');

    answer_held('t2');
    is(read_answer($held[1])->{status}, 200, 'one is answered');
    wait_gauge('requests_in_flight', 'a', 2);
    is(statuses(6, 'echo'), '200 200 200 200 200 200', 'one passes again');

    answer_held('t');
    answer_held('t3');
    wait_gauge('requests_in_flight', 'a', 0);
    is_gauge('requests_in_flight', 'b', 0);

    my @limits = map { $_->{limit} } audit();
    is(scalar(grep { $_ eq 'REJECTED' } @limits), 8, 'the audit says so');
--- error_log
limiting request of tenant "a": concurrency_limited by the quota of the tenant
--- no_error_log
[alert]
[crit]



=== a key has its own limit
--- tenants eval
McpQuota::tenants_with(key => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/k', echo => '/echo')
--- dialog
    my ($held) = main::hold(1, 'k', 'held');

    main::full(4, 'concurrency_limited', 'echo');
    is(call('echo', key => key('a') . '-other')->{status}, 200,
       'the other key of the tenant goes on');
    answer_held('k');
    wait_gauge('requests_in_flight', 'a', 0);
    is(statuses(4, 'echo'), '200 200 200 200', 'the key is free');
--- error_log
concurrency_limited by the quota of the key
--- no_error_log
[alert]
[crit]



=== a server has its own limit, and its refusal holds nothing of the others
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 2',
                       key => 'max_concurrent_requests: 2')
--- catalog_a eval
McpQuota::servers_with(held => ['/held/s', 'max_concurrent_requests: 1'],
                       last => '/held/last', echo => '/echo')
--- dialog
    my ($held) = main::hold(1, 's', 'held');

    main::full(6, 'concurrency_limited', 'held');
    is_gauge('requests_in_flight', 'a', 1);
    is(statuses(4, 'echo'), '200 200 200 200', 'another server goes on');

    my ($second) = main::hold(1, 'last', 'last');

    main::full(4, 'concurrency_limited', 'echo');
    answer_held('s');
    answer_held('last');
    wait_gauge('requests_in_flight', 'a', 0);
--- error_log
concurrency_limited by the quota of the server
concurrency_limited by the quota of the key
--- no_error_log
[alert]
[crit]



=== what is refused on a lower rung takes no slot and no token
--- tenants eval
McpQuota::tenants_with(tenant =>
    'max_concurrent_requests: 1, requests_per_second: 0.001')
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    my %refused = (
        '401 wrong key' => [key => 'wrong'],
        '401 no key' => [key => undef],
        '403 of another tenant' => [key => key('b')],
        '403 origin' => [headers => ['Origin: https://x.example']],
        '404 server' => [path => '/tenant/a/servers/none/mcp'],
        '400 path' => [path => '/tenant/a/servers/%65cho/mcp'],
        '400 JSON' => [body => '{'],
        '400 header' => [headers => ['Mcp-Session-Id: 1',
                                     'Mcp-Session-Id: 2']],
        '405 method' => [method => 'PUT', body => '{}'],
        '415 encoding' => [headers => ['Content-Encoding: gzip']],
    );

    for my $name (sort keys %refused) {
        my $answer = call('echo', @{$refused{$name}});
        is($answer->{status}, substr($name, 0, 3), $name);
        ok(!exists $answer->{headers}{ratelimit}, "$name: no rate was asked");
    }

    is(call('', method => 'GET', path => '/tenant/a/servers')->{status}, 200,
       'the list of servers takes none either');
    is_gauge('requests_in_flight', 'a', 0);
    is(call('echo')->{status}, 200, 'the one token is still there');
    is(call('echo')->{status}, 429, 'and was the only one');
--- no_error_log
[alert]
[crit]



=== a slot is back after an answer, a failed server and a client that left
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/w', last => '/held/last',
    echo => '/echo', failing => '/raw/failing', garbage => '/raw/garbage',
    cut => '/raw/cut', reset => '/raw/reset', accepted => '/raw/accepted',
    gone => "$ENV{TEST_NGINX_DEAD}:/gone")
--- dialog
    my $open = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
               . "data: 1\n\n";
    my ($socket, $got);

    is(call('echo')->{status}, 200, 'a normal end');
    main::drained('a normal end');

    for my $case (['failing', 503], ['garbage', 502], ['cut', 200],
                  ['reset', 502], ['accepted', 202], ['gone', 502])
    {
        my ($server, $status) = @$case;

        is(call($server)->{status}, $status, "$server: $status");
        main::drained($server);
    }

    $socket = send_call('held');
    mock('open/w');
    close($socket);
    main::drained('a client that left before the header');
    mock('forget/w');

    ($socket, $got) = (send_call('held'), '');
    mock('open/w');
    mock('send/w', $open);
    read_until($socket, \$got, qr/data: 1\n\n/);
    close($socket);
    main::drained('a client that left in a stream');

    $socket = connect_to($Test::Nginx::Util::ServerPort);
    syswrite($socket, "POST /tenant/a/servers/echo/mcp HTTP/1.1\r\n"
             . "Host: localhost\r\nAuthorization: Bearer " . key('a') . "\r\n"
             . "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
             . '{"jsonrpc":');
    is_gauge('requests_in_flight', 'a', 0);
    close($socket);
    main::drained('a client that left before its body');
--- no_error_log
[alert]
[crit]



=== a server that does not answer in time gives the slot back
--- settings
proxy_read_timeout 1s;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/w', echo => '/echo')
--- dialog
    is(call('held')->{status}, 504, 'no answer in time');
    wait_gauge('requests_in_flight', 'a', 0);
    is(call('echo')->{status}, 200, 'free after a timeout before the header');
    mock('forget/w');

    my ($socket, $got) = (send_call('held'), '');

    mock('open/w');
    mock('send/w', "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n");
    read_until($socket, \$got, qr/data: 1\n\n/);
    1 while sysread($socket, $got, 4096);
    wait_gauge('requests_in_flight', 'a', 0);
    is(call('echo')->{status}, 200, 'free after a timeout after the header');
--- no_error_log
[alert]
[crit]



=== a call that lingers, or waits for the next one, holds no slot
--- server
lingering_close   always;
lingering_time    100s;
lingering_timeout 100s;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(last => '/held/last', echo => '/echo',
    gone => "$ENV{TEST_NGINX_DEAD}:/gone")
--- dialog
    for my $server ('echo', 'gone') {
        for my $close ([], ['Connection: close']) {
            my $socket = send_call($server, headers => $close);
            my $got = '';

            read_until($socket, \$got, qr/\r\n\r\n./s);
            main::drained("$server @$close");
        }
    }

    my $socket = send_call('nowhere', headers => ['Content-Length: 5']);
    main::drained('refused early with a body that never comes');

    $socket = connect_to($Test::Nginx::Util::ServerPort);
    send_call('echo', socket => $socket) for 1 .. 5;
    my $got = '';
    read_until($socket, \$got, qr/(?:HTTP.1.1 200 OK.*){5}/s);
    pass('five calls in one write come one after the other');
    main::drained('pipelined calls');
--- no_error_log
[alert]
[crit]



=== a call that is retried holds one slot
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a
servers:
  - id: two
    runtime:
      type: remote
      urls: ["http://127.0.0.1:$TEST_NGINX_DEAD/held/r",
             "http://127.0.0.1:$TEST_NGINX_MOCK/held/r"]
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
  - id: last
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/last"}
--- dialog
    for (1 .. 4) {
        my ($held) = main::hold(1, 'r', 'two');

        is_gauge('requests_in_flight', 'a', 1);
        is(call('echo')->{status}, 429, 'one is one, whichever endpoint');
        answer_held('r');
        is(read_answer($held)->{status}, 200, 'it is answered');
        mock('forget/r');
        main::drained('retried');
    }
--- no_error_log
[alert]
[crit]



=== an error page that asks a server again goes on with the slot
--- server
location = /again {
    internal;
    mcp_tenant          on;
    proxy_pass          http://mcp_servers/held/again;
    proxy_http_version  1.1;
    proxy_set_header    Connection "";
}
--- settings
error_page 503 = /again;
proxy_intercept_errors on;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(failing => '/raw/failing', echo => '/echo',
                       last => '/held/last')
--- dialog
    my ($held) = main::hold(1, 'again', 'failing');

    is_gauge('requests_in_flight', 'a', 1);
    is(statuses(4, 'echo'), '429 429 429 429', 'its slot is still held');
    answer_held('again');
    is(read_answer($held)->{status}, 200, 'the second server answers');
    main::drained('asked again');
--- no_error_log
[alert]
[crit]



=== a location that asks no server gives the slot back
--- server
location = /tenant/a/servers/echo/mcp {
    mcp_tenant  on;
    error_page  404  /mcp_tenant_error;
    alias       /nonexistent;
}
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(echo => '/echo', last => '/held/last')
--- dialog
    is(statuses(5, 'echo'), '404 404 404 404 404', 'no proxy_pass');
    wait_gauge('requests_in_flight', 'a', 0);
--- no_error_log
[alert]
[crit]



=== access rules of NGINX, "satisfy any" too, leave no slot behind
--- server
satisfy any;
allow   127.0.0.2;
deny    all;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is(statuses(5, 'echo'), '403 403 403 403 403', 'NGINX refuses');
    wait_gauge('requests_in_flight', 'a', 0);
--- no_error_log
[alert]
[crit]



=== subrequests hold no slot of their own
--- server
location = /mirrored { internal; return 204; }
location = /asked { internal; return 204; }
--- settings
mirror /mirrored;
auth_request /asked;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(echo => '/echo', last => '/held/last')
--- dialog
    is(statuses(4, 'echo'), '200 200 200 200', 'calls pass');
    main::drained('mirrored');
--- no_error_log
[alert]
[crit]



=== a reset of HTTP/2 gives the slot back
--- server
listen 127.0.0.1:$TEST_NGINX_HTTP2 http2;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/v', echo => '/echo',
                       last => '/held/last')
--- dialog
    for my $started (0, 1) {
        my $pid = open(my $curl, '-|', 'curl', '-sN',
            '--http2-prior-knowledge', '-H', 'Content-Type: application/json',
            '-H', 'Authorization: Bearer ' . key('a'),
            '-d', '{"jsonrpc":"2.0","id":1,"method":"ping"}',
            "http://127.0.0.1:$ENV{TEST_NGINX_HTTP2}"
            . '/tenant/a/servers/held/mcp') or die "curl: $!\n";

        mock('open/v');
        is(call('echo')->{status}, 429, 'it holds the slot');

        if ($started) {
            mock('send/v', "HTTP/1.1 200 OK\r\n"
                           . "Content-Type: text/event-stream\r\n\r\n"
                           . "data: 1\n\n");
            is(scalar <$curl>, "data: 1\n", 'the stream has begun');
        }

        kill 'TERM', $pid;
        close($curl);
        main::drained('HTTP/2');
        mock('forget/v');
    }
--- no_error_log
[alert]
[crit]



=== a stream counts as a request where streams have no limit
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/g', echo => '/echo')
--- dialog
    my $socket = send_call('held', method => 'GET');

    mock('open/g');
    is_gauge('requests_in_flight', 'a', 1);
    main::full(2, 'concurrency_limited', 'echo');
    close($socket);
    wait_gauge('requests_in_flight', 'a', 0);
--- no_error_log
[alert]
[crit]



=== streams count apart where they have a limit
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1, max_streams: 2')
--- catalog_a eval
McpQuota::servers_with(held => '/held/g', last => '/held/last',
                       echo => '/echo')
--- dialog
    my @held = (main::hold(1, 'g', 'held', method => 'GET'),
                send_call('held', body => $main::listen));

    mock('open/g2');
    is_gauge('streams_open', 'a', 2);
    is_gauge('requests_in_flight', 'a', 0);

    for (1 .. 4) {
        is_rpc(call('held', method => 'GET'), '429 streams_limited id null',
               'GET');
        is_rpc(call('held', body => $main::listen),
               '429 streams_limited id 9', 'subscriptions/listen');
    }

    main::hold_again('calls go on');

    mock('close/g');
    wait_gauge('streams_open', 'a', 1);
    close($held[1]);
    wait_gauge('streams_open', 'a', 0);
--- error_log
streams_limited by the quota of the tenant
--- no_error_log
[alert]
[crit]



=== streams of a key and of a server are limited, too
--- tenants eval
McpQuota::tenants_with(key => 'max_streams: 2', tenant => 'max_streams: 9')
--- catalog_a eval
McpQuota::servers_with(one => ['/held/o', 'max_streams: 1'], two => '/held/p')
--- dialog
    my @held = main::hold(1, 'o', 'one', method => 'GET');
    my @other = (method => 'GET', key => key('a') . '-other');

    is_rpc(call('one', @other), '429 streams_limited id null', 'the server');
    push @held, main::hold(1, 'p', 'two', method => 'GET');
    is_rpc(call('two', method => 'GET'), '429 streams_limited id null',
           'the key');
    push @held, send_call('two', @other);
    mock('open/p2');
    is_gauge('streams_open', 'a', 3);
    close($_) for @held;
    wait_gauge('streams_open', 'a', 0);
--- error_log
streams_limited by the quota of the server
streams_limited by the quota of the key
--- no_error_log
[alert]
[crit]



=== a limit that is lowered below what is in flight refuses until it has drained
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 3')
--- catalog_a eval
McpQuota::servers_with(held => '/held/l', echo => '/echo')
--- dialog
    my @held = main::hold(3, 'l', 'held');

    write_file('tenants.yaml',
               tenants_with(tenant => 'max_concurrent_requests: 1'));
    wait_gauge('concurrent_requests_limit', 'a', 1);

    for my $name ('l', 'l2', 'l3') {
        is(call('echo')->{status}, 429, "$name is still there");
        answer_held($name);
    }

    wait_gauge('requests_in_flight', 'a', 0);
    is(statuses(4, 'echo'), '200 200 200 200', 'one at a time passes');
    is(read_answer($_)->{status}, 200, 'what was there was answered')
        for @held;
--- no_error_log
[alert]
[crit]
