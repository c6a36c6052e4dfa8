#!/usr/bin/perl
#
# NGINX runs the handlers of a phase in the reverse order of its modules: a
# mistake in "config" would let ours judge before the auth modules, and
# mcp_tenant_from find their variables empty.  Without a key ours says 401;
# where another module says something else, that one was first.

use strict;
use warnings;

use Test::Nginx::Socket;

repeat_each(2);
plan tests => repeat_each() * (blocks() * 3 + 1);

no_shuffle();
run_tests();

__DATA__

=== TEST 1: without another module, ours answers
--- http_config
    mcp_tenant_zone    mcp 8m;
    mcp_tenant_state   $TEST_NGINX_SERVER_ROOT/state_temp;
    mcp_tenant_config  $TEST_NGINX_SERVER_ROOT/html/tenants.yaml;
--- config
    location /tenant/ {
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
    }
--- user_files
>>> tenants.yaml
tenants:
  - id: team-a
    catalog_file: catalog.yaml
    api_keys: []
>>> catalog.yaml
servers: []
--- request
GET /tenant/team-a/servers
--- error_code: 401
--- no_error_log
[alert]
[crit]



=== TEST 2: access is asked first
--- http_config
    mcp_tenant_zone    mcp 8m;
    mcp_tenant_state   $TEST_NGINX_SERVER_ROOT/state_temp;
    mcp_tenant_config  $TEST_NGINX_SERVER_ROOT/html/tenants.yaml;
--- config
    location /tenant/ {
        deny        all;
        mcp_tenant  on;
        proxy_pass  $mcp_tenant_upstream_url;
    }
--- user_files
>>> tenants.yaml
tenants:
  - id: team-a
    catalog_file: catalog.yaml
    api_keys: []
>>> catalog.yaml
servers: []
--- request
GET /tenant/team-a/servers
--- error_code: 403
--- no_error_log
[alert]
[crit]



=== TEST 3: auth_request is asked first
--- http_config
    mcp_tenant_zone    mcp 8m;
    mcp_tenant_state   $TEST_NGINX_SERVER_ROOT/state_temp;
    mcp_tenant_config  $TEST_NGINX_SERVER_ROOT/html/tenants.yaml;
--- config
    location /tenant/ {
        auth_request  /asked;
        mcp_tenant    on;
        proxy_pass    $mcp_tenant_upstream_url;
    }

    location = /asked {
        internal;
        return  403;
    }
--- user_files
>>> tenants.yaml
tenants:
  - id: team-a
    catalog_file: catalog.yaml
    api_keys: []
>>> catalog.yaml
servers: []
--- request
GET /tenant/team-a/servers
--- error_code: 403
--- no_error_log
[alert]
[crit]



=== TEST 4: auth_basic is asked first
--- http_config
    mcp_tenant_zone    mcp 8m;
    mcp_tenant_state   $TEST_NGINX_SERVER_ROOT/state_temp;
    mcp_tenant_config  $TEST_NGINX_SERVER_ROOT/html/tenants.yaml;
--- config
    location /tenant/ {
        auth_basic            people;
        auth_basic_user_file  $TEST_NGINX_SERVER_ROOT/html/nobody;
        mcp_tenant            on;
        proxy_pass            $mcp_tenant_upstream_url;
    }
--- user_files
>>> tenants.yaml
tenants:
  - id: team-a
    catalog_file: catalog.yaml
    api_keys: []
>>> catalog.yaml
servers: []
>>> nobody
--- request
GET /tenant/team-a/servers
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="people"
--- no_error_log
[alert]
[crit]
