/*
 * What servers for pods share.
 */

#include "pod.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


int
pod_listen(int port)
{
    int                 s, on;
    struct sockaddr_in  sin;

    on = 1;
    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);

    s = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (s == -1
        || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
        || bind(s, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(s, 64) == -1)
    {
        return -1;
    }

    return s;
}


void
pod_name(char ret_name[POD_NAME_LEN])
{
    if (gethostname(ret_name, POD_NAME_LEN) == -1) {
        ret_name[0] = '\0';
    }

    ret_name[POD_NAME_LEN - 1] = '\0';
}
