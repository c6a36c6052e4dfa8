#!/usr/bin/perl
#
# That a sidecar comes to the same end whatever breaks on the way, and deletes
# nothing that it should not: its connection, the API server, itself.
# SCALE=full: killed after each of its writes.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(until_true);
use McpSidecar qw(differences in_step mcp_server ours reconcile_once rendered
                  tenant versions write_files);

my $is_full = ($ENV{SCALE} // '') eq 'full';
my $kube = McpKube->start(api_only => 1);

plan(skip_all => 'nothing is broken in a user\'s cluster')
    if !$kube->is_own();

my $proxy = $kube->proxy();
my $config = $proxy->{kubeconfig};
my $dir = tempdir(CLEANUP => 1);
my $in_sync = 'the cluster is as the files say';
my @options = ('--no-lease', '--prune', '--prune-max-share', '100');

killed();
failures();
watches();
restart();

done_testing();


# After the first, the second... write.
sub killed {
    my $count = 0;

    for my $after (map { $is_full ? $_ : 3 * $_ - 2 } 1 .. 1000) {
        my $end = killed_after($after);

        last if !$end;

        $count++;
        is_deeply([differences($kube, $end)], [],
                  "another one ends what was killed after $after writes");
    }

    cmp_ok($count, '>', 3, 'it was killed in the middle');
}


# The file, or nothing when there were not so many writes.
sub killed_after {
    my ($after) = @_;

    $kube->kubectl('delete', 'deployments,services,networkpolicies', '-l',
                   'app.kubernetes.io/managed-by=mcp-tenant', '-n', $_)
        for map { m{^Namespace /(.*)} } keys %{ours($kube)};

    my $file = write_files($dir, tenant('k', 1), tenant('l', 1));

    # No answer to a write after those that it was to make, so that it cannot
    # be faster than who kills it.
    my $fault = $proxy->fault(kind => 'stall', write => \1, after => $after - 1,
                              path => '^(?!.*/(?:configmaps|events)\b)');
    my $sidecar = McpSidecar->start($config, $file, @options);
    my $struck;

    until_true("$after writes", sub {
        $struck = $proxy->count()->{faults}{$fault};

        return $struck || $sidecar->said($in_sync);
    });

    $sidecar->stop('KILL');
    $proxy->heal();
    return if !$struck;

    my ($status, $said, @log) = reconcile_once($config, $file, '--prune');

    is($status, 0, 'a new one ends well') or diag(explain(\@log));

    return $file;
}


# Nearly every third call fails, and others are cut or slow.
sub failures {
    my $file = write_files($dir, tenant('k', 2), tenant('f', 3));
    my $before = ours($kube);

    my $fault = $proxy->fault(kind => 'status', status => 500, percent => 30);

    $proxy->fault(kind => 'cut', percent => 10, watch => \0);
    $proxy->fault(kind => 'delay', ms => 200, percent => 20);

    my $sidecar = McpSidecar->start($config, $file, @options,
                                    '--namespace-grace', '86400');

    is_deeply([in_step($kube, $file, dropped => ['mcp-l'])], [],
              'it comes to its end when calls fail');
    ok(ours($kube)->{'Namespace /mcp-l'}, 'a dropped namespace is there');

    write_files($dir, tenant('k', 1), tenant('f', 3), tenant('l', 1));
    is_deeply([in_step($kube, $file)], [], 'and follows the files');
    cmp_ok($proxy->count()->{faults}{$fault}, '>', 3, 'calls did fail');
    $proxy->heal();
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


sub watches {
    my $file = write_files($dir, tenant('k', 1), tenant('f', 1),
                           tenant('l', 1));
    my $sidecar = McpSidecar->start($config, $file, @options);

    $sidecar->says($in_sync);
    is_deeply([in_step($kube, $file)], [], 'it begins well');

    my $uids = uids();

    for my $kind (qw(gone half)) {
        my $fault = $proxy->fault(kind => $kind, watch => \1);

        # For those that are open, the next event ends them.
        $kube->kubectl('annotate', '--overwrite', 'deployment/s1', 'a=1',
                       '-n', 'mcp-f');
        $proxy->heal(fault => $fault);
        scaled("after watches that ended with \"$kind\"");
    }

    $kube->cluster('compact');
    $proxy->fault(kind => 'refuse');
    $kube->kubectl('scale', 'deployment/s1', '--replicas=9', '-n', 'mcp-f');
    $kube->kubectl('annotate', 'namespace/mcp-f', 'a=b');
    $kube->cluster('compact');
    $proxy->heal();
    repaired('after a compaction while it was away');
    scaled('and goes on then');
    is_deeply(uids(), $uids, 'nothing was deleted and made anew');

    # What a write answers is news, too.
    $proxy->fault(kind => 'stall', watch => \1);
    write_files($dir, tenant('k', 3), tenant('f', 1), tenant('l', 1));
    is_deeply([in_step($kube, $file)], [],
              'it follows the files while watches stall');
    write_files($dir, tenant('k', 1), tenant('f', 1), tenant('l', 1));
    is_deeply([in_step($kube, $file)], [], 'also when something is to go');
    is_deeply(uids(), $uids, 'which is nothing else');
    $proxy->heal();
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


# The API server dies in the middle of the work.
sub restart {
    my $file = write_files($dir, tenant('k', 1), tenant('f', 1),
                           tenant('l', 1));
    my $sidecar = McpSidecar->start($kube->kubeconfig(), $file, @options);

    $sidecar->says($in_sync);

    my $uids = uids();

    write_files($dir, tenant('k', 4), tenant('f', 4), tenant('l', 4));
    $sidecar->says('apply', why => 'missing');
    $kube->cluster('kill', 'apiserver');
    $sidecar->says(qr/cannot be/);
    $kube->cluster('restart', 'apiserver');
    is_deeply([in_step($kube, $file)], [],
              'it goes on when the API server is there again');

    my $after = uids();

    is_deeply({map { ($_ => $after->{$_}) } keys %$uids}, $uids,
              'nothing was deleted and made anew');
    is($sidecar->stop(), 0, 'SIGTERM ends it');

    $kube->cluster('kill', 'apiserver');
    $sidecar = McpSidecar->start($kube->kubeconfig(), $file, @options);
    $sidecar->says('the API server cannot be used');
    $kube->cluster('restart', 'apiserver');
    $sidecar->says($in_sync);
    pass('one that starts without an API server waits for it');
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


sub scaled {
    my ($what) = @_;

    $kube->kubectl('scale', 'deployment/s1', '--replicas=9', '-n', 'mcp-f');
    repaired($what);
}


sub repaired {
    my ($what) = @_;
    my $replicas;

    eval {
        until_true('the repair', sub {
            $replicas = $kube->get('deployment', 's1', 'mcp-f')
                        ->{spec}{replicas};

            return $replicas == 2;
        });
    };

    is($replicas, 2, "drift is repaired $what");
}


sub uids {
    my $ours = ours($kube);

    return {map { ($_ => $ours->{$_}{metadata}{uid}) } keys %$ours};
}
