# Host: of a server's names, of the address that was connected to, or of
# mcp_tenant_allowed_hosts; a page of another name is refused.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;

mock_start();
no_long_string();

our $catalog = 'servers: [{id: echo, runtime: {type: remote, url: '
               . '"http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}]';

# Test::Nginx names the server "localhost" and listens on all addresses
our $names = 'server_name localhost mcp.example.com *.wild.example '
             . '.dot.example www.tail.* "~^re\d+\.example\.org$";';

sub tried {
    my (@hosts) = @_;

    return join ' ', map { call('echo', host => $_)->{status} } @hosts;
}

run_tests();

__DATA__

=== the names of the server, in any case and with any port
--- server eval: $::names
--- catalog_a eval: $::catalog
--- dialog
    is(tried('mcp.example.com', 'MCP.example.COM', 'mcp.example.com:8443',
             'mcp.example.com.', 'a.wild.example', 'a.b.wild.example',
             'dot.example', 'a.dot.example', 'www.tail.example',
             're1.example.org', 'localhost', 'localhost:1'),
       join(' ', (200) x 12), 'allowed');

    is(tried('evil.example', 'mcp.example.com.evil.example',
             'evilmcp.example.com', 'wild.example', 'evildot.example',
             'xdot.example', 'www.tail', 're.example.org',
             're1.example.org.evil', 'localhost.evil', 'any', '_', '*'),
       join(' ', (403) x 13), 'refused');

    is_rpc(call('echo', host => 'evil.example'),
           '403 host_not_allowed id 7', 'as JSON-RPC');
    is(call('', path => '/tenant/a/servers', method => 'GET',
            host => 'evil.example')->{status}, 403, 'elsewhere, too');
    is((audit())[-1]{reason}, 'host_not_allowed', 'audited');
    is(call('echo', host => 'evil.example', key => 'mcpk-wrong')->{status},
       401, 'a key comes first');
    is(scalar(grep { $_->{reason} eq 'host_not_allowed' } audit()), 15,
       'each of them');



=== the address that the client is connected to
--- server eval: $::names
--- catalog_a eval: $::catalog
--- dialog
    is(tried('127.0.0.1', '127.0.0.1:80', '[::ffff:127.0.0.1]'), '200 200 200',
       'allowed');
    is(tried('127.0.0.2', '10.0.0.1', '[::1]', '2130706433', '0x7f.1',
             '0.0.0.0'), join(' ', (403) x 6), 'refused');



=== without a Host
--- catalog_a eval: $::catalog
--- dialog
    my $socket = connect_to($Test::Nginx::Util::ServerPort);

    print $socket "GET /tenant/a/servers HTTP/1.0\r\nX-API-Key: " . key('a')
                  . "\r\n\r\n";
    is(read_answer($socket)->{status}, 200, 'it is no browser');



=== mcp_tenant_allowed_hosts
--- settings
mcp_tenant_allowed_hosts Gateway.example *.svc.cluster.local;
--- catalog_a eval: $::catalog
--- dialog
    is(tried('gateway.example', 'a.svc.cluster.local:80', 'localhost'),
       '200 200 200', 'allowed');
    is(tried('x.gateway.example', 'svc.cluster.local', 'any'), '403 403 403',
       'refused');



=== any host
--- settings
mcp_tenant_allowed_hosts any;
--- catalog_a eval: $::catalog
--- dialog
    is(tried('evil.example', '10.0.0.1'), '200 200', 'allowed');



=== a host with a scheme is refused
--- settings
mcp_tenant_allowed_hosts https://gateway.example;
--- catalog_a
servers: []
--- must_die
--- error_log
invalid host "https://gateway.example", expected a name such as
 "mcp.example.com"



=== a host with a port is refused
--- settings
mcp_tenant_allowed_hosts gateway.example:443;
--- catalog_a
servers: []
--- must_die
--- error_log
invalid host "gateway.example:443", expected a name
