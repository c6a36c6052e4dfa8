#!/usr/bin/perl
#
# NGINX reads the files as root when it starts; the loader will read them as
# the user of the workers.  "nginx -t" says when it will not be able to.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use Test::More;

plan skip_all => 'needs root, who may read everything' if $> != 0;

my $nginx = $ENV{TEST_NGINX_BINARY};
my $dir = tempdir('mcp-readable-XXXXXX', TMPDIR => 1, CLEANUP => 1);

mkdir("$dir/$_") for qw(conf logs state);
chmod(0755, $dir, "$dir/conf");

sub write_file {
    my ($name, $text) = @_;

    open(my $out, '>', "$dir/conf/$name") or die "$name: $!\n";
    print $out $text;
    close($out) or die "$name: $!\n";
    chmod(0644, "$dir/conf/$name");
}

# What nginx -t says; user: the directive, or none.
sub tested {
    my ($user) = @_;

    write_file('nginx.conf', <<"END");
load_module $ENV{TEST_NGINX_LOAD_MODULES};
$user
pid $dir/logs/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path $dir/state;
    proxy_temp_path $dir/state;
    fastcgi_temp_path $dir/state;
    uwsgi_temp_path $dir/state;
    scgi_temp_path $dir/state;
    mcp_tenant_zone mcp 256k;
    mcp_tenant_config tenants.yaml;
    mcp_tenant_state $dir/state;
}
END

    return scalar `$nginx -t -p $dir -c conf/nginx.conf 2>&1`;
}

my $hash = sha256_hex('mcpk-a');

write_file('tenants.yaml', <<"END");
tenants:
  - id: a
    catalog_file: a.yaml
    api_keys: [{name: main, key_hash: "sha256:$hash"}]
END
write_file('a.yaml', "servers: []\n");

my $warned = qr/\[warn\].* cannot be read by the user "nobody" of the workers/;

unlike(tested('user nobody nogroup;'), $warned, 'nothing is said of good ones');

chmod(0600, "$dir/conf/a.yaml");
like(tested('user nobody nogroup;'), qr{conf/a\.yaml" cannot be read by},
     'a catalog of root alone');
like(tested('user nobody nogroup;'), qr/test is successful/,
     'it is no error: NGINX itself can start');
unlike(tested('user root root;'), qr/cannot be read/, 'root can');

chmod(0644, "$dir/conf/a.yaml");
chmod(0700, "$dir/conf");
like(tested('user nobody nogroup;'), qr{tenants\.yaml" cannot be read by},
     'a folder of root alone');

chmod(0755, "$dir/conf");
chown(0, (getgrnam('nogroup'))[2], "$dir/conf/a.yaml");
chmod(0640, "$dir/conf/a.yaml");
unlike(tested('user nobody nogroup;'), $warned, 'the group is enough');

done_testing();
