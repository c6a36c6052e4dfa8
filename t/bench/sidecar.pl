#!/usr/bin/perl
#
# What a sidecar costs that has nothing to do: sidecar.pl [TENANTS [SECONDS]].
# By /proc, of 100 tenants with 5 servers each, over 60 seconds.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use POSIX qw(sysconf _SC_CLK_TCK);
use Test::More;
use Time::HiRes qw(sleep);

use lib "$FindBin::Bin/../lib";
use McpBase qw(now);
use McpKube;
use McpSidecar qw(tenant write_files);

my $tenants = shift // 100;
my $seconds = shift // 60;
my $kube = McpKube->start(api_only => 1);
my $file = write_files(tempdir(CLEANUP => 1),
                       map { tenant("t$_", 5) } 1 .. $tenants);
my $from = now();
my $sidecar = McpSidecar->start($kube->kubeconfig(), $file, '--no-lease');

sleep 1 while $sidecar->runs()
              && !$sidecar->said('the cluster is as the files say');

diag(sprintf('%d tenants are made within %.0f s', $tenants, now() - $from));
sleep 5;

my ($before) = $sidecar->costs();

sleep $seconds;

my ($after, $rss) = $sidecar->costs();

diag(sprintf('at rest: %.2f %% of a core, %.1f MiB',
             100 * ($after - $before) / sysconf(_SC_CLK_TCK) / $seconds,
             $rss / 1024));
is($sidecar->stop(), 0, 'it ends');
done_testing();
