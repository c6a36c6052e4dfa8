# "activation: on_demand": a request waits until its server has a pod, /demand
# tells who waits, and nobody waits for ever.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;
use McpPods;

mock_start();
master_on();
workers(2);
worker_connections(512);
no_long_string();

our $none = ">>> endpoints.json\n" . file_text();

our $catalog = <<"END";
servers:
  - id: pods
    runtime: {type: kubernetes, image: x, port: $ENV{TEST_NGINX_POD},
              activation: on_demand}
  - id: echo
    runtime: {type: kubernetes, image: x, port: $ENV{TEST_NGINX_MOCK},
              path: /echo, activation: on_demand, activation_timeout: 10m}
  - id: held
    runtime: {type: kubernetes, image: x, port: $ENV{TEST_NGINX_MOCK},
              path: /held/h, activation: on_demand}
  - id: short
    runtime: {type: kubernetes, image: x, port: $ENV{TEST_NGINX_POD},
              activation: on_demand, activation_timeout: 1s}
  - id: always
    runtime: {type: kubernetes, image: x, port: $ENV{TEST_NGINX_POD}}
END

our $running = { state => 'running', endpoints => pods(2) };

# What /demand says of a server, and its counter beside it.
sub demand {
    my ($id, $query) = @_;
    my $json = decode_json(McpQuota::get('/demand' . ($query // '')));
    my ($server) = grep { $_->{server} eq $id } @{$json->{servers}};

    return wantarray ? ($server, $json->{counter}) : $server;
}

sub wait_waiting {
    my ($id, $n) = @_;

    wait_until(sub { demand($id)->{waiting} == $n }, "$n wait for $id");
}

sub decode_json { return JSON::PP::decode_json($_[0]) }

run_tests();

__DATA__

=== a request waits for a pod and goes on to it
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my ($before, $counter) = main::demand('pods');

    is_deeply($before, { tenant => 'a', server => 'pods', waiting => 0,
                         in_flight => 0, idle_seconds => undef },
              'nobody has asked for it');

    my $poll = connect_to($Test::Nginx::Util::ServerPort);

    print $poll "GET /demand?after=$counter&timeout=60 HTTP/1.1\r\n"
                . "Host: localhost\r\nConnection: close\r\n\r\n";

    my $socket = send_call('pods');
    my $told = main::decode_json(read_answer($poll)->{body});
    my ($server) = grep { $_->{server} eq 'pods' } @{$told->{servers}};

    isnt($told->{counter}, $counter, 'the poll is told');
    is($server->{waiting}, 1, 'that one waits');
    is_gauge('requests_in_flight', 'a', 1);
    is(server_status('pods'), 'pending 0', 'without a pod');

    put_file(pods => { state => 'starting' });
    is(main::demand('pods')->{waiting}, 1, 'it waits while that starts');

    put_file(pods => $main::running);
    is(pod_of(read_answer($socket)), 2, 'and goes on');

    my ($after) = main::demand('pods');

    is($after->{waiting}, 0, 'nobody waits');
    is($after->{in_flight}, 0, 'nothing is under way');
    like($after->{idle_seconds}, qr/^\d+$/, 'it was asked for');
    is(main::demand('short')->{idle_seconds}, undef, 'the other one was not');
    wait_gauge('requests_in_flight', 'a', 0);
    is(pod_of(call('pods')), 2, 'the next one does not wait');
--- no_error_log
[error]
[alert]
[crit]



=== what waits arrives whole, and answers what it is asked
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my $body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":'
               . '{"name":"x","arguments":{"text":"' . 'y' x 100_000 . '"}}}';
    my @sockets = (send_call('echo', body => $body),
                   send_call('echo', body => $body, chunked => 4096),
                   send_call('echo', method => 'GET'));

    main::wait_waiting('echo', 3);
    put_file(echo => { state => 'running', endpoints => [pod()] });

    my @got = map { echoed(read_answer($_)) } @sockets;

    is($_->{body_length}, length $body, 'a body') for @got[0, 1];
    is($_->{body_sha256}, Digest::SHA::sha256_hex($body), 'as it was')
        for @got[0, 1];
    is($got[2]{method}, 'GET', 'a stream');
--- no_error_log
[error]
[alert]
[crit]



=== a server that is not started in time
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my $answer = call('short');

    is_rpc($answer, '503 activation_timeout id 7', 'the answer');
    is($answer->{headers}{'retry-after'}, 5, 'when to come again');
    is(main::demand('short')->{waiting}, 0, 'nobody waits');
    is_gauge('requests_in_flight', 'a', 0);
    is((audit())[-1]{reason}, 'activation_timeout', 'audited');
    is_rpc(call('always'), '503 server_not_ready id 7',
           'nobody waits for one that is always on');
--- no_error_log
[error]
[alert]
[crit]



=== who waits is told when the server will not come
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my $socket = send_call('pods');

    main::wait_waiting('pods', 1);
    put_file(pods => { state => 'failed' });
    is_rpc(read_answer($socket), '503 server_failed id 7', 'it failed');
    is_rpc(call('pods'), '503 server_failed id 7', 'nobody waits for that');

    put_file(pods => { state => 'stopped' });
    $socket = send_call('pods');
    main::wait_waiting('pods', 1);
    put_file(pods => { state => 'quota_exceeded' });
    is_rpc(read_answer($socket), '429 server_quota_exceeded id 7',
           'it is past the quota');

    put_file(pods => { state => 'stopped' });
    $socket = send_call('pods');
    main::wait_waiting('pods', 1);
    write_file('catalogs/a.yaml', "servers: []\n");
    is_rpc(read_answer($socket), '404 unknown_server id 7',
           'it left the catalog');
    is_gauge('requests_in_flight', 'a', 0);
--- no_error_log
[error]
[alert]
[crit]



=== a client that leaves does not wait any more
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my $socket = send_call('pods');

    main::wait_waiting('pods', 1);
    close($socket);
    main::wait_waiting('pods', 0);
    wait_gauge('requests_in_flight', 'a', 0);
    wait_until(sub { grep { $_->{reason} eq 'client_closed' } audit() },
               'audited');

    put_file(pods => $main::running);
    is(pod_of(call('pods')), 2, 'and nothing is left of it');
--- no_error_log
[error]
[alert]
[crit]



=== a key that is revoked ends the wait
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my $socket = send_call('pods');

    main::wait_waiting('pods', 1);
    write_file('tenants.yaml', "tenants:\n  - id: a\n    catalog_file: "
               . "catalogs/a.yaml\n    api_keys:\n      - {name: other, "
               . "key_hash: \"sha256:" . 'ab' x 32 . "\"}\n");
    is(read_answer($socket)->{status}, 0, 'closed without an answer');
    main::wait_waiting('pods', 0);
    is_gauge('requests_in_flight', 'a', 0);
--- no_error_log
[error]
[alert]
[crit]



=== as many wait as may
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my @sockets = map { send_call('pods') } 1 .. 60;

    push @sockets, map { send_call('echo') } 1 .. 40;
    main::wait_waiting('pods', 60);
    main::wait_waiting('echo', 40);

    my $answer = call('pods');

    is_rpc($answer, '503 waiting_limited id 7', 'one more does not');
    is($answer->{headers}{'retry-after'}, 5, 'when to come again');
    is(main::demand('pods')->{waiting}, 60, 'nor is it counted');
    is_gauge('requests_in_flight', 'a', 100);

    put_file(pods => $main::running,
             echo => { state => 'running', endpoints => [pod()] });
    is(scalar(grep { read_answer($_)->{status} == 200 } @sockets), 100,
       'all of them go on');
    wait_gauge('requests_in_flight', 'a', 0);
--- no_error_log
[error]
[alert]
[crit]



=== who waits holds the slot of a quota
--- http eval: McpPods::pods_http()
--- tenants eval: McpQuota::tenants_with(tenant => 'max_concurrent_requests: 2')
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my @sockets = map { send_call('pods') } 1, 2;

    main::wait_waiting('pods', 2);
    is_rpc(call('pods'), '429 concurrency_limited id 7', 'the third');
    put_file(pods => $main::running);
    is(read_answer($_)->{status}, 200, 'one of the two') for @sockets;
    is(call('pods')->{status}, 200, 'the slots are free');
--- error_log
limiting request
--- no_error_log
[alert]
[crit]



=== a reload lets those go on that wait
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my $socket = send_call('pods');

    main::wait_waiting('pods', 1);
    reload();
    is(main::demand('pods')->{waiting}, 1, 'it still waits');
    put_file(pods => $main::running);
    is(pod_of(read_answer($socket)), 2, 'and goes on');
    main::wait_waiting('pods', 0);
--- no_error_log
[error]
[alert]
[crit]



=== what a killed worker let wait is not counted for ever
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval: $::none
--- dialog
    my $socket = send_call('pods');

    main::wait_waiting('pods', 1);
    kill 'KILL', map { $_->{pid} } @{status()->{processes}};
    wait_until(sub { my $server = eval { main::demand('pods') };
                     $server && $server->{waiting} == 0 }, 'nobody waits');
--- alerts
exited on signal 9
--- no_error_log
[crit]



=== /demand counts what is under way, draining pods too
--- http eval: McpPods::pods_http()
--- catalog_a eval: $::catalog
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(held => { state => 'running',
    endpoints => [McpPods::pod()] })
--- dialog
    my ($server, $counter) = main::demand('held');
    my $socket = send_call('held');

    mock('open/h');
    is(main::demand('held')->{in_flight}, 1, 'one');
    put_file(held => { state => 'stopped', draining => [pod()] });
    is(main::demand('held')->{in_flight}, 1, 'where it drains');
    is((main::demand('held'))[1], $counter, 'nobody waits: the counter stands');
    answer_held('h');
    is(read_answer($socket)->{status}, 200, 'answered');
    wait_until(sub { main::demand('held')->{in_flight} == 0 }, 'none');

    is((main::demand('held', "?after=$counter&timeout=0"))[1], $counter,
       'a poll that ends');
    is(call('', method => 'GET', path => "/demand?$_", key => undef)->{status},
       400, "a wrong number: $_") for 'after=x', 'timeout=61', 'timeout=-1';
    is(call('', path => '/demand', key => undef)->{status}, 405, 'POST');
--- no_error_log
[error]
[alert]
[crit]



=== without a file of pods nobody is told, and nobody waits
--- catalog_a eval: $::catalog
--- dialog
    is_rpc(call('pods'), '503 server_not_ready id 7', 'the answer');
    is_deeply(main::decode_json(McpQuota::get('/demand')),
              { counter => 0, servers => [] }, '/demand');
--- no_error_log
[error]
[alert]
[crit]
