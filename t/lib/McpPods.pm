package McpPods;

# What the tests of endpoints.json share, on top of McpUpstream: pods that
# NGINX plays itself, and the file that a sidecar would write.
#
# Pods answer at 127.0.0.2 to 127.0.0.4, port $TEST_NGINX_POD, with their
# address; one that is asked without a session opens one, named by it.  The
# mock is a pod, too: 127.0.0.1, port $TEST_NGINX_MOCK.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;
use Test::More ();

use McpQuota;
use McpUpstream;

our @EXPORT = qw(pod pods pod_of in_session file_text put_file settled
                 pods_http pods_catalog server_status);

our $sequence = 0;

$ENV{TEST_NGINX_POD} = free_port();


# The address of pod N; of the mock, without one.
sub pod {
    my ($n) = @_;

    return defined $n ? "127.0.0.$n:$ENV{TEST_NGINX_POD}"
                      : "127.0.0.1:$ENV{TEST_NGINX_MOCK}";
}


sub pods { return [map { pod($_) } @_] }


# Which pod answered, by the last number of its address; "" for none.
sub pod_of {
    my ($answer) = @_;

    return $answer->{body} =~ /"at":"127\.0\.0\.(\d)"/ ? $1 : '';
}


sub in_session {
    my ($server, $token, %o) = @_;

    return call($server, %o, headers => ["Mcp-Session-Id: $token"]);
}


# The file with these servers of tenant a: NAME => {state => ...}.
sub file_text {
    my (%servers) = @_;

    return encode_json({ version => 1, sequence => ++$sequence,
                         tenants => { a => { servers => \%servers } } });
}


# Replaces the file and waits until every worker goes by it.
sub put_file {
    my (%servers) = @_;

    write_file('endpoints.json', file_text(%servers));
    settled();
}


# A worker that is told to quit answers early, with 202.
sub settled {
    my $answer;

    wait_until(sub {
        my $socket = connect_to($Test::Nginx::Util::ServerPort);

        print $socket "GET /status?sequence=$sequence HTTP/1.1\r\n"
                      . "Host: localhost\r\nConnection: close\r\n\r\n";

        $answer = read_answer($socket);
        $answer->{status} == 200;
    }, "all go by file $sequence") or Test::More::diag($answer->{body});

    return decode_json($answer->{body});
}


sub server_status {
    my ($id) = @_;
    my $answer = call('', method => 'GET', path => "/servers/$id");
    my $server = decode_json($answer->{body});

    return join ' ', $server->{status}, $server->{endpoints},
                $server->{status_reason} // ();
}


sub pods_http {
    my $servers = join '', map { <<"END" } 2 .. 4;
    server {
        listen  127.0.0.$_:\$TEST_NGINX_POD;
        access_log  off;
        default_type  application/json;

        location / {
            if (\$http_mcp_session_id = '') {
                add_header  Mcp-Session-Id  s-127.0.0.$_;
            }

            return  200  '{"at":"127.0.0.$_"}';
        }
    }
END

    return "mcp_tenant_endpoints "
           . "\$TEST_NGINX_SERVER_ROOT/html/endpoints.json;\n$servers";
}


# A catalog of pods; MORE is added to the runtime of "pods".
sub pods_catalog {
    my ($more) = @_;

    $more = $more ? ", $more" : '';

    return <<"END";
servers:
  - id: pods
    runtime: {type: kubernetes, image: x, port: $ENV{TEST_NGINX_POD}$more}
  - id: held
    runtime: {type: kubernetes, image: x, port: $ENV{TEST_NGINX_MOCK},
              path: /held/h}
END
}


1;
