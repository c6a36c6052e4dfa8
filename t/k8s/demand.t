#!/usr/bin/perl
#
# Servers on demand: two gateways with a sidecar each, one of which leads; a
# real API server with its controllers, and a played node.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpBase qw(free_port now);
use McpGateway qw(new_key serve_pods);
use McpKube qw(own_network until_true);
use McpSidecar qw(differences mcp_server write_files);

plan(skip_all => 'no network of its own') if !own_network();

my $kube = McpKube->start();

plan(skip_all => 'no controllers') if !$kube->has_controllers();

my $program = "$FindBin::Bin/../../build/mcp-tenant";
my $idle = 3;       # seconds
my $started = 'a server on demand is started';
my $stopped = 'a server on demand is stopped';

my $dir = tempdir(CLEANUP => 1);
my $pod_port = free_port();
my ($key, $hash) = new_key('team-a');

serve_pods($dir, $pod_port);

my $node = $kube->node('played', '--ips', '10.77.1.0/24');

write_catalog();

# Not named after the order in which they lead.
my @gateways = map { McpGateway->start($dir, $_) } qw(one two);
my ($leads, $follows) = map { start_sidecar($_) } 0, 1;

stopped_at_first();
first_request();
more_gateways();
stopped_when_idle();
held();
quota();
failed();
slow();
restarted();
taken_over();

done_testing();


sub stopped_at_first {
    until_state('search', 'stopped', 0, 1);
    is(replicas('search'), 0, 'a server on demand has no pod at first');
    ok(!$leads->said($started), 'and nobody starts it');
    is_deeply([differences($kube, "$dir/tenants.yaml")], [],
              'all is as it is rendered');
}


# The gateway that is asked is not the one of the leader.
sub first_request {
    like(ask(1, 'search'), qr/^10\.77\.1\./,
         'the first request starts it, and is answered by the pod');
    $leads->says($started, tenant => 'team-a', server => 'search');
    ok(!$follows->said($started), 'it was the leader who did');

    until_state('search', 'running', 0);
    like(ask(0, 'search'), qr/^10\.77\.1\./, 'which all gateways use then');
    is(replicas('docs'), 0, 'another server stays as it was');
}


# A gateway without requests does not stop what another one uses.
sub more_gateways {
    my ($pod) = pods('search');
    my $until = now() + 2 * $idle;
    my %answers;

    until_true('time in which one gateway is idle', sub {
        $answers{ask(1, 'search')}++;
        select(undef, undef, undef, 0.1);

        return now() > $until;
    });

    is_deeply([keys %answers], [$pod->{status}{podIP}],
              'the pod stays as long as one gateway uses it');
    is(stops(), 0, 'nobody stops it meanwhile');
}


sub stopped_when_idle {
    $leads->says($stopped, tenant => 'team-a', server => 'search');
    until_true('the end of its pods', sub { !pods('search') });
    is(replicas('search'), 0, 'without requests it is stopped');
    until_state('search', 'stopped', 0, 1);
    like(ask(0, 'search'), qr/^10\.77\.1\./, 'and is started anew');
}


# A request that takes longer than the idle time.
sub held {
    my $before = stops();
    my $answer = beside(1, 'search', 'hold');
    my ($file) = until_true('a request that a pod holds', sub {
        return glob("$dir/held-*");
    });
    my ($address) = $file =~ /held-(.*)/;
    my $until = now() + 2 * $idle + 1;

    until_true('time in which it would be idle', sub { now() > $until });

    is(stops(), $before, 'a request in flight is a use');
    McpKube::spill("$dir/release", '');
    is(join('', <$answer>), $address, 'which is answered');
    $leads->says_more($before + 1, $stopped);
    pass('after it the server is idle');
}


# One server at once.
sub quota {
    write_catalog(max_servers => 1);
    until_true('the end of all pods', sub { !pods('search') });
    like(ask(0, 'search'), qr/^10\.77\.1\./, 'one server runs');

    until_state('docs', 'quota_exceeded', 0, 1);
    is_deeply([map { ask($_, 'docs') } 0, 1],
              [('429 server_quota_exceeded') x 2],
              'another one is refused by max_servers');
    is(replicas('docs'), 0, 'and not started');
    until_true('the status that says so', sub {
        return status_of('docs') eq 'quota_exceeded';
    });
    pass('of which the status tells');

    until_state('docs', 'stopped', 1);
    like(ask(1, 'docs'), qr/^10\.77\.1\./,
         'it runs when the first one has stopped');
    until_state('search', 'quota_exceeded', 0);
    write_catalog();
}


# A pod whose image cannot be had.
sub failed {
    until_true('the end of all pods', sub { !pods('search', 'docs') });
    $node->tell('waiting', 'mcp-team-a/search* ImagePullBackOff');

    is(ask(0, 'search'), '503 server_failed',
       'a pod that cannot run ends the wait');
    is($gateways[0]->server('team-a', 'search')->{reason},
       'ImagePullBackOff', 'why is told');
    until_true('the status that says so', sub {
        return status_of('search') eq 'failed';
    });
    like(qx('$program' status --kubeconfig '@{[$kube->kubeconfig()]}'),
         qr/^team-a .* search: ImagePullBackOff$/m, 'and so it is to people');

    $node->tell('ready', 'mcp-team-a/search*');
    until_state('search', 'running', 0);
    like(ask(0, 'search'), qr/^10\.77\.1\./, 'it is used when it can run');
    until_true('the end of all pods', sub { !pods('search') });
}


# A pod that does not become ready in time.
sub slow {
    my $before = $gateways[0]->page('status')->{config}{digest};

    write_catalog(activation_timeout => '1s');
    until_true('the new files in NGINX', sub {
        return !grep { $_->{digest} eq $before }
                     @{$gateways[0]->page('status')->{processes}};
    });
    $node->tell('not-ready', 'mcp-team-a/search*');
    is(ask(0, 'search'), '503 activation_timeout',
       'a request waits for activation_timeout');

    is(state_of(0, 'search'), 'starting', 'while the server is starting');
    $node->tell('ready', 'mcp-team-a/search*');
    until_true('an answer', sub { ask(0, 'search') =~ /^10\.77\.1\./ });
    pass('one that asks again is answered');
    write_catalog();
}


# Whatever starts anew does not take away what is used.
sub restarted {
    until_true('the pod', sub { pods('search') });

    my ($pod) = pods('search');
    my $before = stops();

    $follows->stop('KILL');
    $follows = start_sidecar(1);
    $gateways[1]->restart();
    $kube->kubectl('delete', 'configmap', "mcp-tenant-gateway-gateway-1",
                   '-n', 'mcp-gateway');

    for my $n (0, 1) {
        until_true("what gateway $n needs", sub {
            my $map = $kube->get('configmap',
                                 "mcp-tenant-gateway-gateway-$n",
                                 'mcp-gateway');

            ask($n, 'search');

            return ($map->{data}{demand} // '') =~ /^team-a search used$/m;
        });
    }

    pass('a gateway tells anew what it needs');
    is(stops(), $before, 'nothing was stopped');
    like(ask(1, 'search'), qr/^\Q$pod->{status}{podIP}\E$/,
         'and the pod is the same');
    $leads->says_more($before + 1, $stopped);
}


# The leader dies, and the other one goes on; the request waits for it.
sub taken_over {
    until_true('the end of all pods', sub { !pods('search') });
    $leads->stop('KILL');

    like(ask(1, 'search'), qr/^10\.77\.1\./,
         'a request waits for another leader');
    is(scalar(() = $follows->said($started)), 1, 'who starts the server');
}


sub write_catalog {
    my (%more) = @_;
    my %quotas = map { ($_ => delete $more{$_}) }
                     grep { $more{$_} } qw(max_servers);

    write_files($dir, {
        id => 'team-a', api_keys => [{key_hash => $hash, name => 'test'}],
        servers => [map { mcp_server($_, port => $pod_port, replicas => 1,
                                     activation => 'on_demand',
                                     idle_timeout => "${idle}s",
                                     activation_timeout => '60s', %more) }
                        qw(search docs)],
        %quotas ? (quotas => \%quotas) : (),
    });
}


# Beside a gateway, in a pod that is there for its name.
sub start_sidecar {
    my ($n) = @_;
    my $name = "gateway-$n";

    $kube->try('create', 'namespace', 'mcp-gateway');
    until_true('the pod of a gateway', sub {
        return ($kube->try('run', $name, '-n', 'mcp-gateway',
                           '--image=none'))[0] == 0
               || $kube->get('pod', $name, 'mcp-gateway');
    });

    local $ENV{POD_NAME} = $name;
    local $ENV{POD_UID} =
        $kube->get('pod', $name, 'mcp-gateway')->{metadata}{uid};

    my $sidecar = McpSidecar->start($kube->kubeconfig(), "$dir/tenants.yaml",
                                    '--prune', '--prune-max-share', '100',
                                    $gateways[$n]->options());

    $sidecar->says('this sidecar leads') if $n == 0;

    return $sidecar;
}


sub ask {
    my ($n, $server) = @_;

    return $gateways[$n]->ask(server => $server, key => $key);
}


sub beside {
    my ($n, $server, $method) = @_;

    return $gateways[$n]->ask_beside(server => $server, key => $key,
                                     method => $method);
}


# How often the leader stopped a server.
sub stops { return scalar(my @lines = $leads->said($stopped)) }


# Until all workers of these gateways go by a file that says so: requests are
# decided by what they go by, and not by the file.
sub until_state {
    my ($server, $state, @at) = @_;

    for my $n (@at) {
        $gateways[$n]->enforced('team-a', $server, sub {
            return ($_[0]{state} // '') eq $state;
        });
    }
}


sub state_of {
    my ($n, $server) = @_;

    return $gateways[$n]->server('team-a', $server)->{state} // '';
}


sub replicas {
    my ($server) = @_;

    return $kube->get('deployment', $server, 'mcp-team-a')->{spec}{replicas};
}


sub pods {
    my @servers = @_;
    my $list = $kube->json('get', 'pods', '-n', 'mcp-team-a', '-l',
                           'mcp-tenant.io/server in ('
                           . join(',', @servers) . ')');

    return @{$list->{items}};
}


# The state of a server, as people see it.
sub status_of {
    my ($name) = @_;
    my $map = $kube->get('configmap', 'mcp-tenant-status-default',
                         'mcp-gateway');
    my ($tenant) = @{decode_json($map->{data}{'status.json'})->{tenants}};
    my ($server) = grep { $_->{id} eq $name } @{$tenant->{servers}};

    return $server->{state};
}
