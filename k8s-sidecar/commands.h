/*
 * The subcommands of mcp-tenant.  Each gets the arguments from its own name
 * on and returns the exit status: 0, 1 for a finding or failure, 2 for wrong
 * usage.
 */

#ifndef _COMMANDS_H_INCLUDED_
#define _COMMANDS_H_INCLUDED_


#define MCP_CMD_USAGE  2


int mcp_cmd_check(int argc, char **argv);
int mcp_cmd_keygen(int argc, char **argv);


#endif /* _COMMANDS_H_INCLUDED_ */
