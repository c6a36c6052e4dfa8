# requests_per_second and burst.  Rates are so slow that no second request
# comes back while a test runs: what passes is counted, no time is measured.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start();
master_on();
workers(2);
worker_connections(256);
no_long_string();

our $slow = 'requests_per_second: 0.001';

# A thousand seconds, less what the test took.
our $long = qr/(?:1000|9\d\d)/;

sub fields {
    my ($answer) = @_;

    return join ' ', map { $answer->{headers}{$_} // '-' }
                     'ratelimit-policy', 'ratelimit', 'retry-after';
}

sub arrived { return scalar mock('seen')->{requests}->@* }

run_tests();

__DATA__

=== a tenant has its burst and one more, then it is refused
--- tenants eval
McpQuota::tenants_with(tenant => "$main::slow, burst: 3", catalog_b => 1)
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- catalog_b eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    my $before = main::arrived();

    for my $left (3, 2, 1, 0) {
        my $answer = call('echo');

        is($answer->{status}, 200, "$left are left");
        like(main::fields($answer),
             qr/^"tenant";q=4;w=4000 "tenant";r=$left;t=$main::long -$/,
             'the fields say so');
    }

    for (1 .. 6) {
        my $answer = call('echo');

        is_rpc($answer, '429 rate_limited id 7', 'refused');
        like(main::fields($answer), qr/^"tenant";q=4;w=4000
             \ "tenant";r=0;t=($main::long)\ \1$/x,
             'the window ends when Retry-After says');
    }

    is(statuses(3, 'echo', tenant => 'b'), '200 200 200', 'b is not limited');
    is(main::fields(call('echo', tenant => 'b')), '- - -', 'nor told of it');
    is_gauge('requests_in_flight', 'a', 0);
    is(main::arrived(), $before + 8, 'no refused call arrived');
--- error_log
limiting request of tenant "a": rate_limited by the quota of the tenant
--- no_error_log
[alert]
[crit]



=== the limit is one over all workers
--- tenants eval
McpQuota::tenants_with(tenant => "$main::slow, burst: 49")
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    my @calls = map { send_call('echo') } 1 .. 80;
    my %seen;

    $seen{read_answer($_)->{status}}++ for @calls;
    is_deeply(\%seen, { 200 => 50, 429 => 30 }, '50 of 80 at once');
--- no_error_log
[alert]
[crit]



=== a key has its own rate
--- tenants eval
McpQuota::tenants_with(key => "$main::slow, burst: 1")
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is(statuses(3, 'echo'), '200 200 429', 'the key');
    is(statuses(3, 'echo', key => key('a') . '-other'), '200 200 200',
       'another key of the tenant');
    like(main::fields(call('echo')), qr/^"key";q=2;w=2000 "key";r=0;/,
         'the fields name the key');
--- error_log
rate_limited by the quota of the key
--- no_error_log
[alert]
[crit]



=== a server has its own rate, and its refusal costs nothing else
--- tenants eval
McpQuota::tenants_with(tenant => "$main::slow, burst: 3",
                       key => "$main::slow, burst: 2")
--- catalog_a eval
McpQuota::servers_with(echo => ['/echo', $main::slow], more => '/echo')
--- dialog
    is(statuses(9, 'echo'), '200' . ' 429' x 8, 'the server');
    is(statuses(3, 'more'), '200 200 429', 'the key had two left');
    is(statuses(3, 'more', key => key('a') . '-other'), '200 429 429',
       'the tenant had one left');
--- error_log
rate_limited by the quota of the server
rate_limited by the quota of the key
rate_limited by the quota of the tenant
--- no_error_log
[alert]
[crit]



=== the tightest rate is told
--- tenants eval
McpQuota::tenants_with(tenant => "requests_per_second: 5, burst: 99",
                       key => "requests_per_second: 0.25, burst: 9")
--- catalog_a eval
McpQuota::servers_with(echo => ['/echo', 'requests_per_second: 2, burst: 30'])
--- dialog
    is(main::fields(call('echo')), '"key";q=10;w=40 "key";r=9;t=4 -',
       'that with the least left');
--- no_error_log
[alert]
[crit]



=== what is refused for concurrency gives its tokens back
--- tenants eval
McpQuota::tenants_with(
    tenant => "$main::slow, burst: 2, max_concurrent_requests: 1",
    key => "$main::slow, burst: 2")
--- catalog_a eval
McpQuota::servers_with(held => ['/held/c', "$main::slow, burst: 2"],
                       echo => '/echo')
--- dialog
    my $held = send_call('held');

    mock('open/c');

    for (1 .. 8) {
        my $answer = call('held');

        is_rpc($answer, '429 concurrency_limited id 7', 'refused');
        is(main::fields($answer), '- - 1', 'without fields of a rate');
    }

    answer_held('c');
    is(read_answer($held)->{status}, 200, 'the first was answered');
    is(statuses(3, 'echo'), '200 200 429', 'the other two tokens are there');
--- no_error_log
[alert]
[crit]



=== what the tenant refuses costs the key and the server nothing
--- tenants eval
McpQuota::tenants_with(tenant => $main::slow, key => "$main::slow, burst: 2")
--- catalog_a eval
McpQuota::servers_with(echo => ['/echo', "$main::slow, burst: 9"])
--- dialog
    is(statuses(9, 'echo'), '200' . ' 429' x 8, 'the tenant refuses');

    write_file('tenants.yaml', tenants_with(key => "$main::slow, burst: 2"));
    wait_until(sub {
        call('', method => 'GET', path => '/tenant/a/servers')->{body}
            =~ /^  "quotas": \{\}/m;
    }, 'the tenant is not limited any more');

    like(main::fields(call('echo')), qr/"key";r=1;/, 'the key had two left');
    is(statuses(2, 'echo'), '200 429', 'and not more');
    like(main::fields(call('echo', key => key('a') . '-other')),
         qr/"server";r=6;/, 'the server had seven left');
--- no_error_log
[alert]
[crit]



=== a changed rate takes effect without a reload of NGINX
--- tenants eval
McpQuota::tenants_with(tenant => $main::slow)
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is(statuses(3, 'echo'), '200 429 429', 'slow');

    write_file('tenants.yaml', tenants_with(
        tenant => 'requests_per_second: 100000, burst: 1000'));
    wait_until(sub { call('echo')->{status} == 200 }, 'fast');
    is(statuses(9, 'echo'), '200' . ' 200' x 8, 'fast for all workers');

    write_file('tenants.yaml', tenants_with(tenant => $main::slow));
    wait_until(sub { call('echo')->{status} == 429 }, 'slow again');

    write_file('tenants.yaml', tenants_with());
    wait_until(sub { call('echo')->{status} == 200 }, 'no limit');
    is(main::fields(call('echo')), '- - -', 'and nothing to tell');
--- no_error_log
[alert]
[crit]
