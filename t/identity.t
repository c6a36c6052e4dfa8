#!/usr/bin/perl
#
# Who a request is from: path, X-Tenant-ID, key, or what another module
# proved.  Bad input has its own file, attacks/identity.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::Socket 'no_plan';
use McpTenant;

run_tests();

__DATA__

=== a bearer key opens the path of its tenant
--- request
GET /tenant/a/servers/one
--- more_headers
Authorization: Bearer <key a>
--- response_body_like: "id": "one"
--- audit
tenant=a requested_tenant=a key=main decision=allow reason=ok



=== X-API-Key is as good as Authorization
--- request
GET /tenant/a/servers/one
--- more_headers
X-API-Key: <key a>
--- response_body_like: "id": "one"
--- audit
tenant=a requested_tenant=a key=main decision=allow reason=ok



=== the same key in both headers is one key
--- request
GET /tenant/a/servers/one
--- more_headers
Authorization: Bearer <key a>
X-API-Key: <key a>
--- response_body_like: "id": "one"
--- audit
tenant=a key=main decision=allow reason=ok



=== the scheme is written in any case
--- request
GET /tenant/a/servers/one
--- more_headers
Authorization: bEARER <key a>
--- response_body_like: "id": "one"



=== the names of headers are written in any case
--- request
GET /servers/one
--- more_headers
x-tenant-id: a
X-API-KEY: <key a>
--- response_body_like: "id": "one"
--- audit
tenant=a requested_tenant=a key=main decision=allow reason=ok



=== a key alone names its tenant
--- request eval
["GET /servers", "GET /servers"]
--- more_headers eval
["Authorization: Bearer <key a>", "Authorization: Bearer <key b>"]
--- response_body_like eval
['"tenant": "a"', '"tenant": "b"']
--- error_code eval
[200, 200]
--- audit
tenant=a requested_tenant= key=main decision=allow reason=ok
tenant=b requested_tenant= key=main-b decision=allow reason=ok



=== X-Tenant-ID names the tenant where the path does not
--- request
GET /servers
--- more_headers
Authorization: Bearer <key a>
X-Tenant-ID: a
--- response_body_like: "tenant": "a"
--- audit
tenant=a requested_tenant=a key=main decision=allow reason=ok



=== path, X-Tenant-ID and key may all say the same
--- request
POST /tenant/a/servers/one/mcp
{"jsonrpc":"2.0","id":1,"method":"ping"}
--- more_headers
Authorization: Bearer <key a>
X-Tenant-ID: a
Content-Type: application/json
--- response_body
a POST /one
--- upstream
a POST /one
--- audit
tenant=a requested_tenant=a key=main server=one decision=allow reason=ok



=== the same server id leads each tenant to its own server
--- request eval
["GET /servers/one/mcp", "GET /servers/one/mcp"]
--- more_headers eval
["Authorization: Bearer <key a>", "Authorization: Bearer <key b>"]
--- response_body eval
["a GET /one\n", "b GET /one\n"]
--- error_code eval
[200, 200]
--- upstream
a GET /one
b GET /one



=== a server of another tenant is one that does not exist
--- request eval
["GET /tenant/a/servers/secret", "GET /tenant/a/servers/nowhere"]
--- more_headers
Authorization: Bearer <key a>
--- error_code eval
[404, 404]
--- response_body eval
my $body = '{"type":"about:blank","title":"The tenant has no such server",'
    . '"status":404,"reason":"unknown_server"}' . "\n";
[$body, $body]
--- audit
tenant=a server=secret decision=deny reason=unknown_server
tenant=a server=nowhere decision=deny reason=unknown_server



=== a key works within its window only
--- tenants
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys:
      - {key_hash: "<hash open>", name: open, not_before: 2000-01-01,
         expires_at: 2100-01-01}
      - {key_hash: "<hash over>", name: over, expires_at: 2000-01-01}
      - {key_hash: "<hash soon>", name: soon, not_before: 2100-01-01}
      - {key_hash: "<hash off>", name: off, enabled: false}
--- request eval
[map { "GET /servers" } 1 .. 4]
--- more_headers eval
[map { "Authorization: Bearer <key $_>" } qw(open over soon off)]
--- error_code eval
[200, 401, 401, 401]
--- response_body_like eval
['"tenant": "a"', map { '"reason":"unauthorized"' } 1 .. 3]
--- audit
tenant=a key=open decision=allow reason=ok status=200
tenant= key= decision=deny reason=key_expired status=401
tenant= key= decision=deny reason=key_not_yet_valid status=401
tenant= key= decision=deny reason=key_disabled status=401



=== a disabled tenant is let in by no key
--- tenants
tenants:
  - id: a
    enabled: false
    catalog_file: a.yaml
    api_keys:
      - {key_hash: "<hash a>", name: main}
--- request eval
["GET /tenant/a/servers", "GET /servers"]
--- more_headers
Authorization: Bearer <key a>
--- error_code eval
[401, 401]
--- response_body_like eval
[map { '"reason":"unauthorized"' } 1 .. 2]
--- audit
tenant= requested_tenant=a decision=deny reason=tenant_disabled
tenant= requested_tenant= decision=deny reason=tenant_disabled



=== a disabled tenant is closed with mcp_tenant_auth off, too
--- tenants
tenants:
  - id: a
    enabled: false
    catalog_file: a.yaml
--- server
    mcp_tenant_auth  off;
--- request
GET /tenant/a/servers
--- error_code: 401
--- audit
tenant= requested_tenant=a decision=deny reason=tenant_disabled



=== a disabled tenant is closed to mcp_tenant_from, too
--- tenants
tenants:
  - id: a
    enabled: false
    catalog_file: a.yaml
--- server
    mcp_tenant_from  a;
--- request
GET /tenant/a/servers
--- error_code: 401
--- audit
tenant= requested_tenant=a decision=deny reason=tenant_disabled



=== a narrowed key reaches its servers only
--- request eval
["GET /servers/one/mcp", "GET /servers/two/mcp", "GET /servers/two",
 "GET /servers/nowhere"]
--- more_headers
Authorization: Bearer <key a-narrow>
--- error_code eval
[200, 404, 404, 404]
--- body_json eval
my $no = '"title":"The tenant has no such server","reason":"unknown_server"';
[undef,
 '{"jsonrpc":"2.0","id":null,"error":{"code":-31001,"message":'
 . '"The tenant has no such server","data":{"reason":"unknown_server"}}}',
 map { qq({"type":"about:blank","status":404,$no}) } 1 .. 2]
--- upstream
a GET /one
--- audit
key=narrow server=one decision=allow reason=ok
key=narrow server=two decision=deny reason=server_not_allowed
key=narrow server=two decision=deny reason=server_not_allowed
key=narrow server=nowhere decision=deny reason=unknown_server



=== with mcp_tenant_auth off a name is enough
--- server
    mcp_tenant_auth  off;
--- request eval
["GET /tenant/a/servers", "GET /servers", "GET /servers/one/mcp"]
--- more_headers eval
["", "X-Tenant-ID: b", "X-Tenant-ID: b"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['"tenant": "a"', '"tenant": "b"', '^b GET /one$']
--- upstream
b GET /one
--- audit
tenant=a requested_tenant=a key= decision=allow reason=ok
tenant=b requested_tenant=b key= decision=allow reason=ok
tenant=b requested_tenant=b key= decision=allow reason=ok



=== with mcp_tenant_auth off an unknown tenant is 404, and no name 401
--- server
    mcp_tenant_auth  off;
--- request eval
["GET /tenant/nobody/servers", "GET /servers"]
--- error_code eval
[404, 401]
--- response_body_like eval
['"reason":"not_found"', '"reason":"unauthorized"']
--- audit
tenant= requested_tenant=nobody decision=deny reason=unknown_tenant
tenant= requested_tenant= decision=deny reason=missing_key



=== with mcp_tenant_auth off a key that is sent must be right
--- server
    mcp_tenant_auth  off;
--- request eval
["GET /tenant/a/servers", "GET /tenant/a/servers", "GET /tenant/a/servers"]
--- more_headers eval
["X-API-Key: <key a>", "X-API-Key: <key stranger>", "X-API-Key: <key b>"]
--- error_code eval
[200, 401, 403]
--- response_body_like eval
['"tenant": "a"', '"reason":"unauthorized"', '"reason":"forbidden"']
--- audit
tenant=a key=main decision=allow reason=ok
tenant= key= decision=deny reason=unknown_key
tenant=b requested_tenant=a key=main-b decision=deny reason=cross_tenant



=== mcp_tenant_auth is off where it says so, nowhere else
--- locations
    location /servers {
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }

    location /tenant/ {
        mcp_tenant       on;
        mcp_tenant_auth  off;
        proxy_pass  $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }
--- request eval
["GET /servers", "GET /tenant/a/servers"]
--- more_headers
X-Tenant-ID: a
--- error_code eval
[401, 200]
--- response_body_like eval
['"reason":"unauthorized"', '"tenant": "a"']



=== mcp_tenant_from proves a tenant by itself
--- http
    map $http_x_subject $tenant {
        alice  a;
        bob    b;
        eve    nobody;
    }
--- server
    mcp_tenant_from  $tenant;
--- request eval
["GET /servers", "GET /tenant/b/servers", "GET /servers/one/mcp"]
--- more_headers eval
["X-Subject: alice", "X-Subject: bob", "X-Subject: bob"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['"tenant": "a"', '"tenant": "b"', '^b GET /one$']
--- upstream
b GET /one
--- audit
tenant=a requested_tenant= key= decision=allow reason=ok
tenant=b requested_tenant=b key= decision=allow reason=ok
tenant=b requested_tenant= key= decision=allow reason=ok



=== what mcp_tenant_from proves must agree with path, header and key
--- http
    map $http_x_subject $tenant {
        alice  a;
        eve    nobody;
    }
--- server
    mcp_tenant_from  $tenant;
--- request eval
["GET /tenant/b/servers", "GET /servers", "GET /servers", "GET /servers",
 "GET /servers"]
--- more_headers eval
["X-Subject: alice", "X-Subject: alice\nX-Tenant-ID: b",
 "X-Subject: alice\nX-API-Key: <key b>", "X-Subject: eve",
 "X-Subject: alice\nX-API-Key: <key stranger>"]
--- error_code eval
[403, 403, 403, 401, 401]
--- response_body_like eval
[(map { '"reason":"forbidden"' } 1 .. 3),
 (map { '"reason":"unauthorized"' } 1 .. 2)]
--- audit
tenant=a requested_tenant=b decision=deny reason=cross_tenant
tenant=a requested_tenant=b decision=deny reason=cross_tenant
tenant=a requested_tenant= decision=deny reason=cross_tenant
tenant= requested_tenant= decision=deny reason=unknown_key
tenant= requested_tenant= decision=deny reason=unknown_key



=== where mcp_tenant_from says nothing, a key is required
--- server
    mcp_tenant_from  $http_x_subject;
--- request eval
["GET /servers", "GET /servers"]
--- more_headers eval
["", "X-API-Key: <key b>"]
--- error_code eval
[401, 200]
--- response_body_like eval
['"reason":"unauthorized"', '"tenant": "b"']



=== mcp_tenant_from sees what auth_request set
--- locations
    location /servers {
        auth_request      /asked;
        auth_request_set  $tenant $upstream_http_x_tenant;
        mcp_tenant        on;
        mcp_tenant_from   $tenant;
        proxy_pass        $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }

    location = /asked {
        internal;
        proxy_pass  http://127.0.0.1:<port 3>;
    }
--- http
    server {
        listen      127.0.0.1:<port 3>;
        access_log  off;

        location / {
            add_header  X-Tenant b;
            return      204;
        }
    }
--- request
GET /servers/one/mcp
--- response_body
b GET /one
--- upstream
b GET /one
--- audit
tenant=b requested_tenant= key= decision=allow reason=ok



=== a tenant that the query names must come through mcp_tenant_from
--- request
GET /servers?tenant=a&tenant_id=a&X-Tenant-ID=a
--- error_code: 401
--- response_body_like: "reason":"unauthorized"
--- audit
tenant= requested_tenant= decision=deny reason=missing_key



=== a variable of the module can be asked before the access phase
--- server
    if ($mcp_tenant_id = b) {
        return  418;
    }

    set  $early "$mcp_tenant_id,$mcp_tenant_key_name";
    add_header  X-Early $early always;
--- locations
    location /servers {
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }

    mcp_tenant  on;
--- request eval
["GET /servers", "GET /servers"]
--- more_headers eval
["X-API-Key: <key a>", "X-API-Key: <key b>"]
--- error_code eval
[200, 418]
--- response_headers eval
["X-Early: a,main", ""]



=== under satisfy any, another module's consent is no key
--- locations
    location /servers {
        satisfy     any;
        allow       all;
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }
--- request eval
["GET /servers", "GET /servers/one/mcp", "GET /servers"]
--- more_headers eval
["X-Tenant-ID: a", "X-Tenant-ID: a", "X-API-Key: <key a>"]
--- error_code eval
[500, 500, 500]
--- error_log
invalid URL prefix in ""
--- no_error_log
[crit]
[alert]



=== under satisfy any, a key is no consent of another module
--- locations
    location /servers {
        satisfy     any;
        deny        all;
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }
--- request eval
["GET /servers", "GET /servers/one/mcp"]
--- more_headers
X-API-Key: <key a>
--- error_code eval
[403, 403]
--- error_log
access forbidden by rule
--- no_error_log
[crit]
[alert]



=== a subrequest is no way round the keys
--- locations
    location /servers {
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
        proxy_http_version  1.1;
    }

    location = /mirrored {
        mirror      /servers/one/mcp;
        proxy_pass  http://127.0.0.1:<port 2>/mirrored;
    }
--- request
GET /mirrored
--- response_body
b GET /mirrored
--- upstream
b GET /mirrored
--- error_log
invalid URL prefix in ""
--- no_error_log
[crit]
[alert]
