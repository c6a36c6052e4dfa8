#!/usr/bin/perl
#
# How namespaces end and return, and that a broken one holds up no other: with
# the controllers that a whole cluster has.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(until_true);
use McpSidecar qw(differences in_step ours reconcile_once tenant
                  write_files);

my $kube = McpKube->start();

plan(skip_all => 'nothing is broken in a user\'s cluster')
    if !$kube->is_own();
plan(skip_all => 'no controllers') if !$kube->has_controllers();

my $config = $kube->kubeconfig();
my $dir = tempdir(CLEANUP => 1);
my $in_sync = 'the cluster is as the files say';
my $cannot = 'a namespace cannot be made as it should be';
my $after = 'mcp-tenant.io/delete-after';
my @options = ('--no-lease', '--prune', '--prune-max-share', '100');

recalled();
ended();
stuck();
refused();

done_testing();


sub recalled {
    my $file = write_files($dir, tenant('a', 1), tenant('b', 1));
    my $sidecar = McpSidecar->start($config, $file, @options);

    $sidecar->says($in_sync);
    is_deeply([in_step($kube, $file)], [], 'it begins well');

    my $uid = $kube->get('namespace', 'mcp-b')->{metadata}{uid};

    write_files($dir, tenant('a', 1));
    is_deeply([in_step($kube, $file, dropped => ['mcp-b'])], [],
              'the namespace of a dropped tenant keeps its walls only');

    my $said = $kube->get('namespace', 'mcp-b')->{metadata}{annotations};

    like($said->{$after}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
         'and says when it ends');

    write_files($dir, tenant('a', 1), tenant('b', 1));
    is_deeply([in_step($kube, $file)], [], 'a tenant returns');

    my $metadata = $kube->get('namespace', 'mcp-b')->{metadata};

    is($metadata->{annotations}{$after}, undef, 'its end is called off');
    is($metadata->{uid}, $uid, 'in the namespace that it had');
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


sub ended {
    my $file = write_files($dir, tenant('a', 1));
    my $sidecar = McpSidecar->start($config, $file, @options,
                                    '--namespace-grace', '1');

    until_true('the end of the namespace', sub {
        return !$kube->get('namespace', 'mcp-b');
    });
    pass('a namespace ends after its grace period');
    ok($kube->get('namespace', 'mcp-a'), 'and no other');

    write_files($dir, tenant('a', 1), tenant('b', 1));
    is_deeply([in_step($kube, $file)], [], 'a tenant may return after that');
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


# A namespace that ends and cannot, for what is in it.
sub stuck {
    my $file = write_files($dir, tenant('a', 1), tenant('b', 1));

    $kube->apply({
        apiVersion => 'v1', kind => 'ConfigMap',
        metadata => {name => 'stays', namespace => 'mcp-b',
                     finalizers => ['example.com/stays']},
    });
    $kube->kubectl('delete', 'namespace', 'mcp-b', '--wait=false');

    my $sidecar = McpSidecar->start($config, $file, '--no-lease');
    my $line = $sidecar->says($cannot, namespace => 'mcp-b');

    like($line->{error}, qr/being deleted/, 'a namespace that ends is told of');
    write_files($dir, tenant('a', 2), tenant('b', 1));
    until_true('the other tenant', sub {
        return !grep { !/mcp-b/ } differences($kube, $file);
    });
    pass('another is not held up');
    ok(!$sidecar->said($in_sync), 'nor is all said to be well');

    $kube->kubectl('patch', 'configmap', 'stays', '-n', 'mcp-b',
                   '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    is_deeply([in_step($kube, $file)], [], 'it is made anew when it is gone');
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


# Objects that the API server does not take.
sub refused {
    my $file = write_files($dir, tenant('a', 2), tenant('b', 1));

    $kube->apply({
        apiVersion => 'v1', kind => 'ResourceQuota',
        metadata => {name => 'none', namespace => 'mcp-b'},
        spec => {hard => {'count/deployments.apps' => '1'}},
    });
    until_true('the quota', sub {
        return $kube->get('quota', 'none', 'mcp-b')->{status}{used};
    });

    my $sidecar = McpSidecar->start($config, $file, '--no-lease');

    write_files($dir, tenant('a', 3), tenant('b', 3), tenant('c', 1));

    my $line = $sidecar->says($cannot, namespace => 'mcp-b');

    like($line->{error}, qr/exceeded quota/, 'a refused object is told of');
    until_true('the other tenants', sub {
        return !grep { !/mcp-b/ } differences($kube, $file);
    });
    pass('others are not held up');

    until_true('all else of that tenant', sub {
        return !grep { !/^Deployment mcp-b/ } differences($kube, $file);
    });
    pass('nor is the rest of its own tenant');

    $kube->kubectl('delete', 'quota', 'none', '-n', 'mcp-b');
    is_deeply([in_step($kube, $file)], [], 'it goes on when that is over');
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}
