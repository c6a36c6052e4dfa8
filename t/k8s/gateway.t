#!/usr/bin/perl
#
# All of it together: files, sidecar, a real API server, NGINX, and requests
# that find the pods.  What listens on the addresses of a played node stands
# for the pods; each says which it is.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpBase qw(free_port now);
use McpKube qw(own_network until_true);
use McpSidecar qw(mcp_server tenant write_files);

plan(skip_all => 'no network of its own') if !own_network();

my $repo = abs_path("$FindBin::Bin/../..");
my $nginx = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
my $kube = McpKube->start();

plan(skip_all => 'no controllers') if !$kube->has_controllers();

my $dir = tempdir(CLEANUP => 1);
my ($port, $status_port, $pod_port, $sidecar_port)
    = map { free_port() } 1 .. 4;
my $http = HTTP::Tiny->new(timeout => 20);
my $endpoints = "$dir/run/endpoints.json";
my (@children, $test);

$test = $$;

my ($key, $hash) = qx('$repo/build/mcp-tenant' keygen team-a --name test)
                   =~ /(mcpt_\w+).*key_hash: "([^"]+)"/s;

my $pods = start_pods();
my $node = $kube->node('played', '--ips', '10.77.1.0/24');

write_catalog(image => 'registry.example.com/search:1');
start_nginx();

is(ask(), 503, 'before the sidecar is there no pod');

my $sidecar = start_sidecar();

routed();
not_ready();
more();
rolled();
drained();
outage();
dropped();

done_testing();


END {
    if (defined $test && $$ == $test) {
        my $status = $?;

        kill('TERM', @children);
        waitpid($_, 0) for @children;
        $? = $status;
    }
}


# A request reaches each pod as soon as the sidecar made it.
sub routed {
    until_true('a request that reaches a pod', sub { ask() =~ /^10\.77\./ });
    until_true('both pods in use', sub { keys %{asked(20)} == 2 });
    pass('requests reach the pods that the sidecar made');

    is_deeply([grep { !/^10\.77\.1\./ } keys %{asked(50)}], [],
              'and nothing else');
}


sub not_ready {
    my ($pod) = pods();
    my $address = $pod->{status}{podIP};

    $node->tell('not-ready', "mcp-team-a/$pod->{metadata}{name}");
    enforced($address, 0);

    ok(!asked(100)->{$address}, 'a pod that is not ready gets no request');

    $node->tell('ready', "mcp-team-a/$pod->{metadata}{name}");
    enforced($address, 1);
    until_true('the pod in use again', sub { asked(20)->{$address} });
    pass('and is used when it is ready again');
}


sub more {
    write_catalog(image => 'registry.example.com/search:1', replicas => 3);
    until_true('three pods in use', sub { keys %{asked(30)} == 3 });
    pass('a catalog with more replicas leads to more pods');
}


sub rolled {
    my %old = map { $_->{metadata}{name} => 1 } pods();
    my ($calls, @failed) = (0);

    write_catalog(image => 'registry.example.com/search:2', replicas => 3);

    until_true('new pods only', sub {
        for (1 .. 10) {
            my $answer = ask();

            $calls++;
            push @failed, $answer if $answer !~ /^10\.77\./;
        }

        my @now = pods();

        return @now == 3 && !grep { $old{$_->{metadata}{name}} } @now;
    });

    cmp_ok($calls, '>', 9, 'calls went on while the image changed');
    is_deeply(\@failed, [], 'and none failed');

    my %now = map { $_->{status}{podIP} => 1 } pods();

    until_true('new pods only in use', sub {
        return !grep { !$now{$_} } keys %{asked(30)};
    });
    pass('new pods answer them');
}


# A pod that still has a request is not ended before its answer.
sub drained {
    my $answer = hold();
    my ($held) = until_true('a request that a pod holds', sub {
        return glob("$dir/held-*");
    });
    my ($address) = $held =~ /held-(.*)/;
    my ($pod) = grep { ($_->{status}{podIP} // '') eq $address } pods();
    my $name = $pod->{metadata}{name};

    $kube->kubectl('delete', 'pod', $name, '-n', 'mcp-team-a',
                   '--wait=false');
    enforced($address, 0);
    ok(!asked(50)->{$address}, 'a pod that ends gets no new request');

    my $until = now() + 6;

    until_true('time for a pod to go', sub { now() > $until });
    unlike($node->said(), qr/gone mcp-team-a\/\Q$name\E/,
           'but stays while it has one');

    McpKube::spill("$dir/release", '');
    is(join('', <$answer>), $address, 'which is answered');
    until_true('the end of the pod', sub {
        return $node->said(0.1) =~ /gone mcp-team-a\/\Q$name\E/;
    });
    pass('and then it goes');
}


# A request in another process, which the pod answers when it may; where its
# answer can be read.
sub hold {
    my $pid = open(my $answer, '-|') // die "fork: $!\n";

    if (!$pid) {
        print ask('hold');
        close STDOUT;
        POSIX::_exit(0);
    }

    return $answer;
}


# What is away does not take requests with it.
sub outage {
    $kube->cluster('kill', 'apiserver');
    is_deeply([grep { !/^10\.77\./ } keys %{asked(50)}], [],
              'requests go on without the API server');

    $sidecar->stop('KILL');
    is_deeply([grep { !/^10\.77\./ } keys %{asked(50)}], [],
              'and without the sidecar');

    my $other = start_sidecar();

    ok($other->runs(), 'a sidecar waits for the API server');
    is_deeply([grep { !/^10\.77\./ } keys %{asked(50)}], [],
              'and takes no pod away while it does');

    $kube->cluster('restart', 'apiserver');
    $other->says('the cluster is as the files say');
    is_deeply([grep { !/^10\.77\./ } keys %{asked(50)}], [],
              'nor when it is back');
    $sidecar = $other;
}


sub dropped {
    write_files($dir, tenant('team-b', 1));
    until_true('the end of a tenant', sub { ask() eq '401' });
    pass('the key of a dropped tenant opens nothing');

    until_true('the end of its pods', sub { !pods() });
    pass('and its pods end');

    my $namespace = $kube->get('namespace', 'mcp-team-a');

    ok($namespace->{metadata}{annotations}{'mcp-tenant.io/delete-after'},
       'its namespace is announced to go');
}


sub write_catalog {
    my (%runtime) = @_;
    my $server = mcp_server('search', %runtime, port => $pod_port);

    write_files($dir, {id => 'team-a', servers => [$server],
                       api_keys => [{key_hash => $hash, name => 'test'}]},
                tenant('team-b', 1));
}


sub start_sidecar {
    return McpSidecar->start($kube->kubeconfig(), "$dir/tenants.yaml",
                             '--no-lease', '--prune', '--prune-max-share',
                             '100', '--endpoints', $endpoints,
                             '--listen', "127.0.0.1:$sidecar_port",
                             '--drain', "127.0.0.1:$sidecar_port",
                             '--nginx', "http://127.0.0.1:$status_port");
}


sub pods {
    my $list = $kube->json('get', 'pods', '-n', 'mcp-team-a', '-l',
                           'mcp-tenant.io/server=search');

    return grep { !$_->{metadata}{deletionTimestamp} } @{$list->{items}};
}


# Waits until all workers go by a file with the address, or without.
sub enforced {
    my ($address, $is_there) = @_;
    my $sequence;

    until_true("the file, and $address in it or not", sub {
        my $file = decode_json(McpKube::slurp($endpoints));
        my $list = $file->{tenants}{'team-a'}{servers}{search}{endpoints};

        $sequence = $file->{sequence};

        return (grep { $_ eq "$address:$pod_port" } @$list) == $is_there;
    });

    until_true("sequence $sequence in NGINX", sub {
        my $answer = $http->get("http://127.0.0.1:$status_port/status");
        my $status = decode_json($answer->{content});

        return ($status->{endpoints}{sequence} // 0) >= $sequence;
    });
}


# How often each answered.
sub asked {
    my ($count) = @_;
    my %answers;

    $answers{ask()}++ for 1 .. $count;

    return \%answers;
}


# The address of the pod that answered, or the status.
sub ask {
    my ($method) = @_;
    my $answer = $http->post(
        "http://127.0.0.1:$port/tenant/team-a/servers/search/mcp", {
            headers => {
                'Authorization' => "Bearer $key",
                'Content-Type' => 'application/json',
                'Accept' => 'application/json, text/event-stream',
            },
            content => '{"jsonrpc":"2.0","id":1,"method":"'
                       . ($method // 'ping') . '"}',
        });

    return $answer->{status} if $answer->{status} != 200;
    return decode_json($answer->{content})->{result}{address};
}


# One program on all addresses of the node.
sub start_pods {
    my $listen = IO::Socket::INET->new(LocalAddr => '0.0.0.0', Listen => 128,
                                       LocalPort => $pod_port, ReuseAddr => 1)
        // die "listen: $!\n";

    return start(sub {
        $SIG{CHLD} = 'IGNORE';

        while (my $client = $listen->accept()) {
            next if fork();

            serve($client);
            POSIX::_exit(0);
        }
    });
}


sub serve {
    my ($client) = @_;

    while (defined(my $line = <$client>)) {
        my $length = 0;

        while ($line ne "\r\n") {
            $length = $1 if $line =~ /^Content-Length: (\d+)/i;
            $line = <$client> // return;
        }

        read($client, my $body, $length);

        my $address = $client->sockhost();

        if ($body =~ /"hold"/) {
            McpKube::spill("$dir/held-$address", '');
            until_true('the release', sub { -e "$dir/release" });
        }

        my $answer = qq({"jsonrpc":"2.0","id":1,"result":)
                     . qq({"address":"$address"}});

        print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
                      'Content-Length: ', length $answer, "\r\n\r\n", $answer;
        $client->flush();
    }
}


sub start_nginx {
    mkdir("$dir/run");

    McpKube::spill("$dir/nginx.conf", <<"END");
load_module $repo/build/ngx_http_mcp_tenant_module.so;
user root;
worker_processes 2;
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;

events {}

http {
    include $repo/conf/mcp_tenant_http.conf;
    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    access_log off;

    mcp_tenant_zone mcp 16m;
    mcp_tenant_config $dir/tenants.yaml;
    mcp_tenant_state $dir/state;
    mcp_tenant_endpoints $endpoints;

    upstream mcp_servers {
        mcp_tenant_peers;
        keepalive 16;
    }

    server {
        listen 127.0.0.1:$port;
        include $repo/conf/mcp_tenant.conf;
    }

    server {
        listen 127.0.0.1:$status_port;

        location = /status {
            mcp_tenant_endpoint status;
        }
    }
}
END

    start(sub { exec($nginx, '-p', $dir, '-c', "$dir/nginx.conf") });

    until_true('NGINX', sub {
        return $http->get("http://127.0.0.1:$status_port/status")->{success};
    });
}


sub start {
    my ($run) = @_;
    my $pid = fork() // die "fork: $!\n";

    if (!$pid) {
        $run->();
        POSIX::_exit(1);
    }

    push @children, $pid;

    return $pid;
}
