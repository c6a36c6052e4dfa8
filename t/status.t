#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::Socket 'no_plan';
use McpTenant;

run_tests();

__DATA__

=== status says what the gateway runs on
--- request
GET /status
--- response_headers
Content-Type: application/json
--- response_body_like eval
my %is = (version => '"\d+\.\d+\.\d+[^"]*"', generation => '1',
          announced => '1', digest => '"[0-9a-f]{64}"',
          last_success => '[1-9]\d{8,}', last_failure => '0', tenants => '2',
          keys => '3', servers => '4', endpoints => '4',
          unresolved_names => '0');
my $all = CORE::join '', map { "(?=.*\"$_\": $is{$_}\[,\n\])" } sort keys %is;
qr/\A\{\n$all.*\n\}\n\z/s
--- audit_lines: 0



=== status tells of processes, zone and loader
--- request
GET /status
--- response_body_like eval
my @parts = ('"last_error": null', '"processes": [', '"state": "serving"',
             '"generation": 1', '"digest": "', '"zone": {', '"bytes": 524288',
             '"tenants": {', '"used": 2', '"loader": {', '"watches": ');
my $all = CORE::join '.*', map { quotemeta } @parts;
qr/$all/s
--- audit_lines: 0



=== a generation that is served is not waited for
--- request eval
["GET /status?wait=1", "GET /status?wait=0", "GET /status?wait=1&timeout=0"]
--- error_code eval
[200, 200, 200]
--- audit_lines: 0



=== one that does not come is answered with 202
--- request
GET /status?wait=2&timeout=1
--- error_code: 202
--- response_body_like: "generation": 1,
--- audit_lines: 0



=== what to wait for is a number, and not for ever
--- request eval
["GET /status?wait=x", "GET /status?wait=-1", "GET /status?wait=",
 "GET /status?wait=2&timeout=60001", "GET /status?wait=2&timeout=1s"]
--- error_code eval
[400, 400, 400, 400, 400]
--- audit_lines: 5



=== status is for the host itself
--- server
    set_real_ip_from  127.0.0.1;
    real_ip_header    X-Real-IP;
--- request
GET /status
--- more_headers
X-Real-IP: 192.0.2.1
X-API-Key: <key a>
--- error_code: 403
--- response_body_like: "reason":"forbidden"
--- audit
client=192.0.2.1 tenant=a path=/status decision=deny reason=forbidden
--- no_error_log
[crit]
[alert]
[emerg]



=== HEAD has no body, another method is 405
--- request eval
["HEAD /status", "POST /status\nx", "PUT /status"]
--- error_code eval
[200, 405, 405]
--- response_body_like eval
['^$', '"method_not_allowed"', '"method_not_allowed"']
--- response_headers eval
["Content-Type: application/json", "Allow: GET, HEAD", "Allow: GET, HEAD"]
--- audit_lines: 2



=== status names no tenant, no server and no file
--- request
GET /status
--- response_body_unlike: Tenant|a\.yaml|127\.0\.0\.1|main-b|secret|html
--- audit_lines: 0



=== status is there without a tenant
--- tenants
tenants: []
--- request
GET /status
--- response_body_like: "tenants": 0,
--- audit_lines: 0
