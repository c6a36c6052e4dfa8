package McpSidecar;

# A running "mcp-tenant reconcile", the files that it follows, and whether a
# cluster is what they say:
#   my $sidecar = McpSidecar->start($kubeconfig, $file, @options);
#   $sidecar->says('this sidecar leads');
#   is_deeply([differences($kube, $file)], []);
# The files are written as JSON, which is YAML.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX ();
use Time::HiRes qw(sleep);

use McpBase qw(now);
use McpKube qw(until_true);

our @EXPORT_OK = qw(differences in_step mcp_server ours reconcile_once
                    rendered tenant versions write_files);

my $program = abs_path(dirname(__FILE__) . '/../../build/mcp-tenant');
my $json = JSON::PP->new()->canonical()->allow_nonref();
my $pretty = JSON::PP->new()->canonical()->pretty();
my $kinds = 'namespaces,resourcequotas,limitranges,networkpolicies,'
            . 'serviceaccounts,rolebindings,services,poddisruptionbudgets,'
            . 'deployments';
my $test = $$;
my @running;


sub start {
    my ($class, $kubeconfig, $file, @options) = @_;
    my $self = bless {log => tempdir(CLEANUP => 1) . '/log'}, $class;

    $self->{pid} = fork() // die "fork: $!\n";

    if (!$self->{pid}) {
        open(STDERR, '>', $self->{log})
            && open(STDOUT, '>', '/dev/null')
            && exec($program, 'reconcile', '--kubeconfig', $kubeconfig,
                    @options, $file);
        POSIX::_exit(127);
    }

    push @running, $self;

    return $self;
}


sub pid { return $_[0]{pid} }


# Its log up to now: each line as data, or {msg => LINE} when it is no JSON.
sub lines {
    my ($self) = @_;

    return read_log($self->{log});
}


sub read_log {
    my ($file) = @_;

    return () if !-e $file;

    return map { eval { $json->decode($_) } // {msg => $_} }
               split /(?<=\n)/, McpKube::slurp($file);
}


# Those lines of its log with that message, a text or a pattern, whose fields
# are so.
sub said {
    my ($self, $message, %field) = @_;

    return grep { matches($_, $message, %field) } $self->lines();
}


sub matches {
    my ($line, $message, %field) = @_;

    return 0 if ref $message ? $line->{msg} !~ $message
                             : $line->{msg} ne $message;

    for my $name (keys %field) {
        my $value = $line->{$name} // '';

        return 0 if ref $field{$name} ? $value !~ $field{$name}
                                      : $value ne $field{$name};
    }

    return 1;
}


# Waits for the first such line, and returns it.
sub says {
    my ($self, $message, %field) = @_;
    my ($line) = $self->says_more(1, $message, %field);

    return $line;
}


# Waits until there are so many.
sub says_more {
    my ($self, $count, $message, %field) = @_;
    my @lines;

    until_true("\"$message\" in the log of a sidecar", sub {
        @lines = $self->said($message, %field);

        die 'the sidecar ended: ' . McpKube::slurp($self->{log})
            if @lines < $count && !$self->runs();

        return @lines >= $count;
    });

    return @lines;
}


sub runs {
    my ($self) = @_;

    if (!$self->{over} && waitpid($self->{pid}, POSIX::WNOHANG()) != 0) {
        $self->{over} = 1;
        $self->{status} = $?;
    }

    return !$self->{over};
}


# A signal, which may be to stop it for a while.
sub signal {
    my ($self, $name) = @_;

    kill($name, $self->{pid}) if !$self->{over};
}


# Ends it; its exit status, or the signal as a negative number.
sub stop {
    my ($self, $name) = @_;

    $self->signal($name // 'TERM');

    return $self->ends();
}


# Waits until it ended by itself.
sub ends {
    my ($self) = @_;

    if (!$self->{over}) {
        until_true('the end of a sidecar', sub { !$self->runs() });
    }

    return $self->{status} & 127 ? -($self->{status} & 127)
                                 : $self->{status} >> 8;
}


# utime + stime in ticks, and VmRSS in KiB.
sub costs {
    my ($self) = @_;
    my $stat = McpKube::slurp("/proc/$self->{pid}/stat");
    my @field = split ' ', $stat =~ s/^.*\) //r;
    my ($rss) = McpKube::slurp("/proc/$self->{pid}/status")
                =~ /^VmRSS:\s+(\d+)/m;

    return ($field[11] + $field[12], $rss);
}


# Functions

# One run with --once: exit status, what it printed, lines of its log.
sub reconcile_once {
    my ($kubeconfig, $file, @options) = @_;
    my $log = tempdir(CLEANUP => 1) . '/log';
    my $pid = open(my $out, '-|') // die "fork: $!\n";

    if (!$pid) {
        open(STDERR, '>', $log)
            && exec($program, 'reconcile', '--once', '--no-lease',
                    defined $kubeconfig ? ('--kubeconfig', $kubeconfig) : (),
                    @options, $file);
        POSIX::_exit(127);
    }

    my $said = do { local $/; <$out> } // '';

    close $out;

    return ($? >> 8, $said, read_log($log));
}


# Writes tenants.yaml and catalogs below a folder, each file whole or not at
# all, and returns the name of the first.  A tenant has what tenants.yaml has,
# and servers.
sub write_files {
    my ($dir, @tenants) = @_;
    my @rows;

    make_path("$dir/catalogs");

    for my $tenant (@tenants) {
        my %row = %$tenant;
        my $servers = delete $row{servers};

        if ($servers) {
            $row{catalog_file} = "catalogs/$row{id}.yaml";
            replace("$dir/$row{catalog_file}",
                    $pretty->encode({servers => $servers}));
        }

        push @rows, \%row;
    }

    replace("$dir/tenants.yaml", $pretty->encode({tenants => \@rows}));

    return "$dir/tenants.yaml";
}


sub replace {
    my ($file, $text) = @_;

    return if -e $file && McpKube::slurp($file) eq $text;

    McpKube::spill("$file.new", $text);
    rename("$file.new", $file) or die "$file: $!\n";
}


# A tenant with servers 1 to COUNT.
sub tenant {
    my ($id, $count, %more) = @_;

    return {id => $id, servers => [map { mcp_server("s$_") } 1 .. $count],
            %more};
}


sub mcp_server {
    my ($id, %more) = @_;

    return {id => $id, runtime => {type => 'kubernetes', port => 8080,
                                   image => "registry.example.com/$id:1",
                                   replicas => 2, %more}};
}


# What render says, by "KIND NAMESPACE/NAME".
sub rendered {
    my ($kube, $file, @options) = @_;
    my $dir = tempdir(CLEANUP => 1);

    open(my $in, '-|', 'sh', '-c', 'exec "$@" 2> "$0"', "$dir/warnings",
         $program, 'render', @options, $file) or die "render: $!\n";
    my $text = do { local $/; <$in> } // '';

    close($in) or die "render failed\n";
    return {} if $text !~ /\S/;

    McpKube::spill("$dir/all.yaml", $kube->in_its_version($text));

    my $rendered = by_name(
        map { $_->{kind} eq 'List' ? @{$_->{items}} : $_ }
            all_json($kube->kubectl('create', '--dry-run=client',
                                    '--validate=false', '-o', 'json', '-f',
                                    "$dir/all.yaml")));

    # What was applied has the other version in its hash.
    if ($kube->minor() < 21) {
        delete $rendered->{$_}{metadata}{annotations}{'mcp-tenant.io/applied'}
            for grep { /^PodDisruptionBudget / } keys %$rendered;
    }

    return $rendered;
}


sub all_json {
    my ($text) = @_;
    my $reader = JSON::PP->new();
    my @values;

    $reader->incr_parse($text);

    while (my $value = $reader->incr_parse()) {
        push @values, $value;
    }

    return @values;
}


# What of ours the cluster has, likewise.
sub ours {
    my ($kube, $instance) = @_;

    $instance //= 'default';

    return by_name(@{$kube->json('get', $kinds, '-A', '-l',
                                 'app.kubernetes.io/managed-by=mcp-tenant,'
                                 . "mcp-tenant.io/instance=$instance")
                     ->{items}});
}


sub by_name {
    return {map { ("$_->{kind} " . ($_->{metadata}{namespace} // '')
                   . "/$_->{metadata}{name}" => $_) } @_};
}


# Each name of ours with its version, and when it was made.
sub versions {
    my ($kube, $instance) = @_;
    my $ours = ours($kube, $instance);

    return {map { ($_ => "$ours->{$_}{metadata}{uid} "
                         . $ours->{$_}{metadata}{resourceVersion}) }
                keys %$ours};
}


# What the cluster has otherwise than the files say, a text for each.
# Options: render => [...]; instance => NAME; extra => 1 (what is there but not
# rendered is no difference); dropped => [NAMESPACE...], which are announced and
# keep their walls.
sub differences {
    my ($kube, $file, %option) = @_;
    my $rendered = rendered($kube, $file, @{$option{render} // []});
    my $there = ours($kube, $option{instance});
    my @different;

    for my $name (sort keys %$rendered) {
        if (!$there->{$name}) {
            push @different, "$name is missing";
            next;
        }

        push @different, "$name is being deleted"
            if $there->{$name}{metadata}{deletionTimestamp};

        push @different, map { "$name$_" }
                             compare('', $rendered->{$name}, $there->{$name});
    }

    if (!$option{extra}) {
        my %dropped = map { ($_ => 1) } @{$option{dropped} // []};

        push @different, map { "$_ is there" }
                             grep { !$rendered->{$_}
                                    && !is_wall($there->{$_}, \%dropped) }
                                  sort keys %$there;
    }

    return @different;
}


# Whether the object stays in the namespace of a dropped tenant.
sub is_wall {
    my ($object, $dropped) = @_;
    my $metadata = $object->{metadata};

    return $dropped->{$metadata->{name}}
           && $metadata->{annotations}{'mcp-tenant.io/delete-after'}
        if $object->{kind} eq 'Namespace';

    return $dropped->{$metadata->{namespace}}
           && $object->{kind} ne 'RoleBinding'
           && !$metadata->{labels}{'mcp-tenant.io/server'};
}


# All that one has, the other has alike; lists are of the same length.
sub compare {
    my ($path, $wanted, $found) = @_;

    return () if is_nothing($wanted) && (!defined $found || is_nothing($found));

    return "$path is missing" if !defined $found;

    if (ref $wanted eq 'HASH') {
        return "$path is no object" if ref $found ne 'HASH';

        return "$path has more keys"
            if $path =~ /[sS]elector$|matchLabels$/
               && keys %$found > keys %$wanted;

        return map { compare("$path.$_", $wanted->{$_}, $found->{$_}) }
                   grep { $path ne '' || !/^(?:apiVersion|kind|status)$/ }
                        sort keys %$wanted;
    }

    if (ref $wanted eq 'ARRAY') {
        return "$path has another length"
            if ref $found ne 'ARRAY' || @$found != @$wanted;

        return map { compare("$path\[$_]", $wanted->[$_], $found->[$_]) }
                   0 .. $#$wanted;
    }

    return () if amount("$wanted") eq amount("$found");

    return "$path is $found, not $wanted";
}


sub is_nothing {
    my ($value) = @_;

    return 1 if !defined $value;
    return !grep { !is_nothing($_) } values %$value if ref $value eq 'HASH';
    return !@$value if ref $value eq 'ARRAY';

    return $value eq '' || (ref $value && !$value);
}


# As a number, where it is an amount.
sub amount {
    my ($text) = @_;
    my %factor = ('' => 1, m => 0.001, k => 1000, M => 1e6, G => 1e9,
                  Ki => 2 ** 10, Mi => 2 ** 20, Gi => 2 ** 30);

    return $text =~ /^(\d+(?:\.\d+)?)(m|k|M|G|Ki|Mi|Gi|)$/
           ? $1 * $factor{$2} : $text;
}


# Waits until there is no difference, and returns none; or the last ones.
sub in_step {
    my ($kube, $file, %option) = @_;
    my @different;

    eval {
        until_true('no difference', sub {
            @different = differences($kube, $file, %option);

            return !@different;
        });
    };

    return @different;
}


END {
    my $status = $?;

    if ($$ == $test) {
        for my $sidecar (@running) {
            next if !$sidecar->runs();

            $sidecar->signal('CONT');
            $sidecar->stop('KILL');
        }
    }

    $? = $status;
}


1;
