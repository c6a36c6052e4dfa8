#!/usr/bin/perl
#
# That a cluster becomes what the files say, and stays so: from nothing, after
# edits, after drift, and nothing else is touched.  SCALE=full: the numbers of
# a large installation.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use List::Util qw(first shuffle);
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(random_name until_true);
use McpSidecar qw(differences in_step mcp_server ours reconcile_once rendered
                  tenant versions write_files);

my $is_full = ($ENV{SCALE} // '') eq 'full';
my ($tenants, $servers, $edits) = $is_full ? (20, 5, 50) : (5, 2, 15);
my $seed = $ENV{SEED} // int(rand(1 << 30));
my $kube = McpKube->start(api_only => 1);

plan(skip_all => 'nothing is made or broken in a user\'s cluster')
    if !$kube->is_own();

my $config = $kube->kubeconfig();
my $dir = tempdir(CLEANUP => 1);
my $in_sync = 'the cluster is as the files say';

diag("SEED=$seed");
srand($seed);

from_nothing();
edits();
drift();

done_testing();


sub from_nothing {
    my $file = write_files($dir, first_tenants());
    my $count = keys %{rendered($kube, $file)};
    my ($status, $said, @log) = reconcile_once($config, $file, '--dry-run');

    is($status, 0, 'a dry run ends well');
    is(scalar(() = $said =~ /^(?:create|apply) /mg), $count,
       'it tells of every object');
    is_deeply(ours($kube), {}, 'and makes none');

    ($status, $said, @log) = reconcile_once($config, $file);
    is($status, 0, 'the cluster is made') or diag(explain(\@log));
    is_deeply([differences($kube, $file)], [], 'as render says');
    is(writes(@log), $count, 'with one write for each object');

    my $before = versions($kube);

    ($status, $said, @log) = reconcile_once($config, $file);
    is($status, 0, 'a second pass ends well');
    is(writes(@log), 0, 'and writes nothing');
    is_deeply(versions($kube), $before, 'no object has another version');

    ($status, $said) = reconcile_once($config, $file, '--dry-run');
    is($said, "nothing to do\n", 'a dry run says so');
}


sub edits {
    my @tenants = first_tenants();
    my $file = write_files($dir, @tenants);
    my $sidecar = McpSidecar->start($config, $file, '--no-lease', '--prune',
                                    '--prune-max-share', '100');
    my (@dropped, @done);

    $sidecar->says($in_sync);

    for my $number (1 .. $edits) {
        push @done, edit(\@tenants, \@dropped);
        write_files($dir, @tenants);

        next if $number % 5;

        my @different = in_step($kube, $file,
                                dropped => [map { "mcp-$_->{id}" } @dropped]);

        is_deeply(\@different, [], "it follows $number edits")
            or return diag(join("\n", @done));
    }

    my $before = versions($kube);

    is($sidecar->stop(), 0, 'SIGTERM ends it');
    is(scalar(grep { ($_->{level} // 'none') !~ /info|warn/ }
                   $sidecar->lines()), 0, 'no error was met');

    my ($status, $said, @log) = reconcile_once($config, $file, '--prune');

    is(writes(@log), 0, 'nothing is left to do then');
    is_deeply(versions($kube), $before, 'no object has another version');
}


# One random edit; returns what it was.
sub edit {
    my ($tenants, $dropped) = @_;
    my $tenant = $tenants->[rand @$tenants];
    my $servers = $tenant->{servers};
    my $server = $servers->[rand @$servers];
    my $runtime = $server->{runtime};
    my $number = int(rand(1000));
    my @edits = (
        image => sub { $runtime->{image} = "registry.example.com/x:$number" },
        replicas => sub { $runtime->{replicas} = 1 + $number % 3 },
        env => sub { $runtime->{env}{"E$number"} = "$number" },
        'no env' => sub { delete $runtime->{env} },
        'more servers' => sub { push @$servers, mcp_server("n$number") },
        'fewer servers' => sub { pop @$servers if @$servers > 1 },
        subjects => sub {
            $tenant->{rbac_subjects} = [map { {kind => 'User', name => $_} }
                                            ("u$number", 'ann')];
        },
        'no subjects' => sub { delete $tenant->{rbac_subjects} },
        quotas => sub {
            $tenant->{quotas} = {max_servers => 1 + $number % 4,
                                 memory => "${\($number + 1)}Mi"};
        },
        egress => sub {
            $runtime->{egress} = [{cidr => "203.0.113.${\($number % 256)}/32",
                                   ports => [443, 1 + $number]}];
        },
        'no egress' => sub { delete $runtime->{egress} },
        dropped => sub {
            push @$dropped, splice(@$tenants, rand @$tenants, 1)
                if @$tenants > 2;
        },
        returned => sub { push @$tenants, pop @$dropped if @$dropped },
    );
    my $choice = 2 * int(rand(@edits / 2));

    $edits[$choice + 1]->();

    return "$edits[$choice] of $tenant->{id}/$server->{id} ($number)";
}


sub drift {
    my $file = write_files($dir, tenant('drift', 1, rbac_subjects => [
        {kind => 'User', name => 'ann'},
    ]));
    my $sidecar = McpSidecar->start($config, $file, '--no-lease');
    my @at = ('-n', 'mcp-drift');
    my $drifts = 0;

    $sidecar->says($in_sync);

    my @drifts = (
        'another scale', ['scale', 'deployment/s1', '--replicas=7', @at],
        'another image', ['set', 'image', 'deployment/s1', 'server=evil:1',
                          @at],
        'another container', json_patch('deployment/s1', add =>
            '/spec/template/spec/containers/-',
            {name => 'more', image => 'evil:1'}),
        'an init container', json_patch('deployment/s1', add =>
            '/spec/template/spec/initContainers',
            [{name => 'first', image => 'evil:1'}]),
        'the network of the node', json_patch('deployment/s1', add =>
            '/spec/template/spec/hostNetwork', JSON::PP::true),
        'more rights', json_patch('deployment/s1', add =>
            '/spec/template/spec/containers/0/securityContext/capabilities/'
            . 'add', ['SYS_ADMIN']),
        'a variable', ['set', 'env', 'deployment/s1', 'A=b', @at],
        'another command', json_patch('deployment/s1', add =>
            '/spec/template/spec/containers/0/command', ['evil']),
        'a policy for other pods', json_patch('networkpolicy/default-deny',
            add => '/spec/podSelector/matchLabels', {a => 'b'}),
        'a way in', json_patch('networkpolicy/default-deny', add =>
            '/spec/ingress', [{}]),
        'a wider way in', json_patch('networkpolicy/allow-gateway', remove =>
            '/spec/ingress/0/from/0/podSelector'),
        'a way in from elsewhere', json_patch('networkpolicy/allow-gateway',
            add => '/spec/ingress/0/from/-', {podSelector => {}}),
        'a laxer namespace', ['label', 'namespace/mcp-drift',
            'pod-security.kubernetes.io/enforce-'],
        'a privileged namespace', ['label', '--overwrite',
            'namespace/mcp-drift',
            'pod-security.kubernetes.io/enforce=privileged'],
        'a namespace without its label', ['label', 'namespace/mcp-drift',
            'app.kubernetes.io/managed-by-'],
        'an object without its label', ['label', 'deployment/s1',
            'mcp-tenant.io/instance-', @at],
        'an object without its owner', ['annotate', 'resourcequota/mcp-tenant',
            'mcp-tenant.io/owner-', @at],
        'a laxer quota', json_patch('resourcequota/mcp-tenant', add =>
            '/spec/hard/pods', '1000'),
        'another member', json_patch('rolebinding/mcp-tenant-member', add =>
            '/subjects/-', {kind => 'User', name => 'eve',
                            apiGroup => 'rbac.authorization.k8s.io'}),
        'another selector', json_patch('service/s1', add =>
            '/spec/selector/a', 'b'),
        map({ ("no $_", ['delete', $_, @at]) }
            'deployment/s1', 'service/s1', 'networkpolicy/default-deny',
            'rolebinding/mcp-tenant-member', 'resourcequota/mcp-tenant'),
    );

    my $before = contents();

    while (my ($what, $command) = splice(@drifts, 0, 2)) {
        my @different;

        $kube->kubectl(@$command);
        $drifts++;

        eval {
            until_true('the repair', sub {
                my $now = contents();

                return !(@different = grep { ($now->{$_} // '')
                                             ne ($before->{$_} // '') }
                                           keys %{{%$now, %$before}});
            });
        };

        is_deeply(\@different, [], "$what is repaired");
    }

    is($sidecar->stop(), 0, 'SIGTERM ends it');
    cmp_ok(scalar($sidecar->said('apply', why => qr/^(?:drifted|missing)$/)),
           '>=', $drifts, 'as its log tells');
}


# All of ours in the namespace, without what only the server writes.
sub contents {
    my $ours = ours($kube);
    my %text;

    for my $name (grep { m{ (?:mcp-drift/|/mcp-drift$)} } keys %$ours) {
        my $object = $ours->{$name};

        delete $object->{status};
        delete @{$object->{metadata}}{qw(managedFields resourceVersion uid
                                         generation creationTimestamp
                                         selfLink)};
        $text{$name} = JSON::PP->new()->canonical()->encode($object);
    }

    return \%text;
}


sub json_patch {
    my ($what, $op, $path, @value) = @_;
    my %patch = (op => $op, path => $path);

    $patch{value} = $value[0] if @value;

    return ['patch', $what, '--type=json', '-n', 'mcp-drift', '-p',
            JSON::PP->new()->allow_nonref()->encode([\%patch])];
}


sub first_tenants {
    return map {
        tenant("t$_", $servers, $_ % 2 ? ()
               : (rbac_subjects => [{kind => 'Group', name => "g$_"}],
                  quotas => {max_servers => 9, cpu => 8, memory => '16Gi'}))
    } 1 .. $tenants;
}


sub writes {
    my $verb = qr{^(?:create|apply|delete|announce|recall)$};

    return scalar(grep { $_->{msg} =~ $verb } @_);
}
