#!/usr/bin/perl
#
# Run tests and count them: run.pl PROGRAM... [t]
#   PROGRAM  a compiled unit test, a .t or a .test.mjs file
#   t        all of t/*.t, t/*/*.t and t/*/*.test.mjs, last those of t/k8s,
#            which may wait for a build
# Each speaks TAP.  The last line is "N passed, N failed"; what was skipped is
# neither, and is listed.  A program that dies, breaks its plan or runs
# nothing counts as one failure.  V=1 shows every test.

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Path qw(remove_tree);
use TAP::Harness;
use TAP::Parser::Aggregator;

use lib 't/lib';
use McpBase qw(free_port);

$| = 1;

my $repo = getcwd();
my @tests = map { $_ eq 't' ? all_tests() : $_ } @ARGV;

set_environment();

my $harness = TAP::Harness->new({
    verbosity => $ENV{V} ? 1 : 0,
    merge     => 0,
    failures  => 1,
    exec      => \&command,
});

my $results = TAP::Parser::Aggregator->new();

$results->start();
my $done = eval { $harness->aggregate_tests($results, @tests); 1 };
$results->stop();

print "stopped: $@" if !$done;
$harness->summary($results) if $done && @tests;

exit summary($results, $done);


sub all_tests {
    my @all = (glob('t/*.t'), glob('t/*/*.t'), glob('t/*/*.test.mjs'));

    return ((grep { !m{^t/k8s/} } @all), (grep { m{^t/k8s/} } @all));
}


sub command {
    my ($self, $file) = @_;

    if ($file =~ /\.mjs$/) {
        return ["$repo/t/interop/node",
                "--test-reporter=$repo/t/interop/tap.mjs",
                '--test-force-exit', $file];
    }

    if ($file =~ /\.t$/) {
        # Test::Nginx stops at anything that it did not put there itself.
        remove_tree("$repo/build/servroot");

        return [$^X, $file];
    }

    return ["$repo/$file"] if $file !~ m{^/};

    return [$file];
}


# What t/*.t find in the environment; a value that is set already stays.
sub set_environment {
    my $tools = "$repo/build/tools";
    my %value = (
        TEST_NGINX_BINARY       => $ENV{NGINX} || '/usr/sbin/nginx',
        TEST_NGINX_LOAD_MODULES =>
            "$repo/build/ngx_http_mcp_tenant_module.so",
        TEST_NGINX_SERVROOT     => "$repo/build/servroot",
        TEST_NGINX_PORT         => free_port(),
        MCP_TENANT              => "$repo/build/mcp-tenant",
        MCP_VERDICTS            => "$repo/build/obj/t/bodies/verdicts",
    );

    for my $name (keys %value) {
        $ENV{$name} = $value{$name} if !defined $ENV{$name};
    }

    $ENV{PERL5LIB} = join(':', "$tools/perl/usr/share/perl5",
                          $ENV{PERL5LIB} || ());
    $ENV{PATH} = "$ENV{PATH}:$tools/prometheus/usr/bin:/usr/sbin:/sbin";
}


sub summary {
    my ($results, $done) = @_;
    my ($passed, $failed, @skipped) = (0, $done ? 0 : 1);

    for my $parser ($results->parsers()) {
        my @skip = $parser->skipped();
        my %neither = map { $_ => 1 } @skip, $parser->todo();
        my $bad = grep { !$neither{$_} } $parser->failed();

        $bad ||= 1 if $parser->has_problems();

        $failed += $bad;
        $passed += grep { !$neither{$_} } $parser->actual_passed();
    }

    for my $file ($results->descriptions()) {
        my ($parser) = $results->parsers($file);

        if (defined(my $reason = $parser->skip_all())) {
            push @skipped, "$file: all of it ($reason)";
        }

        elsif (my $count = () = $parser->skipped()) {
            push @skipped, "$file: $count";
        }
    }

    if (!$passed && !$failed) {
        print "no test ran\n";
        $failed = 1;
    }

    print map { "skipped: $_\n" } @skipped;
    print "$passed passed, $failed failed\n";

    return $failed ? 1 : 0;
}
