package McpRights;

# What someone may do, as a real API server says: thousands of questions,
# through "kubectl proxy" with that one's own credentials.
#   my $rights = McpRights->of($kube, $kubeconfig);

use strict;
use warnings;

use Exporter qw(import);
use File::Temp;
use HTTP::Tiny;
use JSON::PP;

our @EXPORT_OK = qw(@VERBS all_resources);

our @VERBS = qw(get list watch create update patch delete deletecollection
                bind escalate impersonate);

my $json = JSON::PP->new()->canonical();


sub of {
    my ($class, $kube, $kubeconfig) = @_;
    my $pid = open(my $out, '-|', $kube->{kubectl}, 'proxy', '--port=0',
                   '--reject-paths=^none$',
                   "--kubeconfig=$kubeconfig")
        // die "kubectl proxy: $!\n";
    my ($place) = (readline($out) // '') =~ /(127\.0\.0\.1:\d+)/
        or die "kubectl proxy says no address\n";

    return bless {
        pid => $pid, out => $out, url => "http://$place",
        http => HTTP::Tiny->new(keep_alive => 1, timeout => 30),
    }, $class;
}


# Status and answer of any request, object being data or undef.
sub request {
    my ($self, $method, $path, $object, $type) = @_;
    my %option;

    if (defined $object) {
        $option{content} = $json->encode($object);
        $option{headers}{'Content-Type'} = $type // 'application/json';
    }

    my $answer = $self->{http}->request($method, "$self->{url}$path",
                                        \%option);

    die "$method $path: $answer->{content}" if $answer->{status} == 599;

    return wantarray ? @{$answer}{qw(status content)} : $answer->{status};
}


# resource: "GROUP/RESOURCE[/SUBRESOURCE]", GROUP "" for v1; namespace "" for
# the whole cluster.
sub can {
    my ($self, $verb, $resource, $namespace) = @_;

    return ($self->ask([$verb, $resource, $namespace]))[0];
}


# "GROUP/RESOURCE: VERB..." of all that is allowed, verb by verb.
sub allowed {
    my ($self, $resources, $namespace) = @_;
    my @asked = map { my $resource = $_;
                      map { [$_, $resource, $namespace] } @VERBS }
                    @$resources;
    my @is = $self->ask(@asked);
    my %verbs;

    for my $asked (@asked) {
        push @{$verbs{$asked->[1]}}, $asked->[0] if shift @is;
    }

    return map { "$_: @{$verbs{$_}}" } sort keys %verbs;
}


# Whether each [verb, resource, namespace] is allowed; one curl asks for all.
sub ask {
    my ($self, @asked) = @_;
    my $file = File::Temp->new();
    my $url = $self->{url}
              . '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

    print $file join "next\n", map {
        my $data = $json->encode(question(@$_)) =~ s/"/\\"/gr;

        qq{url = "$url"\ndata = "$data"\nwrite-out = "\\n--\\n"\n}
        . qq{header = "Content-Type: application/json"\n};
    } @asked;
    close $file;

    open(my $out, '-|', 'curl', '-sS', '-K', "$file") or die "curl: $!\n";
    my @answers = do { local $/ = "\n--\n"; map { $json->decode(s/--\n\z//r) }
                                                 <$out> };

    close($out) or die "curl failed: $?\n";
    die "of " . @asked . " questions " . @answers . " were answered\n"
        if @answers != @asked;

    return map { $_->{status}{allowed}
                 // die 'no answer: ' . $json->encode($_) . "\n" } @answers;
}


sub question {
    my ($verb, $resource, $namespace) = @_;
    my ($group, $plural, $sub) = split m{/}, $resource;

    return {
        apiVersion => 'authorization.k8s.io/v1',
        kind => 'SelfSubjectAccessReview',
        spec => {resourceAttributes => {
            verb => $verb, group => $group, resource => $plural,
            namespace => $namespace,
            defined $sub ? (subresource => $sub) : (),
        }},
    };
}


# The same as the rules say it, as "kubectl auth can-i --list" does: with
# wildcards, if there are any, and "[NAME]" where names limit a rule.
sub rules {
    my ($self, $namespace) = @_;
    my ($status, $content) = $self->request(
        'POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
        {apiVersion => 'authorization.k8s.io/v1',
         kind => 'SelfSubjectRulesReview', spec => {namespace => $namespace}});
    my $rules = $json->decode($content)->{status};
    my %verbs;

    die "no rules: $content\n" if $status != 201 || $rules->{incomplete};

    for my $rule (@{$rules->{resourceRules}}) {
        my $names = join ',', sort @{$rule->{resourceNames} // []};

        $names = " [$names]" if $names ne '';

        for my $group (@{$rule->{apiGroups}}) {
            for my $resource (@{$rule->{resources}}) {
                $verbs{"$group/$resource$names"}{$_} = 1
                    for @{$rule->{verbs}};
            }
        }
    }

    return map { "$_: " . join ' ', in_order(keys %{$verbs{$_}}) }
               sort keys %verbs;
}


sub in_order {
    my %is = map { $_ => 1 } @_;
    my @known = grep { delete $is{$_} } @VERBS;

    return (@known, sort keys %is);
}


# All that the API server has, subresources too, and what is only of RBAC.
sub all_resources {
    my ($kube) = @_;
    my %found = map { $_ => 1 } qw(
        /users /groups authentication.k8s.io/userextras
        certificates.k8s.io/signers policy/podsecuritypolicies */* /*);
    my @places = (['', '/api/v1']);

    for my $group (@{$kube->raw('/apis')->{groups}}) {
        push @places, map { [$group->{name}, "/apis/$_->{groupVersion}"] }
                          @{$group->{versions}};
    }

    for my $place (@places) {
        for my $resource (@{$kube->raw($place->[1])->{resources}}) {
            $found{"$place->[0]/$resource->{name}"} = 1;
        }
    }

    return sort keys %found;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!);
    kill('TERM', $self->{pid});
    close $self->{out};
}


1;
