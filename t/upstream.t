# What is behind the gateway: kinds of servers, several endpoints of one, what
# happens when they fail, and bodies of any size.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;

mock_start();

$ENV{TEST_NGINX_HTTP2} = free_port();

no_long_string();
run_tests();

__DATA__

=== a remote server gets the request under its own path and Host
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    my $answer = call('echo');
    my $head = echoed($answer)->{head};

    is($answer->{status}, 200, 'the answer passes');
    like($head, qr{^POST /echo HTTP/1\.1\r\n}, 'the path is that of the URL');
    like($head, qr{^Host: 127\.0\.0\.1:$ENV{TEST_NGINX_MOCK}\r\n}m,
         'Host is that of the URL');
    is(() = $head =~ /^Host:/mig, 1, 'there is one Host');
    is(echoed($answer)->{body},
       '{"jsonrpc":"2.0","id":7,"method":"ping"}', 'the body is the same');
--- no_error_log
[error]
[alert]
[crit]



=== a server with two urls is reached at both, each under its own Host
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      urls:
        - http://127.0.0.1:$TEST_NGINX_MOCK/echo
        - http://localhost:$TEST_NGINX_MOCK2/echo
--- dialog
    my %hosts;

    for (1 .. 100) {
        my $answer = echoed(call('echo'));
        my ($host) = $answer->{head} =~ /^Host: (\S+)\r\n/m;

        $hosts{$answer->{port}}{$host}++;
        last if keys %hosts == 2;
    }

    is_deeply([sort map { "$_ " . join(' ', keys %{$hosts{$_}}) }
               keys %hosts],
              [sort "$ENV{TEST_NGINX_MOCK} 127.0.0.1:$ENV{TEST_NGINX_MOCK}",
               "$ENV{TEST_NGINX_MOCK2} localhost:$ENV{TEST_NGINX_MOCK2}"],
              'both were asked, with their own names');
--- no_error_log
[error]
[alert]
[crit]



=== two servers of a tenant do not answer for each other
--- catalog_a
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo/1"}
  - id: two
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo/2"}
--- dialog
    for my $round (1 .. 3) {
        is(echoed(call('one'))->{target}, '/echo/1', 'one');
        is(echoed(call('two'))->{target}, '/echo/2', 'two');
    }
--- no_error_log
[error]
[alert]
[crit]



=== an upstream block is reached by its name, with the path of the catalog
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: plain
    runtime: {type: upstream, name: legacy}
  - id: path
    runtime: {type: upstream, name: legacy, path: /echo/deep}
--- dialog
    my $answer = call('plain');

    is($answer->{status}, 200, 'the answer passes');
    like(echoed($answer)->{head}, qr{^POST /mcp HTTP/1\.1\r\n},
         'the path is /mcp when the catalog has none');
    unlike(echoed($answer)->{head}, qr/mcpk-of/, 'the key stays here');

    like(echoed(call('path'))->{head}, qr{^POST /echo/deep HTTP/1\.1\r\n},
         'the path is that of the catalog');
--- no_error_log
[error]
[alert]
[crit]



=== an upstream block that nginx.conf does not open is refused
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }

    upstream internal {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: plain
    runtime: {type: upstream, name: internal}
--- must_die
--- error_log
catalogs/a.yaml:3:37: found the upstream "internal", expected one that
    nginx.conf opens: add "internal" to mcp_tenant_upstream_names



=== no upstream block is open unless nginx.conf says so
--- http
    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: plain
    runtime: {type: upstream, name: legacy}
--- must_die
--- error_log
catalogs/a.yaml:3:37: found the upstream "legacy", expected one that
    nginx.conf opens: add "legacy" to mcp_tenant_upstream_names



=== a name without an upstream block cannot be opened
--- http
    mcp_tenant_upstream_names missing;
--- catalog_a
servers:
  - id: missing
    runtime: {type: upstream, name: missing}
--- must_die
--- error_log
"mcp_tenant_upstream_names" opens "missing", expected the name of an upstream
    block without "mcp_tenant_peers"



=== the block of all servers cannot be opened by its name
--- http
    mcp_tenant_upstream_names mcp_servers;
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- must_die
--- error_log
"mcp_tenant_upstream_names" opens "mcp_servers", expected the name of an
    upstream block without "mcp_tenant_peers"



=== a Kubernetes service whose name does not resolve is not ready
--- http
    mcp_tenant_cluster_domain cluster.invalid;
--- catalog_a
servers:
  - id: shared
    runtime: {type: k8s-service, service_name: shared-mcp, port: 8080}
--- dialog
    my $answer = call('shared');

    is_rpc($answer, '503 server_not_ready id 7', 'JSON-RPC error');
    like($answer->{headers}{'retry-after'}, qr/^\d+$/, 'Retry-After');
    is($answer->{headers}{'content-type'}, 'application/json', 'type');

    my $list = call('shared', method => 'GET',
                    path => '/tenant/a/servers/shared');

    like($list->{body}, qr/"status": "unresolved"/, 'the status says so');
    like($list->{body}, qr/"endpoints": 0/, 'there is no endpoint');
    unlike($list->{body}, qr/invalid|8080|svc/, 'no address is shown');
--- no_error_log
[error]
[alert]
[crit]



=== a server in Kubernetes without pods is pending
--- catalog_a
servers:
  - id: pods
    runtime:
      type: kubernetes
      image: registry.example.com/pg-mcp:1.4
      port: 8080
--- dialog
    my $answer = call('pods', body => '{"jsonrpc":"2.0","id":"x-1",'
                                      . '"method":"tools/list"}');

    is_rpc($answer, '503 server_not_ready id x-1', 'JSON-RPC error');
    ok($answer->{headers}{'retry-after'}, 'Retry-After');

    my $list = call('pods', method => 'GET',
                    path => '/tenant/a/servers/pods');

    like($list->{body}, qr/"status": "pending"/, 'the status says so');
--- no_error_log
[error]
[alert]
[crit]



=== an endpoint that refuses connections is passed over, and then rests
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      urls:
        - http://127.0.0.1:$TEST_NGINX_MOCK/echo
        - http://127.0.0.1:$TEST_NGINX_DEAD/echo
--- peers
mcp_tenant_peers max_fails=1 fail_timeout=1h;
keepalive 16;
--- dialog
    my $dead = qr/127\.0\.0\.1:$ENV{TEST_NGINX_DEAD}/;
    my $tried;

    for (1 .. 100) {
        is(call('echo')->{status}, 200, 'no request fails');
        $tried = grep { $_->{upstream} =~ $dead } audit();
        last if $tried;
    }

    is($tried, 1, 'the dead endpoint was tried');
    like((grep { $_->{upstream} =~ $dead } audit())[0]{upstream},
         qr/^$dead, 127\.0\.0\.1:$ENV{TEST_NGINX_MOCK}$/,
         'and the request went on to the other');

    is(call('echo')->{status}, 200, 'no request fails') for 1 .. 20;
    is(scalar(grep { $_->{upstream} =~ $dead } audit()), 1,
       'it is not tried again while it rests');
    is(() = error_log() =~ /upstream $dead failed and rests for 3600 s/g, 1,
       'which is said once');
--- no_error_log
[alert]
[crit]



=== max_fails=3 lets an endpoint fail three times before it rests
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      urls:
        - http://127.0.0.1:$TEST_NGINX_MOCK/echo
        - http://127.0.0.1:$TEST_NGINX_DEAD/echo
--- peers
mcp_tenant_peers max_fails=3 fail_timeout=1h;
--- dialog
    my $dead = qr/127\.0\.0\.1:$ENV{TEST_NGINX_DEAD}/;
    my $bad = 0;

    for (1 .. 200) {
        $bad++ if call('echo')->{status} != 200;
        last if error_log() =~ /failed and rests/;
    }

    is($bad, 0, 'no request fails');

    $bad += call('echo')->{status} != 200 for 1 .. 20;

    is($bad, 0, 'nor later');
    is(scalar(grep { $_->{upstream} =~ $dead } audit()), 3,
       'it was tried three times');
--- no_error_log
[alert]
[crit]



=== max_fails=0 lets no endpoint rest
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      urls:
        - http://127.0.0.1:$TEST_NGINX_MOCK/echo
        - http://127.0.0.1:$TEST_NGINX_DEAD/echo
--- peers
mcp_tenant_peers max_fails=0;
--- dialog
    my $dead = qr/127\.0\.0\.1:$ENV{TEST_NGINX_DEAD}/;
    my $tried = 0;

    for (1 .. 200) {
        is(call('echo')->{status}, 200, 'no request fails');
        $tried = grep { $_->{upstream} =~ $dead } audit();
        last if $tried == 4;
    }

    is($tried, 4, 'it is tried again and again');
--- no_error_log
rests for
[alert]
[crit]



=== endpoints that all rest are tried all the same
--- catalog_a
servers:
  - id: dead
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_DEAD/mcp"}
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- peers
mcp_tenant_peers max_fails=1 fail_timeout=1h;
--- dialog
    for (1 .. 3) {
        my $answer = call('dead', body => '{"jsonrpc":"2.0","id":"r/1",'
                                          . '"method":"tools/list"}');

        is_rpc($answer, '502 upstream_failed id r/1', 'JSON-RPC error');
        is($answer->{headers}{'content-type'}, 'application/json', 'type');
        is((audit())[-1]{upstream}, "127.0.0.1:$ENV{TEST_NGINX_DEAD}",
           'the endpoint was asked');
        is((audit())[-1]{reason}, 'upstream_failed', 'the reason is logged');
        is((audit())[-1]{decision}, 'allow', 'the request was allowed');
    }

    is(call('echo')->{status}, 200, 'another server of the tenant goes on');
--- no_error_log
[alert]
[crit]



=== a server that does not answer in time gives 504
--- settings
proxy_read_timeout 300ms;
--- catalog_a
servers:
  - id: silent
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/s"}
--- dialog
    is_rpc(call('silent'), '504 upstream_timeout id 7', 'JSON-RPC error');
    is((audit())[-1]{reason}, 'upstream_timeout', 'the reason is logged');
    ok(exists mock('gone/s')->{sent}, 'the connection was closed');
--- no_error_log
[alert]
[crit]



=== a POST that a server may have seen is not sent to another
--- settings
proxy_read_timeout 300ms;
--- catalog_a
servers:
  - id: silent
    runtime:
      type: remote
      urls:
        - http://127.0.0.1:$TEST_NGINX_MOCK/held/once
        - http://127.0.0.1:$TEST_NGINX_MOCK2/held/once
--- dialog
    is_rpc(call('silent'), '504 upstream_timeout id 7', 'JSON-RPC error');
    unlike((audit())[-1]{upstream}, qr/,/, 'one endpoint was asked');
--- no_error_log
[alert]
[crit]



=== a kept connection that the server closed is no failure of the server
GET is sent again by itself; a POST is not, for it may have been seen.
--- catalog_a
servers:
  - id: stale
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/stale"}
--- dialog
    my $first = echoed(call('stale', method => 'GET'));
    my $second = call('stale', method => 'GET');

    is($second->{status}, 200, 'a GET succeeds');
    isnt(echoed($second)->{connection}, $first->{connection},
         'on another connection');
    is((audit())[-1]{upstream},
       join(', ', ("127.0.0.1:$ENV{TEST_NGINX_MOCK}") x 2),
       'the same endpoint was asked twice');

    is_rpc(call('stale'), '502 upstream_failed id 7', 'a POST fails');
    is(call('stale')->{status}, 200, 'the next one succeeds');
--- no_error_log
rests for
[alert]
[crit]



=== a block with mcp_tenant_peers gives nothing without mcp_tenant on
--- server
location /direct {
    proxy_pass http://mcp_servers/echo;
}
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- request
GET /direct
--- more_headers
Authorization: Bearer mcpk-of-tenant-a
--- error_code: 500
--- error_log
"mcp_tenant_peers" was reached by a request that "mcp_tenant on" did not allow
--- no_error_log
[alert]
[crit]



=== a subrequest reaches no server by itself
--- server
location = /probe {
    internal;
    proxy_pass http://mcp_servers/echo;
}
location = /asked {
    auth_request /probe;
    return 204;
}
location = /asked2 {
    auth_request /probe;
    proxy_pass http://127.0.0.1:$TEST_NGINX_MOCK/echo;
}
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- request
GET /asked2
--- more_headers
Authorization: Bearer mcpk-of-tenant-a
--- error_code: 500
--- error_log
"mcp_tenant_peers" was reached by a request that "mcp_tenant on" did not allow
--- no_error_log
[alert]
[crit]



=== proxy_http_version 1.0 reaches a server too
--- settings
proxy_http_version 1.0;
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/echo
      headers: {X-Own: own-value}
--- dialog
    my $head = echoed(call('echo'))->{head};

    like($head, qr{^POST /echo HTTP/1\.0\r\n}, 'version');
    like($head, qr{^Host: 127\.0\.0\.1:$ENV{TEST_NGINX_MOCK}\r\n}m, 'Host');
    like($head, qr{^X-Own: own-value\r\n}m, 'the configured header');
--- no_error_log
[error]
[alert]
[crit]



=== a body in memory arrives as it was sent
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    use Digest::SHA qw(sha256_hex);

    my $body = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"'
               . join('', map { chr(97 + $_ % 26) } 1 .. 30000) . '"}}';
    my $seen = echoed(call('echo', body => $body));

    is($seen->{body_length}, length $body, 'length');
    is($seen->{body_sha256}, sha256_hex($body), 'content');
--- no_error_log
a client request body is buffered to a temporary file
[error]
[alert]
[crit]



=== a body in a file arrives as it was sent
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    use Digest::SHA qw(sha256_hex);

    my $body = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"'
               . join('', map { sprintf '%07d ', $_ } 1 .. 400_000) . '"}}';
    my $seen = echoed(call('echo', body => $body));

    is($seen->{body_length}, length $body, 'length');
    is($seen->{body_sha256}, sha256_hex($body), 'content');
    like($seen->{head}, qr/^Content-Length: ${\length $body}\r\n/m,
         'its length is announced');
    is_deeply([glob(servroot() . '/client_body_temp/*')], [],
              'no file is left');
--- error_log
a client request body is buffered to a temporary file
--- no_error_log
[error]
[alert]
[crit]



=== a chunked body arrives as it was sent
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    use Digest::SHA qw(sha256_hex);

    my $body = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"'
               . join('', map { sprintf '%07d ', $_ } 1 .. 100_000) . '"}}';

    for my $size (997, 100_000) {
        my $seen = echoed(call('echo', body => $body, chunked => $size));

        is($seen->{body_length}, length $body, "length, chunks of $size");
        is($seen->{body_sha256}, sha256_hex($body), 'content');
        is(() = $seen->{head} =~ /^(?:Content-Length|Transfer-Encoding):/mig,
           1, 'its length is announced in one way');
    }
--- no_error_log
[error]
[alert]
[crit]



=== a body goes on to the next endpoint after one that refused
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      urls:
        - http://127.0.0.1:$TEST_NGINX_MOCK/echo
        - http://127.0.0.1:$TEST_NGINX_DEAD/echo
      headers: {X-Own: own-value}
--- peers
mcp_tenant_peers max_fails=0;
--- dialog
    use Digest::SHA qw(sha256_hex);

    my $body = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"'
               . join('', map { sprintf '%07d ', $_ } 1 .. 50_000) . '"}}';
    my $seen;

    for (1 .. 100) {
        $seen = echoed(call('echo', body => $body));
        last if (audit())[-1]{upstream} =~ /$ENV{TEST_NGINX_DEAD},/;
    }

    like((audit())[-1]{upstream}, qr/$ENV{TEST_NGINX_DEAD},/,
         'the second endpoint answered');
    is($seen->{body_sha256}, sha256_hex($body), 'content');
    like($seen->{head}, qr/^Host: 127.0.0.1:$ENV{TEST_NGINX_MOCK}\r\n/m,
         'Host is that of the second');
    is(() = $seen->{head} =~ /^(?:Host|X-Own):/mg, 2,
       'Host and the configured header stand once');
--- no_error_log
[alert]
[crit]



=== a client of HTTP/2 is served like any other
--- server
listen 127.0.0.1:$TEST_NGINX_HTTP2 http2;
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/echo
      headers: {X-Own: own-value}
--- dialog
    use Digest::SHA qw(sha256_hex);

    my $body = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"'
               . join('', map { sprintf '%07d ', $_ } 1 .. 100_000) . '"}}';

    write_file('body.json', $body);

    my $text = command_output('curl', '-s', '--http2-prior-knowledge', '-H',
        'Authorization: Bearer ' . key('a'), '-H',
        'Content-Type: application/json', '-H', 'Cookie: c=1', '-H',
        'X-Tenant-ID: a', '-H', 'MCP-Protocol-Version: 2025-06-18',
        '--data-binary', '@' . servroot() . '/html/body.json', '-w',
        ' HTTP/%{http_version} %{http_code}',
        "http://127.0.0.1:$ENV{TEST_NGINX_HTTP2}"
        . '/tenant/a/servers/echo/mcp');

    like($text, qr{ HTTP/2 200$}, 'the answer passes');

    my $seen = echoed({ body => $text =~ s{ HTTP/2 200$}{}r });

    is($seen->{body_sha256}, sha256_hex($body), 'content');
    like($seen->{head}, qr/^X-Own: own-value\r\n/m, 'the configured header');
    like($seen->{head}, qr/^mcp-protocol-version: 2025-06-18\r\n/mi,
         'a header of the protocol');
    unlike($seen->{head}, qr/^(?:authorization|cookie|x-tenant-id):/mi,
           'nothing that must stay');
--- no_error_log
[error]
[alert]
[crit]



=== mcp_tenant_peers must stand before keepalive
--- peers
keepalive 16;
mcp_tenant_peers;
--- must_die
--- error_log
"mcp_tenant_peers" directive must stand before "keepalive" and any
    other balancer of this upstream block



=== mcp_tenant_peers takes no zone
--- peers
zone shared 64k;
mcp_tenant_peers;
--- must_die
--- error_log
"zone" cannot be used with "mcp_tenant_peers" in upstream "mcp_servers"



=== mcp_tenant_peers stands in one block
--- http
    upstream more {
        mcp_tenant_peers;
    }
--- must_die
--- error_log
"mcp_tenant_peers" directive may stand in one upstream block only



=== mcp_tenant_peers stands once
--- peers
mcp_tenant_peers;
mcp_tenant_peers;
--- must_die
--- error_log
"mcp_tenant_peers" directive is duplicate



=== a parameter that mcp_tenant_peers does not know is refused
--- peers
mcp_tenant_peers max_conns=1;
--- must_die
--- error_log
invalid parameter "max_conns=1", expected
    "max_fails=NUMBER" or "fail_timeout=TIME"



=== max_fails is a number
--- peers
mcp_tenant_peers max_fails=x;
--- must_die
--- error_log
invalid parameter "max_fails=x", expected
    "max_fails=NUMBER" or "fail_timeout=TIME"
