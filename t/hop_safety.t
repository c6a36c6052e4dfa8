# What passes from client to server and back, and what never does: keys,
# secrets of the catalog, headers of the hop, and what a server could use to
# steer NGINX.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use File::Find;
use McpUpstream;

my $json = '{"jsonrpc":"2.0","id":7,"result":{}}';

# An answer with what a server must not be able to use.
my $steering = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
               . 'Content-Length: ' . length($json) . "\r\n"
               . join('', map { "$_\r\n" }
                      'X-Accel-Redirect: /secret', 'X-Accel-Expires: 60',
                      'X-Accel-Limit-Rate: 1', 'X-Accel-Charset: koi8-r',
                      'X-Accel-Buffering: no', 'Set-Cookie: sid=1',
                      'Set-Cookie: admin=1', 'Refresh: 0; url=http://evil/',
                      'Location: http://evil.example.com/',
                      'WWW-Authenticate: Basic realm="evil"',
                      'Alt-Svc: h2="evil.example.com:443"',
                      'Mcp-Session-Id: s-1', 'Cache-Control: no-store',
                      'X-Own: passes')
               . "\r\n$json";

mock_start(
    steering => [$steering, 'keep'],
    redirect => ["HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n"
                 . "Location: http://127.0.0.1:1/elsewhere\r\n\r\n", 'keep'],
    denied => ["HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
               . "WWW-Authenticate: Bearer resource_metadata=\"x\"\r\n\r\n",
               'keep'],
    switch => ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
               . "Connection: Upgrade\r\n\r\nTUNNELED", 'keep'],
    early => ["HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 'keep'],
    'bad-chunk' => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    . "Transfer-Encoding: chunked\r\n\r\n"
                    . "5\r\nfirst\r\nXYZ\r\n", 'keep'],
    'huge-header' => ["HTTP/1.1 200 OK\r\nX-Huge: " . ('h' x 100_000)
                      . "\r\n\r\n", 'keep'],
    'many-headers' => ["HTTP/1.1 200 OK\r\n"
                       . join('', map { "X-H$_: v\r\n" } 1 .. 10_000)
                       . "\r\n", 'keep'],
    'no-status' => ["HTTP/2 200 OK\r\nSet-Cookie: evil=1\r\n"
                    . "Content-Length: 0\r\n\r\n", 'close'],
    'no-header' => ["", 'close'],
    'half-header' => ["HTTP/1.1 200 OK\r\nContent-Ty", 'close'],
    'bad-header' => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     . "X-Nul: a\0b\r\nContent-Length: 2\r\n\r\n{}", 'close'],
    reset => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              . "Content-Length: 100\r\n\r\n{\"half\":", 'reset'],
    'reset-first' => ["", 'reset'],
    short => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              . "Content-Length: 100\r\n\r\n{\"half\":", 'close'],
    long => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
             . "Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n"
             . "Content-Length: 8\r\n\r\nSMUGGLED", 'keep'],
);

$ENV{MCP_TEST_SECRET} = 's3cr3t-of-the-environment';
$ENV{MCP_TEST_SECOND} = 's3cr3t-of-the-environment-2';

# Files below the server root that hold a text.
sub files_with {
    my ($text) = @_;
    my @found;

    find({ no_chdir => 1, wanted => sub {
        return if !-f $_ || -l $_;
        open(my $in, '<:raw', $_) or return;
        local $/;
        my $content = <$in> // '';
        my $name = substr($_, length(servroot()) + 1);
        push @found, $name if index($content, $text) >= 0;
    } }, servroot());

    return sort @found;
}

no_long_string();
run_tests();

__DATA__

=== only known headers reach a server
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    my ($token) = open_session('echo');
    my $head = echoed(call('echo', key => undef, headers => [
        'X-API-Key: ' . key('a'), 'Authorization: Bearer ' . key('a'),
        'X-Tenant-ID: a', 'Cookie: session=1', 'Cookie2: x',
        'X-Forwarded-For: 10.0.0.1', 'X-Forwarded-Proto: https',
        'X-Forwarded-Host: evil', 'Forwarded: for=10.0.0.1',
        'X-Real-IP: 10.0.0.1', 'Via: 1.1 x', 'X-Original-URL: /admin',
        'X-Rewrite-URL: /admin', 'X-HTTP-Method-Override: DELETE',
        'Connection: close, X-Listed, Mcp-Listed', 'X-Listed: 1',
        'Keep-Alive: timeout=5', 'Proxy-Authorization: Basic eDp5',
        'Proxy-Connection: keep-alive', 'TE: trailers', 'Trailer: X-T',
        'Upgrade: websocket', 'Expect: 100-continue',
        'Accept-Encoding: gzip', 'Referer: http://x/',
        'X-Unknown: 1', 'X_API_Key: x', 'x-mcp-tenant: b',
        'Range: bytes=0-1', 'If-None-Match: "x"',

        'Accept: application/json, text/event-stream',
        'Accept-Language: en', 'User-Agent: test/1',
        "Mcp-Session-Id: $token",
        'MCP-Protocol-Version: 2025-06-18', 'Last-Event-ID: e-1',
        'Mcp-Method: ping', 'Mcp-Param-Region: eu',
        'traceparent: 00-0af7651916cd43dd8448eb211c80319c'
            . '-b7ad6b7169203331-01',
        'tracestate: x=y', 'baggage: k=v', 'X-Request-ID: r-1']))->{head};

    my @names = sort map { lc } $head =~ /^([^:\r\n]+):/mg;

    is_deeply(\@names, [sort qw(accept accept-language baggage
        content-length content-type host last-event-id mcp-method
        mcp-param-region mcp-protocol-version mcp-session-id traceparent
        tracestate user-agent x-request-id)], 'the names of what arrives')
        or diag($head);

    like($head, qr/^Accept: application\/json, text\/event-stream\r$/m,
         'Accept is the same');
    like($head, qr/^Mcp-Param-Region: eu\r$/m, 'Mcp-Param is the same');
    unlike($head, qr/mcpk-of/, 'no key');
--- no_error_log
[error]
[alert]
[crit]



=== an upstream block gets known headers only, too
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: legacy
    runtime: {type: upstream, name: legacy, path: /echo}
--- dialog
    my ($token) = open_session('legacy');
    my $head = echoed(call('legacy', query => 'a=b', headers => [
        'X-Tenant-ID: a', 'Cookie: session=1', 'Upgrade: websocket',
        'X-Forwarded-For: 10.0.0.1', 'Accept-Encoding: gzip',
        'Connection: close, X-Listed', 'X-Listed: 1',
        "Mcp-Session-Id: $token"]))->{head};

    my @names = sort map { lc } $head =~ /^([^:\r\n]+):/mg;

    is_deeply(\@names, [sort qw(accept content-length content-type host
                                mcp-session-id)],
              'the names of what arrives') or diag($head);
    like($head, qr{^POST /echo HTTP/1\.1\r\n}, 'no query arrives');
    unlike($head, qr/mcpk-of/, 'no key');
--- no_error_log
[error]
[alert]
[crit]



=== mcp_tenant_pass_headers lets more headers through
--- settings
mcp_tenant_pass_headers X-Unknown X-Forwarded-For Referer;
--- catalog_a
servers:
  - id: echo
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    my $head = echoed(call('echo', headers => [
        'X-UNKNOWN: 1', 'X-Forwarded-For: 10.0.0.1', 'X-Unknown2: 2',
        'Cookie: c=1']))->{head};

    like($head, qr/^X-UNKNOWN: 1\r\n/m, 'one, in the case it came in');
    like($head, qr/^X-Forwarded-For: 10\.0\.0\.1\r\n/m, 'another');
    unlike($head, qr/unknown2|cookie/i, 'and no other');
--- no_error_log
[error]
[alert]
[crit]



=== a header that proves who the client is never passes
--- settings
mcp_tenant_pass_headers X-Ok Authorization;
--- must_die
--- error_log
header "authorization" is never passed to a server: it belongs to the
    connection with the client, or proves who the client is



=== a header of the connection never passes
--- settings
mcp_tenant_pass_headers upgrade;
--- must_die
--- error_log
header "upgrade" is never passed to a server: it belongs to the connection
    with the client, or proves who the client is



=== the client's query stays here, and that of the URL is sent
--- catalog_a
servers:
  - id: query
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/echo/path?profile=p&x=%20y
  - id: none
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}
--- dialog
    is(echoed(call('query', query => 'profile=evil&admin=1'))->{target},
       '/echo/path?profile=p&x=%20y', 'the query of the URL');
    is(echoed(call('none', query => 'profile=evil'))->{target}, '/echo',
       'no query');
    is(echoed(call('none', query => ''))->{target}, '/echo', 'nor an empty');
--- no_error_log
[error]
[alert]
[crit]



=== configured headers arrive, and stand nowhere else
--- main_config
env MCP_TEST_SECRET;
env MCP_TEST_SECOND=s3cr3t-of-nginx-conf;
--- log_level: debug
--- http
    log_format all '$http_authorization|$http_x_secret|$http_x_file|'
                   '$sent_http_authorization|$upstream_http_authorization|'
                   '$http_x_plain|$request|$mcp_tenant_upstream_url|'
                   '$mcp_tenant_upstream_host|$proxy_host|$upstream_addr';
--- server
access_log logs/all.log all;
--- secrets_a
MCP_TEST_SECRET
MCP_TEST_SECOND
file:secret.txt
--- user_files
>>> secret.txt
s3cr3t-of-a-file
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/echo
      headers:
        Authorization: "Bearer ${MCP_TEST_SECRET}"
        X-Secret: "a ${MCP_TEST_SECOND} b ${MCP_TEST_SECRET}"
        X-File: "${file:secret.txt}"
        X-Plain: costs $$5
--- dialog
    for my $body (undef, '{"jsonrpc":"2.0","id":1,"method":"ping","x":"'
                         . ('y' x 200_000) . '"}')
    {
        my $head = echoed(call('echo', body => $body, headers => [
            'X-Secret: of-the-client', 'X-File: of-the-client']))->{head};

        like($head, qr/^Authorization: Bearer s3cr3t-of-the-environment\r$/m,
             'a value of the environment');
        like($head, qr/^X-Secret:\ a\ s3cr3t-of-nginx-conf\ b
                       \ s3cr3t-of-the-environment\r$/mx,
             'two values in one header');
        like($head, qr/^X-File: s3cr3t-of-a-file\r$/m, 'a value of a file');
        like($head, qr/^X-Plain: costs \$5\r$/m, 'a value that is plain');
        is(() = $head =~ /^(?:Authorization|X-Secret|X-File):/mig, 3,
           'each once');
        unlike($head, qr/of-the-client|mcpk-of/, 'nothing of the client');
    }

    is_deeply([files_with('s3cr3t-of-the-environment')], [],
              'no file has the value');
    is_deeply([files_with('s3cr3t-of-nginx-conf')],
              ['conf/nginx.conf'], 'this one stands in nginx.conf alone');
    is_deeply([files_with('s3cr3t-of-a-file')], ['html/secret.txt'],
              'and this one in its file alone');
    # NGINX itself shows what arrives from a client when it debugs
    my $shown = join '', grep { !/\[debug\] .* http header: "/ }
                         split /^/m, error_log();

    unlike($shown, qr/\Q@{[key('a')]}/, 'nor do we log the key of a client');
    is_deeply([grep { $_ ne 'logs/error.log' } files_with(key('a'))], [],
              'which stands in no other file');
--- no_error_log
s3cr3t
[error]
[alert]
[crit]



=== secrets of a catalog stay out of what a failing server leaves behind
--- main_config
env MCP_TEST_SECRET;
--- log_level: debug
--- secrets_a
MCP_TEST_SECRET
--- catalog_a
servers:
  - id: dead
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_DEAD/mcp
      headers: {Authorization: "Bearer ${MCP_TEST_SECRET}"}
  - id: bad
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/raw/no-status
      headers: {Authorization: "Bearer ${MCP_TEST_SECRET}"}
--- dialog
    is_rpc(call('dead'), '502 upstream_failed id 7', 'no connection');
    isnt(call('bad')->{body}, '', 'no HTTP');
    is_deeply([files_with('s3cr3t')], [], 'no file has the value');
    unlike(call('dead', method => 'GET',
                path => '/tenant/a/servers')->{body},
           qr/s3cr3t|Authorization|127\.0\.0\.1/, 'nor does the list');
--- no_error_log
s3cr3t
[alert]
[crit]



=== a variable that "env" does not declare is an error that names the line
--- secrets_a
MCP_TEST_SECRET
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/echo
      headers: {Authorization: "Bearer ${MCP_TEST_SECRET}"}
--- must_die
--- error_log
catalogs/a.yaml:6:32: found ${MCP_TEST_SECRET} in header Authorization,
    which is not set, expected the variable in NGINX's environment: set it where
    NGINX is started, and add "env MCP_TEST_SECRET;" to the top of nginx.conf
--- no_error_log
s3cr3t



=== a secret that the tenant was not granted is an error
--- main_config
env MCP_TEST_SECRET;
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/echo
      headers: {Authorization: "Bearer ${MCP_TEST_SECRET}"}
--- must_die
--- error_log
catalogs/a.yaml:6:32: found ${MCP_TEST_SECRET} in header Authorization,
    expected a secret that this tenant was granted: add "- MCP_TEST_SECRET"
    to its "secrets:" in
--- no_error_log
s3cr3t



=== a server cannot steer NGINX with headers of its answer
--- server
location = /secret {
    internal;
    return 200 "internal secret";
}
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: remote
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/raw/steering
  - id: legacy
    runtime: {type: upstream, name: legacy, path: /raw/steering}
--- dialog
    for my $server ('remote', 'legacy') {
        my $answer = call($server);
        my $headers = $answer->{headers};

        is($answer->{status}, 200, "$server: status");
        is($answer->{body}, '{"jsonrpc":"2.0","id":7,"result":{}}',
           "$server: the body is the server's");
        is($headers->{'content-type'}, 'application/json',
           "$server: no charset is added");
        is($headers->{$_}, undef, "$server: no $_")
            for qw(x-accel-redirect x-accel-expires x-accel-limit-rate
                   x-accel-charset set-cookie refresh location
                   www-authenticate alt-svc);
        is($headers->{'x-accel-buffering'}, 'no',
           "$server: X-Accel-Buffering passes");
        like($headers->{'mcp-session-id'}, qr/^[\w-]{60,}$/,
             "$server: a token stands in for Mcp-Session-Id");
        is($headers->{'x-own'}, 'passes', "$server: others pass");
        is($headers->{'cache-control'}, 'no-store', "$server: cache");
    }
--- no_error_log
[error]
[alert]
[crit]



=== a redirect is not followed, and its target not told
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: remote
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/raw/redirect
  - id: legacy
    runtime: {type: upstream, name: legacy, path: /raw/redirect}
--- dialog
    for my $server ('remote', 'legacy') {
        my $answer = call($server);

        is($answer->{status}, 307, "$server: the status passes");
        unlike($answer->{head}, qr/^Location:/mi, "$server: no Location");
        unlike($answer->{head}, qr/elsewhere/, "$server: no target");
    }

    is(scalar(@{mock('seen')->{requests}}),
       scalar(grep { $_->{target} =~ m{^/(?:raw|echo|held)} }
              @{mock('seen')->{requests}}), 'nothing else was asked');
--- no_error_log
[error]
[alert]
[crit]



=== the challenge of a server does not reach the client
It would ask for credentials that the gateway does not pass on.
--- catalog_a
servers:
  - id: denied
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/raw/denied
--- dialog
    my $answer = call('denied');

    is($answer->{status}, 401, 'the status passes');
    is($answer->{headers}{'www-authenticate'}, undef, 'the challenge not');
--- no_error_log
[error]
[alert]
[crit]



=== an Upgrade opens no tunnel
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: remote
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/raw/switch
  - id: legacy
    runtime: {type: upstream, name: legacy, path: /raw/switch}
--- dialog
    for my $server ('remote', 'legacy') {
        for my $headers ([], ['Upgrade: websocket', 'Connection: Upgrade',
                              'Sec-WebSocket-Key: eDp5',
                              'Sec-WebSocket-Version: 13'])
        {
            for my $method ('GET', 'POST') {
                my $answer = call($server, method => $method,
                                  headers => $headers);
                my $id = $method eq 'POST' ? 7 : 'null';

                is_rpc($answer, "502 upstream_failed id $id",
                       "$server: $method");
                unlike($answer->{body}, qr/TUNNELED/, 'no byte of it');
            }
        }
    }
--- no_error_log
[alert]
[crit]



=== a server that breaks off before its header gives 502
--- settings
proxy_read_timeout 2s;
--- catalog_a
servers:
  - id: no-header
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/no-header"}
  - id: half-header
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/half-header"}
  - id: reset-first
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/reset-first"}
  - id: huge-header
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/huge-header"}
  - id: many-headers
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/many-headers"}
  - id: bad-header
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/bad-header"}
  - id: early
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/early"}
--- dialog
    for my $server (qw(no-header half-header reset-first huge-header
                       many-headers bad-header early))
    {
        my $answer = call($server);

        is_rpc($answer, '502 upstream_failed id 7', $server);
        is($answer->{headers}{'content-type'}, 'application/json',
           "$server: type");
        ok($answer->{complete}, "$server: the answer is whole");
        is((audit())[-1]{reason}, 'upstream_failed', "$server: audit");
    }
--- no_error_log
[alert]
[crit]



=== a server that breaks off later ends the answer, visibly
--- catalog_a
servers:
  - id: short
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/short"}
  - id: reset
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/reset"}
  - id: bad-chunk
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/bad-chunk"}
--- dialog
    my $answer = call('short');

    is($answer->{status}, 200, 'short: the status was sent');
    is($answer->{body}, '{"half":', 'short: nothing is made up');

    # NGINX may give up before it has sent what it has of these

    for my $server (qw(short bad-chunk reset)) {
        $answer = call($server);

        ok($answer->{status} == 502 || !$answer->{complete},
           "$server: the answer is cut");
    }
--- no_error_log
[alert]
[crit]



=== bytes behind an answer are no answer to anyone
--- catalog_a
servers:
  - id: long
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/long"}
--- dialog
    for (1 .. 3) {
        my $answer = call('long');

        is($answer->{status}, 200, 'the status passes');
        is($answer->{body}, '{}', 'the body ends where it said');
    }
--- no_error_log
[alert]
[crit]



=== an answer without a status line is no answer
NGINX would take it for HTTP/0.9 and send it as it is, so that the server would
write the header that the client sees.
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - id: remote
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/no-status"}
  - id: legacy
    runtime: {type: upstream, name: legacy, path: /raw/no-status}
--- dialog
    for my $server ('remote', 'legacy') {
        my $answer = call($server);

        is_rpc($answer, '502 upstream_failed id 7', $server);
        unlike($answer->{head} . $answer->{body}, qr/evil/, 'nothing of it');
    }
--- no_error_log
[alert]
[crit]
