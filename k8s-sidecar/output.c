/*
 * Writing what must not stay in a buffer of stdio.
 */

#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


int
output_write(const char *command, const char *text, size_t len)
{
    ssize_t  n;

    while (len) {
        n = write(STDOUT_FILENO, text, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0) {
            fprintf(stderr, "mcp-tenant %s: standard output: %s\n", command,
                    strerror(errno));
            return 1;
        }

        text += n;
        len -= (size_t) n;
    }

    return 0;
}
