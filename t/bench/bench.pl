#!/usr/bin/perl
#
# What the gateway costs, as ratios in one run: bench.pl [ARM...]
#
# Two figures for each arm.  Instructions: what callgrind counts in user space
# of an NGINX that serves N+1000 requests, less the same for N; they repeat
# whatever else the machine does.  CPU: user and system time of one worker by
# /proc, the median of several rounds in which the arms take turns; it repeats
# within some per cent only, so compare ratios, never runs.
#
# All arms get the same request, read its body before they pass it on, keep
# connections to clients and to the same server behind, and do not buffer
# answers.  The second table is t/bench/core's.  PROFILE=1 shows the functions
# of each ARM instead; ROUNDS=0 leaves CPU time out, KEEP=1 build/bench there.

use strict;
use warnings;

use Cwd qw(getcwd);
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use POSIX qw(:sys_wait_h sysconf _SC_CLK_TCK);
use Time::HiRes qw(sleep time);

use constant {
    REQUESTS => 1000,           # the slope that instructions are taken from
    FIRST    => 200,            # before it: what only the first requests do
    LOAD     => 12000,          # requests of one arm in one round
    CLIENTS  => 32,
    PATIENCE => 60,
};

$| = 1;

my $repo = getcwd();
my $root = "$repo/build/bench";
my $rounds = $ENV{ROUNDS} // 5;
my $nginx = $ENV{NGINX} || '/usr/sbin/nginx';
my $module = "$repo/build/ngx_http_mcp_tenant_module.so";
my $core = "$repo/build/obj/t/bench/core";
my $key = 'mcpt_' . substr(sha256_hex('bench'), 0, 38);

my $body = '{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":'
           . '"search","arguments":{"query":"benchmarks of gateways","limit":'
           . '20,"where":{"language":"en","since":"2025-01-01","tags":['
           . '"nginx","mcp"]}}}}';
my $answer = '{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text",'
             . '"text":"nothing was found"}],"isError":false}}';

my ($server, $stock, $gateway, $large) = map { { port => free_port() } }
                                             1 .. 4;

# of a server block each, in one worker for all arms of a configuration
my @arms = (
    { name => 'bare', of => $stock, title => 'bare proxy_pass' },
    { name => 'limits', of => $stock,
      title => 'NGINX: map, limit_req, limit_conn' },
    { name => 'log', of => $stock, title => '  and a log of JSON lines' },
    { name => 'gateway', of => $gateway, title => 'gateway: key, JSON-RPC' },
    { name => 'quotas', of => $gateway,
      title => '  and quotas of rate and concurrency' },
    { name => 'audit', of => $gateway, title => '  and the audit log' },
    { name => 'large', of => $large,
      title => 'gateway, 10,000 tenants in place of 10' },
);

for my $arm (@arms) {
    $arm->{port} = free_port();
    $arm->{tenant} = $arm->{name} =~ /^(?:quotas|audit)$/ ? 'limited'
                                                         : 'plain';
}

my %running;

$SIG{INT} = $SIG{TERM} = sub { exit 1 };
main();

END {
    my $status = $?;

    stop($_) for keys %running;
    remove_tree($root) if !$ENV{KEEP} && $root;
    $? = $status;
}


sub main {
    my %wanted = map { $_ => 1 } @ARGV;

    for my $name (@ARGV) {
        die "bench: no arm is called $name: "
            . join(' ', map { $_->{name} } @arms) . "\n"
            if !grep { $_->{name} eq $name } @arms;
    }

    @arms = grep { $wanted{$_->{name}} } @arms if @ARGV;

    remove_tree($root);
    make_path($root);
    write_file("$root/body", $body);
    write_configurations();

    start_nginx($server);

    if ($ENV{PROFILE}) {
        profile($_) for @arms;
        return;
    }

    measure_instructions($_) for @arms;
    measure_cpu() if $rounds;

    print_table();
    print_core() if !@ARGV;
}


sub write_configurations {
    $server->{dir} = "$root/server";
    $stock->{dir} = "$root/stock";
    $gateway->{dir} = "$root/gateway";
    $large->{dir} = "$root/large";

    write_nginx($server, '', <<"END");
    server {
        listen  127.0.0.1:$server->{port};

        location / {
            default_type  application/json;
            return 200 '$answer';
        }
    }
END

    my ($bare, $limits, $log) = map { port_of($_) } qw(bare limits log);
    my $proxy = <<"END";
            proxy_pass          http://servers;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
            proxy_buffering     off;
END
    my $limited = <<"END";
            limit_req   zone=rate burst=100000 nodelay;
            limit_conn  concurrency 1000;

$proxy
END

    write_nginx($stock, '', <<"END");
    upstream servers {
        server  127.0.0.1:$server->{port};

        keepalive           64;
        keepalive_requests  10000000;
    }

    map_hash_bucket_size  128;

    map \$http_authorization \$tenant {
        "Bearer $key"  limited;
@{[map { "        \"Bearer other-$_\"  tenant-$_;\n" } 1 .. 9]}    }

    limit_req_zone   \$tenant zone=rate:1m rate=100000r/s;
    limit_conn_zone  \$tenant zone=concurrency:1m;

    log_format  requests  escape=json
        '{"time":"\$time_iso8601",'
        '"request_id":"\$request_id",'
        '"client":"\$remote_addr",'
        '"tenant":"\$tenant",'
        '"http_method":"\$request_method",'
        '"path":"\$uri",'
        '"status":"\$status",'
        '"upstream":"\$upstream_addr",'
        '"upstream_status":"\$upstream_status",'
        '"duration":"\$request_time",'
        '"received":"\$request_length",'
        '"sent":"\$bytes_sent"}';

    server {
        listen  127.0.0.1:$bare;

        location / {
$proxy
        }
    }

    server {
        listen  127.0.0.1:$limits;

        location / {
$limited
        }
    }

    server {
        listen      127.0.0.1:$log;
        access_log  requests.log  requests;

        location / {
$limited
        }
    }
END

    write_gateway($gateway, 10, qw(gateway quotas audit));
    write_gateway($large, 10000, 'large');
}


sub port_of {
    my ($name) = @_;

    return (map { $_->{port} } grep { $_->{name} eq $name } @arms)[0]
           || free_port();
}


sub write_gateway {
    my ($instance, $ntenants, @names) = @_;

    my $dir = $instance->{dir};
    my $tenants = "tenants:\n";
    my $quotas = <<'END';
    quotas: {requests_per_second: 100000, burst: 100000,
             max_concurrent_requests: 1000}
END

    make_path("$dir/catalogs");
    write_file("$dir/catalogs/all.yaml", <<"END");
servers:
  - id: search
    runtime: {type: remote, url: "http://127.0.0.1:$server->{port}/mcp"}
END

    # the tenants that are asked for stand last
    for my $n (1 .. $ntenants) {
        my $id = $n == $ntenants ? 'plain' : $n == $ntenants - 1 ? 'limited'
                                                                 : "t$n";

        $tenants .= "  - id: $id\n    catalog_file: catalogs/all.yaml\n"
                    . "    api_keys:\n      - key_hash: \"sha256:"
                    . sha256_hex("$key-$id") . "\"\n        name: main\n"
                    . ($id eq 'limited' ? $quotas : '');
    }

    write_file("$dir/tenants.yaml", $tenants);

    my $servers = join "\n", map {
        my $log = $_ eq 'audit' ? 'audit.log mcp_tenant_audit' : 'off';

        <<"END";
    server {
        listen      127.0.0.1:@{[port_of($_)]};
        access_log  $log;
        proxy_ssl_trusted_certificate  /etc/ssl/certs/ca-certificates.crt;
        include     $repo/conf/mcp_tenant.conf;
    }
END
    } @names;

    write_nginx($instance, "load_module $module;", <<"END");
    include  $repo/conf/mcp_tenant_http.conf;

    mcp_tenant_zone            mcp 64m;
    mcp_tenant_config          tenants.yaml;
    mcp_tenant_state           state;
    mcp_tenant_upstream_allow  127.0.0.0/8;

    upstream mcp_servers {
        mcp_tenant_peers;
        keepalive           64;
        keepalive_requests  10000000;
    }

$servers
END
}


sub write_nginx {
    my ($instance, $top, $http) = @_;

    my $dir = $instance->{dir};
    my $user = $> == 0 ? 'user root;' : '';

    make_path($dir);
    write_file("$dir/nginx.conf", <<"END");
$top
$user
worker_processes  1;
daemon            off;
pid               nginx.pid;
error_log         error.log notice;

events {
    worker_connections  1024;
}

http {
    access_log          off;
    keepalive_requests  10000000;

    client_body_temp_path  body;
    proxy_temp_path        proxy;
    fastcgi_temp_path      fastcgi;
    uwsgi_temp_path        uwsgi;
    scgi_temp_path         scgi;

$http
}
END
}


# Instructions

sub measure_instructions {
    my ($arm) = @_;

    my $less = count_instructions($arm, FIRST);
    my $more = count_instructions($arm, FIRST + REQUESTS);

    $arm->{instructions} = ($more - $less) / REQUESTS;
    say_line(sprintf '%-8s %8.0f instructions a request', $arm->{name},
             $arm->{instructions});
}


sub count_instructions {
    my ($arm, $requests) = @_;

    my $out = "$root/callgrind.$arm->{name}.$requests";

    # of the worker's event loop alone, not of reading the configuration
    start_nginx($arm->{of}, 'valgrind', '--tool=callgrind', '-q',
                '--trace-children=yes', "--callgrind-out-file=$out.%p",
                '--toggle-collect=ngx_process_events_and_timers');
    my $worker = worker_of($arm->{of});

    load($arm, $requests, 1);
    stop($arm->{of}{pid});

    my ($total) = content("$out.$worker") =~ /^totals: (\d+)/m;

    die "bench: callgrind counted nothing for $arm->{name}\n" if !$total;

    $arm->{profile} = "$out.$worker";

    return $total;
}


sub profile {
    my ($arm) = @_;

    count_instructions($arm, FIRST + REQUESTS);
    system('callgrind_annotate', $arm->{profile}) == 0
        or die "bench: callgrind_annotate failed\n";
}


# CPU

sub measure_cpu {
    my %instance = map { $_->{of}{dir} => $_->{of} } @arms;

    start_nginx($_) for values %instance;
    load($_, LOAD / 4, CLIENTS) for @arms;

    for my $round (1 .. $rounds) {
        for my $arm (@arms) {
            my $worker = worker_of($arm->{of});
            my $before = cpu_time($worker);

            load($arm, LOAD, CLIENTS);

            push @{$arm->{cpu}}, (cpu_time($worker) - $before) / LOAD;
        }

        say_line("round $round of $rounds for CPU time");
    }

    stop($_->{pid}) for values %instance;
}


# Seconds, user and system.
sub cpu_time {
    my ($pid) = @_;

    my ($fields) = content("/proc/$pid/stat") =~ /.*\) (.*)/s;
    my @field = split / /, $fields;

    return ($field[11] + $field[12]) / sysconf(_SC_CLK_TCK);
}


# Processes

sub start_nginx {
    my ($instance, @under) = @_;

    unlink "$instance->{dir}/error.log";

    my $pid = fork();

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>>', "$instance->{dir}/stderr";
        exec @under, $nginx, '-p', $instance->{dir}, '-c', 'nginx.conf',
             '-e', 'error.log';
        die "$nginx: $!\n";
    }

    $instance->{pid} = $pid;
    $running{$pid} = $instance;

    wait_until("$nginx listens", sub {
        my $worker = worker_of($instance);

        die "bench: NGINX ended; $instance->{dir}/stderr:\n"
            . content("$instance->{dir}/stderr")
            if waitpid($pid, WNOHANG) == $pid && delete $running{$pid};

        return $worker && is_listening($instance);
    });
}


sub is_listening {
    my ($instance) = @_;

    my ($arm) = grep { $_->{of} == $instance } @arms;
    my $port = $arm ? $arm->{port} : $instance->{port};

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
}


# As the log says: under valgrind all processes look alike.
sub worker_of {
    my ($instance) = @_;

    my ($pid) = content("$instance->{dir}/error.log")
                =~ /.*start worker process (\d+)/s;

    return $pid;
}


sub stop {
    my ($pid) = @_;

    return if !delete $running{$pid};

    kill 'QUIT', $pid;
    waitpid $pid, 0;
}


# Sends exactly as many requests, each of which has to be answered with 200.
sub load {
    my ($arm, $requests, $clients) = @_;

    my $url = "http://127.0.0.1:$arm->{port}/tenant/$arm->{tenant}"
              . '/servers/search/mcp';
    my $output = output('h2load', '--h1', '-n', $requests, '-c', $clients,
                        '-d', "$root/body",
                        '-H', 'Content-Type: application/json',
                        '-H', 'Accept: application/json, text/event-stream',
                        '-H', 'MCP-Protocol-Version: 2025-11-25',
                        '-H', "Authorization: Bearer $key-$arm->{tenant}",
                        $url);

    die "bench: $arm->{name} did not answer all requests with 200:\n$output\n"
        if $output !~ /^status codes: $requests 2xx,/m;
}


sub output {
    my @command = @_;

    open(my $in, '-|', @command) or die "$command[0]: $!\n";
    local $/;
    my $text = <$in>;
    close $in;

    return $text // '';
}


sub wait_until {
    my ($what, $condition) = @_;

    my $end = time() + PATIENCE;

    while (!$condition->()) {
        die "bench: waited in vain until $what\n" if time() > $end;
        sleep 0.02;
    }
}


sub free_port {
    for (1 .. 1000) {
        my $port = 10240 + int(rand(20000));

        return $port if IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                              LocalPort => $port,
                                              ReuseAddr => 1, Listen => 1);
    }

    die "no port is free: $!\n";
}


# Output

sub say_line {
    print "# @_\n";
}


sub print_table {
    my $bare = (grep { $_->{name} eq 'bare' } @arms)[0] || $arms[0];

    printf "\n%-40s %22s %22s\n", '', 'user instructions', 'CPU, all';
    printf "%-40s %13s %8s %13s %8s\n", 'one request and its answer', 'each',
           'ratio', 'us', 'ratio';

    for my $arm (@arms) {
        printf "%-40s %13.0f %8.2f", $arm->{title}, $arm->{instructions},
               $arm->{instructions} / $bare->{instructions};

        if ($rounds) {
            # of the rounds' ratios, so that a slow round is slow for both
            my @ratios = map { $arm->{cpu}[$_] / $bare->{cpu}[$_] }
                             0 .. $rounds - 1;

            printf " %13.1f %8.2f", median(@{$arm->{cpu}}) * 1e6,
                   median(@ratios);
        }

        print "\n";
    }
}


sub print_core {
    print "\n";

    for my $line (split /\n/, output($core, map { "$_->{dir}/tenants.yaml" }
                                              $gateway, $large))
    {
        printf "%-54s %s\n", split /\t/, $line;
    }

    die "bench: $core failed\n" if $?;
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[$#sorted / 2];
}


sub content {
    my ($file) = @_;

    open(my $in, '<', $file) or return '';
    local $/;

    return scalar(<$in>) // '';
}


sub write_file {
    my ($file, $text) = @_;

    open(my $out, '>', $file) or die "$file: $!\n";
    print $out $text;
    close($out) or die "$file: $!\n";
}
