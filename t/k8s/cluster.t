#!/usr/bin/perl
#
# That the clusters which other tests rely on are what they say.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use IO::Socket::INET;
use POSIX ();
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(own_network random_name until_true);

my $here = $FindBin::Bin;
my $can_listen = own_network();
my $kube = McpKube->start();

like($kube->version(), qr/^v1\.\d+\.\d+/, 'it says its version');

my $namespace = $kube->namespace();

if ($kube->is_own()) {
    SKIP: {
        skip('no controllers', 9) if !$kube->has_controllers();
        deployment();
        terminations();
    }

    access();
    admission();
    faults();
    compaction();
    nothing_stays();
}

done_testing();


sub deployment {
    my $node = $kube->node('played-1', '--ips', '10.77.1.1,10.77.1.2');

    $kube->apply(objects(2));
    until_true('two Pods that are ready', sub { ready_count() == 2 });
    pass('a Deployment becomes available on a played node');
    is_deeply([until_endpoints(2)], ['10.77.1.1', '10.77.1.2'],
              'its EndpointSlice has the addresses that were given');

    my ($pod) = map { $_->{metadata}{name} }
                    @{$kube->json('get', 'pods', '-n', $namespace)->{items}};
    my $address = $kube->get('pod', $pod, $namespace)->{status}{podIP};

    $node->tell('not-ready', "$namespace/$pod");
    isnt((until_endpoints(1))[0], $address,
         'a Pod that is not ready is not an endpoint');
    $node->tell('ready', "$namespace/*");
    is(scalar(until_endpoints(2)), 2, 'until it is again');

    $node->tell('waiting', "$namespace/$pod", 'CrashLoopBackOff');
    until_true('the reason', sub {
        my $status = $kube->get('pod', $pod, $namespace)->{status};
        my $state = $status->{containerStatuses}[0]{state};

        return ($state->{waiting}{reason} // '') eq 'CrashLoopBackOff'
               && !$state->{running};
    });
    pass('a container that waits says why');
    $node->tell('ready', "$namespace/*");

    $kube->kubectl('scale', 'deployment/web', '--replicas=0', '-n',
                   $namespace);
    until_true('no Pods', sub {
        return !@{$kube->json('get', 'pods', '-n', $namespace)->{items}};
    });
    pass('Pods that are deleted go');
    $node->finish();
}


sub terminations {
    my $name = random_name();
    my $node = $kube->node('played-2', '--ips', '10.77.2.1');

    $kube->kubectl('cordon', 'played-1');

    SKIP: {
        skip('no network of its own can be had here', 3) if !$can_listen;

        my $hook = IO::Socket::INET->new(LocalAddr => '10.77.2.1:8080',
                                         Listen => 5, ReuseAddr => 1,
                                         Timeout => 60)
            or die "10.77.2.1:8080: $!\n";

        $kube->apply(pod($name, lifecycle => {preStop => {httpGet => {
            path => '/stop?now', port => 'web',
        }}}));
        until_true('a Pod that is ready', sub { is_ready($name) });
        $kube->kubectl('delete', 'pod', $name, '-n', $namespace,
                       '--wait=false');

        my $call = $hook->accept() or die "no hook was called\n";
        my $line = <$call>;

        like($line, qr{^GET //?stop\?now HTTP/1.1\r\n},
             'a preStop hook is called');
        ok($kube->get('pod', $name, $namespace), 'the Pod waits for it');
        print $call "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        close $call;
        $node->said_soon(qr/^gone .*\Q$name\E$/m);
        like($node->said(), qr/^prestop .*\Q$name\E 200$/m,
             'and goes when it was answered');
    }

    $name = random_name();
    $kube->apply(pod($name));
    until_true('a Pod that is ready', sub { is_ready($name) });
    $node->tell('hold', "$namespace/$name");
    $kube->kubectl('delete', 'pod', $name, '-n', $namespace, '--wait=false',
                   '--grace-period=3600');
    $node->said_soon(qr/^stopping .*\Q$name\E /m);
    $node->tell('release', "$namespace/$name");
    $node->said_soon(qr/^gone .*\Q$name\E$/m);
    pass('a held Pod goes when it is released');
    $node->finish();
}


sub access {
    my $stranger = $kube->user('stranger', 'guests');
    my @ask = ('get', 'configmaps', '-n', $namespace);
    my ($status, $said) = $kube->try([$stranger], @ask);

    isnt($status, 0, 'a user without a binding is refused');
    like($said, qr/Forbidden.*User "stranger"/, 'by its name');

    $kube->kubectl('create', 'role', 'guests', '--verb=list',
                   '--resource=configmaps', '-n', $namespace);
    $kube->kubectl('create', 'rolebinding', 'guests', '--role=guests',
                   '--group=guests', '-n', $namespace);
    until_true('the binding', sub {
        return ($kube->try([$stranger], @ask))[0] == 0;
    });
    pass('a binding of its group lets it in');

    $kube->kubectl('create', 'serviceaccount', 'probe', '-n', $namespace);

    my $account = $kube->account($namespace, 'probe');

    like(($kube->try([$account], @ask))[1],
         qr/User "system:serviceaccount:$namespace:probe"/,
         'a service account is known by its token');

    my $folder = $kube->account_folder($namespace, 'probe');

    is_deeply([sort map { s{.*/}{}r } glob("$folder/*")],
              ['ca.crt', 'namespace', 'token'],
              'its folder is like that of a Pod');

    my $token = $kube->dir() . '/admin-token.kubeconfig';

    is(($kube->try([$token], @ask))[0], 0, 'the administrator has a token');
    is((stat $token)[2] & 077, 0, 'which is for this user only');
}


sub admission {
    return if !$kube->has_controllers();

    $kube->kubectl('create', 'quota', 'none', '--hard=count/secrets=1', '-n',
                   $namespace);
    until_true('the quota', sub {
        return $kube->get('quota', 'none', $namespace)->{status}{used};
    });

    # An account's own token is the first where accounts have such.
    my @said = map {
        ($kube->try('create', 'secret', 'generic', $_, '-n', $namespace))[1]
    } qw(one two);

    like($said[1], qr/exceeded quota/, 'a quota holds');
    $kube->kubectl('delete', 'quota', 'none', '-n', $namespace);

    my $node = $kube->user('system:node:other', 'system:nodes');

    # The node is there from deployment().
    like(($kube->try([$node], 'label', 'node', 'played-1', 'a=b'))[1],
         qr/forbidden/i, 'a node may not change another');
}


sub faults {
    my $name = random_name();
    my $old = $kube->raw("/api/v1/namespaces/$namespace/configmaps");

    $kube->kubectl('create', 'configmap', $name, '-n', $namespace);
    $kube->cluster('kill', 'apiserver');
    isnt(($kube->try('get', 'namespaces'))[0], 0, 'a killed server is away');
    $kube->cluster('restart', 'apiserver');
    ok($kube->get('configmap', $name, $namespace),
       'after a restart all is there');

    my $version = $old->{metadata}{resourceVersion};
    my $event = $kube->raw("/api/v1/namespaces/$namespace/configmaps?watch=1"
                           . "&resourceVersion=$version&timeoutSeconds=5");

    is($event->{type}, 'ERROR', 'a watch from before is refused');
    is($event->{object}{code}, 410, 'as gone');

    $kube->cluster('stop', 'etcd');
    isnt(($kube->try('create', 'configmap', "$name-2", '-n', $namespace,
                     '--request-timeout=2s'))[0], 0,
         'no write without etcd');
    $kube->cluster('cont', 'etcd');
    until_true('a write', sub {
        return ($kube->try('create', 'configmap', random_name(), '-n',
                           $namespace))[0] == 0;
    });
    pass('until it goes on');
}


sub compaction {
    my $path = "/api/v1/namespaces/$namespace/configmaps?limit=1";
    my $next = $kube->raw($path)->{metadata}{continue};

    $kube->kubectl('create', 'configmap', random_name(), '-n', $namespace);
    is($kube->raw("$path&continue=$next")->{kind}, 'ConfigMapList',
       'a list goes on at its old version');
    $kube->cluster('compact');
    like(($kube->try('get', '--raw', "$path&continue=$next"))[1],
         qr/Expired|too old|410/, 'but not after a compaction');
}


sub nothing_stays {
    my $bin = $kube->{bin};
    my $dir = tempdir(CLEANUP => 1);
    my @up = ('sh', '-c', 'exec "$@" > "$0" 2>&1', "$dir/said",
              "$here/cluster", 'up');
    my @api = ('--api-only', '--bin', $bin);

    is(system(@up, "$dir/a", @api), 0, 'another cluster starts');
    is(scalar(processes("$dir/a")), 3, 'with three processes');
    isnt(system(@up, "$dir/a", @api), 0, 'but not twice in one folder');
    is(system("$here/cluster", 'down', "$dir/a"), 0, 'it ends');
    is(scalar(processes("$dir/a")), 0, 'and leaves none');

    is(system(@up, "$dir/b", @api), 0, 'another starts');

    my ($head) = grep { comm($_) !~ /^(?:etcd|kube)/ } processes("$dir/b");

    kill('KILL', $head);
    until_true('the end of all', sub { !processes("$dir/b") });
    pass('all end when the one that watches them is killed');

    pipe(my $reader, my $writer) or die "pipe: $!\n";
    my $child = fork() // die "fork: $!\n";

    if (!$child) {
        open(STDIN, '<&', $reader)
            && close($writer)
            && exec(@up, "$dir/c", '--tied', @api);
        POSIX::_exit(127);
    }

    waitpid($child, 0);
    is(scalar(processes("$dir/c")), 3, 'a tied one starts');
    close $writer;
    until_true('its end', sub { !processes("$dir/c") && !-e "$dir/c" });
    pass('and ends with the test, its folder too');
}


# What runs in a folder.
sub processes {
    my ($folder) = @_;

    return grep { (readlink("/proc/$_/cwd") // '') eq $folder }
                map { m{(\d+)} } glob('/proc/[0-9]*');
}


sub comm {
    my ($pid) = @_;

    open(my $in, '<', "/proc/$pid/comm") or return '';

    return scalar(<$in>) // '';
}


sub ready_count {
    my $deployment = $kube->get('deployment', 'web', $namespace);

    return $deployment->{status}{readyReplicas} // 0;
}


sub is_ready {
    my ($name) = @_;
    my $pod = $kube->get('pod', $name, $namespace);

    return grep { $_->{type} eq 'Ready' && $_->{status} eq 'True' }
                @{$pod->{status}{conditions} // []};
}


# Addresses of the ready endpoints, when they are so many.
sub until_endpoints {
    my ($count) = @_;
    my @addresses;

    until_true("$count endpoints", sub {
        my $slices = $kube->json('get', 'endpointslices', '-n', $namespace,
                                 '-l', 'kubernetes.io/service-name=web');

        @addresses = map { @{$_->{addresses}} }
                     grep { $_->{conditions}{ready} }
                     map { @{$_->{endpoints} // []} } @{$slices->{items}};

        return @addresses == $count;
    });

    @addresses = sort @addresses;

    return @addresses;
}


sub objects {
    my ($replicas) = @_;
    my $template = pod('unused');

    delete $template->{metadata}{name};

    return {
        apiVersion => 'apps/v1', kind => 'Deployment',
        metadata => {name => 'web', namespace => $namespace},
        spec => {replicas => $replicas,
                 selector => {matchLabels => {app => 'web'}},
                 template => {metadata => {labels => {app => 'web'}},
                              spec => $template->{spec}}},
    }, {
        apiVersion => 'v1', kind => 'Service',
        metadata => {name => 'web', namespace => $namespace},
        spec => {selector => {app => 'web'},
                 ports => [{port => 80, targetPort => 'web',
                            protocol => 'TCP'}]},
    };
}


sub pod {
    my ($name, %more) = @_;

    return {
        apiVersion => 'v1', kind => 'Pod',
        metadata => {name => $name, namespace => $namespace},
        spec => {containers => [{
            name => 'web', image => 'played/web:1',
            ports => [{name => 'web', containerPort => 8080}], %more,
        }]},
    };
}
