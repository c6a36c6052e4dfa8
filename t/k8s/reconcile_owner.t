#!/usr/bin/perl
#
# That a sidecar leaves alone what is not its own, deletes only when it was
# asked to, and never much at once; and how it gets at a cluster.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(random_name until_true);
use McpSidecar qw(differences in_step ours reconcile_once tenant versions
                  write_files);

my $kube = McpKube->start(api_only => 1);

plan(skip_all => 'nothing is made or broken in a user\'s cluster')
    if !$kube->is_own();

my $config = $kube->kubeconfig();
my $dir = tempdir(CLEANUP => 1);
my $in_sync = 'the cluster is as the files say';
my $cannot = 'a namespace cannot be made as it should be';

foreign_namespace();
marked_namespace();
instances();
prune();
share();
bad_file();
kubeconfigs();

done_testing();


sub foreign_namespace {
    my $file = write_files($dir, tenant('a', 1), tenant('b', 1));

    $kube->kubectl('create', 'namespace', 'mcp-a');

    my ($status, $said, @log) = reconcile_once($config, $file);
    my ($line) = grep { McpSidecar::matches($_, $cannot) } @log;

    is($status, 1, 'a foreign namespace is a failure');
    is($line->{namespace}, 'mcp-a', 'which names it');
    like($line->{error}, qr/--adopt/, 'and says what to do');
    is(scalar(grep { McpSidecar::matches($_, $cannot) } @log), 1, 'once');
    is_deeply([grep { /mcp-a/ } keys %{ours($kube)}], [],
              'nothing is put into it');
    is_deeply([grep { !/mcp-a/ } differences($kube, $file)], [],
              'another tenant is not held up');

    ($status) = reconcile_once($config, $file, '--adopt', 'mcp-a');
    is($status, 0, '--adopt takes it');
    is_deeply([differences($kube, $file)], [], 'and makes it as render says');

    ($status) = reconcile_once($config, $file);
    is($status, 0, 'it is ours from then on');
}


# Labels are put onto things too easily to prove whose they are.
sub marked_namespace {
    my $file = write_files($dir, tenant('marked', 1));

    $kube->apply(marked('Namespace', 'mcp-marked'));

    my ($status, $said, @log) = reconcile_once($config, $file);

    is($status, 1, 'a namespace with our labels is not ours');
    is($kube->get('quota', 'mcp-tenant', 'mcp-marked'), undef,
       'nothing is put into it');
    ($status) = reconcile_once($config, $file, '--adopt', 'mcp-marked');
    is($status, 0, 'but may be adopted');
    is_deeply([differences($kube, $file, extra => 1)], [],
              'and made as render says');
}


sub instances {
    my $file = write_files($dir, tenant('a', 1));
    my @other = ('--instance', 'other', '--prune', '--prune-max-share',
                 '100', '--namespace-grace', '0');
    my $before = versions($kube);
    my ($status) = reconcile_once($config, $file, @other);

    is($status, 1, 'the namespace of another instance is foreign');

    $file = write_files($dir, tenant('o', 1));
    ($status) = reconcile_once($config, $file, @other);
    is($status, 0, 'an instance of its own works');
    is_deeply(versions($kube), $before, 'and touches no other');
    is_deeply([differences($kube, $file, instance => 'other',
                           render => ['--instance', 'other'])], [],
              'it has its objects');

    $before = versions($kube, 'other');
    $file = write_files($dir, tenant('a', 1), tenant('b', 1));
    ($status) = reconcile_once($config, $file, '--prune',
                               '--prune-max-share', '100');
    is($status, 0, 'nor does ours, when it deletes');
    is_deeply(versions($kube, 'other'), $before, 'delete anything of it');
}


sub prune {
    my $file = write_files($dir, tenant('p', 3));
    my @at = ('-n', 'mcp-p');

    reconcile_once($config, $file);
    $kube->apply(marked('Deployment', 'copied', namespace => 'mcp-p'));
    $kube->kubectl('create', 'service', 'clusterip', 'theirs', '--tcp=80',
                   @at);

    $file = write_files($dir, tenant('p', 2));

    my ($status, $said, @log) = reconcile_once($config, $file);

    is($status, 0, 'a server less');
    ok($kube->get('deployment', 's3', 'mcp-p'),
       'stays without --prune');
    ok((grep { McpSidecar::matches($_, 'objects stay that nobody asks for') }
             @log), 'as the log tells');

    ($status) = reconcile_once($config, $file, '--prune');
    is($status, 0, '--prune');
    is_deeply([map { $kube->get($_, 's3', 'mcp-p') }
                   qw(deployment service poddisruptionbudget)],
              [undef, undef, undef], 'deletes all of it');
    ok($kube->get('deployment', 's2', 'mcp-p'), 'and no other');
    ok($kube->get('deployment', 'copied', 'mcp-p'),
       'nor what has the labels and no recorded owner');
    ok($kube->get('service', 'theirs', 'mcp-p'), 'nor what is foreign');
}


sub share {
    my $file = write_files($dir, tenant('p', 3), tenant('q', 5));
    my @options = ('--prune', '--prune-max-share', '10');

    reconcile_once($config, $file);

    my $before = versions($kube);

    $file = write_files($dir, tenant('p', 1), tenant('q', 1));

    my ($status, $said, @log) = reconcile_once($config, $file, @options);

    is($status, 0, 'much that nobody asks for any more');
    is_deeply([grep { !ours($kube)->{$_} } keys %$before], [],
              'stays when it is too much at once');
    ok((grep { McpSidecar::matches($_, 'objects stay that nobody asks for',
                                   why => qr/--prune-max-share/) } @log),
       'as the log tells');

    ($status) = reconcile_once($config, $file, '--prune', '--prune-max-share',
                               '100');
    is_deeply([grep { / mcp-[pq].s[2-5]$/ } keys %{ours($kube)}], [],
              'and goes when that is allowed');
}


sub bad_file {
    my $file = write_files($dir, tenant('p', 1));
    my $sidecar = McpSidecar->start($config, $file, '--no-lease', '--prune',
                                    '--prune-max-share', '100');

    $sidecar->says($in_sync);

    my $before = versions($kube);
    my $bad = 'the files have mistakes, the last good ones stay in force';

    McpSidecar::replace($file, "tenants:\n  - id: [p]\n");

    my $line = $sidecar->says($bad);

    like($line->{first}, qr/tenants\.yaml:2:\d+: found/,
         'a bad file is told of');
    McpSidecar::replace($file, "tenants:\n  - id: \"p\n");
    McpSidecar::replace("$dir/catalogs/p.yaml", 'servers: 7');

    # Another good file shows that both were read.
    write_files($dir, tenant('p', 1), tenant('q', 2));
    is_deeply([in_step($kube, $file, extra => 1)], [], 'a good one is taken');
    is(scalar($sidecar->said($bad)) <= 2, 1, 'it was not told of often');

    my $after = versions($kube);

    is_deeply({map { ($_ => $after->{$_}) } grep { /mcp-p/ } keys %$after},
              {map { ($_ => $before->{$_}) } grep { /mcp-p/ } keys %$before},
              'nothing was done meanwhile');
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


sub kubeconfigs {
    my $file = write_files($dir, tenant('p', 1), tenant('k', 1));
    my ($status, $said, @log);

    ($status) = reconcile_once("$kube->{dir}/admin-token.kubeconfig", $file);
    is($status, 0, 'a token lets it in');

    local $ENV{KUBECONFIG} = $config;
    ($status) = reconcile_once(undef, $file);
    is($status, 0, '$KUBECONFIG with a certificate, too');

    my $user = $kube->user('nobody', 'guests');

    ($status, $said, @log) = reconcile_once($user, $file);
    is($status, 1, 'a user without rights fails') or diag(explain(\@log));
    like(join('', map { $_->{error} // '' } @log), qr/forbidden/,
         'and is told so');

    ($status, $said, @log) = reconcile_once("$dir/none", $file);
    is($status, 1, 'no kubeconfig');
    like($log[0]{msg}, qr/\Q$dir\E\/none/, 'is named');

    rotated_token($file);
}


# A token that no longer holds, until its file has another.
sub rotated_token {
    my ($file) = @_;
    my $text = McpKube::slurp("$kube->{dir}/admin-token.kubeconfig");
    my ($token) = $text =~ /token: (\S+?)\}/;

    $text =~ s/token: \S+?\}/tokenFile: "$dir\/token"}/;
    McpKube::spill("$dir/kubeconfig", $text);
    McpSidecar::replace("$dir/token", 'expired');

    my $sidecar = McpSidecar->start("$dir/kubeconfig", $file, '--no-lease');
    my $line = $sidecar->says('the API server cannot be used');

    like($line->{error}, qr/Unauthorized/, 'an expired token is told of');
    McpSidecar::replace("$dir/token", $token);
    $sidecar->says($in_sync);
    pass('its file is read again');

    McpSidecar::replace("$dir/token", 'expired');
    write_files($dir, tenant('p', 2), tenant('k', 1));
    $sidecar->says($cannot, error => qr/Unauthorized/);
    unlike(McpKube::slurp($sidecar->{log}), qr/\Q$token\E/,
           'no token is in the log');
    McpSidecar::replace("$dir/token", $token);
    is_deeply([in_step($kube, $file, extra => 1)], [],
              'a rotated token is taken');
    is($sidecar->stop(), 0, 'SIGTERM ends it');
}


# An object with our labels, and nothing that says who made it.
sub marked {
    my ($kind, $name, %metadata) = @_;
    my $object = {
        apiVersion => $kind eq 'Deployment' ? 'apps/v1' : 'v1',
        kind => $kind,
        metadata => {
            name => $name, %metadata,
            labels => {'app.kubernetes.io/managed-by' => 'mcp-tenant',
                       'mcp-tenant.io/instance' => 'default'},
        },
    };

    return $object if $kind ne 'Deployment';

    $object->{spec} = {
        selector => {matchLabels => {app => $name}},
        template => {
            metadata => {labels => {app => $name}},
            spec => {containers => [{name => 'a', image => 'a:1'}]},
        },
    };

    return $object;
}
