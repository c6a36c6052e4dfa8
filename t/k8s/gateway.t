#!/usr/bin/perl
#
# All of it together: files, sidecar, a real API server, NGINX, and requests
# that find the pods.  What listens on the addresses of a played node stands
# for the pods; each says which it is.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpBase qw(free_port now);
use McpGateway qw(new_key serve_pods);
use McpKube qw(own_network until_true);
use McpSidecar qw(mcp_server tenant write_files);

plan(skip_all => 'no network of its own') if !own_network();

my $kube = McpKube->start();

plan(skip_all => 'no controllers') if !$kube->has_controllers();

my $dir = tempdir(CLEANUP => 1);
my $pod_port = free_port();
my ($key, $hash) = new_key('team-a');

serve_pods($dir, $pod_port);

my $node = $kube->node('played', '--ips', '10.77.1.0/24');

write_catalog(image => 'registry.example.com/search:1');

my $gateway = McpGateway->start($dir, 'gateway');

like(ask(), qr/^503/, 'before the sidecar is there no pod');

my $sidecar = start_sidecar();

routed();
not_ready();
more();
rolled();
drained();
outage();
dropped();

done_testing();


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
    my $answer = $gateway->ask_beside(server => 'search', key => $key,
                                      method => 'hold');
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

    $sidecar->signal('TERM');
    $until = now() + 3;
    until_true('time for a sidecar to go', sub { now() > $until });
    unlike($node->said(), qr/gone mcp-team-a\/\Q$name\E/,
           'also when the sidecar that kubelet asks is told to end');

    McpKube::spill("$dir/release", '');
    is(join('', <$answer>), $address, 'which is answered');
    until_true('the end of the pod', sub {
        return $node->said(0.1) =~ /gone mcp-team-a\/\Q$name\E/;
    });
    like($node->said(), qr/^prestop mcp-team-a\/\Q$name\E 200$/m,
         'and then it goes');
    is($sidecar->ends(), 0, 'and so does the sidecar, which had to say it');
    $sidecar = start_sidecar();
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
    until_true('the end of a tenant', sub { ask() =~ /^401/ });
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
                             '100', $gateway->options(), $gateway->drain());
}


sub pods {
    my $list = $kube->json('get', 'pods', '-n', 'mcp-team-a', '-l',
                           'mcp-tenant.io/server=search');

    return grep { !$_->{metadata}{deletionTimestamp} } @{$list->{items}};
}


# Waits until all workers go by a file with the address, or without.
sub enforced {
    my ($address, $is_there) = @_;

    $gateway->enforced('team-a', 'search', sub {
        my ($server) = @_;

        return (grep { $_ eq "$address:$pod_port" } @{$server->{endpoints}})
               == $is_there;
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
sub ask { return $gateway->ask(server => 'search', key => $key) }
