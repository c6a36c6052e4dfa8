# Servers behind TLS: names and certificates are checked unless the operator
# says otherwise, and what is kept (connections, sessions) belongs to one
# server, although several share an address.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use File::Temp qw(tempdir);
use McpUpstream;

my $dir = tempdir(CLEANUP => 1);

make_certificates();
mock_start();

for my $name ('TLS', 'TLS_OTHER', 'TLS_PLAIN') {
    $ENV{"TEST_NGINX_$name"} = free_port();
}

$ENV{TEST_NGINX_CERTIFICATES} = $dir;

# What a server tells of the connection that it was asked over.
our $facts = 'return 200 "{\"sni\":\"$ssl_server_name\",'
             . '\"connection\":$connection,\"reused\":\"$ssl_session_reused\",'
             . '\"host\":\"$http_host\",\"who\":\"$http_x_who\",'
             . '\"secret\":\"$http_authorization\"}";';

# localhost.pem holds localhost and, as NGINX compares names only, 127.0.0.1
# as a name; other.pem another name; stranger.pem is of an unknown authority.
our $servers = <<"END";
    ssl_session_cache shared:upstreams:128k;

    server {
        listen 127.0.0.1:\$TEST_NGINX_TLS ssl;
        ssl_certificate \$TEST_NGINX_CERTIFICATES/localhost.pem;
        ssl_certificate_key \$TEST_NGINX_CERTIFICATES/key.pem;
        access_log off;
        default_type application/json;
        $facts
    }

    server {
        listen 127.0.0.1:\$TEST_NGINX_TLS_OTHER ssl;
        ssl_certificate \$TEST_NGINX_CERTIFICATES/only-localhost.pem;
        ssl_certificate_key \$TEST_NGINX_CERTIFICATES/key.pem;
        access_log off;
        default_type application/json;
        $facts
    }

    server {
        listen 127.0.0.1:\$TEST_NGINX_TLS_PLAIN;
        access_log off;
        default_type application/json;
        $facts
    }
END

$McpUpstream::prepare = sub {
    my ($block) = @_;

    if (defined $block->tls) {
        my $text = $servers;

        $text =~ s/localhost\.pem/other.pem/ if $block->tls =~ /other/;
        $text =~ s/localhost\.pem/stranger.pem/ if $block->tls =~ /stranger/;
        $text = "ssl_protocols $1;\n$text" if $block->tls =~ /(TLS\S+)/;

        $block->set_value('http', $text . ($block->http // ''));
    }

    if (!defined $block->trust) {
        $block->set_value('trust', "$dir/ca.pem");
    }
};

no_long_string();
run_tests();


# An authority and its certificates, made anew for each run.
sub make_certificates {
    my $make = sub {
        my ($name, $names, @more) = @_;

        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:prime256v1', '-nodes', '-keyout',
                "$dir/$name-key.pem", '-out', "$dir/$name.pem", '-days', '2',
                '-subj', "/CN=$name", @more,
                $names ? ('-addext', "subjectAltName=$names") : ());
    };

    $make->($_, undef, '-addext', 'keyUsage=critical,keyCertSign')
        for 'ca', 'stranger-ca';

    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:prime256v1', '-nodes', '-keyout',
            "$dir/key.pem", '-out', "$dir/request.pem", '-subj', '/CN=x');

    sign('localhost', 'ca', 'DNS:localhost,DNS:127.0.0.1');
    sign('only-localhost', 'ca', 'DNS:localhost');
    sign('other', 'ca', 'DNS:other.example.com');
    sign('stranger', 'stranger-ca', 'DNS:localhost');
}


sub sign {
    my ($name, $ca, $names) = @_;

    open(my $out, '>', "$dir/names") or die "names: $!\n";
    print $out "subjectAltName=$names\n";
    close($out);

    openssl('x509', '-req', '-in', "$dir/request.pem", '-CA', "$dir/$ca.pem",
            '-CAkey', "$dir/$ca-key.pem", '-CAcreateserial', '-days', '2',
            '-extfile', "$dir/names", '-out', "$dir/$name.pem");
}


sub openssl {
    my $output = command_output('openssl', @_);

    die "openssl @_:\n$output" if $? != 0;
}


__DATA__

=== a server behind TLS is asked under its own name
--- tls
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    my $answer = call('good');

    is($answer->{status}, 200, 'the answer passes');
    is(echoed($answer)->{sni}, 'localhost', 'the name in TLS');
    is(echoed($answer)->{host}, "localhost:$ENV{TEST_NGINX_TLS}", 'Host');
--- no_error_log
[error]
[alert]
[crit]



=== a server that speaks TLS 1.3 only is reached
--- tls: TLSv1.3
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    is(call('good')->{status}, 200, 'the answer passes');
--- no_error_log
[error]
[alert]
[crit]



=== a certificate of another name is refused
--- tls: other
--- catalog_a
servers:
  - id: bad
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    is_rpc(call('bad'), '502 upstream_failed id 7', 'a POST') for 1 .. 2;
    is(call('bad', method => 'GET')->{status}, 502, 'a GET');
--- error_log
upstream SSL certificate does not match "localhost"
--- no_error_log
[alert]
[crit]



=== a certificate of an unknown authority is refused
--- tls: stranger
--- catalog_a
servers:
  - id: bad
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    is_rpc(call('bad'), '502 upstream_failed id 7', 'a POST') for 1 .. 2;
--- error_log
upstream SSL certificate verify error
--- no_error_log
[alert]
[crit]



=== mcp_tenant_upstream_verify off takes any certificate
--- tls: stranger
--- settings
mcp_tenant_upstream_verify off;
--- catalog_a
servers:
  - id: any
    runtime: {type: remote, url: "https://127.0.0.1:$TEST_NGINX_TLS/mcp"}
--- dialog
    is(call('any')->{status}, 200, 'the answer passes');
--- no_error_log
[error]
[alert]
[crit]



=== proxy_ssl_verify off does not end the checks
--- tls: stranger
--- settings
proxy_ssl_verify off;
proxy_ssl_server_name off;
proxy_ssl_name other.example.com;
--- catalog_a
servers:
  - id: bad
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    is_rpc(call('bad'), '502 upstream_failed id 7', 'a POST');
--- error_log
upstream SSL certificate verify error
--- no_error_log
[alert]
[crit]



=== proxy_ssl_name and proxy_ssl_server_name do not change the name
--- tls
--- settings
proxy_ssl_server_name off;
proxy_ssl_name other.example.com;
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    is(echoed(call('good'))->{sni}, 'localhost', 'the name in TLS');
--- no_error_log
[error]
[alert]
[crit]



=== a server behind TLS that speaks plain text fails
--- tls
--- catalog_a
servers:
  - id: plain
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_MOCK/mcp"}
--- settings
proxy_read_timeout 300ms;
proxy_connect_timeout 300ms;
--- dialog
    like(rpc_error(call('plain')), qr/^50[24] upstream_\w+ id 7$/,
         'JSON-RPC error');
--- no_error_log
[alert]
[crit]



=== servers at one address never share a kept connection
--- tls
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
  - id: number
    runtime: {type: remote, url: "https://127.0.0.1:$TEST_NGINX_TLS/mcp"}
  - id: keyed
    runtime:
      type: remote
      url: https://localhost:$TEST_NGINX_TLS/mcp
      headers: {X-Who: keyed}
--- catalog_b
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
  - id: keyed
    runtime:
      type: remote
      url: https://localhost:$TEST_NGINX_TLS/mcp
      headers: {X-Who: keyed-b}
--- dialog
    my %connections;

    for (1 .. 4) {
        for (['a', 'good'], ['b', 'good'], ['a', 'number'], ['a', 'keyed'],
             ['b', 'keyed'])
        {
            my ($tenant, $server) = @$_;
            my $seen = echoed(call($server, tenant => $tenant));

            $connections{"$tenant $server"}{$seen->{connection}}++;

            is($seen->{sni}, $server eq 'number' ? '' : 'localhost',
               'the name in TLS');
            is($seen->{who}, $server eq 'good' || $server eq 'number' ? ''
                             : $tenant eq 'a' ? 'keyed' : 'keyed-b',
               'the header is its own');
        }
    }

    my @used = map { keys %$_ } values %connections;
    my %distinct = map { $_ => 1 } @used;

    is(scalar(@used), 5, 'each server uses its own connection again');
    is(scalar(keys %distinct), 5, 'and none of another');
--- no_error_log
[error]
[alert]
[crit]



=== a wrong name fails right after a right one at the same address
--- tls
--- catalog_a
servers:
  - id: good
    runtime:
      type: remote
      url: https://localhost:$TEST_NGINX_TLS_OTHER/mcp
--- catalog_b
servers:
  - id: bad
    runtime:
      type: remote
      url: https://127.0.0.1:$TEST_NGINX_TLS_OTHER/mcp
--- dialog
    for (1 .. 4) {
        is(call('good')->{status}, 200, 'the right name');
        is_rpc(call('bad', tenant => 'b'), '502 upstream_failed id 7',
               'the wrong name');
    }
--- error_log
upstream SSL certificate does not match "127.0.0.1"
--- no_error_log
[alert]
[crit]



=== servers at one address never share a session of TLS 1.2
--- tls: TLSv1.2
--- peers
mcp_tenant_peers;
--- settings
proxy_set_header Connection close;
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
  - id: keyed
    runtime:
      type: remote
      url: https://localhost:$TEST_NGINX_TLS/mcp
      headers: {X-Who: keyed}
--- catalog_b
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    my %reused;

    for (1 .. 3) {
        for (['a', 'good'], ['b', 'good'], ['a', 'keyed']) {
            my ($tenant, $server) = @$_;
            my $seen = echoed(call($server, tenant => $tenant));

            $reused{"$tenant $server"} .= $seen->{reused};
        }
    }

    is_deeply(\%reused, { 'a good' => '.rr', 'b good' => '.rr',
                          'a keyed' => '.rr' },
              'each has a session of its own, and uses it again');
--- no_error_log
[error]
[alert]
[crit]



=== servers at one address never share a session of TLS 1.3
--- tls: TLSv1.3
--- peers
mcp_tenant_peers;
--- settings
proxy_set_header Connection close;
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
  - id: keyed
    runtime:
      type: remote
      url: https://localhost:$TEST_NGINX_TLS/mcp
      headers: {X-Who: keyed}
--- catalog_b
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    my %reused;

    for (1 .. 3) {
        for (['a', 'good'], ['b', 'good'], ['a', 'keyed']) {
            my ($tenant, $server) = @$_;
            my $seen = echoed(call($server, tenant => $tenant));

            $reused{"$tenant $server"} .= $seen->{reused};
        }
    }

    is_deeply(\%reused, { 'a good' => '.rr', 'b good' => '.rr',
                          'a keyed' => '.rr' },
              'each has a session of its own, and uses it again');
--- no_error_log
[error]
[alert]
[crit]



=== two locations with different TLS settings share no kept connection
--- tls: stranger
--- server
location ~ ^/free/ {
    mcp_tenant                  on;
    mcp_tenant_prefix           /free;
    mcp_tenant_upstream_verify  off;
    proxy_pass                  $mcp_tenant_upstream_url;
    proxy_http_version          1.1;
    proxy_set_header            Connection "";
}
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    for (1 .. 3) {
        is(call('good', path => '/free/tenant/a/servers/good/mcp')->{status},
           200, 'without a check');
        is(call('good')->{status}, 502, 'with one');
    }
--- no_error_log
[alert]
[crit]



=== servers at one address never share a kept connection without TLS either
--- tls
--- catalog_a
servers:
  - id: one
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_TLS_PLAIN/mcp
      headers: {Authorization: Bearer of-one}
  - id: two
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_TLS_PLAIN/mcp
      headers: {Authorization: Bearer of-two}
  - id: name
    runtime:
      type: remote
      url: http://localhost:$TEST_NGINX_TLS_PLAIN/mcp
--- catalog_b
servers:
  - id: one
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_TLS_PLAIN/mcp
      headers: {Authorization: Bearer of-one}
--- dialog
    my %connections;

    for (1 .. 4) {
        for (['a', 'one'], ['b', 'one'], ['a', 'two'], ['a', 'name']) {
            my ($tenant, $server) = @$_;
            my $seen = echoed(call($server, tenant => $tenant));

            is($seen->{secret}, $server eq 'name' ? '' : "Bearer of-$server",
               'the header is its own');
            $connections{"$tenant $server"}{$seen->{connection}}++;
        }
    }

    my @used = map { keys %$_ } values %connections;
    my %distinct = map { $_ => 1 } @used;

    is(scalar(@used), 4, 'each server uses its own connection again');
    is(scalar(keys %distinct), 4, 'and none of another');
--- no_error_log
[error]
[alert]
[crit]



=== a connection over TLS does not serve a request without it
--- tls
--- catalog_a
servers:
  - id: tls
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
  - id: plain
    runtime: {type: remote, url: "http://localhost:$TEST_NGINX_TLS/mcp"}
--- dialog
    for (1 .. 3) {
        is(call('tls')->{status}, 200, 'over TLS');
        is(call('plain')->{status}, 400, 'in plain text');
    }
--- no_error_log
[alert]
[crit]



=== a server without a file of trusted authorities is refused at start
--- tls
--- trust
/nonexistent/ca.pem
--- catalog_a
servers:
  - id: good
    runtime: {type: remote, url: "https://localhost:$TEST_NGINX_TLS/mcp"}
--- must_die
--- error_log
SSL_CTX_load_verify_locations("/nonexistent/ca.pem") failed
