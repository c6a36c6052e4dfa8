/*
 * The subcommands of mcp-tenant.
 */

#ifndef _COMMANDS_H_INCLUDED_
#define _COMMANDS_H_INCLUDED_


/*
 * argv[0] is the word of the subcommand.  Returns the exit status: 0, 1 when
 * the work failed, 2 for a wrong usage.
 */
int mcp_cmd_check(int argc, char **argv);
int mcp_cmd_keygen(int argc, char **argv);
int mcp_cmd_reconcile(int argc, char **argv);
int mcp_cmd_render(int argc, char **argv);
int mcp_cmd_status(int argc, char **argv);
int mcp_cmd_session_key(int argc, char **argv);


#endif /* _COMMANDS_H_INCLUDED_ */
