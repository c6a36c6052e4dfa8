package McpGateway;

# NGINX as a gateway of a cluster has it, beside a sidecar, and servers on the
# addresses of a played node, in a network of the test's own:
#   serve_pods($dir, $pod_port);
#   my $gateway = McpGateway->start($dir, 'one');
#   my $sidecar = McpSidecar->start($kubeconfig, "$dir/tenants.yaml",
#                                   $gateway->options());
#   is($gateway->ask(server => 'search'), '10.77.1.2', ...);
# $dir has tenants.yaml, and is the same for all of them.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();

use McpBase qw(free_port);
use McpKube qw(until_true);

our @EXPORT_OK = qw(beside new_key serve_pods);

my $repo = abs_path(dirname(__FILE__) . '/../..');
my $nginx = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
my $test = $$;
my @children;


# A key of the tenant, and its hash.
sub new_key {
    my ($tenant) = @_;

    return qx('$repo/build/mcp-tenant' keygen $tenant --name test)
           =~ /(mcpt_\w+).*key_hash: "([^"]+)"/s;
}


# Of what is in NGINX.  ask() has a key of its tenant.
sub start {
    my ($class, $dir, $name) = @_;
    my $self = bless {
        dir => "$dir/$name",
        http => HTTP::Tiny->new(timeout => 40),
        map { ($_ => free_port()) } qw(port status_port sidecar_port),
    }, $class;

    mkdir($self->{dir});
    mkdir("$self->{dir}/run");
    McpKube::spill("$self->{dir}/nginx.conf", $self->conf("$dir/tenants.yaml"));
    $self->start_nginx();

    return $self;
}


sub start_nginx {
    my ($self) = @_;

    $self->{pid} = child(sub {
        exec($nginx, '-p', $self->{dir}, '-c', "$self->{dir}/nginx.conf");
    });

    until_true('NGINX', sub { $self->page('status') });
}


# NGINX anew, with nothing that it had in its memory.
sub restart {
    my ($self) = @_;

    kill('TERM', $self->{pid});
    waitpid($self->{pid}, 0);
    @children = grep { $_ != $self->{pid} } @children;
    $self->start_nginx();
}


sub conf {
    my ($self, $file) = @_;
    my $dir = $self->{dir};

    return <<"END";
load_module $repo/build/ngx_http_mcp_tenant_module.so;
user root;
worker_processes 2;
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;

events {}

http {
    include $repo/conf/mcp_tenant_http.conf;
    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    access_log off;

    mcp_tenant_zone mcp 16m;
    mcp_tenant_config $file;
    mcp_tenant_state $dir/state;
    mcp_tenant_endpoints $dir/run/endpoints.json;

    upstream mcp_servers {
        mcp_tenant_peers;
        keepalive 16;
    }

    server {
        listen 127.0.0.1:$self->{port};
        include $repo/conf/mcp_tenant.conf;
    }

    server {
        listen 127.0.0.1:$self->{status_port};

        location = /status {
            mcp_tenant_endpoint status;
        }

        location = /demand {
            mcp_tenant_endpoint demand;
        }
    }
}
END
}


# Those of the sidecar beside it.
sub options {
    my ($self) = @_;

    return ('--endpoints', "$self->{dir}/run/endpoints.json",
            '--listen', "127.0.0.1:$self->{sidecar_port}",
            '--nginx', "http://127.0.0.1:$self->{status_port}");
}


# That where kubelet asks.
sub drain { return ('--drain', "127.0.0.1:$_[0]{sidecar_port}") }


# What a page of NGINX or of the sidecar (metrics) says, undef when nothing.
sub page {
    my ($self, $name) = @_;
    my $port = $name eq 'metrics' ? $self->{sidecar_port}
                                  : $self->{status_port};
    my $answer = $self->{http}->get("http://127.0.0.1:$port/$name");

    return undef if !$answer->{success};
    return $name eq 'metrics' ? $answer->{content}
                              : decode_json($answer->{content});
}


# The address of the pod that answered; or the status, with a reason where
# there is one: "503 activation_timeout".
sub ask {
    my ($self, %request) = @_;
    my $answer = $self->{http}->post(
        "http://127.0.0.1:$self->{port}/tenant/"
        . ($request{tenant} // 'team-a') . "/servers/$request{server}/mcp", {
            headers => {
                'Authorization' => "Bearer $request{key}",
                'Content-Type' => 'application/json',
                'Accept' => 'application/json, text/event-stream',
            },
            content => '{"jsonrpc":"2.0","id":1,"method":"'
                       . ($request{method} // 'ping') . '"}',
        });
    my $body = eval { decode_json($answer->{content}) };

    return $body->{result}{address} if $answer->{status} == 200;

    return join(' ', $answer->{status},
                grep { defined } $body->{error}{data}{reason});
}


# The same from another process; where its answer can be read.
sub ask_beside {
    my ($self, %request) = @_;

    return beside(sub { return $self->ask(%request) });
}


# What a function returns in another process can be read from what this
# returns; the test's end is its end.
sub beside {
    my ($run) = @_;

    pipe(my $reader, my $writer) or die "pipe: $!\n";
    child(sub {
        close $reader;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        print $writer eval { $run->() } // $@;
        close $writer;
        POSIX::_exit(0);
    });

    return $reader;
}


# A server of endpoints.json.
sub server {
    my ($self, $tenant, $server) = @_;
    my $file = "$self->{dir}/run/endpoints.json";

    return {} if !-e $file;
    return decode_json(McpKube::slurp($file))->{tenants}{$tenant}{servers}
                                               {$server} // {};
}


# Waits until all workers go by a file in which the server is so.
sub enforced {
    my ($self, $tenant, $server, $is_so) = @_;
    my $sequence;

    until_true("a file with $tenant/$server as wanted", sub {
        my $file = "$self->{dir}/run/endpoints.json";

        return 0 if !-e $file;

        my $says = decode_json(McpKube::slurp($file));

        $sequence = $says->{sequence};

        return $is_so->($says->{tenants}{$tenant}{servers}{$server} // {});
    });

    until_true("sequence $sequence in NGINX", sub {
        return ($self->page('status')->{endpoints}{sequence} // 0)
               >= $sequence;
    });
}


# One program on all addresses of the machine.  Each request is answered with
# the address that it came to; one of the method "hold" leaves the file
# $dir/held-ADDRESS and is answered when $dir/release is there.
sub serve_pods {
    my ($dir, $port) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '0.0.0.0', Listen => 128,
                                       LocalPort => $port, ReuseAddr => 1)
        // die "listen: $!\n";

    child(sub {
        $SIG{CHLD} = 'IGNORE';

        while (my $client = $listen->accept()) {
            next if fork();

            serve($client, $dir);
            POSIX::_exit(0);
        }
    });
}


sub serve {
    my ($client, $dir) = @_;

    while (defined(my $line = <$client>)) {
        my $length = 0;

        while ($line ne "\r\n") {
            $length = $1 if $line =~ /^Content-Length: (\d+)/i;
            $line = <$client> // return;
        }

        read($client, my $body, $length);

        my $address = $client->sockhost();

        if ($body =~ /"hold"/) {
            McpKube::spill("$dir/held-$address", '');
            until_true('the release', sub { -e "$dir/release" });
        }

        my $answer = qq({"jsonrpc":"2.0","id":1,"result":)
                     . qq({"address":"$address"}});

        print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
                      'Content-Length: ', length $answer, "\r\n\r\n", $answer;
        $client->flush();
    }
}


sub child {
    my ($run) = @_;
    my $pid = fork() // die "fork: $!\n";

    if (!$pid) {
        $run->();
        POSIX::_exit(1);
    }

    push @children, $pid;

    return $pid;
}


END {
    if ($$ == $test) {
        my $status = $?;

        kill('TERM', @children);
        waitpid($_, 0) for @children;
        $? = $status;
    }
}


1;
