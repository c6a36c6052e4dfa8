#!/usr/bin/perl
#
# Servers that lie, break off or never end: what they do costs the request
# that asked them, and nothing of anyone else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

my $json = '{"jsonrpc":"2.0","id":7,"result":{}}';
my $ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
my $whole = 'Content-Length: ' . length($json) . "\r\n\r\n$json";

# What is wrong from the first byte, or before the header has ended.
our %none = (
    'nothing' => ['', 'close'],
    'reset' => ['', 'reset'],
    'half a header' => ["HTTP/1.1 200 OK\r\nContent-Ty", 'close'],
    'a huge header' => ["HTTP/1.1 200 OK\r\nX: " . 'x' x 100_000 . "\r\n\r\n",
                        'close'],
    '10,000 headers' => ["HTTP/1.1 200 OK\r\n" . "X: y\r\n" x 10_000 . "\r\n",
                         'close'],
    'a NUL in a header' => ["${ok}X: a\0b\r\n$whole", 'close'],
    'status 101' => ["HTTP/1.1 101 Switching Protocols\r\n"
                     . "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                     'keep'],
    'HTTP/0.9' => ["$json\n", 'close'],
    'HTTP/2' => ["HTTP/2 200 OK\r\n$whole", 'close'],
    'an answer of FTP' => ["220 ready\r\n", 'keep'],
);

# What is wrong behind a header that was fine.
our %begun = (
    'bad chunk' => ["${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n", 'keep'],
    'bad later chunk' => ["${ok}Transfer-Encoding: chunked\r\n\r\n"
                          . "1\r\n{\r\n-1\r\n", 'keep'],
    'no last chunk' => ["${ok}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
                        'close'],
    'short' => ["${ok}Content-Length: 100\r\n\r\n{", 'close'],
    'reset later' => ["${ok}Content-Length: 100\r\n\r\n{", 'reset'],
);

my $other = '/tenant/b/servers/good/mcp';

our %steering = (
    'X-Accel-Redirect' => ["${ok}X-Accel-Redirect: $other\r\n$whole", 'keep'],
    'X-Accel-Limit-Rate' => ["${ok}X-Accel-Limit-Rate: 1\r\n$whole", 'keep'],
    'X-Accel-Expires' => ["${ok}X-Accel-Expires: 3600\r\n$whole", 'keep'],
    'X-Accel-Charset' => ["${ok}X-Accel-Charset: koi8-r\r\n$whole", 'keep'],
    'Set-Cookie' => ["${ok}Set-Cookie: a=b; Path=/\r\n$whole", 'keep'],
    'Location' => ["${ok}Location: $other\r\n$whole", 'keep'],
    'Refresh' => ["${ok}Refresh: 0; url=$other\r\n$whole", 'keep'],
);

our %redirect = map {
    $_ => ["HTTP/1.1 $_ Elsewhere\r\nLocation: http://localhost$other\r\n"
           . "Content-Length: 0\r\n\r\n", 'keep']
} 301, 302, 303, 307, 308;

my %all = (%none, %begun, %steering, %redirect);
my @names = sort keys %all;

master_on();        # or there is no loader
mock_start(map { $_ => $all{$names[$_]} } 0 .. $#names);

# Tenant a has one slot.
$McpUpstream::prepare = sub {
    my ($block) = @_;
    my %default = (
        tenants => tenants_with(tenant => 'max_concurrent_requests: 1',
                                catalog_b => 1),
        catalog_a => servers_with(good => '/echo',
                                  silent => '/held/silent',
                                  stops => '/held/stops',
                                  endless => '/endless',
                                  map { server($names[$_]) => "/raw/$_" }
                                      0 .. $#names),
        catalog_b => servers_with(good => '/echo'),
    );

    for my $section (keys %default) {
        $block->set_value($section, $default{$section})
            if !defined $block->$section;
    }
};


# The id of the server that answers so.
sub server {
    my ($name) = @_;

    return lc $name =~ s/[^A-Za-z0-9]+/-/gr;
}


# Asks for each answer of the table; the slot of the tenant must be free for
# the next request, one line must be left, and nobody else must be concerned.
sub suffer {
    my ($table, $reason, $check) = @_;

    for my $name (sort keys %$table) {
        my $before = () = audit();
        my $asked = @{mock('seen')->{requests}};
        my $answer = call(server($name));
        my @lines = audit();

        $check->($answer, $name);

        is(scalar(@lines), $before + 1, "$name: one line of audit");
        is(join(' ', @{$lines[-1]}{qw(tenant decision reason)}),
           "a allow $reason", "$name: with its reason");
        is(scalar(@{mock('seen')->{requests}}), $asked + 1,
           "$name: one server was asked, once");
        is(call('good')->{status}, 200, "$name: the slot is free");
    }

    unlike(McpQuota::get('/metrics'),
           qr/^nginx_mcp_tenant_requests_total\{tenant="b".*[1-9]$/m,
           'the other tenant has no request');
}

no_long_string();
run_tests();

__DATA__

=== an answer that is none gives 502, and the slot back
--- peers
mcp_tenant_peers max_fails=0;
--- dialog
    suffer(\%main::none, 'upstream_failed', sub {
        my ($answer, $name) = @_;

        is_rpc($answer, '502 upstream_failed id 7', "$name: 502");
    });
--- no_error_log
[alert]
[crit]



=== an answer that breaks off is cut, told as such, and gives the slot back
--- dialog
    suffer(\%main::begun, 'upstream_failed', sub {
        my ($answer, $name) = @_;

        ok($answer->{status} == 502 || !$answer->{complete},
           "$name: the answer is not whole");
    });
--- no_error_log
[alert]
[crit]



=== headers of an answer neither act nor pass
--- dialog
    suffer(\%main::steering, 'ok', sub {
        my ($answer, $name) = @_;

        is($answer->{body}, '{"jsonrpc":"2.0","id":7,"result":{}}',
           "$name: the body is the server's");
        is($answer->{headers}{lc $name}, undef, "$name: it does not pass");
    });
--- no_error_log
[error]
[alert]
[crit]



=== a redirect leads nowhere
--- dialog
    suffer(\%main::redirect, 'ok', sub {
        my ($answer, $name) = @_;

        is($answer->{status}, $name, "$name: the status passes");
        is($answer->{headers}{location}, undef, "$name: its target does not");
    });
--- no_error_log
[error]
[alert]
[crit]



=== a server that says nothing, or nothing more, is left after a while
--- settings
proxy_read_timeout 200ms;
--- dialog
    is_rpc(call('silent'), '504 upstream_timeout id 7', 'no answer');
    is((audit())[-1]{reason}, 'upstream_timeout', 'no answer: audit');
    is(call('good')->{status}, 200, 'no answer: the slot is free');

    my $client = send_call('stops');

    mock('open/stops');
    mock('send/stops', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
                       . "\r\n\r\ndata: 1\n\n");

    my $answer = read_answer($client);

    is($answer->{status}, 200, 'half an answer: the status was sent');
    like($answer->{body}, qr/^data: 1\n\n/, 'half an answer: the event, too');
    ok(!$answer->{complete}, 'half an answer: it is not whole');
    mock('gone/stops');
    is(call('good')->{status}, 200, 'half an answer: the slot is free');
    wait_until(sub {
        my ($line) = grep { $_->{server} eq 'stops' } audit();
        return $line && $line->{reason} eq 'upstream_timeout';
    }, 'half an answer: audit');
--- no_error_log
[alert]
[crit]



=== a stream that never ends holds one slot, until its client leaves
--- dialog
    my $got = '';
    my $client = send_call('endless', method => 'GET');

    read_until($client, \$got, qr/data: /);
    is(call('good')->{status}, 429, 'the slot is taken');
    close($client);
    mock('gone/endless');
    wait_gauge('requests_in_flight', 'a', 0);
    is(call('good')->{status}, 200, 'the slot is free');
--- no_error_log
[alert]
[crit]



=== a catalog that turns to the gateway's own surroundings is refused
--- allow: 127.0.0.1/32
--- dialog
    for my $url ('http://127.0.0.2/', 'http://[::1]/',
                 'http://169.254.169.254/latest/', 'http://0.0.0.0/',
                 'http://[::ffff:127.0.0.2]/', 'http://kubernetes.default/',
                 'http://unix:/run/x.sock:/')
    {
        my $refused = () = error_log() =~ /is refused; what was loaded/g;

        write_file('catalogs/a.yaml', "servers:\n  - id: good\n"
                   . "    runtime: {type: remote, url: \"$url\"}\n");
        wait_until(sub {
            my $now = () = error_log() =~ /is refused; what was loaded/g;
            return $now > $refused;
        }, "$url is refused");
        is(call('good')->{status}, 200, 'what was loaded before serves');
    }
--- no_error_log
[alert]
[crit]
[emerg]
