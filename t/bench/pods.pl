#!/usr/bin/perl
#
# How long until NGINX goes by a change of a pod, and how long the first request
# of a server on demand takes: pods.pl [CHANGES [STARTS]].  Everything is there,
# API server, controllers, sidecar and NGINX; the pods are those of a played
# node, beside 100 others.

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

my $changes = shift // 100;
my $starts = shift // 10;
my $kube = McpKube->start();
my $dir = tempdir(CLEANUP => 1);
my $port = free_port();
my ($key, $hash) = new_key('team-a');

serve_pods($dir, $port);

my $node = $kube->node('played', '--ips', '10.77.1.0/24');

write_files($dir, {
    id => 'team-a', api_keys => [{key_hash => $hash, name => 'test'}],
    servers => [mcp_server('search', port => $port),
                mcp_server('docs', port => $port, replicas => 1,
                           activation => 'on_demand', idle_timeout => '1s')],
}, map { tenant("other-$_", 5) } 1 .. 10);

my $gateway = McpGateway->start($dir, 'gateway');
my $sidecar = McpSidecar->start($kube->kubeconfig(), "$dir/tenants.yaml",
                                '--no-lease', $gateway->options());

# A played node tells of its pods one after the other.
until_true('all pods', sub {
    return 102 == grep { $_->{status}{podIP} }
                       @{$kube->json('get', 'pods', '-A')->{items}};
});

routed();
started();
is($sidecar->stop(), 0, 'it ends');
done_testing();


sub routed {
    my @pods = pods('search');
    my @ms;

    for my $n (0 .. $changes - 1) {
        my $pod = $pods[$n / 2 % 2];
        my $is_ready = $n % 2;
        my $from = now();

        $node->tell($is_ready ? 'ready' : 'not-ready',
                    "mcp-team-a/$pod->{metadata}{name}");
        $gateway->enforced('team-a', 'search', sub {
            my ($server) = @_;

            return $is_ready == grep { $_ eq "$pod->{status}{podIP}:$port" }
                                     @{$server->{endpoints}};
        });
        push @ms, 1000 * (now() - $from);
    }

    report("NGINX goes by a change of a pod after", @ms);
}


sub started {
    my @ms;

    for (1 .. $starts) {
        until_true('a server without pods', sub {
            return ($gateway->server('team-a', 'docs')->{state} // '')
                   eq 'stopped' && !pods('docs');
        });

        my $from = now();
        my $answer = $gateway->ask(server => 'docs', key => $key);

        die "a request failed: $answer\n" if $answer !~ /^10\.77\./;

        push @ms, 1000 * (now() - $from);
    }

    report('the first request of a server on demand is answered after', @ms);
}


sub report {
    my ($what, @ms) = @_;
    my @sorted = sort { $a <=> $b } @ms;

    diag(sprintf('%s: %.0f ms (p50), %.0f ms (p99), %.0f ms (most) of %d',
                 $what, $sorted[$#sorted / 2], $sorted[$#sorted * 0.99],
                 $sorted[-1], scalar @sorted));
}


sub pods {
    my ($server) = @_;

    return @{$kube->json('get', 'pods', '-n', 'mcp-team-a', '-l',
                         "mcp-tenant.io/server=$server")->{items}};
}
