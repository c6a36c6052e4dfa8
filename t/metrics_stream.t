# /metrics of many tenants is made in pieces, no faster than it is read.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use Socket qw(SOL_SOCKET SO_RCVBUF SO_LINGER);

our $many = 2000;

# Its buffers are small, so that what a client does not read soon stops NGINX.
$ENV{TEST_NGINX_SLOW} = free_port();
$ENV{TEST_NGINX_HTTP2} = free_port();

mock_start(fine => ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 'keep']);

$McpUpstream::prepare = sub {
    my ($block) = @_;

    $block->set_value('catalog_a', <<'END');
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/fine"}
END
    $block->set_value('tenants', tenants());
    $block->set_value('http', <<'END');
    server {
        listen  127.0.0.1:$TEST_NGINX_SLOW sndbuf=16k;
        listen  127.0.0.1:$TEST_NGINX_HTTP2 http2;
        location = /metrics { mcp_tenant_endpoint  metrics; }
        location = /gzip {
            gzip        on;
            gzip_types  text/plain;
            mcp_tenant_endpoint  metrics;
        }
        location = /slow { limit_rate 64m; mcp_tenant_endpoint  metrics; }
        location = /page.html { ssi on; root html; }
    }
END
    $block->set_value('user_files', ">>> page.html\n"
        . qq(head <!--#include virtual="/metrics" --> tail));

    my $config = McpUpstream::http_config($block);

    $block->set_value('http_config', $config =~ s/mcp 256k/mcp 16m/r);
};

sub tenants {
    my ($less) = @_;
    my $last = $many - ($less // 0);

    return McpUpstream::tenants(a => 1)
           . join '', map { "  - id: t-$_\n" } 1 .. $last;
}

sub fetch {
    my ($path, %o) = @_;

    return call('', method => 'GET', path => $path, %o);
}

# Without what differs from one time to the next.
sub steady {
    my ($text) = @_;

    return join '', grep { !/^\S+(?:received|sent)_bytes|timestamp/ }
                    split /^/, $text;
}

# A client that has read the header only.
sub ask_slowly {
    my ($path) = @_;
    my $socket = connect_to($ENV{TEST_NGINX_SLOW});
    my $got = '';

    setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 16384);
    print $socket "GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n";
    read_until($socket, \$got, qr/\r\n\r\n/);

    return ($socket, $got);
}

sub rest {
    my ($socket, $got) = @_;
    my $until = McpBase::now() + patience();

    1 while McpUpstream::read_some($socket, \$got, $until);

    return $got =~ s/^.*?\r\n\r\n//sr;
}

sub curl {
    my ($path, @options) = @_;
    my $port = $path =~ s/^2// ? $ENV{TEST_NGINX_HTTP2}
                               : $ENV{TEST_NGINX_SLOW};

    return command_output('curl', '-s', @options,
                          "http://127.0.0.1:$port$path");
}

# the loader needs a master
master_on();
log_level('info');
no_long_string();
run_tests();

__DATA__

=== the whole text comes, in pieces
--- dialog
    my $answer = fetch('/metrics');
    my $text = $answer->{body};
    my @help = $text =~ /^# HELP (\S+)/mg;
    my %seen;

    is($answer->{headers}{'transfer-encoding'}, 'chunked', 'of unknown length');
    ok($answer->{complete}, 'it is complete');
    cmp_ok(length $text, '>', 20 * 65536, 'it is many pieces');
    is_deeply([grep { $seen{$_}++ } @help], [], 'a metric is told once');

    for my $metric (grep { !/_tenant_(?:server_|unid|concurr)/ } @help) {
        next if $text !~ /^\Q$metric\E\w*\{tenant=/m;

        my %of = map { $_ => 1 } $text =~ /^\Q$metric\E\w*\{tenant="([^"]*)"/mg;

        next if $metric =~ /streams_open/;
        is(scalar keys %of, $main::many + 1, "$metric of every tenant");
    }

    is(scalar(grep { !/^(?:\#\ (?:HELP|TYPE)\ .*|nginx_mcp_tenant_\w+
                          (?:\{[^{}]*\})?\ [0-9.]+$)/x }
                   split /\n/, $text), 0, 'each line is whole');
    like($text, qr/\n\z/, 'the last one too');
--- no_error_log
[error]
[alert]
[crit]



=== every kind of client gets the same
--- dialog
    my $text = steady(fetch('/metrics')->{body});

    ok(steady(fetch('/metrics', version => '1.0')->{body}) eq $text,
       'HTTP/1.0');
    ok(steady(curl('2/metrics', '--http2-prior-knowledge')) eq $text,
       'HTTP/2');
    ok(steady(curl('/gzip', '--compressed')) eq $text, 'gzip');
    ok(steady(curl('/slow')) eq $text, 'limit_rate');

    my ($page) = curl('/page.html') =~ /^head (.*) tail/s;

    ok(steady($page) eq $text, 'a subrequest');
--- no_error_log
[error]
[alert]
[crit]



=== HEAD has no body, and the connection goes on
--- dialog
    my $socket = connect_to($Test::Nginx::Util::ServerPort);
    my $got = '';

    print $socket "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                  . "GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
    read_until($socket, \$got, qr/\r\n\r\n.*\r\n\r\n/s);
    like($got, qr{^HTTP/1\.1\ 200\ .*?\r\n\r\nHTTP/1\.1\ 204\ }sx, 'both');

    print $socket "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                  . "GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n";

    $got = '';
    read_until($socket, \$got, qr{\r\n0\r\n\r\nHTTP/1\.1 204 .*\r\n\r\n}s);
    pass('GET, and the next');
--- no_error_log
[error]
[alert]
[crit]



=== a piece is made when the one before was read
--- dialog
    my ($socket, $got) = ask_slowly('/metrics');

    # counted while the client reads nothing; its metric comes last
    is(call('one')->{status}, 200, 'others are served meanwhile') for 1 .. 3;

    my $text = rest($socket, $got);
    my ($count) = $text =~ /^nginx_mcp_tenant_server_requests_total\{.*\}
                            \ (\d+)$/mx;

    cmp_ok($count // 0, '>=', 2, 'what happened later is told');
    like($text, qr/\n\z/, 'to the end');
--- no_error_log
[error]
[alert]
[crit]



=== what was begun ends with the configuration it began with
--- dialog
    my $take = sub {
        my ($less) = @_;
        my $count = $main::many + 1 - $less;

        write_file('tenants.yaml', tenants($less));
        wait_until(sub {
            fetch('/metrics')->{body} =~ /^nginx_mcp_tenant_tenants $count$/m;
        }, "a configuration of $count tenants serves");
    };

    # the first one is the master's own, the next are files that are unmapped
    $take->(1);

    my ($socket, $got) = ask_slowly('/metrics');

    $take->(500);

    my $text = rest($socket, $got);
    my %of = map { $_ => 1 }
             $text =~ /^nginx_mcp_tenant_servers\{tenant="([^"]*)"/mg;

    like($text, qr/^nginx_mcp_tenant_tenants 2000$/m, 'the old one');
    is(scalar keys %of, 2000, 'to the end');
--- no_error_log
[error]
[alert]
[crit]



=== clients that leave early leave nothing behind
--- dialog
    for my $path ('/metrics', '/gzip', '/slow') {
        for my $reset (0, 1) {
            my ($socket) = ask_slowly($path);

            setsockopt($socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0))
                if $reset;
            close($socket);
        }
    }

    curl('2/metrics', '--http2-prior-knowledge', '-r', '0-1', '--max-filesize',
         '1', '-o', '/dev/null');

    my $old = fetch('/metrics')->{body};

    write_file('tenants.yaml', tenants(1));

    # no request holds the first configuration any more
    wait_until(sub {
        my @used = fetch('/metrics')->{body}
            =~ /^nginx_mcp_tenant_process_generation\{.*\} (\d+)$/mg;

        return @used && !grep { $_ < 2 } @used;
    }, 'the configuration is let go');
    like($old, qr/\n\z/, 'others are served');
--- no_error_log
[error]
[alert]
[crit]
