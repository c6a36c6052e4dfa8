# Requests under way whose key or tenant may no longer do what they do.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Digest::SHA qw(sha256_hex);
use POSIX qw(strftime);
use McpUpstream;
use McpQuota qw(wait_gauge);

mock_start();
master_on();
workers(2);

our $catalog = "servers:\n" . join '', map {
    "  - {id: $_, runtime: {type: remote, url: "
    . "\"http://127.0.0.1:$ENV{TEST_NGINX_MOCK}/held/$_\"}}\n"
} 'one', 'two';

# tenants.yaml; of a: lines behind its id, and fields of its key "main"; the
# key "other" of a, and tenant b, are always as they are.
sub tenants_file {
    my (%o) = @_;
    my $lines = $o{lines} // '';
    my $main = $o{main} // '';
    my $hash = sub { 'key_hash: "sha256:' . sha256_hex($_[0]) . '"' };

    return "tenants:\n  - id: a\n    catalog_file: catalogs/a.yaml\n$lines"
           . "    api_keys:\n"
           . ($o{removed} ? ''
              : '      - {name: main, ' . $hash->(key('a')) . "$main}\n")
           . '      - {name: other, ' . $hash->('mcpk-other') . "}\n"
           . "  - id: b\n    api_keys:\n"
           . '      - {name: main, ' . $hash->(key('b')) . "}\n";
}

# An open stream: [socket, what it has got].
sub open_stream {
    my ($server, $name, %o) = @_;
    my $stream = [send_call($server, method => 'GET', %o), ''];

    mock("open/$name");
    mock("send/$name", "HTTP/1.1 200 OK\r\n"
                       . "Content-Type: text/event-stream\r\n\r\n"
                       . "data: hello\n\n");
    read_until($stream->[0], \$stream->[1], qr/data: hello\n\n/);

    return $stream;
}

sub goes_on {
    my ($stream, $name, $title) = @_;

    mock("send/$name", "data: more\n\n");
    $stream->[1] = '';
    like(read_until($stream->[0], \$stream->[1], qr/data: more\n\n/),
         qr/more/, $title);
}

# Cut, rather than ended: without the chunk that ends an answer.
sub is_cut {
    my ($stream, $title) = @_;
    my $got = $stream->[1];

    1 while McpUpstream::read_some($stream->[0], \$got,
                                   time() + McpUpstream::patience());
    unlike($got, qr/\r\n0\r\n\r\n$/, $title);
}

sub revoked {
    return grep { $_->{reason} eq 'revoked' } audit();
}

no_long_string();
run_tests();

__DATA__

=== a key that is removed closes its streams, and no others
--- tenants eval
main::tenants_file()
--- catalog_a eval
$main::catalog
--- dialog
    my $main = open_stream('one', 'one');
    my $other = open_stream('two', 'two', key => 'mcpk-other');

    write_file('tenants.yaml', tenants_file(removed => 1));
    is_cut($main, 'the stream of the key ends');
    mock('gone/one');
    goes_on($other, 'two', 'that of another key goes on');
    wait_gauge('requests_in_flight', 'a', 1);

    wait_until(sub { (() = revoked()) == 1 }, 'the audit log tells it');
    my ($line) = revoked();
    is("$line->{tenant} $line->{key} $line->{server} $line->{decision}",
       'a main one allow', 'of which key');
    like(call('', method => 'GET', path => '/metrics')->{body},
         qr/^nginx_mcp_tenant_requests_total\{tenant="a",outcome="allow",
            reason="revoked"\}\ 1$/mx, 'metrics, too');
    mock('close/two');
    read_until($other->[0], \$other->[1], qr/\r\n0\r\n\r\n$/);
--- no_error_log
[error]
[alert]
[crit]



=== a key that is disabled, or may not reach the server any more
--- tenants eval
main::tenants_file()
--- catalog_a eval
$main::catalog
--- dialog
    my ($one, $two) = (open_stream('one', 'one'), open_stream('two', 'two'));

    write_file('tenants.yaml', tenants_file(main => ', servers: [two]'));
    is_cut($one, 'the stream to a server that it may not reach ends');
    mock('gone/one');
    goes_on($two, 'two', 'the other goes on');

    write_file('tenants.yaml', tenants_file(main => ', enabled: false'));
    is_cut($two, 'a disabled key has none');
    mock('gone/two');
    wait_gauge('requests_in_flight', 'a', 0);
--- no_error_log
[error]
[alert]
[crit]



=== a tenant that is disabled or removed
--- tenants eval
main::tenants_file()
--- catalog_a eval
$main::catalog
--- dialog
    my ($one, $two) = (open_stream('one', 'one'),
                       open_stream('two', 'two', key => 'mcpk-other'));

    write_file('tenants.yaml', tenants_file(lines => "    enabled: false\n"));
    is_cut($one, 'the stream of its key ends');
    is_cut($two, 'of each of its keys');
    mock('gone/one');
    mock('gone/two');

    write_file('tenants.yaml', tenants_file());
    wait_until(sub { call('none')->{status} == 404 }, 'enabled again');
    mock('forget/one');
    $one = open_stream('one', 'one');

    write_file('tenants.yaml',
               tenants_file() =~ s/  - id: a\n.*(?=  - id: b)//sr);
    is_cut($one, 'a tenant that is gone has none');
--- no_error_log
[error]
[alert]
[crit]



=== a key that expires while its stream is open
--- tenants eval
main::tenants_file()
--- catalog_a eval
$main::catalog
--- dialog
    my $one = open_stream('one', 'one');
    my $soon = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + 2));

    write_file('tenants.yaml', tenants_file(main => ", expires_at: $soon"));
    is_cut($one, 'its stream ends then');
--- no_error_log
[error]
[alert]
[crit]



=== a call that waits for its answer is closed, too
--- tenants eval
main::tenants_file()
--- catalog_a eval
$main::catalog
--- dialog
    my $socket = send_call('one');

    mock('open/one');
    write_file('tenants.yaml', tenants_file(removed => 1));
    is(read_answer($socket)->{status}, 0, 'without an answer');
    mock('gone/one');
    wait_until(sub { (() = revoked()) == 1 }, 'the audit log tells it');
    is((revoked())[0]{status}, 444, 'with the status of a closed one');
--- no_error_log
[error]
[alert]
[crit]



=== a worker that drains closes them, whether SIGHUP or the loader brought it
--- tenants eval
main::tenants_file()
--- catalog_a eval
$main::catalog
--- dialog
    my ($one, $two) = (open_stream('one', 'one'),
                       open_stream('two', 'two', key => 'mcpk-other'));

    McpQuota::reload();
    goes_on($one, 'one', 'a stream goes on in the old worker');

    write_file('tenants.yaml', tenants_file(removed => 1));
    is_cut($one, 'until its key is removed');
    goes_on($two, 'two', 'another still goes on');

    write_file('tenants.yaml', tenants_file(removed => 1,
                                            lines => "    enabled: false\n"));
    kill 'HUP', nginx_pid();
    is_cut($two, 'until a reload disables its tenant');
--- no_error_log
[error]
[alert]
[crit]
