package McpQuota;

# What the tests of quotas share, on top of McpUpstream: tenants with quotas,
# servers that hold what they are asked, and the gauges of the zone.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use JSON::PP;
use Test::More ();

use McpUpstream;

our @EXPORT = qw(tenants_with servers_with gauge is_gauge wait_gauge status
                 statuses answer_held edit_conf reload conf_file);


# tenants.yaml with the tenants a and b; tenant, key: quotas of a and of its
# key "main", as YAML in one line.  The key "other" has none.  catalog_b: b has
# a catalog, too.
sub tenants_with {
    my (%o) = @_;
    my $text = "tenants:\n";

    for my $id ('a', 'b') {
        $text .= "  - id: $id\n";
        $text .= "    catalog_file: catalogs/$id.yaml\n"
            if $id eq 'a' || $o{catalog_b};
        $text .= "    quotas: {$o{tenant}}\n" if $o{tenant} && $id eq 'a';
        $text .= "    api_keys:\n"
                 . "      - name: main\n"
                 . '        key_hash: "sha256:' . sha256_hex(key($id))
                 . "\"\n";
        $text .= "        quotas: {$o{key}}\n" if $o{key} && $id eq 'a';
        $text .= "      - name: other\n"
                 . '        key_hash: "sha256:'
                 . sha256_hex(key($id) . '-other') . "\"\n";
    }

    return $text;
}


# A catalog; each server is NAME => PATH or NAME => [PATH, QUOTAS], and lies at
# the mock.
sub servers_with {
    my (@servers) = @_;
    my $text = "servers:\n";

    while (my ($id, $server) = splice(@servers, 0, 2)) {
        my ($path, $quotas) = ref $server ? @$server : $server;
        my $port = $path =~ s/^(\d+):// ? $1 : $ENV{TEST_NGINX_MOCK};

        $text .= "  - id: $id\n"
                 . '    runtime: {type: remote,'
                 . " url: \"http://127.0.0.1:$port$path\"}\n";
        $text .= "    quotas: {$quotas}\n" if $quotas;
    }

    return $text;
}


sub get {
    my ($path) = @_;
    my $socket = connect_to($Test::Nginx::Util::ServerPort);

    print $socket "GET $path HTTP/1.1\r\nHost: localhost\r\n"
                  . "Connection: close\r\n\r\n";

    return read_answer($socket)->{body};
}


sub gauge {
    my ($name, $tenant) = @_;
    my $labels = defined $tenant ? "{tenant=\"$tenant\"}" : '';
    my ($value) = get('/metrics')
                  =~ /^nginx_mcp_tenant_\Q$name$labels\E (\d+)$/m;

    return $value;
}


sub is_gauge {
    my ($name, $tenant, $value) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    Test::More::is(gauge($name, $tenant), $value, "$name of $tenant is $value");
}


sub wait_gauge {
    my ($name, $tenant, $value, $why) = @_;
    my $seen;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    wait_until(sub { ($seen = gauge($name, $tenant)) == $value },
               $why // "$name of $tenant becomes $value")
        or Test::More::diag("it is $seen");
}


sub status { return decode_json(get('/status')) }


# What n calls after each other are answered with.
sub statuses {
    my ($n, @call) = @_;

    return join ' ', map { call(@call)->{status} } 1 .. $n;
}


# Lets the mock answer the call that it holds.
sub answer_held {
    my ($name) = @_;

    mock("send/$name", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                       . "Content-Type: application/json\r\n\r\n{}");
    mock("close/$name");
}


sub conf_file { return servroot() . '/conf/nginx.conf' }


sub edit_conf {
    my ($edit) = @_;

    local $_ = McpUpstream::read_file(conf_file());

    $edit->();
    write_file(conf_file(), $_);
}


# A SIGHUP; old workers may still take a connection or two, and tell what they
# serve: what the zone announces is the same for all.
sub reload {
    my $before = status()->{config}{announced};

    kill 'HUP', nginx_pid();

    wait_until(sub { status()->{config}{generation} > $before },
               'NGINX has reloaded');
}


1;
