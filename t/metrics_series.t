# What the metrics count, and that clients cannot make them grow.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;

mock_start(fine => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    . "Content-Length: 2\r\n\r\n{}", 'keep']);

sub fetch {
    my ($path, %o) = @_;

    return call('', method => 'GET', path => $path, %o)->{body};
}

# The value of a series, "absent" when there is none.
sub series {
    my ($text, $name, $labels) = @_;

    return $text =~ /^nginx_mcp_tenant_\Q$name$labels\E (\S+)$/m
           ? $1 : 'absent';
}

# A request is counted after its answer: what condition() is about may follow.
sub metrics {
    my ($path, $condition, %o) = @_;
    my $text;

    wait_until(sub { $text = fetch($path, %o); $condition->($text) },
               "$path tells it");

    return $text;
}

sub names {
    return [sort map { /^(\S+) / } grep { !/^#/ } split /\n/, $_[0]];
}

sub rpc {
    my ($method, $params) = @_;

    return qq({"jsonrpc":"2.0","id":1,"method":"$method"$params});
}

# promtool is not on every machine; its findings are its output.
sub promtool_finds {
    my ($text) = @_;
    my $file = servroot() . '/html/promtool.txt';

    return undef if !grep { -x "$_/promtool" } split /:/, $ENV{PATH};

    write_file($file, $text);

    return command_output("promtool check metrics < $file 2>&1");
}

no_long_string();
run_tests();

__DATA__

=== a server tells its requests by method and decision
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/fine"}
    tools: {deny: ["secret"]}
  - id: two
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/fine"}
--- dialog
    call('one', body => rpc('tools/call', ',"params":{"name":"open"}'))
        for 1 .. 3;
    call('one', body => rpc('tools/call', ',"params":{"name":"secret"}'));
    call('one', body => rpc('ping', '')) for 1 .. 2;
    call('one', body => 'no json');
    call('two', body => rpc('of/tomorrow', ''));
    call('two', body => '{"jsonrpc":"2.0","id":1,"result":{}}');
    call('two', method => 'DELETE');
    call('three', body => rpc('ping', ''));

    my $text = metrics('/metrics', sub { $_[0] =~ /unknown_server/ });
    my $server = 'server_requests_total{tenant="a",server=';

    is(series($text, $server, qq("one",method="$$_[0]",outcome="$$_[1]"})),
       $$_[2], "one: $$_[0] $$_[1]")
        for ['tools/call', 'allow', 3], ['tools/call', 'deny', 1],
            ['ping', 'allow', 2], ['none', 'deny', 1],
            ['ping', 'deny', 'absent'];

    is(series($text, $server, qq("two",method="$_",outcome="allow"})), 1,
       "two: $_")
        for 'other', 'response', 'none';

    is(series($text, 'requests_total{tenant="a",', 'outcome="allow",'
              . 'reason="ok"}'), 8, 'the tenant: allowed');
    is(series($text, 'requests_total{tenant="a",', 'outcome="deny",'
              . qq(reason="$_"})), 1, "the tenant: $_")
        for 'tool_not_allowed', 'not_json', 'unknown_server';
--- no_error_log
[error]
[alert]
[crit]



=== durations are a histogram
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/p"}
--- dialog
    my $socket = send_call('one');

    mock('open/p');
    mock('send/p', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    read_answer($socket);

    my $text = metrics('/metrics', sub {
        $_[0] =~ /seconds_count\{tenant="a"\} 1$/m;
    });
    my @counts = $text
        =~ /^nginx_mcp_tenant_request_duration_seconds_bucket\{tenant="a",
            le="[^"]+"\}\ (\d+)$/mgx;

    is(scalar @counts, 11, 'buckets');
    is_deeply(\@counts, [sort { $a <=> $b } @counts], 'each has those before');
    is(series($text, 'request_duration_seconds_bucket',
              '{tenant="a",le="+Inf"}'), 1, 'the last one has all');
    is(series($text, 'request_duration_seconds_count', '{tenant="b"}'),
       0, 'another tenant has none');
--- no_error_log
[error]
[alert]
[crit]



=== failures of endpoints count with their server, closed kept ones do not
--- catalog_a
servers:
  - id: dead
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_DEAD/x"}
  - id: fine
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/stale"}
--- dialog
    is(call('dead')->{status}, 502, 'the dead one');
    is(call('fine', method => 'DELETE')->{status}, 200, 'the first request');
    is(call('fine', method => 'DELETE')->{status}, 200,
       'the next, on a new connection');

    my $text = metrics('/metrics', sub { $_[0] =~ /upstream_failed/ });
    my $failures = 'server_upstream_failures_total';

    is(series($text, $failures, '{tenant="a",server="dead"}'), 1,
       'a refused connection is a failure');
    is(series($text, $failures, '{tenant="a",server="fine"}'), 0,
       'a stale one is none');
    is(series($text, 'requests_total', '{tenant="a",outcome="allow",'
              . 'reason="upstream_failed"}'), 1, 'it was allowed, and failed');
--- error_log
Connection refused



=== limits and use stand side by side
--- tenants eval
qq(tenants:
  - id: a
    catalog_file: catalogs/a.yaml
    quotas: {max_concurrent_requests: 7, max_streams: 3,
             requests_per_second: 2.5, burst: 100}
    api_keys:
      - {name: main, key_hash: ")
. 'sha256:' . Digest::SHA::sha256_hex($McpUpstream::key{a}) . qq("}
)
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/p"}
    quotas: {max_concurrent_requests: 2}
  - id: two
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/q"}
--- dialog
    my $call = send_call('one');
    mock('open/p');
    my $stream = send_call('two', method => 'GET');
    mock('open/q');

    my $text = fetch('/metrics');

    is(series($text, $$_[0], $$_[1]), $$_[2], "$$_[0]$$_[1]")
        for ['concurrent_requests_limit', '{tenant="a"}', 7],
            ['requests_in_flight', '{tenant="a"}', 1],
            ['streams_limit', '{tenant="a"}', 3],
            ['streams_open', '{tenant="a"}', 1],
            ['requests_per_second_limit', '{tenant="a"}', '2.500'],
            ['server_concurrent_requests_limit',
             '{tenant="a",server="one"}', 2],
            ['server_requests_in_flight', '{tenant="a",server="one"}', 1],
            ['server_requests_in_flight', '{tenant="a",server="two"}',
             'absent'],
            ['zone_rows', '{table="tenants",state="used"}', 1],
            ['zone_rows', '{table="servers",state="used"}', 2],
            ['process_generation', '{process="0"}', 1];

    like($text, qr/^nginx_mcp_tenant_zone_rows\{table="servers",
                   state="capacity"\}\ [1-9]/mx, 'room of the zone');
--- no_error_log
[error]
[alert]
[crit]



=== a tenant sees its own series alone
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/fine"}
    quotas: {max_concurrent_requests: 2}
--- catalog_b
servers:
  - id: theirs
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/fine"}
    quotas: {max_concurrent_requests: 2}
--- dialog
    call('one');
    call('theirs', tenant => 'b');

    my $all = metrics('/metrics', sub {
        $_[0] =~ /"theirs",method="ping",outcome="allow"\} 1$/m;
    });
    my $own = fetch('/tenant/a/metrics', key => $key{a});

    is_deeply([grep { !/tenant="a"/ } @{names($own)}], [], 'its own');
    is_deeply([grep { !/theirs|tenant="b"/ } @{names($own)}],
              [grep { /tenant="a"/ } @{names($all)}], 'and all of them');

    for my $text ($all, $own) {
        my $found = promtool_finds($text);

        SKIP: {
            skip 'no promtool', 1 if !defined $found;
            is($found, '', 'promtool has nothing to say');
        }
    }
--- no_error_log
[error]
[alert]
[crit]



=== clients cannot make series
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/fine"}
    tools: {allow: ["x*"]}
  - id: two
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/fine"}
--- server
    keepalive_requests  10000;
--- dialog
    my $socket;
    my $id = 0;
    my $ask = sub {
        my $word = join '', map { ('a' .. 'z')[rand 26] } 1 .. 8;
        my @what = (
            ['one', body => rpc('tools/call',
                                qq(,"params":{"name":"x$word"}))],
            ['one', body => rpc('tools/call', qq(,"params":{"name":"$word"}))],
            ['two', body => rpc("$word/$word", '')],
            [$word, body => rpc('ping', '')],
            ['one', tenant => $word, key => $key{a},
             body => rpc('ping', '')],
            ['one', tenant => $word, key => $word, body => rpc('ping', '')],
        );
        my ($server, %o) = @{$what[$id++ % @what]};

        $socket //= connect_to($Test::Nginx::Util::ServerPort);
        send_call($server, %o, socket => $socket);

        my $answer = read_answer($socket);

        $socket = undef if ($answer->{headers}{connection} // '') eq 'close';
    };

    $ask->() for 1 .. 60;

    my $count = sub {
        my $sum = 0;

        $sum += $_ for $_[0] =~ /requests_total\{.*reason.*\} (\d+)$/mg;
        return $sum;
    };
    my $before = metrics('/metrics', sub { $count->($_[0]) >= 60 });

    $ask->() for 1 .. 2000;

    my $after = metrics('/metrics', sub { $count->($_[0]) >= 2060 });

    cmp_ok(scalar @{names($before)}, '>', 30, 'there are series');
    is_deeply(names($after), names($before), 'and no others afterwards');
--- no_error_log
[error]
[alert]
[crit]
