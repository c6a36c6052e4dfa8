# A wall clock that is set a day ahead or back moves no limit.  NGINX gets its
# wall clock from t/lib/clock.c; the Date of an answer shows that it is set.

use lib 't/lib';
use Cwd qw(getcwd);
use HTTP::Date qw(str2time);

# Test::Nginx keeps LD_PRELOAD as it was when it was loaded.
BEGIN {
    my $cc = $ENV{CC} || 'cc';
    my $build = getcwd() . '/build';

    $ENV{MCP_CLOCK_FILE} = "$build/clock.offset";
    $ENV{LD_PRELOAD} = "$build/clock.so";

    local $ENV{LD_PRELOAD};

    system("$cc -shared -fPIC -o $build/clock.so t/lib/clock.c") == 0
        or die "t/lib/clock.c: $cc failed\n";

    open(my $out, '>', $ENV{MCP_CLOCK_FILE})
        or die "$ENV{MCP_CLOCK_FILE}: $!\n";
    print $out pack('q', 0);
    close($out);
}

use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start();
master_on();
workers(2);
no_long_string();

# Days from now on.
sub set_clock {
    my ($days) = @_;

    open(my $out, '+<', $ENV{MCP_CLOCK_FILE}) or die "open: $!\n";
    syswrite($out, pack('q', $days * 86400)) == 8 or die "write: $!\n";
    close($out);

    wait_until(sub {
        my $answer = call('', method => 'GET', path => '/ready');
        my $date = str2time($answer->{headers}{date});
        return abs($date - time() - $days * 86400) < 3600;
    }, "NGINX's clock is $days days off");
}

run_tests();

__DATA__

=== a rate is what it was when the clock is set
--- tenants eval
McpQuota::tenants_with(
    key => 'requests_per_second: 0.001, burst: 1')
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    my @other = ('echo', key => key('a') . '-other');

    is(statuses(3, 'echo'), '200 200 429', 'the burst is used up');

    for my $days (1, -1, 400, 0) {
        main::set_clock($days);
        is(statuses(3, 'echo'), '429 429 429', 'none comes back');
        like(call('echo')->{headers}{'retry-after'}, qr/^(?:1000|9\d\d)$/,
             'and clients are told to wait as long as before');
        is(statuses(3, @other), '200 200 200', 'the key without one goes on');
    }
--- error_log
rate_limited by the quota of the key
--- no_error_log
[alert]
[crit]



=== what is in flight stays, and is given back, when the clock is set
--- tenants eval
McpQuota::tenants_with(key => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/c', echo => '/echo')
--- dialog
    for my $days (1, -1, 0) {
        my $held = send_call('held');

        mock('open/c');
        main::set_clock($days);
        is(statuses(2, 'echo'), '429 429', 'the slot is held');
        is_gauge('requests_in_flight', 'a', 1);
        answer_held('c');
        is(read_answer($held)->{status}, 200, 'the call is answered');
        wait_gauge('requests_in_flight', 'a', 0);
        is(call('echo')->{status}, 200, 'and the slot is back');
        wait_gauge('requests_in_flight', 'a', 0);
        mock('forget/c');
    }
--- error_log
concurrency_limited by the quota of the key
--- no_error_log
[alert]
[crit]



=== an endpoint that failed rests no longer when the clock is set back
--- peers
mcp_tenant_peers max_fails=1 fail_timeout=1s;
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      urls: ["http://127.0.0.1:$TEST_NGINX_DEAD/echo",
             "http://127.0.0.1:$TEST_NGINX_MOCK/echo"]
--- dialog
    wait_until(sub { call('echo'); error_log() =~ /failed and rests/ },
               'an endpoint rests');
    main::set_clock(-1);

    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $ENV{TEST_NGINX_DEAD}, ReuseAddr => 1, Listen => 16);

    ok($listener, 'it is there again');
    $listener->blocking(0);

    wait_until(sub { close(send_call('echo')); $listener->accept() },
               'and is asked again');
    main::set_clock(0);
--- no_error_log
[alert]
[crit]
