# Protected resource metadata (RFC 9728), and the challenges that lead to it.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use JSON::PP;

mock_start();
no_long_string();
master_on();

our $catalog = 'servers: [{id: echo, runtime: {type: remote, url: '
               . '"http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}]';
our $known = '/.well-known/oauth-protected-resource';
our $mcp = '/tenant/a/servers/echo/mcp';

sub metadata {
    my ($path, %o) = @_;

    return call('', method => 'GET', path => "$::known$path", key => undef,
                %o);
}

sub challenge { return $_[0]->{headers}{'www-authenticate'} // '' }

run_tests();

__DATA__

=== each MCP path has its metadata, whether there is a server or not
--- server
mcp_tenant_authorization_server https://auth.example.com/x https://two.example;
server_name localhost mcp.example.com;
--- catalog_a eval: $::catalog
--- dialog
    for my $path ($::mcp, '/tenant/none/servers/none/mcp', '/servers/x/mcp',
                  '')
    {
        my $answer = metadata($path, host => 'mcp.example.com:8443');

        is($answer->{status}, 200, "there is one for $path");
        is($answer->{headers}{'content-type'}, 'application/json', 'as JSON');
        is_deeply(decode_json($answer->{body}), {
            resource => "http://mcp.example.com:8443$path",
            authorization_servers => ['https://auth.example.com/x',
                                      'https://two.example'],
            bearer_methods_supported => ['header'],
        }, 'with all that clients need');
    }

    for my $path ('/', '/tenant/a', '/tenant/a/servers', "$::mcp/",
                  '/tenant/A/servers/echo/mcp', '/metrics', "/x$::mcp", 'x',
                  '/tenant/a/../b/servers/echo/mcp',
                  '/tenant/a%2fb/servers/echo/mcp', "/$::mcp")
    {
        is(metadata($path)->{status}, 404, "there is none for $path");
    }

    is(metadata($::mcp, host => 'evil.example')->{status}, 403,
       'for a host of the server only');
    is(metadata($::mcp, method => 'POST', body => '{}')->{status}, 405,
       'to be read only');



=== a 401 says where it is
--- server
mcp_tenant_authorization_server https://auth.example.com;
--- catalog_a eval: $::catalog
--- dialog
    my $at = qq{resource_metadata="http://localhost$::known$::mcp"};

    for my $method ('POST', 'GET', 'DELETE') {
        is(challenge(call('echo', method => $method, key => undef)),
           qq{Bearer realm="mcp", $at}, "$method without a key");
        is(challenge(call('echo', method => $method, key => 'mcpk-none')),
           qq{Bearer realm="mcp", error="invalid_token", $at},
           "$method with a wrong one");
    }

    my $other = $at =~ s{/a/servers/echo}{/none/servers/none}r;

    is(challenge(call('none', tenant => 'none', key => undef)),
       qq{Bearer realm="mcp", $other}, 'the same where there is none');
    is(challenge(call('', path => '/tenant/a/servers', method => 'GET',
                      key => undef)),
       'Bearer realm="mcp"', 'elsewhere there is nothing to find');
    is(challenge(call('echo', key => undef, host => 'evil.example')),
       'Bearer realm="mcp"', 'nor for another host');
    is(challenge(call('echo', tenant => 'b', key => key('a'))), '',
       'a token of another tenant leads nowhere');



=== behind another proxy
--- server
mcp_tenant_authorization_server https://auth.example.com;
mcp_tenant_public_url https://$http_x_forwarded_host/base;
--- catalog_a eval: $::catalog
--- dialog
    my @headers = (headers => ['X-Forwarded-Host: mcp.example.com']);

    is(decode_json(metadata($::mcp, @headers)->{body})->{resource},
       "https://mcp.example.com/base$::mcp", 'the resource');
    is(challenge(call('echo', key => undef, @headers)), 'Bearer realm="mcp", '
       . qq{resource_metadata="https://mcp.example.com/base$::known$::mcp"},
       'the challenge');



=== without an authorization server there is nothing
--- catalog_a eval: $::catalog
--- dialog
    is(metadata($::mcp)->{status}, 404, 'no metadata');
    is(metadata('')->{status}, 404, 'none of the gateway either');
    is(challenge(call('echo', key => 'mcpk-none')), 'Bearer realm="mcp"',
       'a plain challenge');



=== an authorization server without TLS is refused
--- server
mcp_tenant_authorization_server http://auth.example.com;
--- catalog_a
servers: []
--- must_die
--- error_log
invalid authorization server "http://auth.example.com", expected the URL of an
 issuer
