# Where a catalog may not lead: to the gateway itself, its neighbors on the
# link, the cloud's metadata, the Kubernetes API, in any spelling.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Socket qw(getaddrinfo inet_ntoa unpack_sockaddr_in AF_INET AF_INET6);
use Sys::Hostname qw(hostname);
use McpUpstream;

mock_start();

$ENV{KUBERNETES_SERVICE_HOST} = '10.96.0.1';

my $opened = 'expected an address outside the gateway, or one opened by '
             . '"mcp_tenant_upstream_allow %s;" in nginx.conf '
             . '("--upstream-allow %s" of mcp-tenant check)';
my $number = 'found a number in the place of a host, expected a name, or an '
             . 'IPv4 address of four decimal numbers such as 192.0.2.1';
my $unix = 'found a unix: socket, expected http:// or https:// and a host';
my $name = 'found a loopback name (localhost) as url, expected a host outside '
           . 'the gateway, or "mcp_tenant_upstream_allow 127.0.0.0/8;" in '
           . 'nginx.conf ("--upstream-allow 127.0.0.0/8" of mcp-tenant check)';
my $api = 'found the Kubernetes API server as url, expected an MCP server';
my $user = 'found a user name or password in the URL, expected none: send '
           . 'credentials with "headers:"';
my $zone = 'found no IPv6 address between "[" and "]", expected one such as '
           . '[2001:db8::1], without a zone';

sub at {
    my ($why, $address) = @_;
    return "found $why ($address) as url, "
           . sprintf($opened, $address, $address);
}

sub metadata {
    my ($host) = @_;
    return "found a cloud metadata name (\"$host\") as url, expected an MCP "
           . 'server';
}

# URL, what is said of it
our @refused = (
    'http://127.0.0.1/mcp' => at('a loopback address', '127.0.0.1'),
    'https://127.0.0.1:8443/mcp' => at('a loopback address', '127.0.0.1'),
    'http://127.0.0.1./mcp' => at('a loopback address', '127.0.0.1'),
    'http://127.255.255.254/' => at('a loopback address', '127.255.255.254'),
    'http://0.0.0.0/mcp' => at('an unspecified address', '0.0.0.0'),
    'http://0.1.2.3/mcp' => at('an unspecified address', '0.1.2.3'),
    'http://169.254.169.254/latest/meta-data/'
        => at('a cloud metadata address', '169.254.169.254'),
    'http://169.254.170.2/' => at('a cloud metadata address',
                                  '169.254.170.2'),
    'http://100.100.100.200/' => at('a cloud metadata address',
                                    '100.100.100.200'),
    'http://168.63.129.16/' => at('a cloud metadata address',
                                  '168.63.129.16'),
    'http://169.254.1.1/' => at('a link-local address', '169.254.1.1'),
    'http://224.0.0.1/' => at('a multicast address', '224.0.0.1'),
    'http://255.255.255.255/' => at('a broadcast address',
                                    '255.255.255.255'),
    'http://240.0.0.1/' => at('a reserved address', '240.0.0.1'),

    'http://2130706433/mcp' => $number,
    'http://017700000001/mcp' => $number,
    'http://0x7f000001/mcp' => $number,
    'http://0x7F.0.0.1/mcp' => $number,
    'http://0177.0.0.1/mcp' => $number,
    'http://127.1/mcp' => $number,
    'http://127.0.1/mcp' => $number,
    'http://127.0.0.01/mcp' => $number,
    'http://127.0.0.0x1/mcp' => $number,
    'http://0/mcp' => $number,
    'http://256.256.256.256/' => $number,

    'http://[::1]/mcp' => at('a loopback address', '::1'),
    'http://[0:0:0:0:0:0:0:1]:80/mcp' => at('a loopback address', '::1'),
    'http://[::]/mcp' => at('an unspecified address', '::'),
    'http://[::ffff:127.0.0.1]/mcp'
        => at('a loopback address', '::ffff:127.0.0.1'),
    'http://[::FFFF:7f00:1]/mcp'
        => at('a loopback address', '::ffff:127.0.0.1'),
    'http://[::ffff:169.254.169.254]/'
        => at('a cloud metadata address', '::ffff:169.254.169.254'),
    'http://[::127.0.0.1]/mcp' => at('a loopback address', '::127.0.0.1'),
    'http://[64:ff9b::7f00:1]/mcp'
        => at('a loopback address', '64:ff9b::7f00:1'),
    'http://[2002:7f00:1::]/mcp'
        => at('a loopback address', '2002:7f00:1::'),
    'http://[fe80::1]/mcp' => at('a link-local address', 'fe80::1'),
    'http://[fe80::1%25eth0]/mcp' => $zone,
    'http://[fd00:ec2::254]/' => at('a cloud metadata address',
                                    'fd00:ec2::254'),
    'http://[ff02::1]/' => at('a multicast address', 'ff02::1'),
    'http://[127.0.0.1]/' => $zone,

    'unix:/run/mcp.sock' => $unix,
    'http://unix:/run/mcp.sock:/mcp' => $unix,
    'https://UNIX:/run/mcp.sock' => $unix,

    'http://localhost/mcp' => $name,
    'http://LocalHost./mcp' => $name,
    'http://any.localhost/mcp' => $name,

    'http://metadata.google.internal/'
        => metadata('metadata.google.internal'),
    'http://metadata/' => metadata('metadata'),

    'https://kubernetes/' => $api,
    'https://kubernetes.default/' => $api,
    'https://kubernetes.default.svc/' => $api,
    'https://KUBERNETES.default.svc.cluster.local/' => $api,
    'https://kubernetes.default.svc.cluster.local.:443/' => $api,
    'https://10.96.0.1/' => $api,
    'https://[::ffff:10.96.0.1]/' => $api,

    'http://mcp.example.com@127.0.0.1/mcp' => $user,
    'http://mcp.example.com\\\\@127.0.0.1/mcp'
        => 'found a character in the path that no URL may hold',
    'ftp://127.0.0.1/' => 'found a text that is no URL, expected http:// or '
                          . 'https:// and a host',
    '//127.0.0.1/mcp' => 'found a text that is no URL, expected http:// or '
                         . 'https:// and a host',
);

# One server each, from line 2 on.
sub catalog {
    my (@urls) = @_;
    my $n = 0;

    return "servers:\n"
           . join '', map { '  - {id: s' . $n++ . ', runtime: {type: remote, '
                            . "url: \"$_\"}}\n" } @urls;
}

sub refused_urls { return @refused[grep { $_ % 2 == 0 } 0 .. $#refused] }

# File, line and column of each, with what is said.
sub refused_messages {
    return map { 'html/catalogs/a.yaml:' . ($_ + 2) . ':'
                 . (42 + length $_) . ": $refused[2 * $_ + 1]" }
           0 .. @refused / 2 - 1;
}

sub families_of {
    my ($host) = @_;
    my ($error, @found) = getaddrinfo($host, 80);
    my %families = map { $_->{family} => $_ } @found;

    return \%families;
}

# A name that this machine resolves to 127.0.0.0/8, beside localhost.
sub loopback_name {
    my ($error, @found) = getaddrinfo(hostname(), 80, { family => AF_INET });

    return if !@found || hostname() =~ /^localhost$/i;

    for my $found (@found) {
        my (undef, $address) = unpack_sockaddr_in($found->{addr});
        return if inet_ntoa($address) !~ /^127\./;
    }

    return hostname();
}

$ENV{TEST_NGINX_LOOPBACK} = loopback_name() // 'localhost';

no_long_string();
run_tests();

__DATA__

=== what leads to the gateway's own surroundings is refused with its place
--- allow: none
--- catalog_a eval
main::catalog(main::refused_urls())
--- must_die
--- error_log eval
[main::refused_messages()]



=== each of urls is looked at
--- allow: none
--- catalog_a
servers:
  - id: two
    runtime:
      type: remote
      urls:
        - https://mcp.example.com/mcp
        - https://[::ffff:127.0.0.1]/mcp
--- must_die
--- error_log
html/catalogs/a.yaml:7:11: found a loopback address (::ffff:127.0.0.1) as one
    of urls, expected an address outside the gateway



=== mcp_tenant_upstream_allow does not open the Kubernetes API or metadata
--- allow: 10.0.0.0/8 127.0.0.0/8
--- catalog_a
servers:
  - {id: a, runtime: {type: remote, url: "https://10.96.0.1/"}}
  - {id: b, runtime: {type: remote, url: "https://kubernetes.default.svc/"}}
  - {id: c, runtime: {type: remote, url: "http://metadata/"}}
  - {id: d, runtime: {type: remote, url: "http://169.254.169.254/"}}
--- must_die
--- error_log
html/catalogs/a.yaml:2:42: found the Kubernetes API server as url
html/catalogs/a.yaml:3:42: found the Kubernetes API server as url
html/catalogs/a.yaml:4:42: found a cloud metadata name ("metadata") as url
html/catalogs/a.yaml:5:42: found a cloud metadata address (169.254.169.254)



=== a range opens what is in it, and no more
--- allow: 127.0.0.2 ::1
--- catalog_a
servers:
  - {id: a, runtime: {type: remote, url: "http://127.0.0.2/"}}
  - {id: b, runtime: {type: remote, url: "http://[::1]/"}}
  - {id: c, runtime: {type: remote, url: "http://127.0.0.1/"}}
  - {id: d, runtime: {type: remote, url: "http://[::ffff:127.0.0.1]/"}}
--- must_die
--- error_log
html/catalogs/a.yaml:4:42: found a loopback address (127.0.0.1)
html/catalogs/a.yaml:5:42: found a loopback address (::ffff:127.0.0.1)
--- no_error_log
a.yaml:2:
a.yaml:3:



=== a range of IPv6 does not open an IPv4 address in an IPv6 one
--- allow: ::/0
--- catalog_a
servers:
  - {id: d, runtime: {type: remote, url: "http://[::ffff:127.0.0.1]/"}}
--- must_die
--- error_log
html/catalogs/a.yaml:2:42: found a loopback address (::ffff:127.0.0.1)



=== an opened range is reached by address and by name
--- allow: 127.0.0.1
--- catalog_a
servers:
  - id: address
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
  - id: mapped
    runtime:
      type: remote
      url: http://[::ffff:127.0.0.1]:$TEST_NGINX_MOCK/echo
  - id: name
    runtime: {type: remote, url: "http://localhost:$TEST_NGINX_MOCK/echo"}
--- dialog
    for my $server ('address', 'name') {
        is(call($server)->{status}, 200, $server);
    }

    # an IPv6 socket to an IPv4 address: not every machine has one
    like(call('mapped')->{status}, qr/^(?:200|502)$/, 'mapped');
--- no_error_log
[alert]
[crit]



=== a name that resolves to loopback is not used
--- allow: ::1
--- catalog_a
servers:
  - id: name
    runtime: {type: remote, url: "http://localhost:$TEST_NGINX_MOCK/echo"}
--- dialog
    my $before = @{mock('seen')->{requests}};

    if (families_of('localhost')->{Socket::AF_INET6()}) {
        like(rpc_error(call('name')), qr/^50[23] /, 'it is not reached');

    } else {
        is_rpc(call('name'), '503 server_not_ready id 7', 'JSON-RPC error');
        like(call('name', method => 'GET',
                  path => '/tenant/a/servers/name')->{body},
             qr/"status": "unresolved"/, 'the status says so');
    }

    is(scalar(@{mock('seen')->{requests}}), $before, 'nothing arrived');
--- no_error_log
[alert]
[crit]



=== nor is any other name of this host
--- allow: none
--- skip_eval
3: $ENV{TEST_NGINX_LOOPBACK} eq 'localhost'
--- catalog_a
servers:
  - id: name
    runtime:
      type: remote
      url: http://$TEST_NGINX_LOOPBACK:$TEST_NGINX_MOCK/echo
--- dialog
    my $before = @{mock('seen')->{requests}};

    is_rpc(call('name'), '503 server_not_ready id 7', 'JSON-RPC error');
    is(scalar(@{mock('seen')->{requests}}), $before, 'nothing arrived');
--- no_error_log
[alert]
[crit]



=== a tenant does not reach the namespace of another by a URL
--- catalog_a
servers:
  - {id: a, runtime: {type: remote, url: "http://db.mcp-b:80/"}}
  - {id: b, runtime: {type: remote, url: "http://db.mcp-b.svc/"}}
  - {id: c, runtime: {type: remote, url: "http://x.mcp-b.svc.cluster.local/"}}
--- must_die
--- error_log
html/catalogs/a.yaml:2:42: found a host in the namespace of another tenant
html/catalogs/a.yaml:3:42: found a host in the namespace of another tenant
html/catalogs/a.yaml:4:42: found a host in the namespace of another tenant



=== what is no range is refused
--- allow: 127.0.0.1/8
--- must_die
--- error_log
invalid range "127.0.0.1/8", expected an address or a range without host bits,
    such as 127.0.0.0/8 or ::1



=== a name is no range
--- allow: localhost
--- must_die
--- error_log
invalid range "localhost", expected an address or a range without host bits,
    such as 127.0.0.0/8 or ::1
