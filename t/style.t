#!/usr/bin/perl
#
# The rules of the source that a program can check.

use strict;
use warnings;

use File::Find;
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!\n";

my $cc = $ENV{CC} || 'cc';
my @text = files(qr/\.(?:[chtl]|pl|sh|conf|yaml|mjs|md)$/);
my @code = grep { /\.[ch]$/ } @text;
my @core = grep { m{^ngx_mcp_tenant_module/core/} } @code;
my @module = grep { m{^ngx_mcp_tenant_module/ngx_} } @code;
my @sidecar = grep { m{^k8s-sidecar/} } @code;

lines_ok('a line has at most 80 columns', [grep { !/\.md$/ } @text],
         sub { length > 80 });
lines_ok('no tab', \@text, sub { /\t/ });
lines_ok('no blank at the end of a line', \@text, sub { /[ \t\r]$/ });
lines_ok('US-ASCII only', \@text, sub { /[^\x20-\x7e\t\f]/ });
lines_ok('no // comment', \@code, sub { m{(?:^|[\s;{}])//} });
lines_ok('an opening brace ends no function head', \@code,
         sub { /^[a-z]\w*\(.*\)\s*\{$/ });
lines_ok('core knows no NGINX, curl or jansson', \@core,
         sub { /^\s*#\s*include.*(?:ngx_|curl|jansson)/
               || /\bngx_\w+\s*\(/ });
lines_ok('yaml.h is for one file of core',
         [grep { !m{/core/mcp_yaml\.c$} } @code],
         sub { /^\s*#\s*include\s*<yaml\.h>/ });
lines_ok('curl.h is for kube_http of the sidecar, and not for its users',
         [grep { $_ ne 'k8s-sidecar/kube_http_parts.h' } @code],
         sub { /^\s*#\s*include\s*<curl\// });
lines_ok('microhttpd.h is for one file of the sidecar',
         [grep { !m{^k8s-sidecar/httpd\.c$} } @code],
         sub { /^\s*#\s*include\s*<microhttpd/ });
lines_ok('module does not include sidecar', \@module,
         sub { /^\s*#\s*include\s*"(?:kube_|k8s|commands)/ });
lines_ok('sidecar does not include module', \@sidecar,
         sub { /^\s*#\s*include\s*"ngx_/ });

files_ok('a file ends with one line feed', \@text,
         sub { $_[0] !~ /\n\n\z/ && $_[0] =~ /\n\z/ });
files_ok('a header is guarded by its name', [grep { /\.h$/ } @code],
         sub {
             my ($text, $file) = @_;
             my ($name) = $file =~ m{([^/]+)\.h$};
             my $guard = '_' . uc($name) . '_H_INCLUDED_';

             return $text =~ /^#ifndef $guard\n#define $guard\n/m;
         });

headers_stand_alone();
package_registries_unnamed();

done_testing();


# Our own files: what Git knows, or would if it were added.
sub files {
    my ($pattern) = @_;
    my @found;

    find({
        no_chdir   => 1,
        preprocess => sub {
            grep { !/^(?:build|node_modules|\.git|servroot.*)$/ } sort @_;
        },
        wanted     => sub {
            push @found, substr($_, 2) if -f && /$pattern/;
        },
    }, '.');

    return @found;
}


sub content {
    my ($file) = @_;

    open(my $in, '<', $file) or die "$file: $!\n";
    local $/;

    return scalar <$in>;
}


# No line for which wrong() is true of $_.
sub lines_ok {
    my ($name, $files, $wrong) = @_;
    my @bad;

    for my $file (@$files) {
        my $number = 0;

        for (split /\n/, content($file)) {
            $number++;
            push @bad, "$file:$number: $_" if $wrong->();
        }
    }

    ok(!@bad, $name) or diag(join "\n", @bad[0 .. ($#bad > 19 ? 19 : $#bad)]);
}


sub files_ok {
    my ($name, $files, $right) = @_;
    my @bad = grep { !$right->(content($_), $_) } @$files;

    ok(!@bad, $name) or diag(join "\n", @bad);
}


sub headers_stand_alone {
    my $dir = tempdir(CLEANUP => 1);
    my @bad;

    for my $file (grep { /\.h$/ } @core, @sidecar) {
        my $command = "$cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror"
                      . " -Ingx_mcp_tenant_module/core -Ik8s-sidecar"
                      . " -x c -fsyntax-only -include '$file' /dev/null";
        my $output = `$command 2>&1`;

        push @bad, "$file:\n$output" if $? != 0;
    }

    ok(!@bad, 'a header compiles alone') or diag(join "\n", @bad);
}


# A lock file that names a registry works on one network only.
sub package_registries_unnamed {
    my $lock = content('t/interop/package-lock.json');

    unlike($lock, qr/"resolved"|https?:[^"]*registry/,
           'the lock of the Node packages names no registry');
}
