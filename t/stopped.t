# A worker or a loader that is stopped, by a debugger or a full machine, is not
# dead: it keeps what it holds, holds up nobody, and goes on later.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start();
master_on();
workers(2);
no_long_string();

sub processes {
    my ($title) = @_;

    return split ' ', command_output('pgrep', '-f', '-P', nginx_pid(),
                                     "nginx: $title");
}

# Two connections to each worker, kept alive: its process => the sockets.  One
# that is made later may wait for a worker that is stopped to accept it.
sub connect_to_workers {
    my %sockets;

    wait_until(sub {
        my $socket = connect_to($Test::Nginx::Util::ServerPort);
        my $answer = read_answer(send_call('echo', socket => $socket));

        push @{$sockets{$answer->{headers}{'x-worker'}}}, $socket;
        return 2 == grep { @$_ >= 2 } values %sockets;
    }, 'there are connections to each worker');

    return %sockets;
}

sub status_of { return read_answer(send_call(@_))->{status} }

# By a connection that is there already.
sub value {
    my ($socket, $name) = @_;

    print $socket "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

    my ($value) = read_answer($socket)->{body}
                  =~ /^nginx_mcp_tenant_$name(?:\{tenant="a"\})? (\d+)$/m;

    return $value;
}

run_tests();

__DATA__

=== a worker that is stopped keeps its slots, others go on, none is lost
--- settings
add_header X-Worker $pid always;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 2')
--- catalog_a eval
McpQuota::servers_with(held => '/held/s', echo => '/echo', last => '/held/l')
--- dialog
    my %sockets = main::connect_to_workers();
    my ($stopped, $going) = keys %sockets;
    my ($socket, $other) = @{$sockets{$going}};
    my $first = send_call('held', socket => $sockets{$stopped}[0]);

    mock('open/s');
    kill 'STOP', $stopped;

    my $reclaimed = main::value($socket, 'reclaimed_total');

    for my $round (1 .. 20) {
        is(main::status_of('echo', socket => $socket), 200,
           'the other worker goes on');
    }

    send_call('last', socket => $other);
    mock('open/l');
    is(main::status_of('echo', socket => $socket), 429,
       'with the slot that is left');
    is(main::value($socket, 'requests_in_flight'), 2, 'both are held');
    is(main::value($socket, 'reclaimed_total'), $reclaimed,
       'nothing was taken from it');

    kill 'CONT', $stopped;
    answer_held('s');
    is(read_answer($first)->{status}, 200, 'its call is answered');
    answer_held('l');
    is(read_answer($other)->{status}, 200, 'and the other one');
    wait_gauge('requests_in_flight', 'a', 0);
    is(main::value($socket, 'reclaimed_total'), $reclaimed, 'by itself');
--- error_log
concurrency_limited by the quota of the tenant
--- no_error_log
[alert]
[crit]



=== a worker that is killed while it is stopped gives back what it held
--- settings
add_header X-Worker $pid always;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/k', echo => '/echo')
--- dialog
    my %sockets = main::connect_to_workers();
    my ($stopped, $going) = keys %sockets;
    my ($socket) = @{$sockets{$going}};

    send_call('held', socket => $sockets{$stopped}[0]);
    mock('open/k');
    kill 'STOP', $stopped;
    is(main::status_of('echo', socket => $socket), 429, 'the slot is held');

    kill 'KILL', $stopped;
    wait_until(sub { main::status_of('echo', socket => $socket) == 200 },
               'it is given back');
    wait_until(sub { main::value($socket, 'requests_in_flight') == 0 },
               'nothing is in flight');
    is(main::value($socket, 'reclaimed_total'), 1, 'one process had it');
--- error_log
concurrency_limited by the quota of the tenant
--- no_error_log
[crit]
[emerg]



=== a loader that is stopped holds up nobody, and takes up later what changed
--- catalog_a eval
McpQuota::servers_with(one => '/echo')
--- dialog
    my ($loader) = main::processes('cache manager');

    kill 'STOP', $loader;
    write_file('catalogs/a.yaml', servers_with(two => '/echo'));

    is(call('one')->{status}, 200, 'calls go on') for 1 .. 20;
    is(call('two')->{status}, 404, 'with what was loaded before');
    ok(status()->{config}{generation}, 'and so does the status');

    my ($worker) = main::processes('worker process');

    kill 'KILL', $worker;
    wait_until(sub {
        my @now = main::processes('worker process');
        return @now == 2 && !grep { $_ == $worker } @now;
    }, 'a worker that is killed meanwhile is replaced');
    wait_until(sub { (eval { call('one')->{status} } // 0) == 200 },
               'and serves');

    kill 'CONT', $loader;
    wait_until(sub { call('two')->{status} == 200 }, 'the change is served');
    is(call('one')->{status}, 404, 'all of it');
--- no_error_log
[crit]
[emerg]
