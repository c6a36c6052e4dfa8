package McpKube;

# A real Kubernetes for a test:
#   my $kube = McpKube->start();
# takes the first of these that is there, and says in a line of TAP which, and
# the server's version:
#   TEST_KUBECONFIG     a user's cluster: nothing is played or broken there
#   KUBEBUILDER_ASSETS  a folder with etcd and kube-apiserver of any version
#   the cache of t/k8s/build, or, when TEST_K8S is "build" or in CI, a build
# Under t/k8s/node it is that real node's cluster.  Without any, the test is
# skipped; in CI and with TEST_K8S that is a failure.
# All but a user's cluster are the test's own, and end with it, however it
# ends.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IPC::Open2;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

use McpBase qw(now);

our @EXPORT_OK = qw(own_network random_name until_true);

my $PATIENCE_SECONDS = 60;

my $here = abs_path(dirname(__FILE__) . '/../k8s');
my $json = JSON::PP->new()->canonical()->allow_nonref();
my $test = $$;

# So that what END does is done.
$SIG{$_} //= sub { exit 1 } for qw(INT TERM HUP);

my @clusters;


# Options: api_only => 1.
sub start {
    my ($class, %option) = @_;
    my $self = bless {namespaces => [], %option}, $class;

    if (defined $ENV{MCP_NODE}) {
        $self->{source} = 'the node of t/k8s/node';
        $self->{dir} = "$ENV{MCP_NODE}/cluster";
        $self->{kubeconfig} = "$self->{dir}/admin.kubeconfig";
        chomp($self->{bin} = `'$here/build' --find`);
        $self->{bin} .= '/bin';
        $self->{kubectl} = "$self->{bin}/kubectl";
        $self->{controllers} = 1;
    }

    elsif (defined $ENV{TEST_KUBECONFIG}) {
        $self->{source} = "TEST_KUBECONFIG=$ENV{TEST_KUBECONFIG}";
        $self->{kubeconfig} = $ENV{TEST_KUBECONFIG};
        $self->{kubectl} = find_kubectl();
    }

    else {
        ($self->{bin}, $self->{source}) = find_bin();
        $self->{kubectl} = -x "$self->{bin}/kubectl" ? "$self->{bin}/kubectl"
                           : find_kubectl();
        $self->start_own();
    }

    push @clusters, $self;

    my $version = $self->raw('/version');

    $self->{version} = $version->{gitVersion};
    ($self->{minor}) = $version->{minor} =~ /^(\d+)/;

    if (defined $ENV{TEST_KUBECONFIG} && !$self->is_own()) {
        my ($status) = $self->try('auth', 'can-i', 'create', 'namespaces',
                                  '--quiet');

        die "the user of TEST_KUBECONFIG may not create namespaces\n"
            if $status != 0;
    }

    diag("Kubernetes $self->{version} of $self->{source}");

    return $self;
}


sub is_own { return defined $_[0]{dir} }

sub dir { return $_[0]{dir} }

sub version { return $_[0]{version} }

# The 20 of 1.20.
sub minor { return $_[0]{minor} }

sub kubeconfig { return $_[0]{kubeconfig} }

# Whether Deployments get Pods, Services get EndpointSlices and so on.
sub has_controllers { return !$_[0]->is_own() || $_[0]{controllers} }


sub find_bin {
    my $assets = $ENV{KUBEBUILDER_ASSETS};
    my $must = $ENV{TEST_K8S} || $ENV{CI};

    return ($assets, "KUBEBUILDER_ASSETS=$assets") if defined $assets;

    chomp(my $built = `'$here/build' --find`);

    return ("$built/bin", 'the cache of t/k8s/build') if $built ne '';

    plan(skip_all => 'no Kubernetes is built: make test-k8s') if !$must;

    chomp($built = `nice '$here/build'`);
    die "Kubernetes could not be built\n" if $built eq '';

    return ("$built/bin", 't/k8s/build, now');
}


sub find_kubectl {
    for my $folder (split /:/, $ENV{PATH}) {
        return "$folder/kubectl" if -x "$folder/kubectl";
    }

    chomp(my $built = `'$here/build' --find`);
    die "no kubectl is in PATH or built\n" if $built eq '';

    return "$built/bin/kubectl";
}


sub start_own {
    my ($self) = @_;
    my $dir = tempdir('mcp-kube-XXXXXX', TMPDIR => 1);
    my @only = $self->{api_only} ? '--api-only' : ();

    $self->{dir} = $dir;
    $self->{kubeconfig} = "$dir/admin.kubeconfig";
    pipe(my $reader, $self->{life}) or die "pipe: $!\n";

    my $child = fork() // die "fork: $!\n";

    if (!$child) {
        open(STDIN, '<&', $reader)
            && open(STDOUT, '>', '/dev/null')
            && exec("$here/cluster", 'up', $dir, '--tied', '--bin',
                    $self->{bin}, @only);
        POSIX::_exit(127);
    }

    close $reader;
    waitpid($child, 0);
    die "no cluster runs with $self->{bin}\n" if $? != 0;
    $self->{controllers} = !$self->{api_only}
                           && -x "$self->{bin}/kube-controller-manager";
}


# kubectl.  What it writes, or dies with what it said.
sub kubectl {
    my ($self, @arguments) = @_;
    my ($status, $out) = $self->try(@arguments);

    die "kubectl @arguments: $out" if $status != 0;

    return $out;
}


# Exit status and all that it says.  The first argument may be the name of
# another kubeconfig: [FILE].
sub try {
    my ($self, @arguments) = @_;
    my $as = ref $arguments[0] ? (shift @arguments)->[0] : $self->{kubeconfig};
    my $pid = open(my $out, '-|') // die "fork: $!\n";

    if (!$pid) {
        open(STDERR, '>&', \*STDOUT)
            && exec($self->{kubectl}, "--kubeconfig=$as",
                    "--cache-dir=" . ($self->{dir} // '/tmp') . '/discovery',
                    '--request-timeout=30s', @arguments);
        POSIX::_exit(127);
    }

    my $said = do { local $/; <$out> } // '';

    close $out;

    return ($? >> 8, $said);
}


sub json {
    my ($self, @arguments) = @_;

    return $json->decode($self->kubectl(@arguments, '-o', 'json'));
}


# GET of a path, as data.
sub raw {
    my ($self, $path) = @_;

    return $json->decode($self->kubectl('get', '--raw', $path));
}


# The object, or undef when there is none.
sub get {
    my ($self, $kind, $name, $namespace) = @_;
    my ($status, $out) = $self->try(
        'get', $kind, $name, '-o', 'json', '--ignore-not-found',
        defined $namespace ? ('-n', $namespace) : ());

    die "kubectl get $kind $name: $out" if $status != 0;

    return $out =~ /\S/ ? $json->decode($out) : undef;
}


# Objects as data, or a text of YAML.
sub apply {
    my ($self, @objects) = @_;
    my $dir = tempdir(CLEANUP => 1);
    my $number = 0;

    for my $object (@objects) {
        spill(sprintf('%s/%03d.%s', $dir, $number++,
                      ref $object ? 'json' : 'yaml'),
              ref $object ? $json->encode($object) : $object);
    }

    return $self->kubectl('apply', '-f', $dir);
}


# A text of YAML with the name that this server has for a PodDisruptionBudget.
sub in_its_version {
    my ($self, $yaml) = @_;

    $yaml =~ s{^apiVersion: policy/v1$}{apiVersion: policy/v1beta1}mg
        if $self->minor() < 21;

    return $yaml;
}


# A new namespace that is ready for Pods; at the end it is deleted where it
# would stay.
sub namespace {
    my ($self) = @_;
    my $name = random_name();

    $self->kubectl('create', 'namespace', $name);
    push @{$self->{namespaces}}, $name;

    return $name if !$self->has_controllers();

    until_true("the service account of namespace $name", sub {
        my $account = $self->get('serviceaccount', 'default', $name);

        return $account && ($self->{minor} >= 24 || $account->{secrets});
    });

    return $name;
}


# Kubeconfigs of others than the administrator, where that is possible.
sub user {
    my ($self, $name, @groups) = @_;

    return $self->cluster('user', $name, @groups);
}


sub account {
    my ($self, $namespace, $name) = @_;

    return $self->cluster('account', $namespace, $name);
}


# A folder as a Pod of that account has at
# /var/run/secrets/kubernetes.io/serviceaccount.
sub account_folder {
    my ($self, $namespace, $name) = @_;
    my $config = $self->account($namespace, $name);
    my $folder = "$self->{dir}/accounts/$namespace.$name";
    my ($token) = slurp($config) =~ /token: (\S+?)\}/;

    make_path($folder);
    spill("$folder/token", $token);
    spill("$folder/namespace", $namespace);
    spill("$folder/ca.crt", slurp("$self->{dir}/pki/ca.crt"));

    return $folder;
}


# stop, cont, kill, restart with etcd, apiserver...; compact; user; account.
sub cluster {
    my ($self, $verb, @arguments) = @_;

    die "not in a user's cluster: $verb @arguments\n" if !$self->is_own();

    open(my $out, '-|', "$here/cluster", $verb, $self->{dir}, @arguments)
        or die "cluster: $!\n";
    my $said = do { local $/; <$out> } // '';

    close($out) or die "cluster $verb @arguments failed\n";
    chomp $said;

    return $said;
}


# An image on the real node, for a Pod with imagePullPolicy: Never, that runs a
# program of t/k8s/real with these arguments.
sub image {
    my ($self, $name, $program, @arguments) = @_;
    my $dir = tempdir(CLEANUP => 1);
    my $source = "$here/real";

    mkdir("$dir/root", 0755) or die "$dir/root: $!\n";
    system('cc', '-O2', '-static', '-D_GNU_SOURCE', '-o',
           "$dir/root/$program", "$source/$program.c", "$source/pod.c") == 0
        && system("$here/image", "$dir/image.tar", $name, "$dir/root",
                  "/$program", @arguments) == 0
        or die "no image $name was made\n";
    $self->import_image("$dir/image.tar");
}


# One of t/k8s/images, say.
sub import_image {
    my ($self, $file) = @_;

    system('sh', '-c', '"$@" > /dev/null', 'sh', "$self->{bin}/ctr", '-a',
           "$ENV{MCP_NODE}/containerd/socket", '-n', 'k8s.io', 'images',
           'import', $file) == 0
        or die "$file was not imported\n";
}


# A played node, see t/k8s/playnode.  tell() takes its orders; waits for
# said() with a pattern see all that it said up to now.
sub node {
    my ($self, $name, @options) = @_;
    my $node = $self->program("$here/playnode", $self->{dir}, $name, @options);

    $node->said_soon(qr/^node /m);

    return $node;
}


# The breaking proxy, see t/k8s/proxy.mjs, with a kubeconfig of its own.
sub proxy {
    my ($self) = @_;
    my $pki = "$self->{dir}/pki";
    my $log = "$self->{dir}/log/proxy" . ($self->{proxies}++ || "");
    my $server = slurp("$self->{dir}/server");
    my $proxy = $self->program("$here/../interop/node", "$here/proxy.mjs",
                               $server, "$pki/ca.crt", "$pki/server.crt",
                               "$pki/server.key", $log);
    my ($port) = $proxy->said_soon(qr/^(\d+)$/m);

    $proxy->{server} = "https://127.0.0.1:$port";
    $proxy->{port} = $port;
    $proxy->{log} = $log;
    $proxy->{said} = '';
    $proxy->{kubeconfig} = $proxy->kubeconfig_of(
        "$self->{dir}/admin-token.kubeconfig", $server);

    return $proxy;
}


sub program {
    my ($self, @command) = @_;

    die "not in a user's cluster: $command[0]\n" if !$self->is_own();

    my $program = bless {said => ''}, 'McpKube::Program';

    $program->{pid} = open2($program->{out}, $program->{in}, @command);
    push @{$self->{programs}}, $program;

    return $program;
}


# Functions

# Calls condition() until it is true and returns what it returned; dies with
# what it waited for.
sub until_true {
    my ($what, $condition) = @_;
    my $until = now() + $PATIENCE_SECONDS;

    while (1) {
        my $result = $condition->();

        return $result if $result;
        die "waited in vain for $what\n" if now() > $until;
        sleep 0.1;
    }
}


# A name that no cluster has yet.
sub random_name {
    return 'mcp-' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 10;
}


# Runs the test anew in a network of its own, where every address of
# 10.77.0.0/16 is this machine's: what a test lets listen there stands for the
# Pods of a played node.  (The API has no loopback addresses in endpoints.)
# False when the kernel or a container forbids that, or in a user's cluster.
sub own_network {
    my @own = ('unshare', '--net');

    return 1 if $ENV{MCP_OWN_NETWORK};
    return 0 if defined $ENV{TEST_KUBECONFIG} || defined $ENV{MCP_NODE};

    push @own, '--user', '--map-root-user' if $> != 0;

    return 0 if system("@own true 2> /dev/null") != 0;

    $ENV{MCP_OWN_NETWORK} = 1;
    exec(@own, 'sh', '-ec', 'ip link set lo up;'
         . 'ip route add local 10.77.0.0/16 dev lo; exec "$@"', 'sh', $^X,
         map({ "-I$_" } grep { !ref } @INC), $0, @ARGV);
    die "unshare: $!\n";
}


sub slurp {
    my ($file) = @_;

    open(my $in, '<', $file) or die "$file: $!\n";
    local $/;

    return scalar <$in>;
}


sub spill {
    my ($file, $text) = @_;

    open(my $out, '>', $file) or die "$file: $!\n";
    print $out $text;
    close($out) or die "$file: $!\n";
}


# Ends what this test's cluster is; in a user's, takes away what was made.
sub finish {
    my ($self) = @_;

    return if $self->{finished}++;

    $_->finish() for @{$self->{programs} // []};

    if ($self->{life}) {
        eval { $self->cluster('down') };
        diag("the cluster did not go: $@") if $@;
        close $self->{life};
        system('rm', '-rf', $self->{dir});

    } else {
        $self->try('delete', 'namespace', $_, '--wait=false')
            for @{$self->{namespaces}};
    }
}


END {
    my $status = $?;

    if ($$ == $test) {
        $_->finish() for @clusters;
    }

    $? = $status;
}


package McpKube::Program;

use IO::Select;
use Test::More;


# What it said up to now.
sub said {
    my ($self, $seconds) = @_;
    my $select = IO::Select->new($self->{out});

    while ($select->can_read($seconds // 0)) {
        last if !sysread($self->{out}, $self->{said}, 65536,
                         length $self->{said});
        $seconds = 0;
    }

    return $self->{said};
}


# Waits until it said that; returns what the pattern caught.
sub said_soon {
    my ($self, $pattern) = @_;
    my @caught;

    McpKube::until_true("a line with $pattern", sub {
        return @caught = $self->said(0.1) =~ $pattern;
    });

    return @caught;
}


sub tell {
    my ($self, @words) = @_;

    local $SIG{PIPE} = 'IGNORE';
    syswrite($self->{in}, "@words\n") or die "it does not listen: $!\n";
}


# An order of the proxy, as data, and its answer.
sub order {
    my ($self, %order) = @_;

    $self->{said} = '';
    $self->tell($json->encode(\%order));

    my ($line) = $self->said_soon(qr/^(.*)\n/);
    my $answer = $json->decode($line);

    die "the proxy says: $answer->{error}\n" if $answer->{error};

    return $answer;
}


sub fault { my $self = shift; return $self->order(do => 'fault', @_)->{fault} }

sub heal { my $self = shift; return $self->order(do => 'heal', @_) }

sub count { return $_[0]->order(do => 'count') }

sub reset { return $_[0]->order(do => 'reset') }


# That kubeconfig, which has a token, with the proxy as its server.
sub kubeconfig_of {
    my ($self, $file, $server) = @_;
    my $text = McpKube::slurp($file);

    $text =~ s/\Qserver: "\E[^"]*"/server: "$self->{server}"/
        or die "$file names no server\n";
    $file .= ".proxy-$self->{port}";
    McpKube::spill($file, $text);

    return $file;
}


sub finish {
    my ($self) = @_;

    close $self->{in};
    kill('TERM', $self->{pid});
    waitpid($self->{pid}, 0);
}


1;
