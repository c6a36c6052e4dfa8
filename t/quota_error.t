# How a limit is answered: 429, or a JSON-RPC error in 200; nothing to what
# nobody waits for; 503 to a client that asks which revisions there are.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;
use JSON::PP;

mock_start();
no_long_string();
master_on();

our $none_left = 'requests_per_second: 0.001';

sub message { return encode_json({ jsonrpc => '2.0', @_ }) }

sub data { return decode_json($_[0]->{body})->{error}{data} }

run_tests();

__DATA__

=== http: the status, and when to come again
--- tenants eval
McpQuota::tenants_with(tenant => $::none_left)
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is(call('echo')->{status}, 200, 'one');

    my $answer = call('echo', body => message(id => 'x', method => 'ping'));

    is_rpc($answer, '429 rate_limited id x', 'two');
    like($answer->{headers}{'retry-after'}, qr/^(?:9\d\d|1000)$/, 'in seconds');
    like(data($answer)->{retryAfterMs}, qr/^(?:9\d{5}|1000000)$/,
         'in milliseconds');

    for my $message ({ method => 'notifications/initialized' },
                     { id => 1, result => {} })
    {
        $answer = call('echo', body => message(%$message));
        is($answer->{status}, 429, 'what nobody waits for');
        is($answer->{body}, '', 'has no answer');
        like($answer->{headers}{'retry-after'}, qr/^\d+$/, 'with Retry-After');
    }

    $answer = call('echo', body => message(id => 1,
                                           method => 'server/discover'));
    is_rpc($answer, '503 rate_limited id 1', 'server/discover');
    like($answer->{headers}{'retry-after'}, qr/^(?:9\d\d|1000)$/, 'once');

    $answer = call('echo', method => 'GET');
    is_rpc($answer, '429 rate_limited id null', 'GET');



=== jsonrpc: an error in 200 to what has an id
--- settings
mcp_tenant_quota_error jsonrpc;
mcp_tenant_status 503;
--- tenants eval
McpQuota::tenants_with(tenant => $::none_left)
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    is(call('echo')->{status}, 200, 'one');

    my $answer = call('echo', body => message(id => 'x', method => 'ping'));

    is_rpc($answer, '200 rate_limited id x', 'two');
    is(decode_json($answer->{body})->{error}{code}, -31002, 'the code');
    like($answer->{headers}{'retry-after'}, qr/^\d+$/, 'Retry-After');

    is(call('echo', body => message(method => 'x'))->{status}, 503,
       'a notification');
    is(call('echo', body => message(id => 1, result => {}))->{status}, 503,
       'a response');
    is(call('echo', method => 'GET')->{status}, 503, 'GET');
    is_rpc(call('echo', body => message(id => 1,
                                        method => 'server/discover')),
           '503 rate_limited id 1', 'server/discover');

    # after the one that Test::Nginx asks for
    is((audit())[2]{reason}, 'rate_limited', 'the audit is the same');
    is((audit())[2]{limit}, 'REJECTED', 'with the limit');



=== past max_servers, too
--- settings
mcp_tenant_quota_error jsonrpc;
--- tenants eval
McpQuota::tenants_with(tenant => 'max_servers: 1')
--- catalog_a eval
McpQuota::servers_with(echo => '/echo', more => '/echo')
--- dialog
    is_rpc(call('more'), '200 server_quota_exceeded id 7', 'as an error');



=== another word is refused
--- settings
mcp_tenant_quota_error html;
--- catalog_a
servers: []
--- must_die
--- error_log
invalid value "html"
