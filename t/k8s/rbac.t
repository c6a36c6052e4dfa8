#!/usr/bin/perl
#
# What conf/k8s lets the sidecar and a tenant's people do, asked of a real API
# server, and tried.  golden/*.txt have all that each may do beyond what every
# user may; another line there is another right.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(until_true);
use McpRights qw(@VERBS all_resources);

my $RBAC = '/apis/rbac.authorization.k8s.io/v1';

my $repo = "$FindBin::Bin/../..";
my $cli = $ENV{MCP_TENANT} // "$repo/build/mcp-tenant";

plan(skip_all => 'a cluster of one\'s own only: conf/k8s is installed')
    if defined $ENV{TEST_KUBECONFIG};

my $kube = McpKube->start();

plan(skip_all => 'no controllers fill the roles "admin" and so on')
    if !$kube->has_controllers();

$kube->kubectl('create', 'namespace', 'elsewhere');
$kube->kubectl('create', 'serviceaccount', 'robot', '-n', 'elsewhere');
install();
tenants();

my @resources = all_resources($kube);
my %everyone = everyone();
my $sidecar = McpRights->of($kube,
                            $kube->account('mcp-gateway', 'mcp-gateway'));

until_true('the rights of all', sub {
    return $sidecar->can('list', '/namespaces', '')
           && $sidecar->can('list', '/configmaps', 'mcp-gateway')
           && !grep { !@{$_->{rules} // []} }
                    map { $kube->get('clusterrole', $_) } qw(admin edit view);
});

sidecar_rules();
sidecar_tries();

member_rights();
other_kinds();
member_tries();

done_testing();


sub install {
    my $objects = $kube->kubectl('kustomize', "$repo/conf/k8s");

    $kube->apply($kube->in_its_version($objects));
    pass('conf/k8s is taken');
    $kube->kubectl('apply', '--server-side', '-k', "$repo/conf/k8s/tenants");
    ok($kube->get('configmap', 'mcp-tenants', 'mcp-gateway'),
       'conf/k8s/tenants is taken');

    # Which only a newer one could take.
    like($kube->kubectl('kustomize', "$repo/conf/k8s/admission"),
         qr/ValidatingAdmissionPolicyBinding/, 'conf/k8s/admission is built');
}


# team-a's people are of all kinds; team-b has others.
sub tenants {
    my $dir = tempdir(CLEANUP => 1);

    McpKube::spill("$dir/tenants.yaml", <<'END');
tenants:
  - id: team-a
    catalog_file: team.yaml
    api_keys: []
    rbac_subjects:
      - {kind: User, name: ann}
      - {kind: Group, name: team-a}
      - {kind: ServiceAccount, name: robot, namespace: elsewhere}
  - id: team-b
    catalog_file: team.yaml
    api_keys: []
    rbac_subjects:
      - {kind: User, name: bob}
END
    McpKube::spill("$dir/team.yaml", <<'END');
servers:
  - id: search
    runtime:
      type: kubernetes
      image: registry.example.com/search:1
      port: 8080
      replicas: 2
END
    my $objects = `'$cli' render '$dir/tenants.yaml'`;

    die "mcp-tenant render failed\n" if $? != 0;

    $kube->apply($kube->in_its_version($objects));
}


# What a user without any binding may do, here and there.
sub everyone {
    my $stranger = McpRights->of($kube, $kube->user('stranger'));
    my @rules = $stranger->rules('mcp-team-b');
    my @allowed = $stranger->allowed(\@resources, 'mcp-team-b');

    is_deeply([grep { !/^authorization\.k8s\.io\/selfsubject\w+reviews: /
                      && !/^authentication\.k8s\.io\/selfsubjectreviews: / }
                    @rules, @allowed],
              [], 'who is nobody may only ask about itself');

    return map { $_ => 1 } @rules, @allowed;
}


sub beyond_everyone {
    return grep { !$everyone{$_} } @_;
}


sub is_golden {
    my ($lines, $file, $name) = @_;
    my $text = join '', map { "$_\n" } @$lines;

    is($text, McpKube::slurp("$FindBin::Bin/golden/$file.txt"), $name);
}


sub sidecar_rules {
    for my $case (['mcp-gateway', 'sidecar-gateway', 'its own namespace'],
                  ['mcp-team-a', 'sidecar-tenant', 'a tenant\'s'],
                  ['elsewhere', 'sidecar-elsewhere', 'another one'])
    {
        my ($namespace, $file, $name) = @$case;
        my @rules = beyond_everyone($sidecar->rules($namespace));

        is_golden(\@rules, $file, "the rights of the sidecar in $name");
        is_deeply([grep { /\*|escalate|impersonate|secrets|\/token/ } @rules],
                  [], 'none is one that it must not have');

        my @may = $sidecar->allowed(
            [grep { m{^/secrets|/serviceaccounts/token|\*|/exec$} }
                  @resources], $namespace);

        is_deeply(\@may, [], 'and the server gives it none of those');
    }
}


sub sidecar_tries {
    $kube->kubectl('create', 'secret', 'generic', 'search',
                   '--from-literal=token=x', '-n', $_)
        for qw(mcp-team-a mcp-gateway);

    for my $path (qw(
        /api/v1/secrets
        /api/v1/namespaces/mcp-team-a/secrets
        /api/v1/namespaces/mcp-team-a/secrets/search
        /api/v1/namespaces/mcp-gateway/secrets/search
        /api/v1/namespaces/mcp-team-a/configmaps
        /api/v1/nodes))
    {
        is($sidecar->request('GET', $path), 403, "it may not read $path");
    }

    my $bindings = "$RBAC/namespaces/mcp-team-a/rolebindings";
    my ($status, $said) = $sidecar->request(
        'POST', $bindings, binding('evil', 'cluster-admin'));

    is($status, 403, 'it cannot bind cluster-admin');
    like($said, qr/attempting to grant RBAC permissions not currently held/,
         'because it has not its rights');

    for my $role (qw(admin edit view)) {
        is($sidecar->request('POST', $bindings, binding('evil', $role)), 403,
           "it cannot bind $role");
    }

    is($sidecar->request('POST', $bindings,
                         binding('good', 'mcp-tenant-member')),
       201, 'it can bind mcp-tenant-member');
    is($sidecar->request('POST', "$RBAC/clusterrolebindings",
                         {%{binding('evil', 'mcp-tenant-member')},
                          kind => 'ClusterRoleBinding'}),
       403, 'but not in all namespaces at once');
    is($sidecar->request('PATCH', "$RBAC/clusterroles/mcp-tenant-member",
                         {rules => [{apiGroups => ['*'], resources => ['*'],
                                     verbs => ['*']}]},
                         'application/merge-patch+json'),
       403, 'nor give that role more');
    is($sidecar->request('POST', "/api/v1/namespaces/mcp-team-a"
                                 . "/serviceaccounts/mcp-server/token",
                         {apiVersion => 'authentication.k8s.io/v1',
                          kind => 'TokenRequest', spec => {}}),
       403, 'nor be a tenant\'s account');

    lease();
}


sub lease {
    my $leases = '/apis/coordination.k8s.io/v1/namespaces/%s/leases';

    for my $case (['mcp-gateway', 'mcp-tenant-default', 201, 200],
                  ['mcp-gateway', 'other', 201, 403],
                  ['mcp-team-a', 'mcp-tenant-default', 403, 403],
                  ['kube-system', 'kube-scheduler', 403, 403])
    {
        my ($namespace, $name, $created, $changed) = @$case;
        my $path = sprintf $leases, $namespace;

        is($sidecar->request('POST', $path, {
            apiVersion => 'coordination.k8s.io/v1', kind => 'Lease',
            metadata => {name => $name}, spec => {holderIdentity => 'a'},
        }), $created, "create lease $namespace/$name: $created");

        my $lease = $kube->get('lease', $name, $namespace)
                    // {metadata => {name => $name}};

        $lease->{spec}{holderIdentity} = 'b';
        is($sidecar->request('PUT', "$path/$name", $lease), $changed,
           "change it: $changed");
    }
}


sub binding {
    my ($name, $role) = @_;

    return {
        apiVersion => 'rbac.authorization.k8s.io/v1', kind => 'RoleBinding',
        metadata => {name => $name},
        roleRef => {apiGroup => 'rbac.authorization.k8s.io',
                    kind => 'ClusterRole', name => $role},
        subjects => [{apiGroup => 'rbac.authorization.k8s.io',
                      kind => 'User', name => 'eve'}],
    };
}


sub member_rights {
    my $ann = McpRights->of($kube, $kube->user('ann'));

    until_true('the rights of ann', sub {
        return $ann->can('list', '/secrets', 'mcp-team-a');
    });

    is_golden([beyond_everyone($ann->allowed(\@resources, 'mcp-team-a'))],
              'member', 'what a User may do in its tenant\'s namespace');

    for my $namespace ('mcp-team-b', '') {
        my @may = beyond_everyone($ann->allowed(\@resources, $namespace));

        is_deeply(\@may, [], sprintf('in %s nothing: %d verbs of %d resources',
                                     $namespace || 'the whole cluster',
                                     scalar @VERBS, scalar @resources));
    }
}


sub other_kinds {
    my %kubeconfig = (
        User           => $kube->user('ann'),
        Group          => $kube->user('ben', 'team-a'),
        ServiceAccount => $kube->account('elsewhere', 'robot'),
    );
    my @rules;

    for my $kind (sort keys %kubeconfig) {
        my $member = McpRights->of($kube, $kubeconfig{$kind});
        my @own = beyond_everyone($member->rules('mcp-team-a'));

        @rules = @own if !@rules;
        ok(@own > 0, "a $kind may do something");
        is_deeply(\@own, \@rules, 'as much as others');

        for my $namespace (qw(mcp-team-b mcp-gateway elsewhere kube-system
                              default))
        {
            is_deeply([beyond_everyone($member->rules($namespace))], [],
                      "and nothing in $namespace");
        }
    }
}


sub member_tries {
    my $member = McpRights->of($kube, $kube->user('ann'));
    my $own = '/api/v1/namespaces/mcp-team-a';
    my %secret = (apiVersion => 'v1', kind => 'Secret');

    is($member->request('GET', "$own/pods"), 200, 'it sees its pods');
    is($member->request('POST', "$own/secrets",
                        {%secret, metadata => {name => 'mine'}}),
       201, 'it can make a Secret');
    is($member->request('DELETE', "$own/secrets/mine"), 200,
       'and delete it');
    is($member->request('DELETE', "$own/secrets"), 403,
       'but not all at once');

    for my $case (
        ["$own/pods", 'v1', 'Pod'],
        ["$own/pods/any/exec?command=sh", 'v1', 'PodExecOptions'],
        ["$own/pods/any/eviction", 'policy/v1beta1', 'Eviction'],
        ["$own/endpoints", 'v1', 'Endpoints'],
        ["$own/services", 'v1', 'Service'],
        ["$own/serviceaccounts/mcp-server/token", 'authentication.k8s.io/v1',
         'TokenRequest'],
        ["/apis/discovery.k8s.io/v1beta1/namespaces/mcp-team-a/endpointslices",
         'discovery.k8s.io/v1beta1', 'EndpointSlice'],
        ["$RBAC/namespaces/mcp-team-a/rolebindings",
         'rbac.authorization.k8s.io/v1', 'RoleBinding'],
        ['/apis/networking.k8s.io/v1/namespaces/mcp-team-a/networkpolicies',
         'networking.k8s.io/v1', 'NetworkPolicy'],
        ['/apis/apps/v1/namespaces/mcp-team-a/deployments', 'apps/v1',
         'Deployment'],
        ['/api/v1/namespaces/mcp-team-b/secrets', 'v1', 'Secret'],
        ['/api/v1/namespaces', 'v1', 'Namespace'])
    {
        my ($path, $version, $kind) = @$case;
        my ($status, $said) = $member->request('POST', $path, {
            apiVersion => $version, kind => $kind,
            metadata => {name => 'any'},
        });

        is($status, 403, "it cannot make: $path");
        like($said, qr/User \\"ann\\" cannot create resource/, 'by RBAC');
    }

    for my $path (qw(
        /api/v1/namespaces/mcp-team-b/secrets
        /api/v1/namespaces/mcp-team-b/secrets/search
        /api/v1/namespaces/mcp-team-b/pods
        /api/v1/namespaces/mcp-team-b/pods/any/log
        /api/v1/namespaces/mcp-gateway/configmaps/mcp-tenants
        /api/v1/namespaces/mcp-team-b
        /api/v1/namespaces
        /api/v1/pods
        /api/v1/secrets))
    {
        is($member->request('GET', $path), 403, "it cannot read $path");
    }

    is($member->request('PATCH', '/api/v1/namespaces/mcp-team-a',
                        {metadata => {labels => {a => 'b'}}},
                        'application/merge-patch+json'),
       403, 'its namespace keeps its labels');
}
