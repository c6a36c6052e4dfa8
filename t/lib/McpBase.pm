package McpBase;

# What all tests need of the machine: ports that are theirs alone, and waits
# that end.

use strict;
use warnings;

use Exporter qw(import);
use Socket;
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime sleep);

our @EXPORT_OK = qw(free_port now patience wait_for);

my @reserved;


# A port that nothing gets, on any address, but what sets SO_REUSEADDR as NGINX
# does; it refuses connections until then.  Other tests, which may run at the
# same time, and clients are given others, also while NGINX starts anew.
sub free_port {
    my $socket;

    socket($socket, AF_INET, SOCK_STREAM, 0)
        && bind($socket, sockaddr_in(0, INADDR_ANY))
        && setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1)
        or die "no port is free: $!\n";

    push @reserved, $socket;

    return (sockaddr_in(getsockname($socket)))[0];
}


# Seconds of a clock that no one sets.
sub now { return clock_gettime(CLOCK_MONOTONIC) }

# Seconds that a wait for what must happen may take before it has failed.
sub patience { return $ENV{TEST_NGINX_USE_VALGRIND} ? 60 : 15 }


# Calls condition() until it is true; what it returned then, or undef.
sub wait_for {
    my ($condition) = @_;
    my $until = now() + patience();

    while (1) {
        my $result = $condition->();

        return $result if $result;
        return undef if now() > $until;

        sleep 0.01;
    }
}


1;
