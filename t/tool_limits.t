# Limits of tools: rate and calls at once of what a catalog's patterns match,
# by the name in the body, whatever a header says.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start();
master_on();
workers(2);
no_long_string();

our $slow = 'requests_per_second: 0.001';

sub catalog {
    my ($limits, $quotas) = @_;

    return "servers:\n  - id: echo\n    runtime: {type: remote, url: "
           . "\"http://127.0.0.1:$ENV{TEST_NGINX_MOCK}/echo\"}\n"
           . "    tools: {limits: [$limits]}\n"
           . ($quotas ? "    quotas: {$quotas}\n" : '')
           . "  - id: held\n    runtime: {type: remote, url: "
           . "\"http://127.0.0.1:$ENV{TEST_NGINX_MOCK}/held/h\"}\n"
           . "    tools: {limits: [$limits]}\n";
}

sub body {
    my ($name, %o) = @_;
    my $key = $o{key} // 'name';

    return qq({"jsonrpc":"2.0","id":7,"method":"tools/call",)
           . qq("params":{"$key":"$name"}});
}

sub tool {
    my ($name, %o) = @_;

    return call('echo', %o, body => body($name));
}

run_tests();

__DATA__

=== a tool has a rate of its own, the first that matches
--- catalog_a eval
main::catalog("{match: \"search_*\", $main::slow, burst: 1}, "
              . "{match: \"*_all\", $main::slow}")
--- dialog
    is(tool('search_a')->{status}, 200, 'one');
    is(tool('search_all')->{status}, 200, 'two');

    my $answer = tool('search_b');

    is_rpc($answer, '429 rate_limited id 7', 'three');
    like($answer->{headers}{'ratelimit-policy'}, qr/^"tool";q=2;w=2000$/,
         'the policy is named');
    like($answer->{headers}{'retry-after'}, qr/^\d+$/, 'with Retry-After');

    is(tool('drop_all')->{status}, 200, 'the other pattern');
    is(tool('wipe_all')->{status}, 429, 'once');
    is(tool('read')->{status}, 200, "no pattern: $_") for 1 .. 5;
    is(call('echo')->{status}, 200, 'another method');

    my $metrics = McpQuota::get('/metrics');

    like($metrics, qr/^nginx_mcp_tenant_tool_requests_total\{tenant="a",
         server="echo",match="\Q$_->[0]\E",outcome="$_->[1]"\}[ ]$_->[2]$/xm,
         "$_->[0]: $_->[1] $_->[2]")
        for ['search_*', 'allow', 2], ['search_*', 'deny', 1],
            ['*_all', 'allow', 1], ['*_all', 'deny', 1],
            ['other', 'allow', 5];

    unlike($metrics, qr/_tool_requests_total\{.*"(?:read|other",.*"deny)"/,
           'no other labels');
    is(call('echo', body => body('x') =~ s/call/list/r)->{status}, 200,
       'a list');
--- error_log
rate_limited by the quota of the tool



=== calls that no limit is for are of "other", which may be a limit, too
--- catalog_a eval
main::catalog("{match: other, $main::slow}, {match: x, $main::slow}], "
              . 'deny: [wipe')
--- dialog
    is(tool('other')->{status}, 200, 'the tool of the limit');
    is(tool('other')->{status}, 429, 'once');
    is(tool('x')->{status}, 200, 'another limit');
    is(tool("read_$_")->{status}, 200, "no limit: $_") for 1 .. 3;
    is_rpc(tool('wipe'), '200 unknown_tool id 7', 'a tool that is denied');
    is(call('echo')->{status}, 200, 'another method');

    my $metrics = McpQuota::get('/metrics');
    my @series = $metrics =~ /^nginx_mcp_tenant_tool_requests_total\{
                              tenant="a",server="echo",(.*)$/xmg;

    is_deeply([sort @series],
              ['match="other",outcome="allow"} 4',
               'match="other",outcome="deny"} 2',
               'match="x",outcome="allow"} 1'], 'a series of each, once');



=== by the decoded name of the body
--- catalog_a eval
main::catalog("{match: \"search\", $main::slow}")
--- dialog
    is(tool('search')->{status}, 200, 'one');

    for my $body (body('search'), body('s\u0065arch'),
                  body('search', key => 'n\u0061me'))
    {
        is_rpc(call('echo', body => $body), '429 rate_limited id 7', $body);
    }

    is_rpc(tool('search', headers => ['Mcp-Method: tools/list']),
           '400 header_mismatch id 7', 'another method in the header');
    is_rpc(tool('search', headers => ['Mcp-Method: tools/call',
                                      'Mcp-Name: read']),
           '400 header_mismatch id 7', 'another name in the header');

    my $batch = '[' . body('search') . ',' . body('search') . ']';

    is_rpc(call('echo', body => $batch), '400 invalid_message id null',
           'no batch');
    is(call('echo', body => '[' . body('read') . ']')->{status}, 200,
       'but one without the tool');



=== what is refused for the tool costs no other quota
--- tenants eval
McpQuota::tenants_with(tenant => "$main::slow, burst: 1")
--- catalog_a eval
main::catalog("{match: \"search\", $main::slow}")
--- dialog
    is(tool('search')->{status}, 200, 'one');
    is(tool('search')->{status}, 429, "again $_") for 1 .. 5;
    is(tool('read')->{status}, 200, 'the tenant has its second');
    is(tool('read')->{status}, 429, 'and no third');



=== calls at once
--- catalog_a eval
main::catalog('{match: "search", max_concurrent_requests: 1}')
--- dialog
    my $limited = '{tenant="a",server="held",match="search"}';
    my $value = sub { McpQuota::get('/metrics')
        =~ /^nginx_mcp_tenant_tool_$_[0]\Q$limited\E (\d+)$/m ? $1 : '-' };

    is($value->('concurrent_requests_limit'), 1, 'the limit');
    is($value->('requests_in_flight'), 0, 'none in flight');

    my $socket = send_call('held', body => body('search'));

    mock('open/h');
    is($value->('requests_in_flight'), 1, 'one in flight');
    is_rpc(call('held', body => body('search')),
           '429 concurrency_limited id 7', 'no second one');
    is(tool('search')->{status}, 200, 'of another server');

    answer_held('h');
    is(read_answer($socket)->{status}, 200, 'the first is answered');
    wait_until(sub { $value->('requests_in_flight') == 0 }, 'and gives back');
--- error_log
concurrency_limited by the quota of the tool



=== a limit outlives a change of the file
--- catalog_a eval
main::catalog("{match: \"search\", $main::slow, burst: 1}")
--- dialog
    is(tool('search')->{status}, 200, 'one');
    write_file('catalogs/a.yaml', main::catalog(
        "{match: \"new\", $main::slow}, "
        . "{match: \"search\", $main::slow, burst: 1}"));
    wait_until(sub { status()->{config}{generation} == 2 }, 'changed');
    tool('new');
    wait_until(sub { tool('new')->{status} == 429 }, 'the new one is enforced');
    is(tool('search')->{status}, 200, 'the other has its second');
    is(tool('search')->{status}, 429, 'and no third');
