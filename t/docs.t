#!/usr/bin/perl
#
# Every directive and variable stands in README.md, and the other way round.

use strict;
use warnings;

use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!\n";

my $code = join '', map { content($_) } glob('ngx_mcp_tenant_module/*.c');
my $conf = join '', map { content($_) } glob('conf/*.conf');
my $readme = content('README.md');

# A table entry goes on with its contexts for a directive, with its set
# handler, usually NULL, for a variable.
my %directive = map { $_ => 1 }
    $code =~ /\{\s*ngx_string\("(mcp_tenant\w*)"\),\s*NGX_/g;
my %variable = map { $_ => 1 }
    $code =~ /\{\s*ngx_string\("(mcp_tenant\w*)"\),\s*(?!NGX_)\w/g;
my %format = map { $_ => 1 } $conf =~ /\blog_format\s+(\w+)/g;

cmp_ok(scalar(keys %directive), '>', 3, 'directives are found in the code');
cmp_ok(scalar(keys %variable), '>', 3, 'variables are found in the code');

for my $name (sort keys %directive) {
    like($readme, qr/^#+\s+`?\Q$name\E`?\s*$/m,
         "directive $name has its section");
}

for my $name (sort keys %variable) {
    like($readme, qr/\$\Q$name\E\b/, "variable \$$name is described");
}

my %named;

$named{$1}++ while $readme =~ /\$(mcp_tenant\w*)/g;

is_deeply([grep { !$variable{$_} } sort keys %named], [],
          'README.md names no variable that does not exist');

%named = ();
$named{$1}++
    while $readme =~ /(?<![\w\$])(mcp_tenant(?:_[a-z]\w*)?)\b(?!\.conf)/g;

is_deeply([grep { !$directive{$_} && !$format{$_} } sort keys %named], [],
          'README.md names no directive that does not exist');

%named = ();
$named{$1}++ while $conf =~ /\$(mcp_tenant\w*)/g;

is_deeply([grep { !$variable{$_} } sort keys %named], [],
          'conf/ uses no variable that does not exist');

done_testing();


sub content {
    my ($file) = @_;

    open(my $in, '<', $file) or die "$file: $!\n";
    local $/;

    return scalar <$in>;
}
