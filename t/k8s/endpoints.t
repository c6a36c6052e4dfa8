#!/usr/bin/perl
#
# Where the pods of a real cluster are, as the sidecar writes it, while they
# come and go and while somebody of the tenant writes what he likes.
# t/k8s/pods_follow.c is the part of the sidecar that does so.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use HTTP::Tiny;
use JSON::PP;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(random_name until_true);

my $repo = "$FindBin::Bin/../..";
my $follow = "$repo/build/obj/t/k8s/pods_follow";
my $cli = "$repo/build/mcp-tenant";

plan skip_all => 'nothing is built: make test-k8s' if !-x $follow || !-x $cli;

my $kube = McpKube->start();

plan skip_all => 'no node is played in a user\'s cluster' if !$kube->is_own();
plan skip_all => 'no controllers' if !$kube->has_controllers();

my $dir = tempdir('mcp-endpoints-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $node = $kube->node('played', '--ips', '10.77.1.0/24');
my $file = "$dir/endpoints.json";
my $status = "$dir/status.json";
my $namespace = 'mcp-team-a';

files();
say_status(0);

my $program = $kube->program($follow, $kube->kubeconfig(),
                             "$dir/tenants.yaml", 'default', $file, $status);

$program->said_soon(qr/^listen \d+$/m);

my ($port) = $program->said() =~ /^listen (\d+)$/m;
my $url = "http://127.0.0.1:$port";
my $http = HTTP::Tiny->new(timeout => 60);

comes();
forged();
drains();
follows_restart();

done_testing();


sub files {
    write_file('tenants.yaml', join('', map {
        "  - id: team-$_\n    catalog_file: $_.yaml\n"
    } 'a', 'b') =~ s/^/tenants:\n/r);

    for my $team ('a', 'b') {
        write_file("$team.yaml", <<'END');
servers:
  - id: search
    runtime:
      type: kubernetes
      image: example.com/search:1
      port: 8080
      replicas: 2
END
    }
}


sub comes {
    apply();

    my $found = until_server('team-a', sub { @{$_->{endpoints}} == 2 });

    like($found->{endpoints}[0], qr/^10\.77\.1\.\d+:8080$/,
         'pods of a Deployment are endpoints');
    is($found->{state}, 'running', 'their server runs');
    until_server('team-b', sub { @{$_->{endpoints}} == 2 });
    is($http->get("$url/readyz")->{status}, 200, 'the sidecar is ready');

    my ($name) = pods_of('team-a');

    $node->tell('not-ready', "$namespace/$name");
    until_server('team-a', sub { @{$_->{endpoints}} == 1 });
    pass('a pod that is not ready is none');
    $node->tell('ready', "$namespace/$name");
    until_server('team-a', sub { @{$_->{endpoints}} == 2 });
    pass('until it is again');
}


sub forged {
    my ($victim) = @{server('team-b')->{endpoints}};
    my $address = $victim =~ s/:\d+$//r;

    $kube->apply(forged_slice($address, random_name()),
                 labelled_pod('mcp-team-b'));

    # what comes after it in the same watches was seen with it
    my ($name) = pods_of('team-a');

    $node->tell('not-ready', "$namespace/$name");
    until_server('team-a', sub { @{$_->{endpoints}} == 1 });
    $node->tell('ready', "$namespace/$name");
    my $found = until_server('team-a', sub { @{$_->{endpoints}} == 2 });

    ok(!(grep { $_ eq $victim } @{$found->{endpoints}}),
       'a slice with the address of another tenant changes nothing');
    until_true('the pod with labels of another tenant', sub {
        my $pod = $kube->get('pod', 'labelled', 'mcp-team-b');

        return ($pod->{status}{phase} // '') eq 'Running';
    });
    is(scalar(@{server('team-a')->{endpoints}}), 2,
       'nor does a pod with its labels elsewhere');
    is(scalar(@{server('team-b')->{endpoints}}), 2,
       'which is no endpoint of its own tenant, either');
}


sub drains {
    apply('--drain', "127.0.0.1:$port");

    my $found = until_server('team-a', sub { @{$_->{draining}} > 0 });
    my $draining = $found->{draining}[0];

    unlike(join(' ', @{$found->{endpoints}}), qr/\Q$draining\E/,
           'a pod that ends drains, and is no endpoint');
    until_rolled('team-a');

    # the new pods have the hook
    my ($pod) = pods_of('team-a');
    my $ip = $kube->get('pod', $pod, $namespace)->{status}{podIP};

    $kube->kubectl('delete', 'pod', $pod, '-n', $namespace, '--wait=false');
    until_server('team-a', sub { grep { $_ eq "$ip:8080" }
                                      @{$_->{draining}} });
    say_status(sequence(), "$ip:8080" => 3);
    until_server('team-a', sub { @{$_->{endpoints}} == 2 });
    pass('another one takes its place');
    $program->said_soon(qr{^holds mcp-team-a/search$}m);
    unlike($node->said(0.1), qr/^gone \S*\Q$pod\E$/m,
           'with a request in flight it stays');
    say_status(sequence(), "$ip:8080" => 0);
    $node->said_soon(qr/^gone .*\Q$pod\E$/m);
    like($node->said(), qr/^prestop .*\Q$pod\E 200$/m,
         'without one kubelet is answered, and it ends');
    unlike($program->said(0.1), qr/timed out/, 'before its time was over');
    until_server('team-a', sub { @{$_->{draining}} == 0 });
    pass('what is gone does not drain');
}


sub follows_restart {
    my $before = content($file);

    $program->finish();
    $program = $kube->program($follow, $kube->kubeconfig(),
                              "$dir/tenants.yaml", 'default', $file, $status);
    $program->said_soon(qr/^listen \d+$/m);
    ($port) = $program->said() =~ /^listen (\d+)$/m;
    until_true('the sidecar to be ready again', sub {
        $http->get("http://127.0.0.1:$port/readyz")->{status} == 200;
    });
    is(content($file), $before, 'another start leaves the file as it is');
}


# A change of the label makes Kubernetes roll the Deployments.
sub apply {
    my (@options) = @_;

    open(my $out, '-|', $cli, 'render', @options, "$dir/tenants.yaml")
        or die "$cli: $!\n";

    my $yaml = do { local $/; <$out> };

    close $out or die "render failed\n";
    $kube->apply($kube->in_its_version($yaml));
}


sub forged_slice {
    my ($address, $name) = @_;

    return {
        apiVersion => $kube->minor() >= 21 ? 'discovery.k8s.io/v1'
                                           : 'discovery.k8s.io/v1beta1',
        kind => 'EndpointSlice', addressType => 'IPv4',
        metadata => {
            name => $name, namespace => $namespace, labels => labels(
                'kubernetes.io/service-name' => 'search',
                'endpointslice.kubernetes.io/managed-by' =>
                    'endpointslice-controller.k8s.io'),
        },
        endpoints => [{addresses => [$address],
                       conditions => {ready => JSON::PP::true}}],
        ports => [{name => 'mcp', port => 8080, protocol => 'TCP'}],
    };
}


sub labelled_pod {
    my ($place) = @_;

    return {
        apiVersion => 'v1', kind => 'Pod',
        metadata => {name => 'labelled', namespace => $place,
                     labels => labels()},
        spec => {containers => [{name => 'x', image => 'example.com/x'}]},
    };
}


sub labels {
    return {
        'app.kubernetes.io/managed-by' => 'mcp-tenant',
        'mcp-tenant.io/instance' => 'default',
        'mcp-tenant.io/tenant' => 'team-a',
        'mcp-tenant.io/server' => 'search', @_,
    };
}


sub pods_of {
    my ($tenant) = @_;
    my $list = $kube->json('get', 'pods', '-n', "mcp-$tenant", '-l',
                           "mcp-tenant.io/tenant=$tenant");

    return map { $_->{metadata}{name} }
               grep { !$_->{metadata}{deletionTimestamp} } @{$list->{items}};
}


sub until_rolled {
    my ($tenant) = @_;

    until_true('the roll to end', sub {
        say_status(sequence());
        my $object = $kube->get('deployment', 'search', "mcp-$tenant");
        my $list = $kube->json('get', 'pods', '-n', "mcp-$tenant");

        return ($object->{status}{updatedReplicas} // 0) == 2
               && ($object->{status}{replicas} // 0) == 2
               && $object->{status}{observedGeneration}
                  == $object->{metadata}{generation}
               && @{$list->{items}} == 2;
    });
}


# What NGINX says: requests in flight by address.
sub say_status {
    my ($sequence, %in_flight) = @_;

    write_file('status.json', encode_json({endpoints => {
        sequence => $sequence + 0,
        draining => [map {
            {tenant => 'team-a', server => 'search', address => $_,
             in_flight => $in_flight{$_}}
        } sort keys %in_flight],
    }}));
}


sub written {
    return -e $file ? decode_json(content($file)) : {};
}


sub sequence { return written()->{sequence} }


sub server {
    my ($tenant) = @_;

    return written()->{tenants}{$tenant}{servers}{search}
           // {endpoints => [], draining => []};
}


sub until_server {
    my ($tenant, $condition) = @_;
    my $found;

    until_true("endpoints of $tenant", sub {
        $found = server($tenant);
        local $_ = $found;

        return $condition->();
    });

    return $found;
}


sub content {
    my ($name) = @_;

    open(my $in, '<', $name) or die "$name: $!\n";
    local $/;

    return scalar <$in>;
}


sub write_file {
    my ($name, $text) = @_;

    open(my $out, '>', "$dir/$name.new") or die "$dir/$name: $!\n";
    print $out $text;
    close $out or die "$dir/$name: $!\n";
    rename "$dir/$name.new", "$dir/$name" or die "$dir/$name: $!\n";
}
