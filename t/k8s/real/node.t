#!/usr/bin/perl
#
# That the real node does what a played one only says.

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use FindBin;
use IO::Socket::INET;
use Test::More;

use lib "$FindBin::Bin/../../lib";
use McpKube qw(random_name until_true);

plan(skip_all => 'make test-k8s-node runs this') if !$ENV{MCP_NODE};

my $kube = McpKube->start();
my $namespace = $kube->namespace();
my $seen = tempdir(CLEANUP => 1);
my $image = 'localhost/web:1';

chmod 0777, $seen;
$kube->image($image, 'web');
$kube->apply(objects());
until_true('two Pods that are ready', sub {
    my $deployment = $kube->get('deployment', 'web', $namespace);

    return ($deployment->{status}{readyReplicas} // 0) == 2;
});
pass('Pods run and pass their readiness probe');

my %pod = map { $_->{metadata}{name} => $_->{status}{podIP} }
              @{$kube->json('get', 'pods', '-n', $namespace)->{items}};

for my $name (sort keys %pod) {
    is(ask("$pod{$name}:8080", '/'), $name, "$name answers at its address");
}

my $service = $kube->get('service', 'web', $namespace)->{spec}{clusterIP};
my %answered;

until_true('an answer of both at the Service', sub {
    my $name = eval { ask("$service:80", '/') };

    $answered{$name} = 1 if defined $name;
    return keys %answered == 2;
});
is_deeply([sort keys %answered], [sort keys %pod],
          'the address of the Service reaches both');

$kube->kubectl('scale', 'deployment/web', '--replicas=0', '-n', $namespace);
until_true('the end of all Pods', sub {
    return !@{$kube->json('get', 'pods', '-n', $namespace)->{items}};
});

for my $name (sort keys %pod) {
    my @lines = split /\n/, McpKube::slurp("$seen/$name");

    # Before 1.26, kubelet puts a slash before the path whatever it is.
    is_deeply([map { s{^//}{/}r } grep { m{^/+stop$|^TERM$} } @lines],
              ['/stop', 'TERM'],
              "$name: its preStop hook is called before SIGTERM")
        or diag(explain(\@lines));
}

done_testing();


# The body of the answer, without its line feed.
sub ask {
    my ($address, $path) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $address, Timeout => 5)
        or die "$address: $@\n";

    print $socket "GET $path HTTP/1.0\r\n\r\n";

    my $said = do { local $/; <$socket> };

    return $said =~ s/^.*\r\n\r\n|\n\z//gsr;
}


sub objects {
    my $labels = {app => 'web'};

    return {
        apiVersion => 'apps/v1', kind => 'Deployment',
        metadata => {name => 'web', namespace => $namespace},
        spec => {
            replicas => 2, selector => {matchLabels => $labels},
            template => {metadata => {labels => $labels}, spec => {
                volumes => [{name => 'seen',
                             hostPath => {path => $seen}}],
                containers => [{
                    name => 'web', image => $image,
                    imagePullPolicy => 'Never',
                    args => ['8080', '/seen/$(NAME)'],
                    env => [{name => 'NAME', valueFrom => {fieldRef => {
                        fieldPath => 'metadata.name',
                    }}}],
                    ports => [{name => 'web', containerPort => 8080}],
                    volumeMounts => [{name => 'seen', mountPath => '/seen'}],
                    readinessProbe => {httpGet => {path => '/ready',
                                                   port => 'web'},
                                       periodSeconds => 1},
                    lifecycle => {preStop => {httpGet => {
                        path => '/stop', port => 'web',
                    }}},
                }],
            }},
        },
    }, {
        apiVersion => 'v1', kind => 'Service',
        metadata => {name => 'web', namespace => $namespace},
        spec => {selector => $labels,
                 ports => [{port => 80, targetPort => 'web',
                            protocol => 'TCP'}]},
    };
}
