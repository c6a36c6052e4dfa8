# mcp_tenant_dry_run, mcp_tenant_log_level, mcp_tenant_status and
# $mcp_tenant_limit_status.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start(busy => ["HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"]);
master_on();
workers(2);
worker_connections(256);
no_long_string();

our $slow = 'requests_per_second: 0.001';

run_tests();

__DATA__

=== a dry run refuses nothing and holds nothing
--- settings
mcp_tenant_dry_run on;
--- tenants eval
McpQuota::tenants_with(tenant => "$main::slow, burst: 1,"
                                 . " max_concurrent_requests: 1")
--- catalog_a eval
McpQuota::servers_with(held => '/held/d', echo => '/echo')
--- dialog
    my $held = send_call('held');

    mock('open/d');
    is_gauge('requests_in_flight', 'a', 1);
    is(statuses(5, 'echo'), '200 200 200 200 200', 'too many at once');
    is_gauge('requests_in_flight', 'a', 1);
    is(call('echo')->{headers}{ratelimit}, undef, 'and nothing is told');
    answer_held('d');
    is(read_answer($held)->{status}, 200, 'the first is answered');
    wait_gauge('requests_in_flight', 'a', 0);

    is(statuses(4, 'echo'), '200 200 200 200', 'too many in a second');
    wait_gauge('requests_in_flight', 'a', 0);

    # those that passed are one token for the held call, one for the next
    my (%limit, @lines);

    wait_until(sub { (@lines = grep { $_->{server} } audit()) == 11 },
               'a line for each');
    $limit{$_->{limit}}++ for @lines;
    is_deeply(\%limit, { PASSED => 2, REJECTED_DRY_RUN => 9 },
              'what would have been');
    is_deeply([grep { $_->{decision} ne 'allow' || $_->{reason} ne 'ok' }
                    @lines], [], 'all were allowed');
--- error_log
limiting request, dry run, of tenant "a": concurrency_limited by the quota of
    the tenant
limiting request, dry run, of tenant "a": rate_limited by the quota of the
    tenant
--- no_error_log
[alert]
[crit]



=== a dry run does not change what a server's 503 looks like
--- settings
mcp_tenant_dry_run on;
proxy_intercept_errors on;
mcp_tenant_status 418;
--- tenants eval
McpQuota::tenants_with(tenant => $main::slow)
--- catalog_a eval
McpQuota::servers_with(busy => '/raw/busy')
--- dialog
    for (1, 2) {
        my $answer = call('busy');

        is($answer->{status}, 503, 'the status of the server');
        is($answer->{headers}{'retry-after'}, 5, 'the same Retry-After');
    }
--- no_error_log
[alert]
[crit]



=== limits answer with the status that is set, and only they
--- settings
mcp_tenant_status 503;
--- tenants eval
McpQuota::tenants_with(tenant => "max_servers: 1",
                       key => "$main::slow, max_concurrent_requests: 1")
--- catalog_a eval
McpQuota::servers_with(echo => '/echo', past => '/echo')
--- dialog
    is_rpc(call('echo'), '200 no reason id null', 'passes');

    my $answer = call('echo');

    is_rpc($answer, '503 rate_limited id 7', 'the status that was set');
    like($answer->{head}, qr/\A(?!.*Retry-After.*Retry-After)
                             .*Retry-After:\ (?:1000|9\d\d)\r/xs,
         'one Retry-After, that of the limit');
    is_rpc(call('past'), '429 server_quota_exceeded id 7', 'max_servers');
    is_rpc(call('none'), '404 unknown_server id 7', 'another refusal');

    # two workers write lines in any order
    is_deeply([sort map { $_->{limit} } grep { $_->{server} } audit()],
              ['', '', 'PASSED', 'REJECTED'], 'as the audit has it');
--- suppress_stderr
--- error_log
[warn]
--- no_error_log
[alert]
[crit]



=== the message has the level that is set
--- settings
mcp_tenant_log_level info;
--- tenants eval
McpQuota::tenants_with(tenant => $main::slow)
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is(statuses(3, 'echo'), '200 429 429', 'limited');
    like(error_log(), qr/\[info\] .*limiting request of tenant "a"/, 'info');
--- no_error_log
[warn]
[error]
[alert]
[crit]



=== without a level it is an error
--- tenants eval
McpQuota::tenants_with(tenant => $main::slow)
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is(statuses(2, 'echo'), '200 429', 'limited');
    like(error_log(), qr/\[error\] .*limiting request of tenant "a"/, 'error');
--- no_error_log
[alert]
[crit]



=== a status below 400 is refused
--- settings
mcp_tenant_status 399;
--- must_die
--- error_log
value must be between 400 and 599



=== a status above 599 is refused
--- settings
mcp_tenant_status 600;
--- must_die
--- error_log
value must be between 400 and 599



=== an unknown level is refused
--- settings
mcp_tenant_log_level loud;
--- must_die
--- error_log
invalid value "loud"



=== mcp_tenant_dry_run is a flag
--- settings
mcp_tenant_dry_run maybe;
--- must_die
--- error_log
invalid value "maybe" in "mcp_tenant_dry_run" directive, it must be "on" or
    "off"
