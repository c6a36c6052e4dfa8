#!/usr/bin/perl
#
# The whole product on a real node: images of conf/docker, the files of
# conf/k8s as they are applied, pods that kubelet runs, and clients that come
# from outside.  What differs from conf/k8s is in files() below.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use HTTP::Tiny;
use JSON::PP;
use Test::More;

use lib "$FindBin::Bin/../../lib";
use McpGateway qw(beside new_key);
use McpKube qw(until_true);

plan(skip_all => 'make test-k8s-node runs this') if !$ENV{MCP_NODE};

my $NODE = '10.250.0.1';
my $CLIENTS = 4;

my $repo = abs_path("$FindBin::Bin/../../..");

from_outside();

my $kube = McpKube->start();
my $dir = tempdir(CLEANUP => 1);
my %key;
my @tenants = map { my ($key, $hash) = new_key($_);
                    $key{$_} = $key;
                    {id => $_, namespace => "mcp-$_", image => 'mcp:1',
                     catalog_file => "$_.yaml",
                     api_keys => [{key_hash => $hash, name => 'test'}]} }
              qw(team-a team-b);
my $port;

$kube->import_image("$repo/build/images/$_.tar") for qw(mcp-gateway mcp-tenant);
$kube->image("localhost/mcp:$_", 'mcp', '8080', $_) for 1, 2;

installed();
routed();
apart();
on_demand();
server_rolled();
gateway_rolled();
gateway_killed();
dropped();

done_testing();


# As docs/kubernetes.md has it.
sub installed {
    files();
    $kube->kubectl('apply', '-f', "$dir/k8s/namespace.yaml");
    system("umask 077; '$repo/build/mcp-tenant' session-key"
           . " > '$dir/session.keys'") == 0 or die "no session key\n";
    $kube->kubectl('create', 'secret', 'generic', 'mcp-session-keys', '-n',
                   'mcp-gateway', "--from-file=$dir/session.keys");
    apply_tenants();
    $kube->kubectl('apply', '-k', "$dir/k8s");
    gateway_is_rolled_out();
    pass('the gateway runs as conf/k8s has it');

    ($port) = map { $_->{nodePort} }
              @{$kube->get('service', 'mcp-gateway', 'mcp-gateway')
                     ->{spec}{ports}};

    my @pods = gateways();

    is(scalar @pods, 2, 'two pods of it');
    is(scalar(grep { $_->{user} ne '10001' } map { processes($_) } @pods), 0,
       'nothing in them runs as root');
}


sub routed {
    until_true('requests that reach both pods', sub {
        return keys %{asked('team-a', 10)} == 2;
    });
    pass('a request from outside reaches the pods of the tenant');

    my %answered = %{asked('team-a', 40)};
    my %pods = map { $_->{metadata}{name} => 1 } pods('team-a', 'search');

    is_deeply([grep { !$pods{$_} } keys %answered], [], 'and nothing else');
    is(ask('team-a', key => 'mcpt_none'), '401',
       'nobody comes in without a key');
}


sub apart {
    until_true('an answer of team-b', sub { ask('team-b') =~ /^search-/ });
    like(ask('team-b', key => $key{'team-a'}), qr/^40[134]/,
         'the key of a tenant does not open another');

    my %own = map { $_->{metadata}{name} => 1 } pods('team-b', 'search');

    is_deeply([grep { !$own{$_} } keys %{asked('team-b', 20)}], [],
              'pods of the same name are those of the tenant');

    my $account = 'system:serviceaccount:mcp-team-a:mcp-server';

    is(($kube->try('auth', 'can-i', 'get', 'pods', '-n', 'mcp-team-b',
                   "--as=$account"))[0], 1,
       'and a pod may not look into the namespace of another tenant');
}


sub on_demand {
    is(scalar(pods('team-a', 'rare')), 0, 'a server on demand has no pods');
    like(ask('team-a', server => 'rare'), qr/^rare-/,
         'its first request is answered');
    is(scalar(pods('team-a', 'rare')), 1, 'by a pod that was started for it');
}


# Another image, while clients ask, and one of them has a stream of an old pod.
sub server_rolled {
    my %old = map { $_->{metadata}{name} => $_ } pods('team-a', 'search');
    my $stream = stream_beside('team-a');
    my $held = until_true('a pod that streams', sub {
        return (grep { streams($_) } values %old)[0];
    });
    my $name = $held->{metadata}{name};
    my $load = load('team-a', keep_alive => 1);

    $tenants[0]{image} = 'mcp:2';
    apply_tenants();
    until_true('new pods only', sub {
        my @now = pods('team-a', 'search');

        return @now == 2 && !grep { $old{$_->{metadata}{name}} } @now;
    });
    until_true('answers of new pods only', sub {
        return !grep { $old{$_} } keys %{asked('team-a', 20)};
    });

    my $done = finish_load($load);

    is_deeply($done->{failed}, [], 'none of the calls failed while an image'
              . ' was rolled');
    is_deeply([sort keys %{$done->{versions}}], [1, 2],
              'of which old and new pods answered some');
    diag("$done->{calls} calls while a server was rolled");

    ok($kube->get('pod', $name, "mcp-team-a")->{metadata}{deletionTimestamp},
       'the pod that streams is told to end');
    like(drains(), qr/^[1-9]/, 'kubelet asks a sidecar whether it may');
    ok(streams($held), 'and lets it go on');

    ask_pod($held, '/release');
    is(join('', <$stream>), "$name 1", 'until it gave its answer');
    until_true('the end of the old pods', sub {
        return !grep { $old{$_->{metadata}{name}} }
               all_pods('team-a', 'search');
    });
    pass('after which the old pods go');
}


# Another nginx.conf.
sub gateway_rolled {
    my %old = map { $_->{metadata}{name} => 1 } gateways();
    my $stream = stream_beside('team-a');
    my $held = until_true('a pod that streams', sub {
        return (grep { streams($_) } pods('team-a', 'search'))[0];
    });
    my $load = load('team-a');

    edit('nginx.conf', sub {
        s/worker_connections  4096/worker_connections  2048/;
    });
    $kube->kubectl('apply', '-k', "$dir/k8s");
    gateway_is_rolled_out();
    until_true('the end of a gateway without streams', sub {
        return 1 >= grep { $old{$_->{metadata}{name}} } all_gateways();
    });

    my $done = finish_load($load);

    is_deeply($done->{failed}, [], 'none of the calls failed while the gateway'
              . ' was rolled');
    diag("$done->{calls} calls while the gateway was rolled");

    ask_pod($held, '/release');
    is(join('', <$stream>), "$held->{metadata}{name} 2",
       'a stream of an old gateway goes on to its end');
    until_true('the end of the old gateways', sub {
        return !grep { $old{$_->{metadata}{name}} } all_gateways();
    });
    pass('after which the old gateways go');
}


# NGINX dies in one of two pods; kubelet starts it anew.
sub gateway_killed {
    my ($pod) = gateways();
    my $name = $pod->{metadata}{name};

    kill('KILL', map { $_->{pid} } grep { $_->{name} eq 'nginx' }
                     processes($pod));
    until_true('NGINX anew', sub {
        my $status = $kube->get('pod', $name, 'mcp-gateway')->{status};
        my ($nginx) = grep { $_->{name} eq 'nginx' }
                      @{$status->{containerStatuses}};

        return $nginx->{restartCount} == 1 && $nginx->{ready};
    });

    is(status_of($pod)->{tenants}, 2, 'NGINX that was killed has all tenants');
    until_true('its pods', sub {
        return (status_of($pod)->{endpoints}{sequence} // 0) > 0;
    });
    pass('and knows their pods, from the file that outlived it');
    like(ask('team-a'), qr/^search-/, 'requests go on');
}


sub dropped {
    pop @tenants;
    apply_tenants();
    until_true('the end of a tenant', sub { ask('team-b') =~ /^40[14]/ });
    pass('a tenant that was taken out has no way in');
    until_true('the end of its pods', sub { !all_pods('team-b', 'search') });
    pass('and no pods');
    like(ask('team-a'), qr/^search-/, 'the other stays');
}


# Runs this test anew in a network of its own, with a link to the node's, so
# that requests come in as those of clients do.
sub from_outside {
    return if $ENV{MCP_OUTSIDE};

    $ENV{MCP_OUTSIDE} = 1;
    exec('sh', '-ec', <<'END', 'sh', $^X, $0);
ip netns add client
ip link add client0 type veth peer name client1 netns client
ip addr add 10.251.0.1/24 dev client0
ip link set client0 up
ip -n client link set lo up
ip -n client addr add 10.251.0.2/24 dev client1
ip -n client link set client1 up
ip -n client route add default via 10.251.0.1
exec ip netns exec client "$@"
END
    die "sh: $!\n";
}


# conf/k8s, with a way in from outside, which is the engineer's choice, and the
# budget of a Kubernetes that is older than 1.21.
sub files {
    system('cp', '-R', "$repo/conf/k8s", "$dir/k8s") == 0 or die "cp\n";
    edit('gateway.yaml', sub { $_ = $kube->in_its_version($_) });
    edit('services.yaml', sub {
        s{(spec:\n)(  selector)}{$1  type: NodePort\n$2};
    });
}


# The change is made of $_, and true.
sub edit {
    my ($file, $change) = @_;

    local $_ = McpKube::slurp("$dir/k8s/$file");
    $change->() or die "$file is not what was expected\n";
    McpKube::spill("$dir/k8s/$file", $_);
}


sub apply_tenants {
    my %data = ('tenants.yaml' => encode_json({
        tenants => [map { my %row = %$_; delete $row{image}; \%row } @tenants],
    }));

    for my $tenant (@tenants) {
        my %runtime = (type => 'kubernetes', port => 8080,
                       image => "localhost/$tenant->{image}");

        $data{$tenant->{catalog_file}} = encode_json({servers => [
            {id => 'search', runtime => {%runtime, replicas => 2}},
            {id => 'rare', runtime => {%runtime, activation => 'on_demand'}},
        ]});
    }

    $kube->apply({apiVersion => 'v1', kind => 'ConfigMap', data => \%data,
                  metadata => {name => 'mcp-tenants',
                               namespace => 'mcp-gateway'}});
}


sub gateway_is_rolled_out {
    my $said = '';
    my $is = eval { until_true('the gateway', sub {
        my $deployment = $kube->get('deployment', 'mcp-gateway', 'mcp-gateway');
        my $status = $deployment->{status};

        return ($status->{observedGeneration} // 0)
               == $deployment->{metadata}{generation}
               && ($status->{updatedReplicas} // 0) == 2
               && ($status->{availableReplicas} // 0) >= 2
               && gateways() == 2;
    }) };

    return if $is;

    for my $container (qw(nginx sidecar)) {
        $said .= ($kube->try('logs', '-n', 'mcp-gateway', '-c', $container,
                             '--tail=20', '--prefix', '-l',
                             'app.kubernetes.io/name=mcp-gateway'))[1];
    }

    die "$@", ($kube->try('describe', 'pods', '-n', 'mcp-gateway'))[1], $said;
}


# Pods that are not told to end.
sub gateways { return living(all_gateways()) }

sub pods { return living(all_pods(@_)) }

sub living { return grep { !$_->{metadata}{deletionTimestamp} } @_ }


sub all_gateways {
    return @{$kube->json('get', 'pods', '-n', 'mcp-gateway')->{items}};
}


sub all_pods {
    my ($tenant, $server) = @_;

    return @{$kube->json('get', 'pods', '-n', "mcp-$tenant", '-l',
                         "mcp-tenant.io/server=$server")->{items}};
}


# Those of a pod on the node: {pid, name, user}.
sub processes {
    my ($pod) = @_;
    my @found;

    for my $folder (glob('/proc/[0-9]*')) {
        my $groups = eval { McpKube::slurp("$folder/cgroup") } // '';

        next if $groups !~ /\Q$pod->{metadata}{uid}/;

        my $status = eval { McpKube::slurp("$folder/status") } // next;
        my ($name) = $status =~ /^Name:\s*(\S+)/m;
        my ($user) = $status =~ /^Uid:\s*(\d+)/m;
        my ($number) = $folder =~ /(\d+)$/;

        push @found, {pid => $number, name => $name, user => $user}
            if $name ne 'pause';
    }

    die "no process of $pod->{metadata}{name} was found\n" if !@found;

    return @found;
}


# What NGINX in a gateway says of itself.
sub status_of {
    my ($pod) = @_;
    my $answer = HTTP::Tiny->new(timeout => 5)->get(
        "http://$pod->{status}{podIP}:8081/status");

    return $answer->{success} ? decode_json($answer->{content}) : {};
}


# How many preStop hooks asked the sidecars.
sub drains {
    my $sum = 0;

    for my $pod (gateways()) {
        my $answer = HTTP::Tiny->new(timeout => 5)->get(
            "http://$pod->{status}{podIP}:8082/metrics");

        $sum += $1 if $answer->{content} =~ /^\w+_drains_total (\d+)/m;
    }

    return $sum;
}


# Requests of clients

sub asked {
    my ($tenant, $count) = @_;
    my %answers;

    $answers{ask($tenant)}++ for 1 .. $count;

    return \%answers;
}


# The name of the pod that answered, or the status.
sub ask {
    my ($tenant, %option) = @_;
    my $answer = post($tenant, %option);

    return $answer->{pod} // $answer->{failed};
}


# {pod, version} of an answer, or {failed}.
sub post {
    my ($tenant, %option) = @_;
    my $server = $option{server} // 'search';
    my $method = $option{method} // 'ping';
    my $http = $option{http} // HTTP::Tiny->new(timeout => 50);
    my $answer = $http->request('POST',
        "http://mcp.example.com:$port/tenant/$tenant/servers/$server/mcp", {
            peer => $NODE,
            headers => {
                'Authorization' => 'Bearer ' . ($option{key} // $key{$tenant}),
                'Content-Type' => 'application/json',
                'Accept' => 'application/json, text/event-stream',
            },
            content => qq({"jsonrpc":"2.0","id":1,"method":"$method"}),
        });
    my ($last) = $answer->{content} =~ /(?:.*^data: )?(.*)/ms;
    my $result = (eval { decode_json($last) } // {})->{result};

    return $result if $answer->{status} == 200 && $result->{pod};
    return {failed => $answer->{status} == 599
                      ? "599 $answer->{content}" : $answer->{status}};
}


# From another process: where "POD VERSION" of its answer can be read.
sub stream_beside {
    my ($tenant) = @_;

    return beside(sub {
        my $answer = post($tenant, method => 'stream',
                          http => HTTP::Tiny->new(timeout => 200));

        return join(' ', grep { defined } @{$answer}{qw(pod version failed)});
    });
}


sub streams {
    my ($pod) = @_;

    return scalar grep { $_->{name} eq 'stream' } processes($pod);
}


# Clients that ask until finish_load().
sub load {
    my ($tenant, %option) = @_;
    my $stop = "$dir/stop";

    unlink $stop;

    return [map { beside(sub {
        my (%versions, @failed);
        my $calls = 0;
        my $kept = HTTP::Tiny->new(timeout => 50, keep_alive => 1);

        while (!-e $stop) {
            my $answer = post($tenant, $option{keep_alive}
                                       ? (http => $kept) : ());

            $calls++;
            $versions{$answer->{version}}++ if $answer->{version};
            push @failed, $answer->{failed} if $answer->{failed};
        }

        return encode_json([$calls, \@failed, \%versions]);
    }) } 1 .. $CLIENTS];
}


# What they met: {calls, failed => [...], versions => {VERSION => CALLS}}.
sub finish_load {
    my ($clients) = @_;
    my %sum = (calls => 0, failed => [], versions => {});

    McpKube::spill("$dir/stop", '');

    for my $client (@$clients) {
        my ($calls, $failed, $versions) = @{decode_json(join '', <$client>)};

        $sum{calls} += $calls;
        push @{$sum{failed}}, @$failed;
        $sum{versions}{$_} += $versions->{$_} for keys %$versions;
    }

    return \%sum;
}


sub ask_pod {
    my ($pod, $path) = @_;

    HTTP::Tiny->new(timeout => 5)->get(
        "http://$pod->{status}{podIP}:8080$path");
}
