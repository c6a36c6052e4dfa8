# max_servers: the first servers of the catalog are active, the others are
# listed and refused, and the file may move the line while NGINX runs.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start();
master_on();
workers(2);
worker_connections(256);
no_long_string();

our @servers = map { ("s$_" => '/echo') } 1 .. 3;

sub listed {
    my $answer = call('', method => 'GET', path => '/tenant/a/servers');
    my $list = JSON::PP::decode_json($answer->{body});

    return join ' ', $list->{use}{servers},
                map { "$_->{id}=$_->{status}" } @{$list->{servers}};
}

sub set_max {
    my ($max) = @_;

    write_file('tenants.yaml', tenants_with(
        tenant => $max ? "max_servers: $max" : ''));
}

sub arrived { return scalar mock('seen')->{requests}->@* }

run_tests();

__DATA__

=== servers past the quota are listed and answer 429
--- tenants eval
McpQuota::tenants_with(tenant => 'max_servers: 2, max_concurrent_requests: 5')
--- catalog_a eval
McpQuota::servers_with(@main::servers)
--- dialog
    my $before = main::arrived();

    is(main::listed(), '2 s1=ready s2=ready s3=quota_exceeded', 'the list');
    is(call($_)->{status}, 200, "$_ is open") for 's1', 's2';

    is_rpc(call('s3'), '429 server_quota_exceeded id 7', 'POST');
    is(call('s3', method => $_)->{status}, 429, $_) for 'GET', 'DELETE';
    is(main::arrived(), $before + 2, 'nothing of it arrived');
    is_gauge('requests_in_flight', 'a', 0);
--- suppress_stderr
--- error_log
[warn]
--- no_error_log
[error]
[alert]
[crit]



=== the quota is lowered and raised while NGINX runs
--- tenants eval
McpQuota::tenants_with(tenant => 'max_servers: 3')
--- catalog_a eval
McpQuota::servers_with(@main::servers)
--- dialog
    is(call('s2')->{status}, 200, 'open');

    main::set_max(1);
    wait_until(sub { main::listed()
                     eq '1 s1=ready s2=quota_exceeded s3=quota_exceeded' },
               'lowered');
    is(statuses(6, 's2'), '429' . ' 429' x 5, 'closed in all workers');
    is(call('s1')->{status}, 200, 'the first stays open');

    main::set_max(2);
    wait_until(sub { main::listed()
                     eq '2 s1=ready s2=ready s3=quota_exceeded' }, 'raised');
    is(statuses(6, 's2'), '200' . ' 200' x 5, 'open in all workers');

    main::set_max(0);
    wait_until(sub { main::listed() eq '3 s1=ready s2=ready s3=ready' },
               'without a quota all are open');
--- no_error_log
[error]
[alert]
[crit]



=== a stream of a server that is past the quota from then on goes on
--- tenants eval
McpQuota::tenants_with(tenant => 'max_servers: 2')
--- catalog_a eval
McpQuota::servers_with(s1 => '/echo', s2 => '/held/m')
--- dialog
    my ($socket, $got) = (send_call('s2', method => 'GET'), '');

    mock('open/m');
    mock('send/m', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                   . "data: 1\n\n");
    read_until($socket, \$got, qr/data: 1\n\n/);
    main::set_max(1);
    wait_until(sub { main::listed() eq '1 s1=ready s2=quota_exceeded' },
               'lowered');
    mock('send/m', "data: 2\n\n");
    read_until($socket, \$got, qr/data: 2\n\n/);
    pass('the stream goes on');
    is(call('s2', method => 'GET')->{status}, 429, 'a new one does not begin');
    mock('close/m');
--- no_error_log
[error]
[alert]
[crit]



=== what leaves the catalog makes room for what stands behind it
--- tenants eval
McpQuota::tenants_with(tenant => 'max_servers: 1')
--- catalog_a eval
McpQuota::servers_with(@main::servers)
--- dialog
    is(call('s2')->{status}, 429, 'past the quota');
    write_file('catalogs/a.yaml', servers_with(@main::servers[2 .. 5]));
    wait_until(sub { main::listed() eq '1 s2=ready s3=quota_exceeded' },
               'now it is the first');
    is(call('s2')->{status}, 200, 'and open');
--- suppress_stderr
--- error_log
[warn]
--- no_error_log
[error]
[alert]
[crit]
