/*
 * mcp-tenant session-key: a new line for the file of session keys.  The key
 * passes through memory that is wiped and through no stdio buffer.
 */

#include "commands.h"
#include "output.h"

#include "../ngx_mcp_tenant_module/core/mcp_session.h"

#include <stdio.h>

#include <openssl/crypto.h>


#define SESSION_KEY_FAILED  1
#define SESSION_KEY_USAGE   2


int
mcp_cmd_session_key(int argc, char **argv)
{
    int   rc;
    char  line[MCP_SESSION_KEY_LEN + 1];

    (void) argv;

    if (argc != 1) {
        fprintf(stderr,
                "usage: mcp-tenant session-key\n"
                "Prints a new line for the file of session keys.\n");
        return SESSION_KEY_USAGE;
    }

    if (mcp_session_key_generate(line) != MCP_OK) {
        fprintf(stderr, "mcp-tenant session-key: the system gave no random "
                "bytes\n");
        return SESSION_KEY_FAILED;
    }

    line[MCP_SESSION_KEY_LEN] = '\n';
    rc = output_write("session-key", line, sizeof(line));

    OPENSSL_cleanse(line, sizeof(line));

    return rc;
}
