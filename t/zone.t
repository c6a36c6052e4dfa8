# The size of the zone: what is too small, what is enough, and what a reload
# with another size does to requests under way.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;

mock_start();
master_on();
workers(2);
worker_connections(256);

our $too_small = 'zone "mcp" is too small for 200 tenants with 0 endpoints: '
    . 'it has 262144 bytes, expected at least \\d+ '
    . '\\("mcp_tenant_zone mcp \\d+k;"';

# Tenants with a key that is limited, so that all kinds of rows are used.
sub many_tenants {
    my ($n) = @_;

    return "tenants:\n" . join '', map {
        "  - id: t$_\n    quotas: {max_streams: 2}\n    api_keys:\n"
        . sprintf("      - {name: k, key_hash: \"sha256:%064x\",\n", $_)
        . "         quotas: {max_concurrent_requests: 1}}\n"
    } 1 .. $n;
}

# What "nginx -t" says of the configuration with that size.
sub test_size {
    my ($size) = @_;
    my $conf = conf_file() . '.size';
    my $text = McpUpstream::read_file(conf_file())
               =~ s/^(\s+mcp_tenant_zone\s+)mcp \S+;/$1mcp $size;/mr
               =~ s/tenants\.yaml/many.yaml/r
               =~ s/state_temp/size_temp/r
               =~ s{^pid .*;}{pid logs/size.pid;}mr;

    write_file($conf, $text);

    my $said = command_output($ENV{TEST_NGINX_BINARY}, '-t', '-p', servroot(),
                              '-c', $conf);

    return $said =~ /no rows|too few/ ? "rows are missing: $said" : $said;
}

no_long_string();
run_tests();

__DATA__

=== the size that a message names is enough, and hardly more than that
--- dialog
    for my $n (1, 10, 40, 41, 42, 43, 44, 45, 333, 5000) {
        write_file('many.yaml', main::many_tenants($n));

        my ($size) = main::test_size('64k')
                     =~ /"mcp_tenant_zone mcp (\d+)k;"\)/;

        if (!$size) {
            like(main::test_size('64k'), qr/test is successful/,
                 "$n tenants fit into the smallest zone");
            next;
        }

        like(main::test_size($size . 'k'), qr/test is successful/,
             "$n tenants fit into ${size}k");

        my $less = int($size * 15 / 16) - 16;

        next if $less < 64;

        like(main::test_size($less . 'k'), qr/"mcp_tenant_zone mcp ${size}k;"/,
             "$n tenants do not fit into ${less}k");
    }
--- no_error_log
[error]
[alert]
[crit]



=== a zone that is too small says what it needs
--- tenants eval
main::many_tenants(200)
--- must_die
--- error_log eval
qr/$main::too_small\)/



=== a reload with another size keeps the zone, and what is in flight in it
--- tenants eval
McpQuota::tenants_with(tenant => 'max_concurrent_requests: 1')
--- catalog_a eval
McpQuota::servers_with(held => '/held/z', echo => '/echo')
--- dialog
    for my $size ('512k', '128k', '256k') {
        my $held = send_call('held');

        mock('open/z');
        edit_conf(sub { s/(mcp_tenant_zone\s+)mcp \S+;/$1mcp $size;/ });
        reload();

        is(statuses(10, 'echo'), join(' ', (429) x 10),
           'the new workers count what an old one holds');

        answer_held('z');
        is(read_answer($held)->{status}, 200, 'it goes on with its old worker');
        wait_gauge('requests_in_flight', 'a', 0);
        is(statuses(3, 'echo'), '200 200 200', 'the slot is free');
        mock('forget/z');
    }

    my @warned = error_log() =~ /\[warn\]\ .*zone\ "mcp"\ keeps\ its\ 262144
        \ bytes:\ another\ size\ takes\ effect\ when\ NGINX\ is\ restarted
        \ in\ /gx;

    is(scalar @warned, 2, 'each size but the right one was warned of');
--- no_error_log
[alert]
[crit]



=== a reload that the old size has no room for is refused, and says the way out
--- tenants eval
McpQuota::tenants_with()
--- catalog_a eval
McpQuota::servers_with(echo => '/echo')
--- dialog
    edit_conf(sub { s/(mcp_tenant_zone\s+)mcp \S+;/$1mcp 4m;/;
                    s/tenants\.yaml/more.yaml/ });
    write_file('more.yaml', main::many_tenants(200));
    kill 'HUP', nginx_pid();

    wait_until(sub { error_log() =~ /$main::too_small and a restart\)/ },
               'the message names size and restart');
    is(call('echo')->{status}, 200, 'what was loaded goes on');

    edit_conf(sub { s/(mcp_tenant_zone\s+)mcp \S+;/$1other 4m;/ });
    kill 'HUP', nginx_pid();
    wait_until(sub { status()->{tenants} == 200 },
               'a zone of another name is a new one');
--- alerts
zone "mcp" is too small for 200 tenants
--- no_error_log
[alert]
[crit]



=== a reload with the same size warns of nothing
--- dialog
    reload();
    unlike(error_log(), qr/keeps its/, 'no warning');
--- no_error_log
[warn]
[error]
[alert]
[crit]



=== a zone has a size
--- http_config
    mcp_tenant_zone  mcp big;
--- must_die
--- error_log
invalid zone size "big", expected a size such as "32m"



=== a zone has a smallest size
--- http_config
    mcp_tenant_zone  mcp 16k;
--- must_die
--- error_log
zone "mcp" is too small: 16k, expected at least 65536 bytes



=== a zone has a name
--- http_config
    mcp_tenant_zone  "" 1m;
--- must_die
--- error_log
invalid zone name ""



=== there is one zone
--- http
    mcp_tenant_zone  mcp2 1m;
--- must_die
--- error_log
"mcp_tenant_zone" directive is duplicate
